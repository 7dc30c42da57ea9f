"""What the service allows; changed at run time with `PUT /_control/limits`."""

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Limits(BaseModel):
    """Published limits of Azure Web PubSub."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")

    message_bytes: int = Field(default=1024 * 1024, ge=1)
    buffered_messages: int = Field(default=1000, ge=1)
    buffered_bytes: int = Field(default=16 * 1024 * 1024, ge=1)
    recovery_seconds: float = Field(default=30, ge=0)
    upstream_timeout_ms: int = Field(default=5000, ge=1)
