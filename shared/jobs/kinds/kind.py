"""What a kind of job is: a prompt, a schema for the answer, and how the answer becomes a cell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Protocol

from pydantic import Field

from shared.ai.ports import ModelRequest
from shared.records import Frozen

Source = Sequence[tuple[str, str]]
"""Title and text of the row's source cells that hold something, in the order of `sourceColumns`."""

NO_PARAMETERS: Mapping[str, Any] = MappingProxyType({})
MAX_SOURCE_COLUMNS = 20

ColumnName = Annotated[str, Field(min_length=1, max_length=100)]


class RowJobParameters(Frozen):
    """What every kind that reads columns and fills one has; a kind adds its own fields. Titles or ids."""

    source_columns: list[ColumnName] = Field(min_length=1, max_length=MAX_SOURCE_COLUMNS)
    target_column: ColumnName


@dataclass(frozen=True, slots=True)
class CellText:
    """The text for the target cell, at most 4,000 characters, written as `value` and never as `formula`.

    `note` says what a person should know about it (shortened, source cut); it holds no cell's text.
    """

    text: str
    note: str | None = None


ParametersModel = type[RowJobParameters]


class JobKind(Protocol):
    """One kind of AI job over rows. It has no state: one instance serves all jobs.

    `parameters` of the methods are the job's, for kinds whose prompt depends on them.
    """

    @property
    def type(self) -> str:
        """The word in `POST /api/jobs`."""
        ...

    @property
    def parameters(self) -> ParametersModel:
        """The model that checks the job's parameters."""
        ...

    @property
    def max_output_tokens(self) -> int:
        """The cap of an answer: what each call reserves beside its prompt."""
        ...

    def request(
        self, *, source: Source, request_id: str, parameters: Mapping[str, Any] = NO_PARAMETERS
    ) -> ModelRequest:
        """The call for one row; without a source it is not made, but still says what the row depends on."""
        ...

    def outcome(
        self, answer: Mapping[str, Any], *, source: Source, parameters: Mapping[str, Any] = NO_PARAMETERS
    ) -> CellText:
        """The answer as the cell's text.

        Raises `ModelRefusal` for what may not be written: `invalid_answer`, `unexpected_formula`, `unexpected_url`.
        Its token counts are 0: the caller has the answer's.
        """
        ...
