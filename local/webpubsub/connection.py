"""One client connection: who it is, what it may do, what it still has to receive."""

import asyncio
import secrets
import time
from collections import OrderedDict, deque
from dataclasses import dataclass

from local.webpubsub.client_socket import ClientSocket
from local.webpubsub.frames import JSON_PROTOCOL, RELIABLE_PROTOCOL, Message, connected_frame
from local.webpubsub.limits import Limits

_REMEMBERED_ACKS = 1000


@dataclass(frozen=True)
class _Unacknowledged:
    sequence_id: int
    frame: str
    expires_at: float | None


class Connection:
    """A client of one hub. It outlives its socket for the recovery time, if its subprotocol is the reliable one."""

    def __init__(self, hub: str, user_id: str | None, roles: list[str], limits: Limits) -> None:
        self.id = secrets.token_urlsafe(16)
        self.hub = hub
        self.user_id = user_id
        self.roles = set(roles)
        self.groups: set[str] = set()
        self.subprotocol: str | None = None
        self.state: str | None = None
        """The value of `ce-connectionState`, kept for the upstream."""
        self.reconnection_token = secrets.token_urlsafe(24)
        self.socket: ClientSocket | None = None
        self.frame_lock = asyncio.Lock()
        """Held while a frame is served: after a recovery the former socket's last one may still be."""
        self.notices: asyncio.Task[None] | None = None
        """The newest upstream notice of this connection; the next waits for it, so that they stay in order."""
        self.expiry: asyncio.TimerHandle | None = None
        """Running while a cut-off client may still come back."""
        self._limits = limits
        self._sequence_id = 0
        self._unacknowledged: deque[_Unacknowledged] = deque()
        self._unacknowledged_bytes = 0
        self._acks: OrderedDict[int, None] = OrderedDict()

    @property
    def speaks_json(self) -> bool:
        """Whether it uses one of the service's subprotocols; otherwise frames are bare data."""
        return self.subprotocol in (JSON_PROTOCOL, RELIABLE_PROTOCOL)

    @property
    def is_reliable(self) -> bool:
        """Whether it may recover after its socket was cut."""
        return self.subprotocol == RELIABLE_PROTOCOL

    def may(self, permission: str, group: str) -> bool:
        """Whether a role grants `joinLeaveGroup` or `sendToGroup` for this group."""
        role = f"webpubsub.{permission}"
        return role in self.roles or f"{role}.{group}" in self.roles

    def attach(self, socket: ClientSocket) -> None:
        """Go on over this socket: greet, then repeat what was not acknowledged."""
        former, self.socket = self.socket, socket
        if former is not None:
            former.close(1000, "recovered on another socket")
        if self.expiry is not None:
            self.expiry.cancel()
            self.expiry = None
        if self.speaks_json:
            token = self.reconnection_token if self.is_reliable else None
            socket.send(connected_frame(self.id, self.user_id, token))
        now = time.monotonic()
        for waiting in self._unacknowledged:
            if waiting.expires_at is None or waiting.expires_at > now:
                socket.send(waiting.frame)

    def deliver(self, message: Message) -> bool:
        """Send a message, or keep it for recovery. False: the client is too slow and has to go."""
        if self.is_reliable:
            return self._deliver_numbered(message)
        if self.socket is None:
            return True
        self.socket.send(message.frame if self.speaks_json else message.payload.plain_frame())
        return self.socket.waiting_bytes <= self._limits.buffered_bytes

    def _deliver_numbered(self, message: Message) -> bool:
        self._sequence_id += 1
        frame = message.numbered_frame(self._sequence_id)
        expires_at = time.monotonic() + message.ttl_seconds if message.ttl_seconds else None
        self._unacknowledged.append(_Unacknowledged(self._sequence_id, frame, expires_at))
        self._unacknowledged_bytes += len(frame)
        if self.socket is not None:
            self.socket.send(frame)
        return (
            len(self._unacknowledged) <= self._limits.buffered_messages
            and self._unacknowledged_bytes <= self._limits.buffered_bytes
        )

    def acknowledge(self, sequence_id: int) -> None:
        """Forget the messages up to this number: the client has them."""
        while self._unacknowledged and self._unacknowledged[0].sequence_id <= sequence_id:
            self._unacknowledged_bytes -= len(self._unacknowledged.popleft().frame)

    def has_done(self, ack_id: int) -> bool:
        """Whether the request with this `ackId` already took effect."""
        return ack_id in self._acks

    def note_done(self, ack_id: int) -> None:
        """Remember a request that took effect; a failed one may be sent again under its number."""
        self._acks[ack_id] = None
        if len(self._acks) > _REMEMBERED_ACKS:
            self._acks.popitem(last=False)
