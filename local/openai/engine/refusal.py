"""What the rules refuse: writing that only a language model can do, and whatever a test asks to be refused."""

import hashlib
import re

from local.openai.chat_request import ChatRequest
from local.openai.engine.reply import Reply
from local.openai.engine.task import Task, TaskKind

_COMPOSING = re.compile(
    r"\b(?P<verb>translat|rewrit|rephras|paraphras|proofread|compos|draft|invent|correct the (?:spelling|grammar)|"
    r"write an? (?:\w+ )?(?:e-?mail|reply|response|poem|story|letter|message|post|paragraph))\w*",
    re.IGNORECASE,
)
_CANNOT = (
    "I am a set of offline rules, not a language model: I can summarise a row, extract key terms, score alignment, "
    "classify, and find what a text states, but I cannot do this task ({task})."
)
_ON_DEMAND = "I'm sorry, I cannot assist with that request."


def refusal_of(task: Task) -> Reply | None:
    """A refusal where the task is to compose new text; None where the rules can serve it."""
    found = _COMPOSING.search(task.instruction) if task.kind is TaskKind.CUSTOM else None
    return Reply(refusal=_CANNOT.format(task=found.group().lower())) if found else None


def refused_at_rate(request: ChatRequest, rate: float) -> Reply | None:
    """A refusal for that share of prompts; the same prompt always meets the same fate."""
    if not rate:
        return None
    prompt = "\0".join(message.text for message in request.messages)
    share = int.from_bytes(hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).digest()[:4], "big") / 2**32
    return Reply(refusal=_ON_DEMAND) if share < rate else None
