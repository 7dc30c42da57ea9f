"""Settings of the Durable engine: host.json's `extensions.durableTask`, as far as this engine has a use for it."""

import os

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


def _ten_per_processor() -> int:
    return 10 * (os.cpu_count() or 1)


class DurableSettings(BaseModel):
    """Limits of one task hub. Keys that only other storage providers know are ignored.

    `hub_name` is what the host passes as the hub's `name` (None: the host chooses). `events_per_episode`
    bounds how many completions one replay takes in, `storage_retry_seconds` is the pause after a write
    that the disk refused; both exist in this engine only.
    """

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore")

    hub_name: str | None = Field(default=None, min_length=1)
    default_version: str | None = None
    max_concurrent_activity_functions: int = Field(default_factory=_ten_per_processor, ge=1)
    max_concurrent_orchestrator_functions: int = Field(default_factory=_ten_per_processor, ge=1)
    events_per_episode: int = Field(default=256, ge=1)
    storage_retry_seconds: float = Field(default=0.5, gt=0)
