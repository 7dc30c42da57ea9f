"""From what the engine says to what the service answers: stop sequences, the output cap, the token count."""

from dataclasses import dataclass, replace

from local.openai.chat_request import ChatRequest
from local.openai.engine.reply import Reply
from local.openai.tokens import CHARACTERS_PER_TOKEN, count_tokens


@dataclass(frozen=True)
class Answer:
    """A reply as it is sent: cut where a cap or a stop sequence cuts it."""

    reply: Reply
    finish_reason: str
    tokens: int


def finish(reply: Reply, request: ChatRequest, truncate_at_tokens: int) -> Answer:
    """Apply the caller's `stop` and cap, and a lower cap where `truncate_at_tokens` sets one."""
    reason = "tool_calls" if reply.tool_calls and request.tool_choice in ("auto", "required") else "stop"
    reply = replace(reply, text=_until_stop(reply.text, request.stop))
    caps = [cap for cap in (request.max_tokens, truncate_at_tokens) if cap]
    if caps:
        cut = _cut(reply, min(caps) * CHARACTERS_PER_TOKEN)
        if cut != reply:
            reply, reason = cut, "length"
    return Answer(reply, reason, count_tokens(_characters(reply)))


def _characters(reply: Reply) -> int:
    calls = sum(len(call.name) + len(call.arguments) for call in reply.tool_calls)
    return len(reply.text) + len(reply.refusal or "") + calls


def _until_stop(text: str, stops: tuple[str, ...]) -> str:
    ends = [at for stop in stops if stop and (at := text.find(stop)) >= 0]
    return text[: min(ends)] if ends else text


def _cut(reply: Reply, characters: int) -> Reply:
    """The reply's first characters: its text or refusal, then its calls in order."""
    text, refusal = reply.text[:characters], reply.refusal and reply.refusal[:characters]
    left = characters - len(text) - len(refusal or "")
    calls = []
    for call in reply.tool_calls:
        left -= len(call.name)
        if left <= 0:
            break
        calls.append(replace(call, arguments=call.arguments[:left]))
        left -= len(call.arguments)
    return Reply(text, tuple(calls), refusal)
