"""Columns: what one is, its wire form, and the rules for its type."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from local.smartsheet.errors import ApiError

MAX_TITLE = 50
PICKLIST_TYPES = ("PICKLIST", "MULTI_PICKLIST")
CONTACT_TYPES = ("CONTACT_LIST", "MULTI_CONTACT_LIST")
PROJECT_TYPES = ("ABSTRACT_DATETIME", "DURATION", "PREDECESSOR")
TYPES = ("TEXT_NUMBER", "DATE", "DATETIME", "CHECKBOX", *PICKLIST_TYPES, *CONTACT_TYPES, *PROJECT_TYPES)
# The types whose cells can be restricted to fitting values ("restrict to list values only", "dates only", …).
VALIDATED_TYPES = ("DATE", "CHECKBOX", *PICKLIST_TYPES, *CONTACT_TYPES)
TYPE_OF_SYSTEM_COLUMN = {
    "AUTO_NUMBER": "TEXT_NUMBER",
    "CREATED_BY": "CONTACT_LIST",
    "MODIFIED_BY": "CONTACT_LIST",
    "CREATED_DATE": "DATETIME",
    "MODIFIED_DATE": "DATETIME",
}
# A column's `version`: which `level` a client must ask for to see its real type (older clients see text).
_VERSION = {"MULTI_CONTACT_LIST": 1, "MULTI_PICKLIST": 2}
_SYMBOLS: dict[str, dict[str, list[str]]] = {
    "CHECKBOX": {"FLAG": [], "STAR": []},
    "PICKLIST": {
        "RYG": ["Red", "Yellow", "Green"],
        "RYGB": ["Red", "Yellow", "Green", "Blue"],
        "PRIORITY": ["High", "Low"],
        "PRIORITY_HML": ["High", "Medium", "Low"],
        "HARVEY_BALLS": ["Empty", "Quarter", "Half", "Three Quarter", "Full"],
        "DECISION_SYMBOLS": ["Yes", "Hold", "No"],
    },
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `system` is the system column type; `auto` its number format with the next number."""

    id: int
    title: str
    type: str
    primary: bool = False
    system: str | None = None
    options: list[str] = field(default_factory=list)
    contacts: list[dict[str, str]] = field(default_factory=list)
    symbol: str | None = None
    validation: bool = False
    width: int = 150
    locked: bool = False
    hidden: bool = False
    description: str | None = None
    format: str | None = None
    formula: str | None = None
    auto: dict[str, Any] | None = None
    tags: list[str] = field(default_factory=list)

    @property
    def version(self) -> int:
        """0 for plain types, 1 multi-contact, 2 multi-picklist."""
        return _VERSION.get(self.type, 0)

    @property
    def computed(self) -> bool:
        """Whether nobody writes its cells: a system column or a column formula."""
        return self.system is not None or self.formula is not None

    def stored(self) -> dict[str, Any]:
        """The JSON form in the database, without what has its default value."""
        return {name: value for name, value in asdict(self).items() if value not in (None, [], False)}

    def wire(self, index: int, *, level: int, may_edit_locked: bool) -> dict[str, Any]:
        """The API's column object. A type newer than `level` shows as TEXT_NUMBER."""
        body: dict[str, Any] = {
            "id": self.id,
            "version": self.version,
            "index": index,
            "title": self.title,
            "type": self.type if self.version <= level else "TEXT_NUMBER",
            "validation": self.validation,
            "width": self.width,
        }
        optional = {
            "primary": self.primary,
            "systemColumnType": self.system,
            "options": self.options if self.version <= level else [],
            "contactOptions": self.contacts,
            "symbol": self.symbol,
            "hidden": self.hidden,
            "description": self.description,
            "format": self.format,
            "formula": self.formula,
            "tags": self.tags,
            "autoNumberFormat": self.auto and {k: v for k, v in self.auto.items() if k != "next"},
            "locked": self.locked,
            "lockedForUser": self.locked and not may_edit_locked,
        }
        return body | {name: value for name, value in optional.items() if value}


class ContactOption(BaseModel):
    """A person offered by a contact column."""

    email: str
    name: str | None = None


class AutoNumberFormat(BaseModel):
    """How an auto-number column writes its numbers: prefix, zero-filled number, suffix."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")

    prefix: str = ""
    fill: str = ""
    starting_number: int = 1
    suffix: str = ""


class ColumnIn(BaseModel):
    """A column as a client sends it. Attributes that only answers have are accepted and not used."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")

    id: int | None = None
    title: str | None = None
    type: str | None = None
    index: int | None = None
    primary: bool | None = None
    system_column_type: str | None = None
    options: list[str] | None = None
    contact_options: list[ContactOption] | None = None
    symbol: str | None = None
    validation: bool | None = None
    width: int | None = None
    locked: bool | None = None
    locked_for_user: bool | None = None
    hidden: bool | None = None
    description: str | None = None
    format: str | None = None
    formula: str | None = None
    auto_number_format: AutoNumberFormat | None = None
    version: int | None = None
    tags: list[str] | None = None


