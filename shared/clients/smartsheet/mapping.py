"""Between Smartsheet's JSON and the domain: integers become string ids, rows become slotted dataclasses."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from shared.clients.smartsheet.failures import row_fault
from shared.clients.smartsheet.wire import (
    WireCell,
    WireColumn,
    WireColumnResult,
    WireDeleteResult,
    WireFailedItem,
    WireRow,
    WireRowsResult,
    WireSheet,
    WireSheetList,
    WireUser,
    WireValue,
    WireVersion,
    read_sheet,
)
from shared.ids import ColumnId, RowId, SheetId
from shared.sheets.models import (
    AddAnswer,
    AddFailure,
    Cell,
    Column,
    ColumnAnswer,
    Row,
    RowFailure,
    RowWrite,
    Sheet,
    SheetSummary,
    SmartsheetUser,
    Unchanged,
    WriteAnswer,
)

_DATES = frozenset({"DATE", "DATETIME", "ABSTRACT_DATETIME"})  # their objects hold the value and no more
_SIMPLE = frozenset({"columnId", "value", "displayValue", "objectValue"})


def parse_sheet(body: bytes, fetched_at: datetime) -> Sheet | Unchanged:
    """The sheet that an answer of `GET /sheets/{id}` holds. Raises `ValueError` when it holds none."""
    rows: list[Row] = []
    to_row = RowMapper()

    wire = read_sheet(body, lambda row: rows.append(to_row(row)))
    if not isinstance(wire, WireSheet):
        return Unchanged(wire.version)
    return Sheet(
        id=SheetId(str(wire.id)),
        name=wire.name,
        version=wire.version,
        access_level=wire.access_level,
        columns=tuple(_column(column) for column in wire.columns),
        rows=tuple(rows),
        total_row_count=wire.total_row_count,
        permalink=wire.permalink,
        read_only=wire.read_only,
        modified_at=wire.modified_at,
        fetched_at=fetched_at,
    )


def parse_write_answer(body: bytes, sent: Sequence[RowWrite]) -> WriteAnswer:
    """What a bulk update answered. Raises `ValueError` when it is not such an answer."""
    wire = WireRowsResult.model_validate_json(body)
    to_row = RowMapper()
    return WriteAnswer(
        version=_version(wire),
        rows=tuple(to_row(row) for row in wire.result),
        failures=tuple(_failure(item, sent) for item in wire.failed_items),
    )


def parse_add_answer(body: bytes, sent: int) -> AddAnswer:
    """What adding so many rows answered. Raises `ValueError` when that does not tell what became of each."""
    wire = WireRowsResult.model_validate_json(body)
    refused = {item.index: row_fault(item.error.error_code) for item in wire.failed_items}
    taken = [index for index in range(sent) if index not in refused]
    if len(taken) != len(wire.result) or len(taken) + len(refused) != sent:
        raise ValueError("the answer does not tell what became of each row")
    to_row = RowMapper()
    added = dict(zip(taken, (to_row(row) for row in wire.result), strict=True))
    failures = tuple(AddFailure(index, *refused[index]) for index in range(sent) if index in refused)
    return AddAnswer(_version(wire), tuple(added.get(index) for index in range(sent)), failures)


def parse_delete_answer(body: bytes) -> tuple[tuple[RowId, ...], int | None]:
    """The rows that went, and the sheet's version where it is told. Raises `ValueError` for any other answer."""
    wire = WireDeleteResult.model_validate_json(body)
    return tuple(RowId(str(row_id)) for row_id in wire.result), wire.version


def parse_column_answer(body: bytes) -> ColumnAnswer:
    """What a change of columns answered. Raises `ValueError` when it is not such an answer."""
    wire = WireColumnResult.model_validate_json(body)
    return ColumnAnswer(wire.version, tuple(_column(column) for column in wire.result))


def parse_version(body: bytes) -> int:
    """The version that `GET …/version` answers. Raises `ValueError` when it answers none."""
    return WireVersion.model_validate_json(body).version


def parse_user(body: bytes) -> SmartsheetUser:
    """The person that `GET /users/me` answers. Raises `ValueError` when it answers none."""
    wire = WireUser.model_validate_json(body)
    name = " ".join(part for part in (wire.first_name, wire.last_name) if part)
    return SmartsheetUser(
        id=str(wire.id), email=wire.email, name=name or wire.email, locale=wire.locale, time_zone=wire.time_zone
    )


