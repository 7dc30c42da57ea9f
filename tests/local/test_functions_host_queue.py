"""Queue triggers against Azurite, with the storage SDK as the sender."""

import base64
import json
import signal
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueClient

from local.azurite import azurite_command, azurite_connection_string, free_azurite_ports
from local.functions_host.queue_message import UndecodableMessageError, decode_content
from tests.local.conftest import stop_group
from tests.local.functions_host_process import HostProcess, copy_app, running_host

API_VERSION = "2026-06-06"


class Queue:
    """A queue of its own for one test, and the poison queue beside it."""

    def __init__(self, connection_string: str) -> None:
        self.name = f"orders-{uuid.uuid4().hex[:8]}"
        self.settings = {"AzureWebJobsStorage": connection_string, "ORDERS_QUEUE": self.name}
        self._clients = [
            QueueClient.from_connection_string(connection_string, name, api_version=API_VERSION)
            for name in (self.name, f"{self.name}-poison")
        ]

    def send(self, order: dict[str, Any]) -> str:
        return self.send_raw(base64.b64encode(json.dumps(order).encode()).decode())

    def send_raw(self, content: str) -> str:
        return self._clients[0].send_message(content).id

    def waiting(self) -> int | None:
        return self._clients[0].get_queue_properties().approximate_message_count

    def poisoned(self) -> list[str]:
        try:
            return [message.content for message in self._clients[1].peek_messages(32)]
        except ResourceNotFoundError:
            return []

    def close(self) -> None:
        for client in self._clients:
            client.close()


@pytest.fixture(scope="module")
def queue(azurite: str) -> Iterator[Queue]:
    queue = Queue(azurite)
    yield queue
    queue.close()


@pytest.fixture(scope="module")
def host(queue: Queue, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    app_dir = copy_app(tmp_path_factory.mktemp("queue"), queue.settings)
    with running_host(app_dir, "--queue-lease-seconds", "1") as running:
        running.wait_for(lambda: listening(running))
        yield running


@pytest.fixture
def own_queue(azurite: str) -> Iterator[Queue]:
    queue = Queue(azurite)
    yield queue
    queue.close()


@pytest.fixture
def app_dir(tmp_path: Path, own_queue: Queue) -> Path:
    return copy_app(tmp_path, own_queue.settings)


def listening(host: HostProcess, state: str = "polling") -> bool:
    return all(each["state"] == state for each in httpx2.get(f"{host.url}/_control/health").json()["queues"])


def noted(host: HostProcess, name: str, test: str) -> list[dict[str, Any]]:
    """The notes about the messages of one test."""
    return [note for note in host.notes(name) if note["order"].get("test") == test]


def test_a_message_is_run_once_and_deleted(host: HostProcess, queue: Queue) -> None:
    message_id = queue.send({"test": "once"})
    host.wait_for(lambda: noted(host, "end", "once"))
    host.wait_for(lambda: queue.waiting() == 0)
    (begin,) = noted(host, "begin", "once")
    assert (begin["dequeue"], begin["id"]) == (1, message_id)
    assert begin["inserted"].endswith("+00:00")


def test_a_text_parameter_receives_the_bare_text(host: HostProcess, azurite: str) -> None:
    with QueueClient.from_connection_string(azurite, "plain", api_version=API_VERSION) as plain:
        plain.send_message(base64.b64encode("grüß".encode()).decode())
        assert host.wait_for(lambda: host.notes("plain"))[0]["text"] == "grüß"


def test_a_message_that_fails_five_times_goes_to_the_poison_queue(host: HostProcess, queue: Queue) -> None:
    order = {"test": "poison", "fail": True}
    queue.send(order)
    host.wait_for(lambda: queue.poisoned() and queue.waiting() == 0)
    assert [note["dequeue"] for note in noted(host, "begin", "poison")] == [1, 2, 3, 4, 5]
    assert json.loads(base64.b64decode(queue.poisoned()[0])) == order


def test_a_message_that_is_not_base64_goes_to_the_poison_queue_unseen(host: HostProcess, queue: Queue) -> None:
    begun = len(host.notes("begin"))
    queue.send_raw("plain words")
    host.wait_for(lambda: "plain words" in queue.poisoned())
    assert len(host.notes("begin")) == begun


def test_several_messages_run_at_the_same_time(host: HostProcess, queue: Queue) -> None:
    for n in range(6):
        queue.send({"test": "many", "n": n, "seconds": 0.5})
    host.wait_for(lambda: len(noted(host, "end", "many")) == 6)
    names = [note["name"] for note in host.all_notes() if note.get("order", {}).get("test") == "many"]
    # batchSize 4 and newBatchThreshold 2: more than one at once, never more than six.
    running = [names[: i + 1].count("begin") - names[: i + 1].count("end") for i in range(len(names))]
    assert 1 < max(running) <= 6


def test_a_message_in_work_stays_hidden_longer_than_its_lease(host: HostProcess, queue: Queue) -> None:
    queue.send({"test": "long", "seconds": 1.8})
    host.wait_for(lambda: noted(host, "end", "long"))
    host.wait_for(lambda: queue.waiting() == 0)
    assert len(noted(host, "begin", "long")) == 1


def test_what_a_killed_host_had_in_work_is_delivered_again(app_dir: Path, own_queue: Queue) -> None:
    first = HostProcess(app_dir, "--queue-lease-seconds", "1")
    first.wait_healthy()
    first.wait_for(lambda: listening(first))
    own_queue.send({"seconds": 1})
    first.wait_for(lambda: first.notes("begin"))
    assert first.stop(signal.SIGKILL) == -signal.SIGKILL
    with running_host(app_dir) as second:
        second.wait_for(lambda: second.notes("end"))
        assert [note["dequeue"] for note in second.notes("begin")] == [1, 2]


def test_a_host_that_is_stopped_gives_its_message_back_at_once(app_dir: Path, own_queue: Queue) -> None:
    with running_host(app_dir, "--queue-lease-seconds", "3600") as host:
        host.wait_for(lambda: listening(host))
        own_queue.send({"seconds": 1.9})
        host.wait_for(lambda: host.notes("begin"))
    with running_host(app_dir) as host:
        host.wait_for(lambda: host.notes("end"))


def test_storage_that_is_away_is_reported_and_found_again(tmp_path: Path) -> None:
    ports = free_azurite_ports()
    queue = Queue(azurite_connection_string(ports))
    with running_host(copy_app(tmp_path, queue.settings)) as host:
        host.wait_for(lambda: listening(host, "unreachable"))
        command = azurite_command(tmp_path / "azurite", ports)
        process = subprocess.Popen(
            command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            host.wait_for(lambda: listening(host))
            queue.send({"n": 1})
            host.wait_for(lambda: host.notes("end"))
        finally:
            stop_group(process)
        host.wait_for(lambda: listening(host, "unreachable"))
    queue.close()


def test_without_encoding_a_message_is_its_text() -> None:
    assert decode_content("grüß", "none") == "grüß".encode()
    with pytest.raises(UndecodableMessageError):
        decode_content("grüß", "base64")