def build_column(given: ColumnIn, column_id: int) -> Column:
    """A new column. Raises 1012, 1031, 1041, 1058–1060, 1079, 1089, 1142, 1210 or 1303 for a broken rule."""
    if given.type is None and given.system_column_type is None:
        raise ApiError(1012, "column.type")
    system = given.system_column_type
    kind = given.type or TYPE_OF_SYSTEM_COLUMN.get(system or "", "")
    column = Column(
        column_id,
        _checked_title(given.title),
        kind,
        primary=bool(given.primary),
        system=system,
        auto=_auto_format(given) if system == "AUTO_NUMBER" else None,
    )
    return _checked(_with_attributes(column, given))


def change_column(column: Column, given: ColumnIn) -> Column:
    """The column with the given attributes changed. Raises as `build_column`, and 1057, 1085, 1090."""
    changed = column
    if given.title is not None:
        changed = replace(changed, title=_checked_title(given.title))
    if given.type is None and {"symbol", "system_column_type", "options"} & given.model_fields_set:
        raise ApiError(1090)
    if given.type is not None and given.type != column.type:
        if column.primary:
            raise ApiError(1057)
        if column.tags:
            raise ApiError(1085)
        kept = {name: getattr(changed, name) for name in ("width", "locked", "hidden", "description", "format")}
        changed = Column(column.id, changed.title, given.type, **kept)
    if given.system_column_type is not None:
        changed = replace(changed, system=given.system_column_type, auto=_auto_format(given))
    return _checked(_with_attributes(changed, given))


def _with_attributes(column: Column, given: ColumnIn) -> Column:
    """The attributes that need no rule of their own."""
    changes: dict[str, Any] = {
        name: getattr(given, name)
        for name in ("validation", "width", "locked", "hidden", "description", "format", "symbol")
        if getattr(given, name) is not None
    }
    if "formula" in given.model_fields_set:
        changes["formula"] = given.formula or None
    if given.symbol is not None and given.symbol != column.symbol and column.symbol is not None:
        changes["options"] = []  # those of the former symbol go with it
    if given.options is not None:
        changes["options"] = list(dict.fromkeys(given.options))
    if given.contact_options is not None:
        changes["contacts"] = [option.model_dump(exclude_none=True) for option in given.contact_options]
    return replace(column, **changes)


def _checked(column: Column) -> Column:
    if column.type not in TYPES:
        raise ApiError(1031, column.type, "column.type")
    if column.system is not None:
        if column.system not in TYPE_OF_SYSTEM_COLUMN:
            raise ApiError(1031, column.system, "column.systemColumnType")
        if column.type != TYPE_OF_SYSTEM_COLUMN[column.system]:
            raise ApiError(1079, column.type, column.system)
    elif column.type == "DATETIME":
        raise ApiError(1089)
    if column.validation and column.type not in VALIDATED_TYPES:
        raise ApiError(1210, column.type)
    if column.type in PROJECT_TYPES and not column.tags:
        raise ApiError(1142, column.type)
    if column.formula is not None:
        _check_formula(column)
    return _checked_options(column)


def _check_formula(column: Column) -> None:
    if not (column.formula or "").startswith("="):
        raise ApiError(1162)
    if column.system is not None or column.type in PROJECT_TYPES or column.version:
        raise ApiError(1303)


def _checked_options(column: Column) -> Column:
    if column.contacts and column.type not in CONTACT_TYPES:
        raise ApiError(1032, "column.contactOptions")
    if column.symbol is not None:
        known = _SYMBOLS.get(column.type, {})
        if column.symbol not in known:
            raise ApiError(1058, column.symbol, column.type)
        if column.options and column.options != known[column.symbol]:
            raise ApiError(1059)
        return replace(column, options=known[column.symbol])
    if column.options and column.type not in PICKLIST_TYPES:
        raise ApiError(1060, column.type)
    return column


def _checked_title(title: str | None) -> str:
    if title is None or not title.strip():
        raise ApiError(1012, "column.title")
    if len(title) > MAX_TITLE:
        raise ApiError(1041, "column.title", MAX_TITLE, len(title))
    return title


def _auto_format(given: ColumnIn) -> dict[str, Any]:
    chosen = given.auto_number_format or AutoNumberFormat()
    return chosen.model_dump(by_alias=True, exclude_defaults=True) | {"next": chosen.starting_number}
