"""The application's cache of sheets against the running sandbox: after any writes of ours it holds the truth."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from local.smartsheet.accounts import OWNER_TOKEN
from shared.clients.smartsheet.client import SmartsheetClient
from shared.errors import InvalidInput
from shared.ids import RowId, SheetId
from shared.records import utc_now
from shared.sheets.cache import SheetCache
from shared.sheets.models import CellWrite, NewRow, RowLocation, RowWrite, Sheet
from shared.sheets.service import SheetService
from tests.local.smartsheet_sandbox import RISKS, SmartsheetSandbox, sandbox, shared_sandbox

__all__ = ["sandbox", "shared_sandbox"]

Write = Callable[[SheetService], Awaitable[Any]]


@dataclass(frozen=True)
class Person:
    token: SecretStr
    token_fingerprint: str


ADA = Person(SecretStr(OWNER_TOKEN), "owner")


@st.composite
def locations(draw: st.DrawFn, sheet: Sheet) -> RowLocation:
    ends = [RowLocation(to_top=True), RowLocation(to_bottom=True)]
    if not sheet.rows:
        return draw(st.sampled_from(ends))
    anchor, flag = draw(st.sampled_from(sheet.rows)).id, draw(st.booleans())
    beside = [RowLocation(parent_id=anchor, to_bottom=flag), RowLocation(sibling_id=anchor, above=flag)]
    return draw(st.sampled_from([*ends, *beside]))


@st.composite
def cells(draw: st.DrawFn, sheet: Sheet) -> tuple[CellWrite, ...]:
    named = {column.title: column.id for column in sheet.columns}
    given = {
        "Risk": st.sampled_from(["Fire", "Flood", "  spaced  ", "🔥", 3, 2.50, "=text", None]),
        "Likelihood": st.sampled_from(["Low", "High", None, "Sometimes"]),
        "Review on": st.sampled_from(["2026-03-31", None]),
        "Owner": st.sampled_from(["ada.lindqvist@halden.example", None]),
    }
    titles = draw(st.sets(st.sampled_from(list(given))))
    writes = [CellWrite(named[title], draw(given[title])) for title in sorted(titles)]
    link = CellWrite(named["Mitigation"], "site", hyperlink={"url": "https://example.com/"})
    return (*writes, link) if draw(st.booleans()) else tuple(writes)


@st.composite
def writes(draw: st.DrawFn, sheet: Sheet) -> Write:
    what = draw(st.sampled_from(["add", "add", "write", "delete", "move"])) if sheet.rows else "add"
    ids = [row.id for row in sheet.rows] or [RowId("1")]
    chosen = draw(st.lists(st.sampled_from(ids), min_size=1, max_size=3, unique=True))
    location = draw(locations(sheet))
    match what:
        case "add":
            new = [NewRow(draw(cells(sheet)), location) for _ in chosen]
            return lambda service: service.add_rows(ADA, sheet.id, new, change_agent="test")
        case "delete":
            return lambda service: service.delete_rows(ADA, sheet.id, chosen, change_agent="test")
        case "write":
            changed = [RowWrite(row_id, draw(cells(sheet))) for row_id in chosen]
            return lambda service: service.write_rows(ADA, sheet.id, changed, change_agent="test")
        case _:
            moved = [RowWrite(row_id, (), location) for row_id in chosen]
            return lambda service: service.write_rows(ADA, sheet.id, moved, change_agent="test")


# The sandbox is put back by the test itself, once for each example.
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_after_any_writes_the_cached_sheet_is_what_smartsheet_holds(
    sandbox: SmartsheetSandbox, data: st.DataObject
) -> None:
    sandbox.reset()
    sheet_id = SheetId(str(sandbox.sheet_id(RISKS)))
    client = SmartsheetClient(sandbox.url)
    try:
        service = SheetService(client, SheetCache(), utc_now)
        sheet = await service.open(ADA, sheet_id)
        for _ in range(data.draw(st.integers(1, 8))):
            try:
                await data.draw(writes(sheet))(service)
            except InvalidInput as refused:
                assert refused.code == "invalid_location"
            sheet = await service.open(ADA, sheet_id, max_age_seconds=3600)
            truth = await client.get_sheet(ADA.token, sheet_id)
            assert isinstance(truth, Sheet)
            assert sheet.modified_at in (None, truth.modified_at)
            assert replace(sheet, modified_at=None, fetched_at=None) == replace(
                truth, modified_at=None, fetched_at=None
            )
    finally:
        await client.aclose()


async def test_rows_of_plain_values_are_taken_over_without_a_call(sandbox: SmartsheetSandbox) -> None:
    sheet_id = SheetId(str(sandbox.sheet_id(RISKS)))
    client = SmartsheetClient(sandbox.url)
    try:
        service = SheetService(client, SheetCache(), utc_now)
        risk = (await service.open(ADA, sheet_id)).columns[0].id
        new = [NewRow((CellWrite(risk, name),)) for name in ("Fire", "Flood")]
        first, second = (await service.add_rows(ADA, sheet_id, new, change_agent="test")).rows
        assert first is not None
        assert second is not None
        child = NewRow((CellWrite(risk, "Smoke"),), RowLocation(parent_id=first.id))
        await service.add_rows(ADA, sheet_id, [child], change_agent="test")
        change = RowWrite(second.id, (CellWrite(risk, "High water"),))
        await service.write_rows(ADA, sheet_id, [change], change_agent="test")
        await service.delete_rows(ADA, sheet_id, [first.id], change_agent="test")
        sheet = await service.open(ADA, sheet_id)
        assert service.metrics()["patches"] == 4
        assert [row.cells[risk].value for row in sheet.rows] == ["High water"]
        assert len([call for call in sandbox.calls() if call["method"] == "GET" and sheet_id in str(call)]) == 1
    finally:
        await client.aclose()
