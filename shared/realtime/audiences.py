"""Who hears what for how long: access that was lost since a topic was joined is noticed within a minute.

What may be heard is noted by listener, not by connection: a URL that was given out joins its topics whenever it is
used. A timer looks at each listener that has connections, or a URL that still works.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from shared.due import DueEntry, DueStore, look_at_due
from shared.errors import AppError, Conflict, NotFound, PreconditionFailed, Unauthorized, UpstreamUnavailable
from shared.identity.models import Caller
from shared.identity.ports import Identity
from shared.identity.refusals import noting_refusal
from shared.ids import UserId
from shared.realtime.listeners import person_of
from shared.realtime.ports import Audience, AudienceStore, RealtimeGateway, TopicAccess
from shared.records import utc_now
from shared.telemetry import get_logger

log = get_logger(__name__)

DUE_KIND = "audience"
LOOK_EVERY = timedelta(minutes=1)
LOGIN_ENDED = "signed out"
"""What a client is told whose connection is closed."""
_FORGOTTEN_AFTER = timedelta(minutes=10)
_ATTEMPTS = 10


class Audiences:
    """Notes what listeners may hear."""

    def __init__(self, store: AudienceStore, due: DueStore, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._store = store
        self._due = due
        self._clock = clock

    async def add(self, listener: str, topics: Sequence[str], *, joinable_for: timedelta = timedelta(0)) -> None:
        """Note that the listener's connections are to hear these topics, or can join them by themselves for a while."""
        if not topics:
            return
        for _ in range(_ATTEMPTS):
            now = self._clock()
            held = await self._store.find(listener)
            noted = _with(held, listener, topics, now, joinable_for)
            if noted == held:
                return
            if held is None or held.look_at != noted.look_at:
                await self._due.add(DUE_KIND, person_of(listener).user_id, listener, due_at=noted.look_at)
            try:
                await self._store.save(noted)
            except (Conflict, PreconditionFailed):
                continue
            return
        raise UpstreamUnavailable("Too many connections of one user at once; try again.")


class AccessUpkeep:
    """Takes topics away from listeners who may no longer hear them, and connections from those who signed out."""

    def __init__(
        self,
        gateway: RealtimeGateway,
        store: AudienceStore,
        due: DueStore,
        identity: Identity,
        access: TopicAccess,
        *,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._gateway = gateway
        self._store = store
        self._due = due
        self._identity = identity
        self._access = access
        self._clock = clock

    async def recheck(self) -> None:
        """Look at the listeners whose turn it is. Who could not be looked at has their turn a minute later."""
        await look_at_due(self._due, DUE_KIND, self._clock(), self._look_at, again_after=LOOK_EVERY)

    async def _look_at(self, entry: DueEntry, now: datetime) -> None:
        listener = entry.subject
        audience = await self._store.find(listener)
        if audience is None or entry.due_at < audience.look_at:
            return  # a look that was planned before a crash; the newer one counts
        next_look = now + LOOK_EVERY
        await self._due.add(DUE_KIND, entry.owner, listener, due_at=next_look)
        audience = await self._plan(audience, next_look)
        joinable = now < audience.joinable_until
        if not joinable and not await self._gateway.is_connected(listener):
            await self._store.delete(audience)
            return
        if not await self._identity.is_signed_in(person_of(listener)):
            await self._gateway.close_listener(listener, reason=LOGIN_ENDED)
            return
        refused = await self._refused(entry.owner, audience.topics)
        for topic in refused:
            await self._gateway.remove_listener_from_group(listener, topic)
        if refused:
            log.info("user %s no longer hears %d topics", entry.owner, len(refused))
        if refused and not joinable:
            kept = tuple(topic for topic in audience.topics if topic not in refused)
            await self._save(audience, kept)

    async def _refused(self, user_id: UserId, topics: Sequence[str]) -> frozenset[str]:
        """The topics that the user may no longer hear: all of them when nobody can be asked on their behalf."""
        try:
            caller = await self._identity.caller_of_user(user_id)
            return frozenset([topic for topic in topics if not await self._may_hear(caller, topic)])
        except Unauthorized:
            return frozenset(topics)

    async def _may_hear(self, caller: Caller, topic: str) -> bool:
        try:
            async with noting_refusal(self._identity, caller):
                await self._access.require_access(caller, topic)
        except NotFound:
            return False
        except Unauthorized:
            raise
        except AppError as error:
            log.info("access to %s is not known (%s)", topic.partition(":")[0], error.code)
        return True

    async def _plan(self, audience: Audience, look_at: datetime) -> Audience:
        """Save when the next look is, whatever is added meanwhile."""
        for _ in range(_ATTEMPTS):
            try:
                return await self._store.save(audience.model_copy(update={"look_at": look_at}))
            except PreconditionFailed:
                found = await self._store.find(audience.id)
                if found is None:
                    break
                audience = found
        raise UpstreamUnavailable("Too many connections of one user at once.")

    async def _save(self, audience: Audience, topics: tuple[str, ...]) -> None:
        try:
            await self._store.save(audience.model_copy(update={"topics": topics}))
        except PreconditionFailed:
            log.info("user %s joined topics meanwhile; the next look tidies up", person_of(audience.id).user_id)


def _with(
    held: Audience | None, listener: str, topics: Sequence[str], now: datetime, joinable_for: timedelta
) -> Audience:
    """What is noted, with these topics; the next look is planned anew where it was, or seems to be, forgotten."""
    if held is None:
        look_at = now + LOOK_EVERY
        return Audience(id=listener, topics=tuple(topics), joinable_until=now + joinable_for, look_at=look_at)
    return held.model_copy(
        update={
            "topics": tuple(dict.fromkeys((*held.topics, *topics))),
            "joinable_until": max(held.joinable_until, now + joinable_for) if joinable_for else held.joinable_until,
            "look_at": now + LOOK_EVERY if held.look_at < now - _FORGOTTEN_AFTER else held.look_at,
        }
    )
