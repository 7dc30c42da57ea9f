"""The OpenAPI document: complete, and valid by the rules of OpenAPI 3.1 that can be checked here."""

import importlib
import json
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from shared import functions
from shared.functions.openapi import openapi_document
from shared.functions.routes import CALLBACKS, ROUTES

METHODS = {"get", "post", "put", "patch", "delete", "options"}
OPERATION_KEYS = {"operationId", "summary", "description", "tags", "parameters", "requestBody", "responses", "security"}
COMPONENT_NAME = re.compile(r"^[a-zA-Z0-9._-]+$")


for module in pkgutil.iter_modules(functions.__path__, "shared.functions."):
    importlib.import_module(module.name)  # its routes enter the table


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return json.loads(json.dumps(openapi_document(ROUTES.values(), CALLBACKS.values(), version="1.2.3")))


@pytest.fixture(scope="module")
def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Path, method, operation; without what other services call."""
    called = {f"/api/{each.path}" for each in CALLBACKS.values()}
    items = ((path, item) for path, item in document["paths"].items() if path not in called)
    return [(path, method, each) for path, item in items for method, each in item.items()]


def within(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a JSON value."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from within(part)


def schemas(document: dict[str, Any]) -> Iterator[Any]:
    yield from document["components"]["schemas"].values()
    yield from (each["schema"] for each in within(document["paths"]) if "schema" in each)


def test_the_document_says_what_it_is(document: dict[str, Any]):
    assert set(document) == {"openapi", "info", "paths", "components", "security"}
    assert (document["openapi"], document["info"]["version"]) == ("3.1.0", "1.2.3")
    assert document["info"]["title"]


def test_what_other_services_call_is_in_the_document_too(document: dict[str, Any]):
    assert {each.path for each in CALLBACKS.values()} == {"realtime/events", "webhooks/smartsheet"}
    for each in CALLBACKS.values():
        item = document["paths"][f"/api/{each.path}"]
        assert set(item) == {method.lower() for method in each.methods}
        for operation in item.values():
            assert set(operation) <= OPERATION_KEYS and operation["security"] == []
            assert {"X-Correlation-ID", *each.headers} == {named["name"] for named in operation["parameters"]}
            assert {"200", "401", "413", "500"} <= set(operation["responses"])
            assert not {"RateLimit-Limit"} & set(operation["responses"]["200"]["headers"])


def test_every_route_is_in_the_document_and_nothing_else(operations: list[tuple[str, str, dict[str, Any]]]):
    found = {each["operationId"]: (method, path) for path, method, each in operations}
    assert len(found) == len(operations), "an operationId is used twice"
    plain = {name: (route.method.lower(), "/api/" + re.sub(r":\w+", "", route.path)) for name, route in ROUTES.items()}
    assert found == plain


def test_every_schema_is_a_valid_json_schema(document: dict[str, Any]):
    found = list(schemas(document))
    assert len(found) > len(ROUTES)
    for schema in found:
        Draft202012Validator.check_schema(schema)


def test_every_reference_resolves_to_a_component(document: dict[str, Any]):
    references = {each["$ref"] for each in within(document) if "$ref" in each}
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert references and references <= known
    assert all(COMPONENT_NAME.match(name) for name in document["components"]["schemas"])


def test_operations_have_the_members_that_openapi_knows(operations: list[tuple[str, str, dict[str, Any]]]):
    for path, method, operation in operations:
        assert method in METHODS and path.startswith("/")
        assert set(operation) <= OPERATION_KEYS
        assert operation["summary"] and operation["tags"] and operation["description"]
        route = ROUTES[operation["operationId"]]
        assert ("requestBody" in operation) == (route.body is not None or bool(route.uploads))
        for status, response in operation["responses"].items():
            assert re.fullmatch(r"[2-5]\d\d", status) and response["description"]


def test_path_parameters_are_declared_exactly_and_names_are_used_once(
    operations: list[tuple[str, str, dict[str, Any]]],
):
    for path, _, operation in operations:
        parameters = operation["parameters"]
        declared = {each["name"] for each in parameters if each["in"] == "path"}
        assert declared == set(re.findall(r"\{(\w+)\}", path))
        assert all(each["required"] for each in parameters if each["in"] == "path")
        assert len({(each["in"], each["name"]) for each in parameters}) == len(parameters)
        assert all(set(each) <= {"name", "in", "required", "description", "schema"} for each in parameters)


def test_what_the_edge_asks_for_is_documented(operations: list[tuple[str, str, dict[str, Any]]]):
    for _, method, operation in operations:
        headers = {each["name"]: each for each in operation["parameters"] if each["in"] == "header"}
        assert ("X-Requested-With" in headers) == (method != "get")
        assert not any(each["required"] for each in headers.values())  # scripts, which sign in by bearer, need none


def test_every_way_to_sign_in_is_documented_and_which_routes_need_none(document: dict[str, Any]):
    schemes = document["components"]["securitySchemes"]
    assert schemes["cookie"]["name"] == "__Host-chatsheet"
    assert (schemes["bearer"]["type"], schemes["bearer"]["scheme"]) == ("http", "bearer")
    assert document["security"] == [{"cookie": []}, {"bearer": []}]
    operations = [each for item in document["paths"].values() for each in item.values()]
    public = {each["operationId"] for each in operations if each.get("security") == []}
    called = {"receive_realtime_event", "receive_realtime_event_options", "receive_webhook"}
    assert public - called == {"sign_in", "begin_sign_in", "finish_sign_in", "get_health", "get_openapi", "get_docs"}


def test_a_redirect_has_no_content_but_says_where_to(document: dict[str, Any]):
    answer = document["paths"]["/api/auth/smartsheet/login"]["get"]["responses"]["302"]
    assert "content" not in answer and answer["headers"]["Location"]["required"]


def statuses(document: dict[str, Any], name: str) -> set[int]:
    operations = {each["operationId"]: each for item in document["paths"].values() for each in item.values()}
    return {int(status) for status in operations[name]["responses"]}


def test_what_may_happen_everywhere_is_documented_everywhere(document: dict[str, Any]):
    for name in ROUTES:
        assert statuses(document, name) >= {401, 403, 422, 429, 500, 503, 504}


def test_each_route_documents_what_its_work_may_end_in(document: dict[str, Any]):
    upstream = {502}
    body = {400, 413, 415}
    edge = {401, 403, 422, 429, 500, 503, 504}
    assert statuses(document, "create_session") == {201, 404, 507} | upstream | body | edge
    assert statuses(document, "start_job") == {202, 404, 507} | upstream | body | edge
    assert statuses(document, "negotiate") == {200, 404} | upstream | body | edge
    assert statuses(document, "list_sheets") == {200, 404} | upstream | edge
    assert statuses(document, "list_rows") == {200, 304, 404} | upstream | edge
    assert statuses(document, "list_columns") == {200, 304, 404} | upstream | edge
    assert statuses(document, "list_events") == {200, 404} | upstream | edge
    assert statuses(document, "get_session") == statuses(document, "get_job") == {200, 404} | edge
    assert statuses(document, "list_job_rows") == {200, 404} | edge
    assert statuses(document, "list_jobs") == {200} | edge


def test_errors_are_problem_documents_and_waits_are_headers(operations: list[tuple[str, str, dict[str, Any]]]):
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for _, _, operation in operations:
        route = ROUTES[operation["operationId"]]
        for status, response in operation["responses"].items():
            is_answer = int(status) in (route.status, route.other_status, 304)
            assert (response.get("content") == problem) == (not is_answer)
            assert ("Retry-After" in response["headers"]) == (status in ("429", "503") and not is_answer)


def test_a_problem_may_leave_out_its_type_and_its_fields(document: dict[str, Any]):
    required = set(document["components"]["schemas"]["Problem"]["required"])
    assert required == {"title", "status", "detail", "code", "correlationId"}
