"""What a column may be when it is added or changed.

Types that may be chosen: text and numbers, choices, contacts, dates, check boxes. Smartsheet keeps DATETIME for system
columns, and ABSTRACT_DATETIME, DURATION and PREDECESSOR for project settings (errors 1089, 1142). Every other change
of type is allowed except of the primary column's; contents that do not fit the new type stay as text.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.sheets.cell_rules import fit_formula, fit_text, is_email
from shared.sheets.columns import quoted, refuse
from shared.sheets.input import ColumnChange, ColumnInput
from shared.sheets.models import Column, ColumnType, ColumnWrite, Sheet
from shared.sheets.values import text_length

MAX_TITLE = 50
MAX_COLUMNS = 400
MAX_CELLS = 500_000

_CHOICE_TYPES = frozenset[str]({ColumnType.PICKLIST, ColumnType.MULTI_PICKLIST})
_CONTACT_TYPES = frozenset[str]({ColumnType.CONTACT_LIST, ColumnType.MULTI_CONTACT_LIST})
_FORMULA_TYPES = frozenset[str](
    {
        ColumnType.TEXT_NUMBER,
        ColumnType.PICKLIST,
        ColumnType.CONTACT_LIST,
        ColumnType.DATE,
        ColumnType.CHECKBOX,
    }
)
_VALIDATED_TYPES = _CHOICE_TYPES | _CONTACT_TYPES | {ColumnType.DATE, ColumnType.CHECKBOX}
_CHOSEN_TYPES = _VALIDATED_TYPES | {ColumnType.TEXT_NUMBER}
_SYSTEM_TYPES: Mapping[str, str] = {
    "AUTO_NUMBER": ColumnType.TEXT_NUMBER,
    "CREATED_BY": ColumnType.CONTACT_LIST,
    "MODIFIED_BY": ColumnType.CONTACT_LIST,
    "CREATED_DATE": ColumnType.DATETIME,
    "MODIFIED_DATE": ColumnType.DATETIME,
}
# The names of the vendor's own SDK; the reference has no list.
_SYMBOLS: Mapping[str, tuple[str, ...]] = {
    ColumnType.CHECKBOX: ("FLAG", "STAR"),
    ColumnType.PICKLIST: (
        *("ARROWS_3_WAY", "ARROWS_4_WAY", "ARROWS_5_WAY", "DECISION_SHAPES", "DECISION_SYMBOLS"),
        *("DIRECTIONS_3_WAY", "DIRECTIONS_4_WAY", "EFFORT", "HARVEY_BALLS", "HEARTS", "MONEY", "PAIN", "PRIORITY"),
        *("PRIORITY_HML", "PROGRESS", "RYG", "RYGB", "RYGG", "SIGNAL", "SKI", "STAR_RATING", "VCR", "WEATHER"),
    ),
}


@dataclass(frozen=True, slots=True)
class _Target:
    """The column as it will be, as far as the rules need it. `old` is what it is now."""

    type: str
    system_type: str | None
    old: Column | None

    @property
    def keeps_type(self) -> bool:
        """Whether what the column has of options, symbol and so on stays."""
        return self.old is not None and self.old.type == self.type


def check_column(
    sheet: Sheet, given: ColumnInput | ColumnChange, field: str, *, existing: Column | None
) -> ColumnWrite:
    """The write that adds a column, or changes the existing one. `field` is the path of the column in the input.

    Raises `InvalidInput`; codes: `invalid_title`, `duplicate_title`, `invalid_type`, `primary_column`,
    `duplicate_system_column`, `system_column`, `invalid_index`, `invalid_options`, `invalid_symbol`,
    `invalid_validation`, `not_a_formula`, `value_too_long`, `sheet_full`. Whether the caller may change columns at
    all is said by `require_columns_writable`.
    """
    if existing is None:
        _check_room(sheet, field)
    _check_title(sheet, given.title, f"{field}.title", existing)
    target = _target(sheet, given, field, existing)
    _check_index(sheet, given, f"{field}.index", existing)
    _check_options(given, target, field)
    _check_symbol(given, target, f"{field}.symbol")
    _check_validation(given, target, f"{field}.validation")
    if given.formula:
        _check_formula(given.formula, target, f"{field}.formula")
    return _write(sheet, given, target)


def _write(sheet: Sheet, given: ColumnInput | ColumnChange, target: _Target) -> ColumnWrite:
    old = target.old
    options = given.options
    if given.symbol is not None and target.keeps_type and old is not None and old.options and old.symbol is None:
        options = ()  # the symbol brings its own
    # Smartsheet wants the type beside options and symbol (error 1090).
    typed = old is None or given.type is not None or options is not None or given.symbol is not None
    contacts = given.contact_options
    return ColumnWrite(
        title=given.title,
        type=target.type if typed else None,
        index=len(sheet.columns) if given.index is None and old is None else given.index,
        options=options,
        validation=given.validation,
        symbol=given.symbol,
        system_type=target.system_type if old is None else None,
        formula=_cleared(given, "formula", given.formula),
        locked=given.locked,
        hidden=given.hidden,
        width=given.width,
        description=_cleared(given, "description", given.description),
        contact_options=None if contacts is None else tuple(each.model_dump(exclude_none=True) for each in contacts),
    )


def _cleared(given: ColumnInput | ColumnChange, name: str, text: str | None) -> str | None:
    """An empty text is how a property is taken away; None leaves it."""
    return "" if isinstance(given, ColumnChange) and name in given.model_fields_set and text is None else text


def _check_room(sheet: Sheet, field: str) -> None:
    columns = len(sheet.columns) + 1
    if columns > MAX_COLUMNS or columns * sheet.total_row_count > MAX_CELLS:
        refuse(
            field, "sheet_full", f"the sheet has no room: {MAX_COLUMNS} columns and {MAX_CELLS} cells are the limits"
        )


def _check_title(sheet: Sheet, title: str | None, field: str, existing: Column | None) -> None:
    if title is None:
        return
    if not title.strip() or text_length(title) > MAX_TITLE:
        refuse(field, "invalid_title", f"must have 1 to {MAX_TITLE} characters, not only spaces")
    for column in sheet.columns:
        if column.title.casefold() == title.casefold() and (existing is None or column.id != existing.id):
            refuse(field, "duplicate_title", f"there is a column {quoted(column.title)} already")


def _target(sheet: Sheet, given: ColumnInput | ColumnChange, field: str, existing: Column | None) -> _Target:
    if isinstance(given, ColumnInput) and given.system_column_type is not None:
        return _system_target(sheet, given, field)
    if existing is not None and given.type in (None, existing.type):
        return _Target(existing.type, existing.system_type, existing)
    if given.type is None or given.type not in _CHOSEN_TYPES:
        refuse(f"{field}.type", "invalid_type", f"must be one of {', '.join(sorted(_CHOSEN_TYPES))}")
    if existing is not None:
        if existing.primary:
            refuse(f"{field}.type", "primary_column", "the type of the primary column cannot change")
        if existing.system_type is not None or existing.type not in _CHOSEN_TYPES:
            refuse(f"{field}.type", "invalid_type", "system columns and columns of project settings keep their type")
    return _Target(given.type, None, existing)


def _system_target(sheet: Sheet, given: ColumnInput, field: str) -> _Target:
    system = given.system_column_type or ""
    if system not in _SYSTEM_TYPES:
        refuse(f"{field}.systemColumnType", "invalid_type", f"must be one of {', '.join(sorted(_SYSTEM_TYPES))}")
    if given.type not in (None, _SYSTEM_TYPES[system]):
        refuse(f"{field}.type", "invalid_type", f"must be {_SYSTEM_TYPES[system]} for {system}, or left out")
    if any(column.system_type == system for column in sheet.columns):
        refuse(f"{field}.systemColumnType", "duplicate_system_column", f"the sheet has a column of {system} already")
    return _Target(_SYSTEM_TYPES[system], system, None)


def _check_index(sheet: Sheet, given: ColumnInput | ColumnChange, field: str, existing: Column | None) -> None:
    last = len(sheet.columns) - (existing is not None)
    if given.index is not None and not 0 <= given.index <= last:
        refuse(field, "invalid_index", f"must be between 0 and {last}")


def _check_options(given: ColumnInput | ColumnChange, target: _Target, field: str) -> None:
    options, contacts = given.options, given.contact_options
    if target.system_type is not None and (options is not None or contacts is not None):
        refuse(field, "system_column", "Smartsheet fills this column itself; it has no options")
    if options is not None:
        _check_choices(options, given, target, f"{field}.options")
    if contacts is not None:
        if target.type not in _CONTACT_TYPES:
            refuse(f"{field}.contactOptions", "invalid_options", f"goes with {' and '.join(sorted(_CONTACT_TYPES))}")
        for at, contact in enumerate(contacts):
            if not is_email(contact.email):
                refuse(f"{field}.contactOptions.{at}.email", "invalid_options", "must be an e-mail address")


def _check_choices(options: tuple[str, ...], given: ColumnInput | ColumnChange, target: _Target, field: str) -> None:
    if target.type not in _CHOICE_TYPES:
        refuse(field, "invalid_options", f"goes with {' and '.join(sorted(_CHOICE_TYPES))}")
    old_symbol = target.old.symbol if target.old is not None and target.keeps_type else None
    if given.symbol is not None or old_symbol is not None:
        refuse(field, "invalid_options", "the column's symbol brings its own options")
    for at, option in enumerate(options):
        if not option.strip() or option in options[:at]:
            refuse(f"{field}.{at}", "invalid_options", "must be a text that is not blank and not there already")
        fit_text(option, f"{field}.{at}")


def _check_symbol(given: ColumnInput | ColumnChange, target: _Target, field: str) -> None:
    if given.symbol is None:
        return
    known = _SYMBOLS.get(target.type, ())
    if target.system_type is not None or given.symbol not in known:
        names = ", ".join(known) or "left out"
        refuse(field, "invalid_symbol", f"must be, for a column of type {target.type}: {names}")


def _check_validation(given: ColumnInput | ColumnChange, target: _Target, field: str) -> None:
    if not given.validation:
        return
    if target.system_type is not None or target.type not in _VALIDATED_TYPES:
        refuse(field, "invalid_validation", f"a column of type {target.type} cannot be restricted")
    if target.old is not None and not target.keeps_type:
        refuse(field, "invalid_validation", "change the type first, and restrict the column to it then")


def _check_formula(formula: str, target: _Target, field: str) -> None:
    if target.system_type is not None or target.type not in _FORMULA_TYPES:
        refuse(field, "not_a_formula", f"columns of type {target.type} take no column formula")
    fit_formula(formula, field)
