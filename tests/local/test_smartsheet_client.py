"""The application's own client against the running sandbox: every write, and what it makes of the answers."""

from collections.abc import AsyncIterator, Sequence

import pytest
from pydantic import SecretStr

from local.smartsheet.accounts import EDITOR_TOKEN, OWNER_TOKEN, VIEWER_TOKEN
from shared.clients.smartsheet.client import SmartsheetClient
from shared.errors import Forbidden, InvalidInput, NotFound
from shared.ids import ColumnId, RowId, SheetId
from shared.sheets.models import CellWrite, ColumnWrite, NewRow, RowLocation, RowWrite, Sheet
from tests.local.smartsheet_sandbox import PLAN, PROPOSALS, RISKS, SmartsheetSandbox, sandbox, shared_sandbox

__all__ = ["sandbox", "shared_sandbox"]

OWNER, EDITOR, VIEWER = SecretStr(OWNER_TOKEN), SecretStr(EDITOR_TOKEN), SecretStr(VIEWER_TOKEN)
BOTTOM = RowLocation(to_bottom=True)


class Register:
    """The empty sample sheet, through the client."""

    def __init__(self, client: SmartsheetClient, sheet_id: SheetId, columns: dict[str, ColumnId]) -> None:
        self.client = client
        self.id = sheet_id
        self.columns = columns

    async def sheet(self) -> Sheet:
        sheet = await self.client.get_sheet(OWNER, self.id)
        assert isinstance(sheet, Sheet)
        return sheet

    def cell(self, title: str, value: str | None) -> CellWrite:
        return CellWrite(self.columns[title], value)

    def row(self, risk: str, location: RowLocation = BOTTOM) -> NewRow:
        return NewRow((self.cell("Risk", risk),), location)

    async def add(self, *risks: str, location: RowLocation = BOTTOM) -> list[RowId]:
        rows = [self.row(risk, location) for risk in risks]
        answer = await self.client.add_rows(OWNER, self.id, rows, change_agent="test")
        assert answer.version == (await self.sheet()).version
        return [row.id for row in answer.rows if row is not None]

    async def move(self, row_ids: Sequence[RowId], location: RowLocation) -> None:
        rows = [RowWrite(row_id, (), location) for row_id in row_ids]
        answer = await self.client.update_rows(OWNER, self.id, rows, change_agent="test")
        assert [row.id for row in answer.rows] == list(row_ids)
        assert answer.version == (await self.sheet()).version

    async def outline(self) -> list[tuple[str, str | None]]:
        rows = (await self.sheet()).rows
        assert [row.number for row in rows] == list(range(1, len(rows) + 1))
        names = {row.id: str(row.cells[self.columns["Risk"]].value) for row in rows}
        return [(names[row.id], names[row.parent_id] if row.parent_id else None) for row in rows]


@pytest.fixture
async def client(sandbox: SmartsheetSandbox) -> AsyncIterator[SmartsheetClient]:
    made = SmartsheetClient(sandbox.url)
    yield made
    await made.aclose()


@pytest.fixture
async def risks(client: SmartsheetClient, sandbox: SmartsheetSandbox) -> Register:
    sheet_id = SheetId(str(sandbox.sheet_id(RISKS)))
    sheet = await client.get_sheet(OWNER, sheet_id)
    assert isinstance(sheet, Sheet)
    return Register(client, sheet_id, {column.title: column.id for column in sheet.columns})


async def test_rows_are_added_where_their_location_says(risks: Register) -> None:
    (first,) = await risks.add("first")
    await risks.add("top 1", "top 2", location=RowLocation(to_top=True))
    await risks.add("below", location=RowLocation(sibling_id=first))
    await risks.add("above", location=RowLocation(sibling_id=first, above=True))
    await risks.add("child", location=RowLocation(parent_id=first))
    await risks.add("last child", location=RowLocation(parent_id=first, to_bottom=True))
    await risks.add("first child", location=RowLocation(parent_id=first))
    assert await risks.outline() == [
        ("top 1", None),
        ("top 2", None),
        ("above", None),
        ("first", None),
        ("first child", "first"),
        ("child", "first"),
        ("last child", "first"),
        ("below", None),
    ]


