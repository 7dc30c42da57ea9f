"""The two shapes of pydantic models: `Frozen` for anything that crosses an edge, `Record` for what is stored."""

from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Frozen(BaseModel):
    """An immutable value; camelCase in JSON; unknown fields are refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, hide_input_in_errors=True
    )


def example(**members: Any) -> ConfigDict:
    """The configuration of a model that shows in the API's description what a request looks like."""
    return ConfigDict(json_schema_extra={"examples": [members]})


class Record(Frozen):
    """A stored document. `etag` names the stored version it was read from; empty when it was never stored."""

    id: str
    etag: str = Field(default="", exclude=True, repr=False)


def utc_now() -> datetime:
    """The current time, aware, UTC. The default clock; services take it as a parameter."""
    return datetime.now(UTC)
