import asyncio
import logging
from typing import Any

import httpx2
import pytest

from shared.errors import (
    AppError,
    Forbidden,
    InvalidInput,
    NotFound,
    RateLimited,
    Unauthorized,
    UpstreamFault,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from shared.ids import ColumnId, RowId, SheetId
from shared.sheets.models import CellWrite, RowWrite, Unchanged
from tests.unit.clients.smartsheet_http import TOKEN, ScriptedSmartsheet, answer, error, lost

SHEET = SheetId("1")
GOOD = answer({"version": 3})
PAGE = httpx2.Response(502, content=b"<html>Bad Gateway secret-token</html>")


async def failure_of(smartsheet: ScriptedSmartsheet, write: bool = False) -> AppError:
    with pytest.raises(AppError) as failed:
        if write:
            row = RowWrite(RowId("11"), (CellWrite(ColumnId("2"), "x"),))
            await smartsheet.client.update_rows(TOKEN, SHEET, [row], change_agent="a")
        else:
            await smartsheet.client.get_sheet(TOKEN, SHEET)
    return failed.value


async def outcome(*answers: Any, write: bool = False) -> tuple[AppError, int]:
    """The error that comes out of these answers, and how many requests it took."""
    async with ScriptedSmartsheet(*answers) as smartsheet:
        failure = await failure_of(smartsheet, write)
        return failure, len(smartsheet.requests)


@pytest.mark.parametrize(
    ("given", "kind", "code"),
    [
        (error(1001, 401), Unauthorized, "needs_sign_in"),
        (error(1002, 401), Unauthorized, "needs_sign_in"),
        (error(1003, 401), Unauthorized, "needs_sign_in"),
        (error(1132, 400), Unauthorized, "needs_sign_in"),
        (error(1005, 401), Unauthorized, "needs_sign_in"),
        (httpx2.Response(401), UpstreamFault, "upstream_fault"),
        (httpx2.Response(401, content=b"<html>the proxy wants a password</html>"), UpstreamFault, "upstream_fault"),
        (error(1004, 403), Forbidden, "forbidden"),
        (error(1045, 403), Forbidden, "read_only"),
        (error(1363, 403), Forbidden, "account_policy"),
        (error(1013, 403), Forbidden, "forbidden"),
        (error(5001, 400), Forbidden, "account_state"),
        (error(1006, 404), NotFound, "sheet_not_found"),
        (error(1007, 404), NotFound, "not_found"),
        (error(1018, 400), InvalidInput, "refused"),
        (error(4005, 410), UpstreamFault, "api_retired"),
        (error(4000, 500), UpstreamFault, "upstream_fault"),
        (httpx2.Response(404, content=b"<html>no such page</html>"), UpstreamFault, "upstream_fault"),
        (httpx2.Response(302, headers={"Location": "https://login.example.com"}), UpstreamFault, "upstream_fault"),
    ],
)
@pytest.mark.parametrize("write", [False, True], ids=["read", "write"])
async def test_what_another_attempt_cannot_mend_is_told_at_once(
    given: httpx2.Response, kind: type[AppError], code: str, write: bool
) -> None:
    failure, requests = await outcome(given, write=write)
    assert (type(failure), failure.code, requests) == (kind, code, 1)


@pytest.mark.parametrize(
    ("given", "kind", "code"),
    [
        (error(4001, 503), UpstreamUnavailable, "maintenance"),
        (error(4003, 429), RateLimited, "rate_limited"),
        (error(4004, 500), UpstreamUnavailable, "save_collision"),
        (httpx2.Response(429), RateLimited, "rate_limited"),
        (lost(httpx2.ConnectError), UpstreamUnavailable, "upstream_unavailable"),
        (lost(httpx2.ConnectTimeout), UpstreamUnavailable, "upstream_unavailable"),
        (lost(httpx2.PoolTimeout), UpstreamUnavailable, "upstream_unavailable"),
    ],
)
@pytest.mark.parametrize("write", [False, True], ids=["read", "write"])
async def test_what_certainly_had_no_effect_is_tried_again(
    given: Any, kind: type[AppError], code: str, write: bool
) -> None:
    failure, requests = await outcome(given, write=write)
    assert (type(failure), failure.code, requests) == (kind, code, 4)


@pytest.mark.parametrize(
    ("given", "told_to_readers"),
    [
        (error(4002, 500), UpstreamTimeout),
        (lost(httpx2.ReadTimeout), UpstreamTimeout),
        (lost(httpx2.ReadError), UpstreamTimeout),
        (lost(httpx2.RemoteProtocolError), UpstreamTimeout),
        (PAGE, UpstreamUnavailable),
    ],
)
async def test_what_may_have_had_an_effect_is_repeated_for_reads_only(
    given: Any, told_to_readers: type[AppError]
) -> None:
    read, read_requests = await outcome(given)
    write, write_requests = await outcome(given, write=True)
    assert (type(read), read_requests) == (told_to_readers, 4)
    assert (type(write), write_requests) == (UpstreamTimeout, 1)


async def test_an_answer_that_takes_too_long_is_a_timeout() -> None:
    async def never(_: httpx2.Request) -> httpx2.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with ScriptedSmartsheet(never, timeout_seconds=0.001, write_timeout_seconds=0.001) as smartsheet:
        assert type(await failure_of(smartsheet)) is UpstreamTimeout
        assert type(await failure_of(smartsheet, write=True)) is UpstreamTimeout
        assert len(smartsheet.requests) == 4 + 1


@pytest.mark.parametrize("bad", [error(4001, 503), error(4002, 500), error(4004, 500), PAGE, lost()])
async def test_a_passing_failure_is_not_noticed_by_a_reader(bad: Any) -> None:
    async with ScriptedSmartsheet(bad, bad, GOOD) as smartsheet:
        assert await smartsheet.client.get_sheet(TOKEN, SHEET) == Unchanged(3)
        assert smartsheet.slept == [0.5, 1.0]


async def test_the_time_that_smartsheet_asks_for_is_waited() -> None:
    async with ScriptedSmartsheet(error(4003, 429, Retry_After="7"), GOOD) as smartsheet:
        assert await smartsheet.client.get_sheet(TOKEN, SHEET) == Unchanged(3)
        assert smartsheet.slept == [7.5]


async def test_a_long_wait_is_told_instead_of_waited() -> None:
    async with ScriptedSmartsheet(error(4003, 429, Retry_After="45")) as smartsheet:
        failure = await failure_of(smartsheet)
        assert smartsheet.slept == []
    assert isinstance(failure, RateLimited)
    assert failure.retry_after_seconds == 45


async def test_without_a_retry_after_a_minute_is_advised() -> None:
    failure, _ = await outcome(error(4003, 429))
    assert isinstance(failure, RateLimited)
    assert failure.retry_after_seconds == 60


@pytest.mark.parametrize("given", [error(1004, 403), error(1041, 400), error(4000, 500), PAGE, error(9999, 418)])
async def test_nothing_of_the_vendors_text_reaches_the_caller(given: httpx2.Response) -> None:
    failure, _ = await outcome(given)
    shown = f"{failure.detail} {failure.code} {failure!r} {failure.__cause__!r}"
    assert "VENDOR" not in shown
    assert "secret" not in shown


async def test_the_log_tells_each_attempt_without_secrets(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "shared")
    await outcome(error(4001, 503), lost(), error(1004, 403))
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("shared.")]
    assert lines == [
        "smartsheet GET /sheets/{sheetId}: 503 in 0 ms, attempt 1",
        "smartsheet GET /sheets/{sheetId}: timeout in 0 ms, attempt 2",
        "smartsheet GET /sheets/{sheetId}: 403 in 0 ms, attempt 3",
    ]


