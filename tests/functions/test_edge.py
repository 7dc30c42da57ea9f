"""What every operation does at its edge: who may call, what can be read, how errors are told."""

from typing import Any

import pytest

from shared.errors import (
    AppError,
    FieldError,
    Forbidden,
    InvalidInput,
    NotFound,
    RateLimited,
    Unauthorized,
    UpstreamFault,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from shared.functions.parsing import MAX_BODY_BYTES
from tests.functions.client import Answer, Functions
from tests.functions.environment import HOST
from tests.functions.world import SHEET, World

NEW_SESSION = {"sheetId": SHEET}


async def columns(functions: Functions, **headers: str | None) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await functions.request("list_columns", path={"sheetId": SHEET}, headers=named)


async def create(functions: Functions, body: Any = None, **request: Any) -> Answer:
    return await functions.request("create_session", body=NEW_SESSION if body is None else body, **request)


@pytest.mark.parametrize("host", [None, "", "evil.example", "localhost:7072", "localhost", f"{HOST}.evil.example"])
async def test_a_foreign_host_name_is_refused(functions: Functions, host: str | None):
    answer = await columns(functions, Host=host)
    assert (answer.status, answer.json["code"]) == (403, "host_not_allowed")


@pytest.mark.parametrize("host", [HOST, "LOCALHOST:7071", "127.0.0.1:7071"])
async def test_the_own_host_is_known_under_both_names_of_loopback(functions: Functions, host: str):
    assert (await columns(functions, Host=host)).status == 200


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "",
        "https://localhost:7071",
        "http://localhost:7072",
        f"http://{HOST}.evil.example",
    ],
)
async def test_pages_of_a_foreign_origin_are_refused(functions: Functions, origin: str):
    answer = await columns(functions, Origin=origin)
    assert (answer.status, answer.json["code"]) == (403, "origin_not_allowed")


@pytest.mark.parametrize("origin", [f"http://{HOST}", "http://127.0.0.1:7071", "http://localhost:5173"])
async def test_our_own_pages_and_the_allowed_ones_may_call(functions: Functions, origin: str):
    assert (await columns(functions, Origin=origin)).status == 200


@pytest.mark.parametrize("name", ["create_session", "start_job", "negotiate"])
@pytest.mark.parametrize("value", [None, ""])
async def test_a_change_without_x_requested_with_is_refused(
    functions: Functions, world: World, name: str, value: str | None
):
    answer = await functions.request(name, body=NEW_SESSION, headers={"X-Requested-With": value})
    assert (answer.status, answer.json["code"]) == (403, "csrf_header_missing")
    assert world.queues.sent == [] and world.source.calls == []


@pytest.mark.parametrize(
    "content_type", [None, "", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"]
)
async def test_a_body_of_another_type_than_json_is_refused(functions: Functions, content_type: str | None):
    answer = await create(functions, headers={"Content-Type": content_type})
    assert (answer.status, answer.json["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "APPLICATION/JSON"])
async def test_parameters_and_case_of_the_content_type_do_not_matter(functions: Functions, content_type: str):
    assert (await create(functions, headers={"Content-Type": content_type})).status == 201


@pytest.mark.parametrize(
    "raw", [b"", b"{", b'{"sheetId": "100",}', b"\xff\xfe", b'"\\ud800"', b"[" * 100_000, b"not json"]
)
async def test_what_is_not_json_is_told_so_with_its_place(functions: Functions, raw: bytes):
    answer = await create(functions, raw=raw)
    assert (answer.status, answer.json["code"]) == (400, "malformed_json")
    assert "line 1 column" in answer.json["detail"]


async def test_a_body_that_is_too_large_is_refused_before_it_is_read(functions: Functions):
    largest = await create(functions, raw=b" " * MAX_BODY_BYTES)
    assert largest.status == 400
    answer = await create(functions, raw=b"{" * (MAX_BODY_BYTES + 1))
    assert (answer.status, answer.json["code"]) == (413, "body_too_large")
    assert "1,000,000 bytes" in answer.json["detail"]


async def test_unknown_and_missing_fields_are_named_all_at_once(functions: Functions):
    answer = await create(functions, {"sheetID": "100", "titel": "Plan", "title": ""})
    assert (answer.status, answer.json["code"]) == (422, "invalid_input")
    assert set(answer.fields) == {"sheetId", "sheetID", "titel", "title"}
    assert answer.fields["sheetId"] == "Field required"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"sheetId": 100}, "sheetId"),
        ({"sheetId": "12 OR 1=1"}, "sheetId"),
        ({"sheetId": "1" * 20}, "sheetId"),
        ({"sheetId": SHEET, "title": ["Plan"]}, "title"),
        ({"sheetId": SHEET, "title": "x" * 201}, "title"),
        ([], "body"),
        ("text", "body"),
    ],
)
async def test_wrong_types_and_values_are_named_without_repeating_them(functions: Functions, body: Any, field: str):
    answer = await create(functions, body)
    assert (answer.status, list(answer.fields)) == (422, [field])
    assert "OR 1=1" not in answer.text


