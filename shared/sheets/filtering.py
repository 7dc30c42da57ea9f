"""The filter language: one JSON form that says which rows are meant.

    {"all": [{"column": "Status", "op": "in", "value": ["Open", "Late"]},
             {"not": {"column": "Due", "op": "after", "value": "2025-12-31"}}]}

`conditions.py` says which operators a column's type has and what they mean.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, cast

from pydantic import Field, PlainValidator, model_validator

from shared.errors import FieldError, InvalidInput
from shared.records import Frozen
from shared.sheets.columns import resolve_column
from shared.sheets.conditions import Operator, cell_test, operators_of
from shared.sheets.models import Column, Row, Sheet
from shared.sheets.operands import FilterValue, WrongValue

MAX_DEPTH = 5
MAX_CONDITIONS = 50

RowTest = Callable[[Row], bool]


def _filter_value(value: Any) -> FilterValue:
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, list | tuple):
        items = cast("Sequence[object]", value)
        if all(isinstance(item, str | int | float) for item in items):
            return cast(FilterValue, tuple(items))
    raise ValueError("must be a text, a number, true, false, or a list of these")


class Filter(Frozen):
    """A condition (`column`, `op`, `value`), or a group: `all`, `any` or `not`. Groups nest 5 deep at most."""

    all: tuple["Filter", ...] | None = Field(default=None, description="Every one of these holds.")
    any: tuple["Filter", ...] | None = Field(default=None, description="At least one of these holds.")
    not_: "Filter | None" = Field(default=None, alias="not", description="This does not hold.")
    column: str | None = Field(default=None, description="A column's title or id.")
    op: Operator | None = None
    value: Annotated[FilterValue, PlainValidator(_filter_value, json_schema_input_type=FilterValue)] = Field(
        default=None, description="What the operator compares with; a list for `in`, `between`, `hasAny` and the like."
    )

    @model_validator(mode="after")
    def _is_one_thing(self) -> "Filter":
        condition = self.column is not None or self.op is not None or self.value is not None
        forms = sum(form is not None for form in (self.all, self.any, self.not_)) + condition
        if forms != 1:
            raise ValueError("give either all, any, not, or a condition of column, op and value")
        if () in (self.all, self.any):
            raise ValueError("a group needs at least one part")
        if condition and (self.column is None or self.op is None):
            raise ValueError(f"a condition needs {'column' if self.column is None else 'op'}")
        return self


def compile_filter(sheet: Sheet, given: Filter, field: str = "filter") -> RowTest:
    """The test of rows that the filter describes.

    `field` is the filter's path in the input. Raises `InvalidInput` with every fault at its path
    (`filter.all.1.value`); codes `unknown_column`, `ambiguous_column`, else `invalid_input`.
    """
    compiler = _Compiler(sheet)
    test = compiler.test(given, field, 0)
    if compiler.conditions > MAX_CONDITIONS:
        compiler.fault(field, f"has {compiler.conditions} conditions; at most {MAX_CONDITIONS} are allowed")
    if compiler.faults:
        first = compiler.faults[0]
        detail = f"{first.field}: {first.message}."
        raise InvalidInput(detail, code=compiler.code, errors=tuple(compiler.faults))
    return test


class _Compiler:
    """Makes tests, and collects what is wrong meanwhile."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self.conditions = 0
        self.faults: list[FieldError] = []
        self.code: str | None = None

    def fault(self, field: str, message: str) -> RowTest:
        """Note what is wrong; the test in its place is never run."""
        self.faults.append(FieldError(field, message))
        return _never

    def test(self, given: Filter, field: str, depth: int) -> RowTest:
        """The test of one group or condition, which lies in `depth` groups."""
        if given.column is not None and given.op is not None:
            return self._condition(given.column, given.op, given.value, field)
        if depth == MAX_DEPTH:
            return self.fault(field, f"groups may be nested {MAX_DEPTH} deep at most")
        if given.not_ is not None:
            inner = self.test(given.not_, f"{field}.not", depth + 1)
            return lambda row: not inner(row)
        name, parts = ("all", given.all) if given.all is not None else ("any", given.any or ())
        tests = [self.test(part, f"{field}.{name}.{place}", depth + 1) for place, part in enumerate(parts)]
        if name == "all":
            return lambda row: all(test(row) for test in tests)
        return lambda row: any(test(row) for test in tests)

    def _condition(self, name: str, op: Operator, value: FilterValue, field: str) -> RowTest:
        self.conditions += 1
        try:
            column = resolve_column(self._sheet, name, f"{field}.column")
        except InvalidInput as error:
            self.code = self.code or (None if self.faults else error.code)
            self.faults.extend(error.errors)
            return _never
        known = operators_of(column)
        if op not in known:
            return self.fault(f"{field}.op", _unknown_operator(column, op, known))
        try:
            test = cell_test(column, op, value)
        except WrongValue as error:
            return self.fault(f"{field}.value", str(error))
        column_id = column.id
        return lambda row: test(row.cells.get(column_id))


def _never(row: Row) -> bool:
    raise AssertionError("a filter with faults is not run")


def _unknown_operator(column: Column, op: Operator, known: Sequence[Operator]) -> str:
    return f"columns of type {column.type} have no {op}; they have {', '.join(known)}"
