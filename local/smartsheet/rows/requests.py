"""What clients send to add and change rows, checked for form."""

from typing import Any

from pydantic import BaseModel, ConfigDict, StrictBool, StrictFloat, StrictInt, StrictStr, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from local.smartsheet.errors import ApiError
from local.smartsheet.rows.outline import Place

MAX_ROWS_PER_CALL = 500


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")


class CellIn(_Wire):
    """A cell as a client sends it. Attributes that only answers have are accepted and not used."""

    column_id: int | None = None
    value: StrictBool | StrictInt | StrictFloat | StrictStr | None = None
    object_value: Any = None
    formula: str | None = None
    hyperlink: dict[str, Any] | None = None
    strict: bool = True
    override_validation: bool = False
    link_in_from_cell: dict[str, Any] | None = None
    image: dict[str, Any] | None = None
    format: str | None = None
    display_value: str | None = None
    column_type: str | None = None
    links_out_to_cells: list[Any] | None = None
    conditional_format: str | None = None


class RowIn(_Wire):
    """A row as a client sends it."""

    id: int | None = None
    cells: list[CellIn] = []
    to_top: bool | None = None
    to_bottom: bool | None = None
    parent_id: int | None = None
    sibling_id: int | None = None
    above: bool | None = None
    indent: int | None = None
    outdent: int | None = None
    expanded: bool | None = None
    locked: bool | None = None
    format: str | None = None

    @property
    def location(self) -> dict[str, Any]:
        """The location attributes that were given."""
        names = ("to_top", "to_bottom", "parent_id", "sibling_id", "above", "indent", "outdent")
        given = {name: getattr(self, name) for name in names if name in self.model_fields_set}
        return {name: value for name, value in given.items() if value not in (None, False)}


_ROWS = TypeAdapter(list[RowIn])
_ROW = TypeAdapter(RowIn)


def read_rows_in(body: bytes) -> tuple[list[RowIn], bool]:
    """The rows of a body, and whether it was an array. Raises 1008, 1024, 1038 or 1061."""
    if not body.strip():
        raise ApiError(1024)
    many = body.lstrip().startswith(b"[")
    try:
        rows = _ROWS.validate_json(body) if many else [_ROW.validate_json(body)]
    except ValidationError as error:
        raise refusal(error) from None
    if len(rows) > MAX_ROWS_PER_CALL:
        raise ApiError(1061, f"rows ({len(rows)}, at most {MAX_ROWS_PER_CALL} in one call)")
    return rows, many


def refusal(error: ValidationError) -> ApiError:
    """The vendor's error for a body that does not have the right form."""
    first = error.errors(include_url=False, include_input=False)[0]
    names = [part for part in first["loc"] if isinstance(part, str)]
    if "value" in names:
        return ApiError(1038)
    where = ".".join(names)
    if first["type"] == "extra_forbidden":
        return ApiError(1008, f'Unknown attribute "{names[-1]}" found.')
    return ApiError(1008, f"{where}: {first['msg']}" if where else first["msg"])


def shared_location(rows: list[RowIn]) -> dict[str, Any]:
    """The location of all rows of a call. Raises 1123 where they differ or one mixes attributes, 1062 for nonsense."""
    locations = [row.location for row in rows]
    location = locations[0] if locations else {}
    if any(other != location for other in locations):
        raise ApiError(1123)
    main = set(location) - {"above", "to_bottom" if "parent_id" in location else ""}
    if len(main) > 1:
        raise ApiError(1123)
    if "above" in location and "sibling_id" not in location:
        raise ApiError(1062)
    if any(location.get(name, 1) != 1 for name in ("indent", "outdent")):
        raise ApiError(1062)
    return location


def place_of(location: dict[str, Any]) -> Place:
    """The place that location attributes name (not `indent` and `outdent`); the bottom where there are none."""
    if "parent_id" in location:
        return Place("last_child" if "to_bottom" in location else "first_child", location["parent_id"])
    if "sibling_id" in location:
        return Place("above" if "above" in location else "below", location["sibling_id"])
    return Place("top" if "to_top" in location else "bottom")