@pytest.mark.parametrize("bad", [lost(), PAGE, error(4000, 500), error(4002, 500)])
async def test_after_repeated_failures_smartsheet_is_left_alone_for_a_while(bad: Any) -> None:
    async with ScriptedSmartsheet(bad) as smartsheet:
        while smartsheet.client.circuit_state == "closed":
            await failure_of(smartsheet)
        asked = len(smartsheet.requests)
        failure = await failure_of(smartsheet, write=True)
        assert len(smartsheet.requests) == asked == 5
        assert type(failure) is UpstreamUnavailable, "a write that was not sent certainly had no effect"
        assert failure.retry_after_seconds is not None
        smartsheet.elapsed += 30
        smartsheet.then(GOOD)
        assert await smartsheet.client.get_sheet(TOKEN, SHEET) == Unchanged(3)
        assert smartsheet.client.circuit_state == "closed"


@pytest.mark.parametrize("refusal", [error(4003, 429), error(1006, 404), error(1002, 401), error(4004, 500)])
async def test_what_belongs_to_one_token_or_sheet_does_not_shut_out_everybody(refusal: httpx2.Response) -> None:
    async with ScriptedSmartsheet(refusal) as smartsheet:
        for _ in range(6):
            await failure_of(smartsheet)
        assert smartsheet.client.circuit_state == "closed"
