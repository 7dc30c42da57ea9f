"""Server-sent events: the chunks of a completion at the pace of `msPerToken`."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from local.openai.completion import Completion
from local.openai.limits import Limits
from local.standin.control import abort_connection

DONE = b"data: [DONE]\n\n"


class StreamCut(Exception):
    """The stream loses its connection here."""


class CompletionStream(StreamingResponse):
    """A `text/event-stream` of one completion; the connection is cut where `cutStreamAfterTokens` says so.

    `ended` is called once, however the stream ends.
    """

    def __init__(
        self,
        completion: Completion,
        limits: Limits,
        include_usage: bool,
        headers: dict[str, str],
        ended: Callable[[], None],
    ) -> None:
        self._ended = ended
        super().__init__(_events(completion, limits, include_usage), headers=headers, media_type="text/event-stream")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except* StreamCut:
            await abort_connection(receive)
        finally:
            self._ended()


async def _events(completion: Completion, limits: Limits, include_usage: bool) -> AsyncIterator[bytes]:
    sent = 0
    for chunk, tokens in completion.chunks(include_usage):
        if tokens and limits.ms_per_token:
            await asyncio.sleep(tokens * limits.ms_per_token / 1000)
        yield _event(chunk)
        sent += tokens
        if limits.cut_stream_after_tokens and sent >= limits.cut_stream_after_tokens:
            raise StreamCut
    yield DONE


def _event(chunk: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(chunk, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"
