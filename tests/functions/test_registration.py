"""What is registered: nothing without a test, nothing open by mistake, names that both ends agree on."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from shared.changes.submitting import GUARD_QUEUE as CHANGE_GUARD_QUEUE
from shared.chat.messages import PURGE_QUEUE
from shared.chat.sessions import DELETE_QUEUE, LOAD_QUEUE
from shared.clients.durable import CHUNK_ORCHESTRATION, JOB_ORCHESTRATION
from shared.functions.routes import CALLBACKS, ROUTES
from shared.functions.sessions import MAX_DEQUEUE_COUNT
from shared.jobs.guarding import GUARD_QUEUE
from shared.jobs.undoing import UNDO_QUEUE
from shared.webhooks.models import DELIVERY_QUEUE, KEEP_QUEUE, REFRESH_QUEUE
from tests.functions.conformance import Contract

ROOT = Path(__file__).resolve().parents[2]
CALLS = {"request", "deliver", "tick", "activity", "begin"}
OPEN_TO_ALL = {
    "receive_realtime_event": "realtime/events",
    "receive_webhook": "webhooks/smartsheet",
    "warn_unknown_route": "{*path}",
}


def trigger_of(function: Any) -> dict[str, Any]:
    """The trigger's binding."""
    bindings = json.loads(function.get_function_json())["bindings"]
    return next(each for each in bindings if each["type"].endswith("Trigger"))


def names_called_in_tests() -> set[str]:
    """First arguments of the calls that run a function."""
    nodes = [node for file in Path(__file__).parent.glob("test_*.py") for node in ast.walk(ast.parse(file.read_text()))]
    return {
        str(node.args[0].value)
        for node in nodes
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in CALLS
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }


def test_every_registered_function_is_run_by_a_test(registered: dict[str, Any]):
    assert set(registered) - names_called_in_tests() == set()


def test_every_route_of_the_table_is_registered_as_it_says_and_nothing_else_but_the_open_ones(
    registered: dict[str, Any],
):
    triggers = {name: trigger_of(function) for name, function in registered.items()}
    http = {name: trigger for name, trigger in triggers.items() if trigger["type"] == "httpTrigger"}
    assert {name: http[name]["route"] for name in set(http) - set(ROUTES)} == OPEN_TO_ALL
    for name, route in ROUTES.items():
        assert (http[name]["route"], http[name]["methods"]) == (route.path, list(route.methods))
    assert {*CALLBACKS, *Contract.UNDOCUMENTED} == set(OPEN_TO_ALL)
    assert {name: list(each.methods) for name, each in CALLBACKS.items()} == {
        name: http[name]["methods"] for name in CALLBACKS
    }


def test_the_function_for_unknown_paths_is_the_last_that_the_host_tries(registered: dict[str, Any]):
    http = [name for name, function in registered.items() if trigger_of(function)["type"] == "httpTrigger"]
    assert max(http, key=str.casefold) == max(http) == "warn_unknown_route"


def test_the_app_and_not_a_key_of_the_host_decides_who_may_call(registered: dict[str, Any]):
    levels = {trigger_of(function).get("authLevel") for function in registered.values()}
    assert levels == {"ANONYMOUS", None}


def test_queue_functions_read_the_queues_that_the_services_write_to(registered: dict[str, Any]):
    triggers = {name: trigger_of(function) for name, function in registered.items()}
    queues = {name: each["queueName"] for name, each in triggers.items() if each["type"] == "queueTrigger"}
    assert queues == {
        "load_session": LOAD_QUEUE,
        "purge_session": DELETE_QUEUE,
        "purge_messages": PURGE_QUEUE,
        "guard_job": GUARD_QUEUE,
        "continue_job_undo": UNDO_QUEUE,
        "continue_change": CHANGE_GUARD_QUEUE,
        "apply_delivery": DELIVERY_QUEUE,
        "refresh_sheet": REFRESH_QUEUE,
        "keep_webhook": KEEP_QUEUE,
    }
    connections = {each["connection"] for each in triggers.values() if each["type"] == "queueTrigger"}
    assert connections == {"AzureWebJobsStorage"}


def test_orchestrators_have_the_names_by_which_they_are_started(registered: dict[str, Any]):
    types = {name: trigger_of(function)["type"] for name, function in registered.items()}
    orchestrators = {name for name, kind in types.items() if kind == "orchestrationTrigger"}
    assert orchestrators == {JOB_ORCHESTRATION, CHUNK_ORCHESTRATION}


@pytest.fixture
def queue_options() -> dict[str, Any]:
    return json.loads((ROOT / "host.json").read_text())["extensions"]["queues"]


def test_the_host_gives_up_on_a_message_when_the_app_thinks_it_does(queue_options: dict[str, Any]):
    assert queue_options["maxDequeueCount"] == MAX_DEQUEUE_COUNT


def test_messages_are_encoded_as_the_queue_client_encodes_them(queue_options: dict[str, Any]):
    assert queue_options["messageEncoding"] == "base64"
