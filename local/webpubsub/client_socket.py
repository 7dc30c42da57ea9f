"""One WebSocket: writes wait in an outbox, so that a slow reader never holds up whoever publishes."""

import asyncio
from typing import Any

from starlette.types import Receive
from starlette.websockets import WebSocket, WebSocketDisconnect

MAX_REASON_BYTES = 123  # RFC 6455: a control frame holds 125 bytes, two are the code


class ClientSocket:
    """An accepted WebSocket of a client. `send` and `close` return at once; `write` does the work."""

    def __init__(self, websocket: WebSocket, receive: Receive) -> None:
        self._websocket = websocket
        self._receive = receive
        self._outbox: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self._closing: tuple[int, str] | None = None
        self.waiting_bytes = 0

    def send(self, frame: str | bytes) -> None:
        """Queue a frame; what comes after a close is dropped, as the peer would never see it."""
        if self._closing is None:
            self.waiting_bytes += len(frame)
            self._outbox.put_nowait(frame)

    def close(self, code: int, reason: str = "") -> None:
        """Close once everything queued before is written."""
        if self._closing is None:
            self._closing = (code, _shortened(reason))
            self._outbox.put_nowait(None)

    async def write(self) -> None:
        """Write until `close` is called or the peer is gone."""
        try:
            while (frame := await self._outbox.get()) is not None:
                if isinstance(frame, str):
                    await self._websocket.send_text(frame)
                else:
                    await self._websocket.send_bytes(frame)
                self.waiting_bytes -= len(frame)
            code, reason = self._closing or (1000, "")
            await self._websocket.close(code, reason)
        except WebSocketDisconnect:
            return  # the reader sees the same end and tells the connection

    def cut(self) -> None:
        """Break the TCP connection without a close frame, as a failing network would.

        ASGI has no word for it; uvicorn's `receive` is a method of the object that owns the transport.
        """
        protocol: Any = getattr(self._receive, "__self__", None)
        if protocol is None:
            raise RuntimeError("a cut connection needs uvicorn as the server")
        protocol.transport.abort()


def _shortened(reason: str) -> str:
    return reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore")
