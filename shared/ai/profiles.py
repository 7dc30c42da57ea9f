"""What each family of models accepts.

Sources: Azure's pages "Azure OpenAI reasoning models" (parameters that reasoning models refuse, the cap that
includes hidden reasoning) and "Structured outputs".
"""

import re
from dataclasses import dataclass
from typing import Literal

OutputCapName = Literal["max_tokens", "max_completion_tokens"]
Parameter = int | float | str

SAMPLING: dict[str, Parameter] = {"temperature": 0.7, "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0}
REASONING_TOKENS = 2_000
"""Hidden reasoning counts against the output cap: without room for it a short answer would come back truncated."""


@dataclass(frozen=True, slots=True)
class ModelProfile:
    """What is sent to a model beside the messages and the schema.

    `sampling`: it takes temperature, top_p and penalties. `reasoning_tokens`: what is added to the output cap.
    `reasoning_effort`: absent where the model does not know the parameter.
    """

    output_cap_name: OutputCapName = "max_tokens"
    sampling: bool = True
    reasoning_tokens: int = 0
    reasoning_effort: Literal["low"] | None = None

    def output_cap(self, max_output_tokens: int) -> int:
        """The cap to send (and to reserve) for an answer of at most `max_output_tokens`."""
        return max_output_tokens + self.reasoning_tokens

    def parameters(self, max_output_tokens: int) -> dict[str, Parameter]:
        """The body's parameters for an answer of at most `max_output_tokens`."""
        sent: dict[str, Parameter] = {self.output_cap_name: self.output_cap(max_output_tokens)}
        if self.sampling:
            sent |= SAMPLING
        if self.reasoning_effort is not None:
            sent["reasoning_effort"] = self.reasoning_effort
        return sent


CHAT = ModelProfile()
"""gpt-4o, gpt-4.1, gpt-5-chat, models of other servers, and whatever is unknown."""

REASONING = ModelProfile(
    "max_completion_tokens", sampling=False, reasoning_tokens=REASONING_TOKENS, reasoning_effort="low"
)
"""o1, o3, o4-mini, gpt-5 and later."""

EARLY_REASONING = ModelProfile("max_completion_tokens", sampling=False, reasoning_tokens=REASONING_TOKENS)
"""o1-mini and o1-preview, which have no `reasoning_effort`."""

_FAMILIES = (
    (re.compile(r"o1-(mini|preview)\b"), EARLY_REASONING),
    (re.compile(r"gpt-5(\.\d+)?-chat\b"), CHAT),
    (re.compile(r"(o\d+|gpt-[5-9](\.\d+)?|codex)(-|$)"), REASONING),
)


def profile_of(model: str) -> ModelProfile:
    """The profile of a model by its name (`AZURE_OPENAI_MODEL`; a deployment may be called anything)."""
    name = model.lower().strip().rpartition("/")[2]
    return next((profile for pattern, profile in _FAMILIES if pattern.match(name)), CHAT)
