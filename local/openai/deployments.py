"""The deployments that the stand-in has, and what callers need to reach them."""

from dataclasses import dataclass

MODEL = "offline-rules-1"
API_KEY = "offline-rules-key"
CONTEXT_TOKENS = 128_000
MAX_OUTPUT_TOKENS = 16_384
DEFAULT_RESERVED_OUTPUT = 4_096
"""What a call without an output cap reserves of the token quota."""


@dataclass(frozen=True)
class Deployment:
    """One deployment name. `reasoning` ones refuse sampling parameters and `max_tokens`, as the o-series does."""

    name: str
    reasoning: bool = False


DEFAULT_DEPLOYMENT = "offline-rules"
REASONING_DEPLOYMENT = "offline-reasoning"
DEPLOYMENTS = (Deployment(DEFAULT_DEPLOYMENT), Deployment(REASONING_DEPLOYMENT, reasoning=True))
