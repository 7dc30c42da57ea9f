"""What the engine says to a request."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ToolCall:
    """A call that the engine asks for; `arguments` is JSON text."""

    name: str
    arguments: str


@dataclass(frozen=True)
class Reply:
    """Text, tool calls, or a refusal that says what the rules cannot do."""

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    refusal: str | None = None