async def test_rows_are_moved_indented_and_outdented(risks: Register) -> None:
    a, b, c, d = await risks.add("a", "b", "c", "d")
    await risks.move([b, c], RowLocation(indent=True))
    assert await risks.outline() == [("a", None), ("b", "a"), ("c", "a"), ("d", None)]
    await risks.move([c], RowLocation(outdent=True))
    await risks.move([d], RowLocation(to_top=True))
    await risks.move([a], RowLocation(to_bottom=True))
    assert await risks.outline() == [("d", None), ("c", None), ("a", None), ("b", "a")]
    await risks.move([b], RowLocation(sibling_id=d, above=True))
    await risks.move([c], RowLocation(parent_id=a, to_bottom=True))
    assert await risks.outline() == [("b", None), ("d", None), ("a", None), ("c", "a")]


async def test_a_row_may_move_and_change_in_one_write(risks: Register) -> None:
    a, _ = await risks.add("a", "b")
    write = RowWrite(a, (risks.cell("Risk", "changed"),), BOTTOM)
    await risks.client.update_rows(OWNER, risks.id, [write], change_agent="test")
    assert await risks.outline() == [("b", None), ("changed", None)]


async def test_new_rows_succeed_one_by_one_and_come_with_their_times(risks: Register) -> None:
    rows = [risks.row("good"), NewRow((risks.cell("Likelihood", "Sometimes"),)), risks.row("fine")]
    answer = await risks.client.add_rows(OWNER, risks.id, rows, change_agent="test")
    good, bad, fine = answer.rows
    assert [(failure.index, failure.code) for failure in answer.failures] == [(1, "invalid_value")]
    assert bad is None
    assert good is not None
    assert fine is not None
    assert (good.number, fine.number) == (1, 2)
    sheet = await risks.sheet()
    assert sheet.rows_by_id[good.id] == good
    assert good.created_at is not None
    assert good.created_at <= (sheet.modified_at or good.created_at)


async def test_cells_hold_formulas_objects_and_links(risks: Register) -> None:
    person = {"objectType": "CONTACT", "email": "someone@halden.example", "name": "Some One"}
    cells = (
        CellWrite(risks.columns["Risk"], formula="=1+2"),
        CellWrite(risks.columns["Owner"], object_value=person),
        CellWrite(risks.columns["Mitigation"], "site", hyperlink={"url": "https://example.com/"}),
    )
    answer = await risks.client.add_rows(OWNER, risks.id, [NewRow(cells)], change_agent="test")
    assert answer.failures == ()
    (row,) = (await risks.sheet()).rows
    risk, owner, link = (row.cells[cell.column_id] for cell in cells)
    assert (risk.value, risk.formula) == (3, "=1+2")
    assert (owner.value, owner.display_value) == ("someone@halden.example", "Some One")
    assert (link.value, link.hyperlink) == ("site", {"url": "https://example.com/"})


@pytest.mark.parametrize(
    "location", [RowLocation(parent_id=RowId("99")), RowLocation(sibling_id=RowId("99")), RowLocation(indent=True)]
)
async def test_an_impossible_place_is_refused(risks: Register, location: RowLocation) -> None:
    (row,) = await risks.add("a")
    with pytest.raises(InvalidInput) as refused:
        await risks.client.update_rows(OWNER, risks.id, [RowWrite(row, (), location)], change_agent="test")
    assert refused.value.code == "invalid_location"


async def test_deleting_a_parent_tells_its_children_and_ignores_what_is_gone(risks: Register) -> None:
    parent, _ = await risks.add("parent", "other")
    (child,) = await risks.add("child", location=RowLocation(parent_id=parent))
    answer = await risks.client.delete_rows(OWNER, risks.id, [parent, RowId("99")], change_agent="test")
    assert set(answer.row_ids) == {parent, child}
    assert answer.version == (await risks.sheet()).version
    assert await risks.outline() == [("other", None)]
    again = await risks.client.delete_rows(OWNER, risks.id, [parent], change_agent="test")
    assert (again.row_ids, again.version) == ((), answer.version)


async def test_300_rows_go_in_one_call(risks: Register) -> None:
    row_ids = await risks.add(*(f"Risk {number}" for number in range(300)))
    answer = await risks.client.delete_rows(OWNER, risks.id, row_ids, change_agent="test")
    assert set(answer.row_ids) == set(row_ids)


