"""How a reader sees rows: which columns, which optional members, in ready JSON text."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from local.smartsheet.access import Sheet
from local.smartsheet.accounts import USERS
from local.smartsheet.cells import CELL, PART
from local.smartsheet.columns import Column
from local.smartsheet.rows.outline import Outline
from local.smartsheet.rows.records import RowTuple
from local.smartsheet.wire import PERMALINK, encode


@dataclass(frozen=True, slots=True)
class _ColumnView:
    column_id: str
    opening: str
    empty: str
    with_object: bool


class RowView:
    """Writes rows of one sheet as JSON.

    `include` and `exclude` are the words of the query; `level` (0 to 2) says which multi-value types the client
    knows: below a column's version its cells show text only.
    """

    def __init__(
        self,
        sheet: Sheet,
        columns: Iterable[Column],
        *,
        include: frozenset[str] = frozenset(),
        exclude: frozenset[str] = frozenset(),
        level: int = 0,
    ) -> None:
        self._sheet = sheet
        self._include = include
        self._may_edit_locked = sheet.allows("ADMIN")
        skip_empty = "nonexistentCells" in exclude
        self._columns = [self._column_view(column, level, skip_empty=skip_empty) for column in columns]

    def rows(self, records: Iterable[RowTuple], outline: Outline) -> Iterator[str]:
        """The records as JSON."""
        siblings = outline.previous_siblings()
        for record in records:
            yield self._row(record, siblings.get(record[0]))

    def _row(self, record: RowTuple, sibling: int | None) -> str:
        row_id, number, parent_id, expanded, locked, created_at, created_by, modified_at, modified_by, cells = record
        text = f'{{"id":{row_id},"rowNumber":{number}'
        if parent_id is not None:
            text += f',"parentId":{parent_id}'
        if sibling is not None:
            text += f',"siblingId":{sibling}'
        text += ',"expanded":true' if expanded else ',"expanded":false'
        if locked:
            text += f',"locked":true,"lockedForUser":{"false" if self._may_edit_locked else "true"}'
        text += f',"createdAt":"{created_at}","modifiedAt":"{modified_at}"'
        if self._include & {"writerInfo", "rowWriterInfo"}:
            text += f',"createdBy":{_person(created_by)},"modifiedBy":{_person(modified_by)}'
        if "rowPermalink" in self._include:
            text += f',"permalink":"{PERMALINK}{self._sheet.id}?rowId={row_id}"'
        return f'{text},"cells":[{self._cells(cells)}]}}'

    def _cells(self, text: str) -> str:
        fragments: dict[str, str] = {}
        if text:
            for item in text.split(CELL):
                column_id, _, fragment = item.partition(PART)
                fragments[column_id] = fragment
        cells: list[str] = []
        for column in self._columns:
            fragment = fragments.get(column.column_id)
            if fragment is None:
                if column.empty:
                    cells.append(column.empty)
            elif column.with_object:
                cells.append(column.opening + fragment.replace(PART, "") + "}")
            else:
                cells.append(column.opening + fragment[: fragment.index(PART)] + "}")
        return ",".join(cells)

    def _column_view(self, column: Column, level: int, *, skip_empty: bool) -> _ColumnView:
        opening = f'{{"columnId":{column.id}'
        if "columnType" in self._include:
            opening += f',"columnType":"{column.type if column.version <= level else "TEXT_NUMBER"}"'
        with_object = "objectValue" in self._include and column.version <= level
        return _ColumnView(str(column.id), opening, "" if skip_empty else opening + "}", with_object)


def _person(user_id: int) -> str:
    user = USERS[user_id]
    return encode({"email": user.email, "name": user.name})
