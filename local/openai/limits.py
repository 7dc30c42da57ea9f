"""What `PUT /_control/limits` sets: pace, quotas, and answers that go wrong on demand."""

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Limits(BaseModel):
    """Read on each request. The default quotas are far above what one machine can ask for."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")

    tokens_per_minute: int = Field(default=30_000_000, ge=0, description="reserved tokens per deployment; 0 = off")
    requests_per_minute: int = Field(default=180_000, ge=0, description="per deployment; 0 = off")
    token_window_seconds: float = Field(default=60, gt=0, le=60, description="the token counter starts anew after this")
    request_window_seconds: float = Field(default=10, gt=0, le=60, description="requests are counted over this window")
    max_concurrent: int = Field(default=0, ge=0, description="calls served at once; 0 = off")
    latency_ms: float = Field(default=150, ge=0, description="time to the first token")
    latency_jitter: float = Field(default=0.3, ge=0, le=1, description="share of latencyMs that varies at random")
    ms_per_token: float = Field(default=4, ge=0, description="pace of the output")
    truncate_at_tokens: int = Field(default=0, ge=0, description="an output cap below the caller's; 0 = off")
    refusal_rate: float = Field(default=0, ge=0, le=1, description="share of prompts that are refused, always the same")
    cut_stream_after_tokens: int = Field(default=0, ge=0, description="streams lose their connection here; 0 = off")