def parse_sheet_list(body: bytes) -> list[SheetSummary]:
    """The sheets that `GET /sheets` answers. Raises `ValueError` when it answers none such."""
    return [
        SheetSummary(
            id=SheetId(str(wire.id)),
            name=wire.name,
            access_level=wire.access_level,
            permalink=wire.permalink,
            modified_at=wire.modified_at,
        )
        for wire in WireSheetList.model_validate_json(body).data
    ]


class RowMapper:
    """Turns rows into domain rows; one for all rows of an answer, so that equal column ids are one string."""

    def __init__(self) -> None:
        self._ids: dict[int, ColumnId] = {}

    def __call__(self, wire: WireRow) -> Row:
        parent_id = wire.get("parentId")
        return Row(
            id=RowId(str(wire["id"])),
            number=wire.get("rowNumber", 0),
            cells=self._cells(wire.get("cells", [])),
            parent_id=None if parent_id is None else RowId(str(parent_id)),
            locked=wire.get("locked", False),
            locked_for_user=wire.get("lockedForUser", False),
            modified_at=wire.get("modifiedAt"),
            created_at=wire.get("createdAt"),
        )

    def _cells(self, wires: list[WireCell]) -> dict[ColumnId, Cell]:
        ids = self._ids
        cells: dict[ColumnId, Cell] = {}
        for wire in wires:
            cell = _cell(wire)
            if cell is None:
                continue
            number = wire["columnId"]
            if number not in ids:
                ids[number] = ColumnId(str(number))
            cells[ids[number]] = cell
        return cells


def _cell(wire: WireCell) -> Cell | None:
    """The cell, or None when it holds nothing."""
    value = wire.get("value")
    display = wire.get("displayValue")
    if isinstance(value, str) and display == value:
        display = value  # one string instead of two equal ones: most cells are text
    if wire.keys() <= _SIMPLE and not isinstance(wire.get("objectValue"), dict):
        return None if value is None or value == "" else Cell(value, display)
    return _rich_cell(wire, value, display)


def _rich_cell(wire: WireCell, value: WireValue, display: str | None) -> Cell | None:
    thing = wire.get("objectValue")
    object_value = cast("Mapping[str, Any]", thing) if isinstance(thing, dict) else None
    if object_value is not None and object_value.get("objectType") in _DATES:
        if value is None:
            value = object_value.get("value")
        object_value = None
    elif object_value is not None and value is None:
        value = display
    formula = wire.get("formula")
    hyperlink = wire.get("hyperlink")
    linked = wire.get("linkInFromCell") is not None
    if (value is None or value == "") and not (object_value or formula or hyperlink or linked):
        return None
    return Cell(value, display, formula, object_value, hyperlink, linked)


def _column(wire: WireColumn) -> Column:
    return Column(
        id=ColumnId(str(wire.id)),
        index=wire.index,
        title=wire.title,
        type=wire.type,
        primary=wire.primary,
        options=wire.options,
        validation=wire.validation,
        system_type=wire.system_column_type,
        formula=wire.formula,
        locked=wire.locked,
        locked_for_user=wire.locked_for_user,
        hidden=wire.hidden,
        symbol=wire.symbol,
        width=wire.width,
        description=wire.description,
        contact_options=wire.contact_options,
    )


def _version(wire: WireRowsResult) -> int:
    """The sheet's version after the call: beside the rows, or in each of them as the API reference has it."""
    versions = [row["version"] for row in wire.result if "version" in row]
    if wire.version is None and not versions:
        raise ValueError("the answer does not tell the sheet's version")
    return max(versions) if wire.version is None else wire.version


def _failure(item: WireFailedItem, sent: Sequence[RowWrite]) -> RowFailure:
    code, message = row_fault(item.error.error_code)
    if item.row_id is not None:
        return RowFailure(RowId(str(item.row_id)), code, message)
    if item.index is None or not 0 <= item.index < len(sent):
        raise ValueError("a refused item names neither its row nor its place in the request")
    return RowFailure(sent[item.index].row_id, code, message)
