"""The JSON of Smartsheet's API, and a reader of whole sheets that leaves the event loop room.

Parsing a sheet of 500,000 cells (some 50 MB) in one call would hold the interpreter lock for about a
second, in whatever thread it runs. Here each row is one short step, and nothing is built twice.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, NotRequired, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter
from pydantic.alias_generators import to_camel
from typing_extensions import TypedDict

from shared.sheets.models import AccessLevel

WireValue = str | int | float | bool | None

# Cells and rows are dictionaries: a third of the time of models, 400,000 times over.


class WireCell(TypedDict):
    """A cell of a row. With `include=objectValue`, `objectValue` holds plain values too."""

    columnId: int
    value: NotRequired[WireValue]
    displayValue: NotRequired[str | None]
    formula: NotRequired[str | None]
    objectValue: NotRequired[Any]
    hyperlink: NotRequired[dict[str, Any] | None]
    linkInFromCell: NotRequired[dict[str, Any] | None]


class WireRow(TypedDict):
    """A row. Answers to writes may leave out `rowNumber` and `parentId`, and may name the sheet's `version` here."""

    id: int
    rowNumber: NotRequired[int]
    parentId: NotRequired[int | None]
    locked: NotRequired[bool]
    lockedForUser: NotRequired[bool]
    createdAt: NotRequired[datetime | None]
    modifiedAt: NotRequired[datetime | None]
    version: NotRequired[int]
    cells: NotRequired[list[WireCell]]


class _Wire(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )


def _listed(value: object) -> object:
    """One object where a list may come: Smartsheet answers one thing alone."""
    return [cast("object", value)] if isinstance(value, Mapping) else value


class WireColumn(_Wire):
    """A column of a sheet."""

    id: int
    index: int
    title: str
    type: str
    primary: bool = False
    options: tuple[str, ...] = ()
    validation: bool = False
    system_column_type: str | None = None
    formula: str | None = None
    locked: bool = False
    locked_for_user: bool = False
    hidden: bool = False
    symbol: str | None = None
    width: int | None = None
    description: str | None = None
    contact_options: Annotated[tuple[dict[str, Any], ...], BeforeValidator(_listed)] = ()


class WireSheet(_Wire):
    """A sheet without its rows."""

    id: int
    name: str
    version: int
    access_level: AccessLevel
    total_row_count: int = 0
    permalink: str | None = None
    read_only: bool = False
    modified_at: datetime | None = None
    columns: tuple[WireColumn, ...]


class WireVersion(_Wire):
    """A version alone: the answer when `ifVersionAfter` has nothing newer, and of `GET …/version`."""

    version: int


class WireItemError(_Wire):
    """Why an item of a bulk call was refused."""

    error_code: int | None = None


class WireFailedItem(_Wire):
    """An item of a bulk call that was refused; `index` is its place in the request."""

    index: int | None = None
    row_id: int | None = None
    error: WireItemError = WireItemError()


class WireRowsResult(_Wire):
    """The answer to adding or updating rows."""

    result_code: int = 0
    version: int | None = None
    result: Annotated[list[WireRow], BeforeValidator(_listed)] = Field(default_factory=list[WireRow])
    failed_items: tuple[WireFailedItem, ...] = ()


class WireDeleteResult(_Wire):
    """The answer to deleting rows: the ids that went."""

    version: int | None = None
    result: tuple[int, ...]


class WireColumnResult(_Wire):
    """The answer to adding, changing or deleting columns."""

    result_code: int = 0
    version: int | None = None
    result: Annotated[tuple[WireColumn, ...], BeforeValidator(_listed)] = ()


class WireSheetSummary(_Wire):
    """A sheet in the answer of `GET /sheets`."""

    id: int
    name: str
    access_level: AccessLevel
    permalink: str | None = None
    modified_at: datetime | None = None


class WireSheetList(_Wire):
    """The answer of `GET /sheets`."""

    data: list[WireSheetSummary]


class WireUser(_Wire):
    """The answer of `GET /users/me`."""

    id: int
    email: str
    first_name: str | None = None
    last_name: str | None = None
    locale: str | None = None
    time_zone: str | None = None


_check_row: Callable[[object], WireRow] = TypeAdapter(WireRow).validate_python
_read_value = json.JSONDecoder().raw_decode
_SPACE = re.compile(r"[ \t\r\n]*")


def read_sheet(body: bytes, take_row: Callable[[WireRow], None]) -> WireSheet | WireVersion:
    """Read the answer of `GET /sheets/{id}`; each row goes to `take_row` as soon as it is read.

    Raises `ValueError` (pydantic's and json's errors are such) when the answer is not a sheet.
    """
    text = body.decode()
    members: dict[str, Any] = {}

    def row(at: int) -> int:
        value, at = _read_value(text, at)
        take_row(_check_row(value))
        return at

    def member(at: int) -> int:
        key, at = _read_value(text, at)
        at = _expect(text, _skip(text, at), ":")
        if key == "rows" and text[at : at + 1] == "[":
            return _sequence(text, at, "[]", row)
        members[str(key)], at = _read_value(text, at)
        return at

    end = _sequence(text, _skip(text, 0), "{}", member)
    if end != len(text):
        raise ValueError("there is something after the end of the JSON document")
    return (WireSheet if "columns" in members else WireVersion).model_validate(members)


def _sequence(text: str, at: int, brackets: str, item: Callable[[int], int]) -> int:
    """Read a bracketed, comma-separated sequence that starts at `at`; `item` reads one and says where it ended."""
    at = _expect(text, at, brackets[0])
    if text[at : at + 1] == brackets[1]:
        return _skip(text, at + 1)
    while True:
        at = _skip(text, item(at))
        if text[at : at + 1] != ",":
            return _expect(text, at, brackets[1])
        at = _skip(text, at + 1)


def _expect(text: str, at: int, mark: str) -> int:
    if text[at : at + 1] != mark:
        raise ValueError(f"expected {mark} at character {at} of the JSON document")
    return _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at