@pytest.mark.parametrize(
    ("name", "path", "query", "field"),
    [
        ("list_rows", {"sheetId": SHEET}, {"page": "0"}, "page"),
        ("list_rows", {"sheetId": SHEET}, {"page": "one"}, "page"),
        ("list_rows", {"sheetId": SHEET}, {"pageSize": "501"}, "pageSize"),
        ("list_rows", {"sheetId": SHEET}, {"size": "5"}, "size"),
        ("list_jobs", {}, {"limit": "201"}, "limit"),
        ("list_jobs", {}, {"cursor": "x" * 501}, "cursor"),
        ("list_job_rows", {"jobId": "0"}, {"limit": "0"}, "limit"),
        ("list_events", {}, {"after": "1"}, "topic"),
        ("list_events", {}, {"topic": "job:1", "after": "-1"}, "after"),
        ("list_events", {}, {"topic": "job:1", "after": "99999999999999999999"}, "after"),
    ],
)
async def test_wrong_query_parameters_are_named(
    functions: Functions, name: str, path: dict[str, str], query: dict[str, str], field: str
):
    answer = await functions.request(name, path=path, query=query)
    assert (answer.status, list(answer.fields)) == (422, [field])
    assert answer.json["detail"] == "The query is not valid."


@pytest.mark.parametrize("key", ["", "   ", "k" * 201])
@pytest.mark.parametrize("name", ["create_session", "start_job"])
async def test_an_idempotency_key_that_identifies_nothing_is_refused(functions: Functions, name: str, key: str):
    body = {"sheetId": SHEET} if name == "create_session" else {"type": "SUMMARIZE", "sheetId": SHEET, "parameters": {}}
    answer = await functions.request(name, body=body, headers={"Idempotency-Key": key})
    assert (answer.status, list(answer.fields)) == (422, ["Idempotency-Key"])


@pytest.mark.parametrize("offered", ["abcdefgh", "A-b.c_1234567890", "x" * 64])
async def test_a_well_formed_correlation_id_is_taken_over(functions: Functions, offered: str):
    good = await columns(functions, X_Correlation_ID=offered)
    bad = await functions.request("get_job", path={"jobId": "none"}, headers={"X-Correlation-ID": offered})
    assert good.headers["X-Correlation-ID"] == bad.headers["X-Correlation-ID"] == bad.json["correlationId"] == offered


@pytest.mark.parametrize(
    "offered", [None, "", "short", "x" * 65, "with space", "new\nline-in-it", "<script>alert</script>"]
)
async def test_any_other_correlation_id_is_replaced_by_a_new_one(functions: Functions, offered: str | None):
    first, second = [await columns(functions, X_Correlation_ID=offered) for _ in range(2)]
    made = {first.headers["X-Correlation-ID"], second.headers["X-Correlation-ID"]}
    assert len(made) == 2 and offered not in made


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (InvalidInput("Bad.", code="invalid_id", errors=(FieldError("sheetId", "is none"),)), 422, "invalid_id"),
        (Unauthorized("Out.", code="needs_sign_in"), 401, "needs_sign_in"),
        (Forbidden("No."), 403, "forbidden"),
        (NotFound("None.", code="sheet_not_found"), 404, "sheet_not_found"),
        (RateLimited("Slow.", retry_after_seconds=12.3), 429, "rate_limited"),
        (UpstreamUnavailable("Down."), 503, "upstream_unavailable"),
        (UpstreamTimeout("Late."), 504, "timeout"),
        (UpstreamFault("Odd."), 502, "upstream_fault"),
        (AppError("Broken."), 500, "internal"),
    ],
)
async def test_every_error_is_told_as_a_problem_document(
    functions: Functions, world: World, error: AppError, status: int, code: str
):
    world.fail_reads(error)
    answer = await columns(functions)
    problem = answer.json
    assert (answer.status, problem["status"], problem["code"], problem["detail"]) == (
        status,
        status,
        code,
        error.detail,
    )
    assert problem["title"] == error.title
    assert problem["correlationId"] == answer.headers["X-Correlation-ID"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert ("errors" in problem) == isinstance(error, InvalidInput)


@pytest.mark.parametrize(("seconds", "header"), [(0.2, "1"), (12.3, "12"), (60.0, "60")])
async def test_a_wait_that_is_known_is_told(functions: Functions, world: World, seconds: float, header: str):
    world.fail_reads(RateLimited("Slow.", retry_after_seconds=seconds))
    assert (await columns(functions)).headers["Retry-After"] == header


async def test_a_full_database_is_told_as_such_and_nothing_is_queued(functions: Functions, world: World):
    await world.fill_disk()
    answer = await create(functions)
    assert (answer.status, answer.json["code"]) == (507, "storage_full")
    assert world.queues.sent == []


@pytest.mark.parametrize("name", ["list_columns", "list_rows"])
async def test_an_unexpected_exception_is_logged_and_its_text_stays_inside(
    functions: Functions, world: World, caplog: pytest.LogCaptureFixture, name: str
):
    world.fail_reads(RuntimeError("kaboom in line 7"))
    answer = await functions.request(name, path={"sheetId": SHEET})
    assert (answer.status, answer.json["code"]) == (500, "internal")
    assert "kaboom" not in answer.text
    (record,) = [record for record in caplog.records if record.name == "shared.functions.http"]
    assert record.exc_info is not None and "kaboom" in str(record.exc_info[1])
    assert answer.json["correlationId"] in record.getMessage()


async def test_a_refusal_is_logged_by_its_code_and_correlation_id(
    functions: Functions, caplog: pytest.LogCaptureFixture
):
    answer = await functions.request("get_session", path={"id": "none"})
    assert f"get_session: session_not_found [{answer.json['correlationId']}]" in caplog.messages
