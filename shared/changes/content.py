"""The contents of cells, as change-sets compare, keep and write them."""

from collections.abc import Hashable, Mapping
from typing import Any

from shared.changes.models import ColumnCell, ColumnShape
from shared.ids import ColumnId
from shared.sheets.input import CellContent
from shared.sheets.models import AccessLevel, Cell, CellWrite, Column, ColumnType, ColumnWrite, Row, Sheet
from shared.sheets.values import canonical

_BY_OBJECT = frozenset({ColumnType.MULTI_PICKLIST, ColumnType.MULTI_CONTACT_LIST, ColumnType.CONTACT_LIST})
_LOST_WITH_TYPE = ("options", "validation", "symbol", "formula", "contact_options")
_LINK_TARGETS = ("sheetId", "reportId", "sightId", "url")  # a link to a sheet also shows a url, which follows from it


def content_of(cell: Cell | None) -> CellContent:
    """What a cell holds, to be kept."""
    if cell is None:
        return CellContent()
    if cell.formula is not None:
        return CellContent(formula=cell.formula)
    thing = dict(cell.object_value) if cell.object_value else None
    link = dict(cell.hyperlink) if cell.hyperlink else None
    return CellContent(value=cell.value, object_value=thing, hyperlink=link)


def holds(column: Column, cell: Cell | None, content: CellContent) -> bool:
    """Whether the cell holds this content: the same to a person, and the same link."""
    return looks_like(column, cell, content) and _link(cell.hyperlink if cell else None) == _link(content.hyperlink)


def looks_like(column: Column, cell: Cell | None, content: CellContent) -> bool:
    """Whether the cell holds this content, whatever it links to."""
    return canonical(column, cell or Cell()) == canonical(column, _cell(content))


def shows(column: Column, cell: Cell | None, after: CellContent) -> bool:
    """Whether a write of this content took effect: without a link in it, any link is as good."""
    return holds(column, cell, after) if after.hyperlink else looks_like(column, cell, after)


def same(cell: Cell | None, content: CellContent, *, restored: bool) -> bool:
    """Whether the cell holds exactly this, so that writing it would change nothing.

    People who say nothing of a link mean none in particular; of what is `restored`, having had none is a part.
    """
    held = content_of(cell)
    alike = type(held.value) is type(content.value) and held.value == content.value
    by_object = bool(held.object_value or content.object_value)  # then the value is only how it reads
    things = (held.object_value or None) == (content.object_value or None)
    links = _link(held.hyperlink) == _link(content.hyperlink) or not (restored or content.hyperlink)
    return held.formula == content.formula and things and (by_object or alike) and links


def is_empty(content: CellContent) -> bool:
    """Whether there is nothing that somebody could miss; an unchecked box is nothing."""
    if content.object_value or content.formula:
        return False
    return content.value is None or content.value is False or content.value == ""


def write_of(column: Column, content: CellContent, restorer: AccessLevel | None) -> CellWrite:
    """How to put this content into a cell of the column.

    With a `restorer`, it was there before, and somebody with this access puts it back: then it may also be what the
    column's type or options would refuse today.
    """
    if content.formula is not None:
        return CellWrite(column.id, formula=content.formula)
    # A text column would read numbers out of texts, which it keeps as they are when it is strict.
    lenient = restorer is not None and column.type != ColumnType.TEXT_NUMBER
    overrides = lenient and column.validation and restorer is not None and restorer.passes_locks
    if content.object_value and column.type in _BY_OBJECT:
        return CellWrite(column.id, object_value=content.object_value, lenient=lenient, overrides_validation=overrides)
    return CellWrite(
        column.id,
        content.value,
        hyperlink=_target(content.hyperlink),
        lenient=lenient,
        overrides_validation=overrides,
    )


def is_computed(column: Column) -> bool:
    """Whether Smartsheet fills the column itself."""
    return column.system_type is not None or column.formula is not None


def kept_cells(sheet: Sheet, row: Row) -> tuple[ColumnCell, ...]:
    """What a row holds and could be given again."""
    return tuple(
        ColumnCell(column_id=column.id, content=content_of(row.cells[column.id]))
        for column in sheet.columns
        if column.id in row.cells and not is_computed(column)
    )


def column_of(sheet: Sheet, column_id: ColumnId) -> Column | None:
    """The sheet's column with this id."""
    return next((column for column in sheet.columns if column.id == column_id), None)


def shape_of(column: Column) -> ColumnShape:
    """A column's properties, to be kept."""
    return ColumnShape(
        title=column.title,
        type=column.type,
        index=column.index,
        options=column.options,
        validation=column.validation,
        symbol=column.symbol,
        system_type=column.system_type,
        formula=column.formula,
        locked=column.locked,
        hidden=column.hidden,
        width=column.width,
        description=column.description,
        contact_options=tuple({key: str(value) for key, value in one.items()} for one in column.contact_options),
    )


def shape_in(column: Column, asked: ColumnShape) -> ColumnShape:
    """Those properties of the column that `asked` names, as they are; an empty text is how one is taken away."""
    there = shape_of(column).model_dump()
    named = asked.model_dump(exclude_none=True)
    shape = {name: there[name] for name in named}
    for name in ("formula", "description"):
        if name in shape and shape[name] is None:
            shape[name] = ""
    return ColumnShape.model_validate(shape)


def shape_before(column: Column, asked: ColumnShape) -> ColumnShape:
    """The properties that a change may touch, as they are: those it names, and those that go with another type."""
    named = shape_in(column, asked)
    if asked.type is None or asked.type == column.type:
        return named
    there = shape_of(column)
    lost = {name: getattr(there, name) for name in _LOST_WITH_TYPE if getattr(there, name)}
    if column.symbol is not None:
        lost.pop("options", None)  # a symbol brings its own
    return ColumnShape.model_validate({**lost, **named.model_dump(exclude_none=True)})


def restorable(shape: ColumnShape) -> ColumnShape:
    """What is said of a column that is added again: nothing that is so anyway; a symbol brings its own options."""
    said = {name: value for name, value in shape.model_dump().items() if value or name == "index"}
    if shape.symbol is not None:
        said.pop("options", None)
    return ColumnShape.model_validate(said)


def column_write(shape: ColumnShape) -> ColumnWrite:
    """The properties as they are sent."""
    return ColumnWrite(**{name: getattr(shape, name) for name in ColumnShape.model_fields})


def _cell(content: CellContent) -> Cell:
    return Cell(content.value, formula=content.formula, object_value=content.object_value)


def _link(link: Mapping[str, Any] | None) -> Hashable:
    if not link:
        return None
    return next(((name, str(link[name])) for name in _LINK_TARGETS if link.get(name) is not None), None)


def _target(link: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The link as it is sent: only what names the target."""
    if not link:
        return None
    return next(({name: link[name]} for name in _LINK_TARGETS if link.get(name) is not None), None)