async def test_a_locked_row_keeps_all_rows_for_an_editor(client: SmartsheetClient, sandbox: SmartsheetSandbox) -> None:
    sheet_id = SheetId(str(sandbox.sheet_id(PLAN)))
    sheet = await client.get_sheet(EDITOR, sheet_id)
    assert isinstance(sheet, Sheet)
    locked = next(row for row in sheet.rows if row.locked)
    with pytest.raises(Forbidden) as refused:
        await client.delete_rows(EDITOR, sheet_id, [locked.id, sheet.rows[20].id], change_agent="test")
    assert refused.value.code == "row_locked"


async def test_columns_are_added_changed_and_deleted(risks: Register) -> None:
    client = risks.client
    await risks.add("a")
    new = [
        ColumnWrite(title="Kind", type="PICKLIST", index=1, options=("A", "B"), validation=True),
        ColumnWrite(title="Light", type="PICKLIST", index=1, symbol="RYG"),
        ColumnWrite(
            title="People", type="MULTI_CONTACT_LIST", index=1, contact_options=({"email": "ada@halden.example"},)
        ),
        ColumnWrite(title="Made", type="DATETIME", system_type="CREATED_DATE", index=1),
    ]
    added = await client.add_columns(OWNER, risks.id, new, change_agent="test")
    sheet = await risks.sheet()
    assert added.version == sheet.version
    assert added.columns == sheet.columns[1:5]
    kind, light, people, made = added.columns
    assert (kind.options, kind.validation, light.symbol) == (("A", "B"), True, "RYG")
    assert (people.contact_options, made.system_type) == (({"email": "ada@halden.example"},), "CREATED_DATE")

    change = ColumnWrite(title="Sort", type="PICKLIST", options=("A",), width=200, description="Which", hidden=True)
    changed = await client.update_column(OWNER, risks.id, kind.id, change, change_agent="test")
    sheet = await risks.sheet()
    assert changed.columns == (sheet.columns[1],)
    assert (changed.version, sheet.columns[1].width, sheet.columns[1].description) == (sheet.version, 200, "Which")

    await client.delete_column(OWNER, risks.id, light.id, change_agent="test")
    assert [column.title for column in (await risks.sheet()).columns][:4] == ["Risk", "Sort", "People", "Made"]


async def test_a_column_formula_fills_the_column_and_can_be_taken_away(risks: Register) -> None:
    column_id = risks.columns["Mitigation"]
    for formula, held in (("=1+1", "=1+1"), ("", None)):
        write = ColumnWrite(formula=formula)
        answer = await risks.client.update_column(OWNER, risks.id, column_id, write, change_agent="test")
        assert answer.columns[0].formula == held


async def test_columns_that_cannot_be_changed_are_refused_by_a_stable_word(risks: Register) -> None:
    client, first = risks.client, risks.columns["Risk"]
    with pytest.raises(InvalidInput) as primary:
        await client.update_column(OWNER, risks.id, first, ColumnWrite(type="DATE"), change_agent="test")
    with pytest.raises(InvalidInput) as needed:
        await client.delete_column(OWNER, risks.id, first, change_agent="test")
    with pytest.raises(InvalidInput) as twice:
        new = ColumnWrite(title="Owner", type="DATE", index=0)
        await client.add_columns(OWNER, risks.id, [new], change_agent="test")
    with pytest.raises(NotFound) as missing:
        await client.delete_column(OWNER, risks.id, ColumnId("99"), change_agent="test")
    codes = [refused.value.code for refused in (primary, needed, twice, missing)]
    assert codes == ["primary_column", "column_needed", "duplicate_title", "column_not_found"]


async def test_those_who_may_only_read_change_nothing(client: SmartsheetClient, sandbox: SmartsheetSandbox) -> None:
    sheet_id = SheetId(str(sandbox.sheet_id(PROPOSALS, token=VIEWER_TOKEN)))
    before = sandbox.sheet(PROPOSALS)
    column = before["columns"][0]["id"]
    row = NewRow((CellWrite(ColumnId(str(column)), "x"),))
    new = ColumnWrite(title="New", type="DATE", index=0)
    with pytest.raises(Forbidden):
        await client.add_rows(VIEWER, sheet_id, [row], change_agent="test")
    with pytest.raises(Forbidden):
        await client.add_columns(VIEWER, sheet_id, [new], change_agent="test")
    with pytest.raises(Forbidden):
        await client.add_columns(EDITOR, SheetId(str(sandbox.sheet_id(PLAN))), [new], change_agent="test")
    assert sandbox.sheet(PROPOSALS) == before
