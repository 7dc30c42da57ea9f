"""Who may hear what: negotiation, subscriptions, and pushing stored events to their topic's group."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta

from shared.errors import AppError, FieldError, Forbidden, InvalidInput, NotFound, Unauthorized
from shared.events.bus import EventBus
from shared.identity.models import Caller
from shared.identity.ports import Identity
from shared.identity.refusals import noting_refusal
from shared.realtime.audiences import LOGIN_ENDED, Audiences
from shared.realtime.listeners import listener_of, person_of
from shared.realtime.models import Negotiated, SubscriptionReply
from shared.realtime.ports import Connection, ConnectionStore, RealtimeGateway
from shared.records import utc_now
from shared.telemetry import get_logger

log = get_logger(__name__)

TOKEN_MINUTES = 10
"""How long a URL can be used to connect; connections last longer."""
MAX_TOPICS = 20

TopicGate = Callable[[Caller, str], Awaitable[None]]


class RealtimeService:
    """Topics are `job:{id}`, `sheet:{id}`, `session:{id}`, `user:{id}`; each kind has a gate that checks access."""

    def __init__(
        self,
        gateway: RealtimeGateway,
        connections: ConnectionStore,
        identity: Identity,
        events: EventBus,
        gates: Mapping[str, TopicGate],
        audiences: Audiences,
    ) -> None:
        self._gateway = gateway
        self._connections = connections
        self._identity = identity
        self._events = events
        self._gates = gates
        self._audiences = audiences

    @property
    def topic_kinds(self) -> frozenset[str]:
        """The words before the colon of topics."""
        return frozenset(self._gates)

    async def negotiate(self, caller: Caller, topics: Sequence[str]) -> Negotiated:
        """A WebSocket URL for the caller, whose connection hears the given topics from its start.

        Raises `NotFound` (`topic_not_found`) for a topic that the caller may not hear.
        """
        if len(topics) > MAX_TOPICS:
            fault = FieldError("topics", f"may have at most {MAX_TOPICS}; let the connection subscribe to the others")
            raise InvalidInput("These are too many topics at once.", code="too_many_topics", errors=(fault,))
        for topic in topics:
            await self.require_access(caller, topic)
        listener = listener_of(caller)
        await self._audiences.add(listener, topics, joinable_for=timedelta(minutes=TOKEN_MINUTES))
        url, expires_at = await self._gateway.client_url(
            listener, user_id=caller.user_id, minutes=TOKEN_MINUTES, groups=topics
        )
        return Negotiated(url=url, expires_at=expires_at)

    async def require_access(self, caller: Caller, topic: str) -> None:
        """Raises `NotFound` (`topic_not_found`) unless the caller may hear this topic."""
        kind, _, subject = topic.partition(":")
        gate = self._gates.get(kind)
        try:
            if gate is None or not subject:
                raise NotFound("", code="topic_not_found")
            await gate(caller, subject)
        except (NotFound, Forbidden) as error:
            raise NotFound("There is no such topic for you.", code="topic_not_found") from error

    async def connecting(self, connection_id: str, listener: str) -> None:
        """Let a connection in. Raises `Unauthorized` when the login that asked for its URL has ended."""
        await self._require_signed_in(listener)
        await self._connections.save(Connection(id=connection_id, listener=listener))

    async def connected(self, connection_id: str, listener: str) -> None:
        """Remember whose connection this is; close one whose login has ended since its URL was given out."""
        try:
            await self.connecting(connection_id, listener)
        except Unauthorized:
            log.info("connection %s came after its login had ended", connection_id)
            await self._gateway.close_connection(connection_id, reason=LOGIN_ENDED)

    async def disconnected(self, connection_id: str) -> None:
        """Forget the connection."""
        await self._connections.delete(connection_id)

    async def subscribe(self, connection_id: str, topic: str) -> SubscriptionReply:
        """Let a connection hear a topic. A refusal is a reply, not an exception: a failed event would cut the line."""
        try:
            connection = await self._connections.find(connection_id)
            if connection is None:
                raise NotFound("This connection is not known; connect again.", code="connection_not_found")
            await self._require_signed_in(connection.listener)
            caller = await self._identity.caller_of_user(person_of(connection.listener).user_id)
            async with noting_refusal(self._identity, caller):
                await self.require_access(caller, topic)
            await self._audiences.add(connection.listener, [topic])
            await self._gateway.add_to_group(topic, connection_id)
            seq = await self._events.last_seq(topic)  # after joining: what comes later is pushed
        except AppError as error:
            return SubscriptionReply.refused(topic, error.code, error.detail, at=utc_now())
        return SubscriptionReply.accepted(topic, seq, at=utc_now())

    async def unsubscribe(self, connection_id: str, topic: str) -> SubscriptionReply:
        """Stop hearing a topic."""
        try:
            await self._gateway.remove_from_group(topic, connection_id)
        except AppError as error:
            return SubscriptionReply.refused(topic, error.code, error.detail, at=utc_now())
        return SubscriptionReply.left(topic, at=utc_now())

    async def _require_signed_in(self, listener: str) -> None:
        if not await self._identity.is_signed_in(person_of(listener)):
            raise Unauthorized("The login that asked for this connection is over.")
