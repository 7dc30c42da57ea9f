"""Values that nobody writes: system columns, formulas, end dates of project sheets."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any

from local.smartsheet.accounts import User
from local.smartsheet.cells import Cell, Scalar, read_fragment
from local.smartsheet.change import SheetChange
from local.smartsheet.columns import Column
from local.smartsheet.dates import end_of_work
from local.smartsheet.formulas import CIRCULAR, UNPARSEABLE, FormulaError, Surroundings, evaluate
from local.smartsheet.project import working_days
from local.smartsheet.rows.outline import Outline
from local.smartsheet.rows.records import Row, load_rows
from local.smartsheet.values import number_cell, text_cell


def stamp_new(columns: list[Column], row: Row, user: User, at: str) -> list[Column]:
    """Fill a new row's system cells and column formulas; gives the columns with their next auto-numbers."""
    counted = list(columns)
    for index, column in enumerate(columns):
        if column.system == "AUTO_NUMBER" and column.auto is not None:
            row.cells[column.id] = text_cell(auto_number(column.auto)).fragment()
            counted[index] = replace(column, auto=column.auto | {"next": column.auto["next"] + 1})
        elif column.system == "CREATED_BY":
            row.cells[column.id] = Cell(user.email, user.name).fragment()
        elif column.system == "CREATED_DATE":
            row.cells[column.id] = Cell(at).fragment()
        elif column.formula is not None:
            row.cells[column.id] = Cell(formula=column.formula).fragment()
    stamp_changed(columns, row, user, at)
    return counted


def stamp_changed(columns: list[Column], row: Row, user: User, at: str) -> None:
    """Note who changed a row, and when, on the row and in its system cells."""
    row.modified_at, row.modified_by = at, user.id
    for column in columns:
        if column.system == "MODIFIED_BY":
            row.cells[column.id] = Cell(user.email, user.name).fragment()
        elif column.system == "MODIFIED_DATE":
            row.cells[column.id] = Cell(at).fragment()


def auto_number(auto: dict[str, Any]) -> str:
    """The text of an auto-number column's next cell."""
    return f"{auto.get('prefix', '')}{auto['next']:0{max(1, len(auto.get('fill', '')))}d}{auto.get('suffix', '')}"


class Recalculation:
    """Brings computed cells up to date after a change.

    `rows` are the rows that the call works on; others are loaded as needed. `dirty` collects the ids of rows
    that came out different and must be stored.
    """

    def __init__(self, change: SheetChange, outline: Outline, rows: dict[int, Row]) -> None:
        self._change = change
        self._outline = outline
        self._rows = rows
        self._by_title = {column.title: column for column in change.columns}
        self.dirty: set[int] = set()

    def run(self, row_ids: Iterable[int]) -> None:
        """Recalculate these rows and everything above them in the hierarchy."""
        row_ids = [row_id for row_id in row_ids if row_id in self._outline]
        if self._change.sheet.dependencies:
            for row_id in row_ids:
                self._set_end_date(self._row(row_id))
        if not self._has_formulas():
            return
        depths: dict[int, int] = {}
        for row_id in row_ids:
            chain = [row_id, *self._outline.ancestors(row_id)]
            depths |= {ancestor: len(chain) - up for up, ancestor in enumerate(chain)}
        for row_id in sorted(depths, key=lambda each: -depths[each]):
            self._evaluate_row(self._row(row_id))

    def rows(self) -> list[Row]:
        """The rows to store."""
        return [self._rows[row_id] for row_id in self.dirty]

    def _has_formulas(self) -> bool:
        if any(row.has_formula for row in self._rows.values()):
            return True
        query = "SELECT 1 FROM rows WHERE sheet_id = ? AND has_formula LIMIT 1"
        return self._change.connection.execute(query, (self._change.sheet.id,)).fetchone() is not None

    def _row(self, row_id: int) -> Row:
        if row_id not in self._rows:
            self._rows |= load_rows(self._change.connection, self._change.sheet.id, [row_id])
        return self._rows[row_id]

    def _set(self, row: Row, column: Column, cell: Cell) -> None:
        fragment = None if cell.empty else cell.fragment()
        if row.cells.get(column.id) != fragment:
            self.dirty.add(row.id)
            if fragment is None:
                row.cells.pop(column.id, None)
            else:
                row.cells[column.id] = fragment

    def _set_end_date(self, row: Row) -> None:
        tagged = {tag: column for column in self._change.columns for tag in column.tags}
        if not {"GANTT_START_DATE", "GANTT_END_DATE", "GANTT_DURATION"} <= tagged.keys():
            return
        start = read_fragment(row.cells.get(tagged["GANTT_START_DATE"].id)).value
        duration = read_fragment(row.cells.get(tagged["GANTT_DURATION"].id)).value
        if not isinstance(start, str) or not isinstance(duration, str):
            return
        end = end_of_work(date.fromisoformat(start[:10]), working_days(duration))
        self._set(row, tagged["GANTT_END_DATE"], Cell(f"{end.isoformat()}T16:59:59"))

    def _evaluate_row(self, row: Row) -> None:
        """Compute every formula of a row, those that others refer to first."""
        if not row.has_formula:
            return
        done: dict[int, Scalar] = {}
        running: set[int] = set()

        def value_of(column: Column) -> Scalar:
            if column.id in done:
                return done[column.id]
            cell = read_fragment(row.cells.get(column.id))
            if cell.formula is None:
                return cell.value
            if column.id in running:
                raise FormulaError(CIRCULAR)
            running.add(column.id)
            around = Surroundings(
                lambda title: value_of(self._column(title)),
                lambda title: self._children(row.id, column if title is None else self._column(title)),
            )
            done[column.id] = value = evaluate(cell.formula, around)
            self._set(row, column, replace(_result(value), formula=cell.formula))
            return value

        for column in self._change.columns:
            value_of(column)

    def _column(self, title: str) -> Column:
        if title not in self._by_title:
            raise FormulaError(UNPARSEABLE)
        return self._by_title[title]

    def _children(self, row_id: int, column: Column) -> list[Scalar]:
        ids = self._outline.children(row_id)
        missing = [child for child in ids if child not in self._rows]
        self._rows |= load_rows(self._change.connection, self._change.sheet.id, missing)
        return [read_fragment(self._rows[child].cells.get(column.id)).value for child in ids]


def _result(value: Scalar) -> Cell:
    if isinstance(value, bool):
        return Cell(value)
    if isinstance(value, int | float):
        return number_cell(value)
    return text_cell(value)
