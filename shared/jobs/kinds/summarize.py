"""SUMMARIZE: a short summary of each row."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.ai.ports import ModelMessage, ModelRefusal, ModelRequest
from shared.jobs.kinds.cell_text import to_cell_text
from shared.jobs.kinds.documents import DATA_RULE, documents_block
from shared.jobs.kinds.kind import NO_PARAMETERS, CellText, RowJobParameters, Source
from shared.jobs.kinds.schemas import strict_schema

MAX_WORDS = 40
MAX_OUTPUT_TOKENS = 300

# The same for every row, and first in the request: the service can cache the prefix.
_INSTRUCTION = ModelMessage(
    role="system",
    content=f"""You summarise rows of a sheet for people who have no time to read them.

{DATA_RULE}

Rules for the summary:
- At most {MAX_WORDS} words, as one or two plain sentences.
- In the language of the texts.
- Say what matters most: the outcome or status, who or what it is about, dates and numbers that change a decision.
- Use only what the row says. Add no judgement, no advice, nothing that is not there.
- Keep names, numbers, units and dates as they are written.
- Leave out links. Use no Markdown, no headings, no line breaks, and do not begin with "=".
- If the texts say nothing that can be summarised, say in a few words what they hold.""",
)


class SummaryAnswer(BaseModel):
    """What the model answers."""

    model_config = ConfigDict(extra="forbid", strict=True)

    summary: str = Field(description=f"The summary, at most {MAX_WORDS} words, in the language of the texts.")


_SCHEMA = strict_schema(SummaryAnswer)


class Summarize:
    """Summarises the source columns of a row into the target column."""

    type = "SUMMARIZE"
    parameters = RowJobParameters
    max_output_tokens = MAX_OUTPUT_TOKENS

    def request(
        self, *, source: Source, request_id: str, parameters: Mapping[str, Any] = NO_PARAMETERS
    ) -> ModelRequest:
        """See `JobKind.request`."""
        return ModelRequest(
            messages=(_INSTRUCTION, ModelMessage("user", documents_block(source))),
            schema_name="row_summary",
            schema=_SCHEMA,
            max_output_tokens=MAX_OUTPUT_TOKENS,
            request_id=request_id,
        )

    def outcome(
        self, answer: Mapping[str, Any], *, source: Source, parameters: Mapping[str, Any] = NO_PARAMETERS
    ) -> CellText:
        """See `JobKind.outcome`."""
        try:
            summary = SummaryAnswer.model_validate(answer).summary
        except ValidationError:
            raise ModelRefusal("invalid_answer", "The model's answer does not have the form asked for.") from None
        return to_cell_text(summary, source)
