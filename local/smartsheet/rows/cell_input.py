"""One cell of a request, checked against its column, the sheet and the caller."""

from typing import Any

from local.smartsheet.access import Sheet
from local.smartsheet.cells import Cell
from local.smartsheet.change import SheetChange
from local.smartsheet.columns import Column
from local.smartsheet.errors import ApiError
from local.smartsheet.project import RowFinder
from local.smartsheet.rows.outline import Outline
from local.smartsheet.rows.requests import CellIn
from local.smartsheet.values import Rules, read_object, read_value, text_cell
from local.smartsheet.wire import PERMALINK


class CellReader:
    """Reads the cells of a call."""

    def __init__(self, change: SheetChange, outline: Outline, *, override: bool) -> None:
        self._change = change
        self._columns = {column.id: column for column in change.columns}
        self._rows = RowFinder(outline.row_at, outline.number_of)
        self._override = override

    def read(self, cells: list[CellIn]) -> dict[int, str | None]:
        """The new fragment of each cell, `None` where it becomes empty. Raises the error of the first bad cell."""
        fragments: dict[int, str | None] = {}
        for given in cells:
            column = self._writable(given.column_id)
            if column.id in fragments:
                raise ApiError(1037, column.id)
            cell = self._cell(column, given)
            fragments[column.id] = None if cell.empty else cell.fragment()
        return fragments

    def _writable(self, column_id: int | None) -> Column:
        if column_id is None:
            raise ApiError(1012, "cell.columnId")
        column = self._columns.get(column_id)
        if column is None:
            raise ApiError(1036, column_id)
        sheet: Sheet = self._change.sheet
        if column.system is not None:
            raise ApiError(1046, column.id)
        if column.formula is not None:
            raise ApiError(1302)
        if column.locked and not sheet.allows("ADMIN"):
            raise ApiError(1039, column.id)
        if sheet.dependencies and "GANTT_END_DATE" in column.tags:
            raise ApiError(1080)
        return column

    def _cell(self, column: Column, given: CellIn) -> Cell:
        rules = Rules(given.strict, self._override or given.override_validation, self._rows)
        if given.link_in_from_cell is not None or given.image is not None:
            raise ApiError(1146, "cell links and images are not part of the sandbox")
        content = given.value is not None or given.object_value is not None
        if given.value is not None and given.object_value is not None:
            raise ApiError(1130)
        if given.formula is not None:
            if content:
                raise ApiError(1178, "cell.value, cell.formula")
            if not given.formula.startswith("="):
                raise ApiError(1162)
            return Cell(formula=given.formula)
        if given.hyperlink is not None:
            return self._hyperlink(given, given.hyperlink)
        if given.object_value is not None:
            return read_object(column, given.object_value, rules)
        if not {"value", "object_value", "formula", "hyperlink"} & given.model_fields_set:
            raise ApiError(1012, "cell.value")
        return read_value(column, given.value, rules)

    def _hyperlink(self, given: CellIn, link: dict[str, Any]) -> Cell:
        sheet_id, url = link.get("sheetId"), link.get("url")
        targets = [link[name] for name in ("sheetId", "reportId", "sightId") if link.get(name) is not None]
        if len(targets) > 1:
            raise ApiError(1111)
        if url is not None and targets:
            raise ApiError(1112)
        if given.value is not None and not isinstance(given.value, str):
            raise ApiError(1113)
        if url is not None:
            text = text_cell(given.value or str(url))
            return Cell(text.value, text.display, hyperlink={"url": str(url)})
        if not targets:
            raise ApiError(1117)
        query = "SELECT name FROM sheets JOIN shares ON sheet_id = id AND user_id = ? WHERE id = ?"
        found = self._change.connection.execute(query, (self._change.user.id, sheet_id)).fetchone()
        if found is None:
            raise ApiError(1114, targets[0])  # also for reports and dashboards, which the sandbox has none of
        text = text_cell(given.value or found[0])
        return Cell(text.value, text.display, hyperlink={"sheetId": sheet_id, "url": f"{PERMALINK}{sheet_id}"})
