"""A job whose owner's token stopped working waits for them, without doing anything else, and goes on by itself."""

from collections import Counter
from datetime import datetime, timedelta

import pytest
from pydantic import SecretStr

from shared.errors import NotFound, Unauthorized, UpstreamUnavailable
from shared.identity.models import Caller
from shared.identity.service import SingleUserIdentity
from shared.ids import UserId
from shared.jobs.pausing import next_look
from shared.stores.sqlite import SqliteDocuments
from tests.fakes.clock import FakeClock
from tests.unit.jobs.world import CALLER, World, report_sheet

REFUSED = Unauthorized("no", code="needs_sign_in")


class Owner(SingleUserIdentity):
    """Somebody whose token does not work from the n-th time it is asked for until they sign in."""

    def __init__(self, clock: FakeClock, *, works: int, signs_in_after: timedelta) -> None:
        super().__init__(SecretStr("token"))
        self._clock = clock
        self._works = works
        self._signs_in_after = signs_in_after
        self._since: datetime | None = None
        self.asked = 0

    async def caller_of_user(self, user_id: UserId) -> Caller:
        self.asked += 1
        if self.asked > self._works:
            self._since = self._since or self._clock()
            if self._clock() - self._since < self._signs_in_after:
                raise REFUSED
        return await super().caller_of_user(user_id)


def owned(world: World, *, works: int, signs_in_after: timedelta) -> Owner:
    world.identity = Owner(world.clock, works=works, signs_in_after=signs_in_after)
    world.restart()
    return world.identity


async def states(world: World, job_id: str) -> list[tuple[str, str | None]]:
    """Status and why it is paused, as it was published, without repetitions."""
    events = await world.events.history(f"job:{job_id}", 0)
    told = [(event.data["status"], (event.data["paused"] or {}).get("reason")) for event in events]
    return [state for at, state in enumerate(told) if at == 0 or state != told[at - 1]]


@pytest.mark.parametrize("works", [0, 1, 3, 4, 5])
async def test_a_job_goes_on_by_itself_after_its_owner_signed_in(documents: SqliteDocuments, works: int):
    world = World(documents, report_sheet(3))
    started = await world.start()
    owned(world, works=works, signs_in_after=timedelta(hours=30))
    begin = world.clock()
    job = await world.run()
    assert (job.status, job.written_rows, job.paused) == ("completed", 3, None)
    assert all(world.summaries())
    if works < 5:  # to plan, for each row, to apply
        assert world.clock() - begin >= timedelta(hours=30)
        assert ("processing", "needs_sign_in") in await states(world, started.id)
    assert (await states(world, started.id))[-1] == ("completed", None)


async def test_a_token_that_smartsheet_refuses_pauses_the_job_until_it_takes_it_again(documents: SqliteDocuments):
    world = World(documents, report_sheet(3))
    started = await world.start()
    world.source.fail("get_sheet", REFUSED, times=4)
    job = await world.run()
    assert (job.status, job.written_rows) == ("completed", 3)
    assert await states(world, started.id) == [
        ("processing", None),
        ("processing", "needs_sign_in"),
        ("processing", None),
        ("completed", None),
    ]


async def test_while_a_job_is_paused_no_row_is_worked_on(documents: SqliteDocuments):
    world = World(documents, report_sheet(1100))
    await world.start()
    owned(world, works=30, signs_in_after=timedelta(days=5))
    job = await world.run()
    assert (job.status, job.written_rows) == ("completed", 1100)
    calls = Counter(name for name, _ in world.durable.calls)
    slots = 1100 // 3 + 1
    assert calls["process_rows"] <= slots + 5 * 25
    assert calls["plan_job"] < 600


async def test_a_job_is_seen_as_paused(documents: SqliteDocuments):
    world = World(documents, report_sheet(3))
    started = await world.start()
    owned(world, works=0, signs_in_after=timedelta(days=1))
    planned = await world.lifecycle.plan(world.runner.started[-1])
    assert planned.paused_until == world.clock() + timedelta(seconds=10)
    job = await world.job(started.id)
    assert job.paused is not None
    assert (job.status, job.paused.reason) == ("processing", "needs_sign_in")


async def test_a_job_whose_owner_never_signs_in_fails_in_the_end(documents: SqliteDocuments):
    world = World(documents, report_sheet(3))
    await world.start()
    owned(world, works=4, signs_in_after=timedelta(days=1000))
    begin = world.clock()
    job = await world.run()
    assert timedelta(days=7) <= world.clock() - begin <= timedelta(days=7, minutes=15)
    assert (job.status, job.paused, job.failed_rows) == ("failed", None, 3)
    assert job.error is not None and job.error.code == "needs_sign_in"
    page = await world.service.rows(CALLER, job.id, limit=10, cursor=None)
    assert [(row.status, row.code, bool(row.value)) for row in page.items] == [("failed", "needs_sign_in", True)] * 3


async def test_smartsheet_being_down_while_a_job_is_paused_does_not_end_it(documents: SqliteDocuments):
    world = World(documents, report_sheet(3))
    await world.start()
    world.source.fail("get_sheet", REFUSED)
    world.source.fail("get_sheet", UpstreamUnavailable("Down."), times=3)
    assert (await world.run()).status == "completed"


async def test_a_sheet_that_is_gone_when_the_owner_is_back_ends_the_job(documents: SqliteDocuments):
    world = World(documents, report_sheet(3))
    await world.start()
    world.source.fail("get_sheet", REFUSED)
    world.source.fail("get_sheet", NotFound("Gone.", code="sheet_not_found"))
    job = await world.run()
    assert job.status == "failed"
    assert job.error is not None and job.error.code == "sheet_not_found"


def test_looks_grow_rarer_and_end():
    since = FakeClock()()
    week = timedelta(days=7)

    def after(**waited: float) -> timedelta | None:
        now = since + timedelta(**waited)
        look = next_look(since, now, at_most=week)
        return None if look is None else look - now

    assert after(minutes=0) == after(minutes=1) == timedelta(seconds=10)
    assert after(minutes=10) == timedelta(minutes=1)
    assert after(minutes=60) == timedelta(minutes=6)
    assert after(days=6) == timedelta(minutes=15)
    assert after(days=7) is None
