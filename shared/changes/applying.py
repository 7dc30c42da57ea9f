"""One step of a change-set: look, save an intent, one call, record.

look ──▶ conflicts, refusals and what is so already are final
     ──intent──▶ call ──▶ answer ──▶ record ──▶ next step
                  └─ no answer ──▶ look: took effect → record
                                         did not, and the write timeout passed → send again, where that is safe
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from shared.changes.cell_step import CellStep
from shared.changes.column_steps import ColumnAddStep, ColumnDeleteStep, ColumnEditStep, follow_conversion
from shared.changes.kinds import StepKind, refused, settled
from shared.changes.models import Item, ItemKind, Step, Waiting, WriteIntent
from shared.changes.row_adds import RowAddStep
from shared.changes.row_deletes import RowDeleteStep
from shared.changes.row_moves import RowMoveStep
from shared.changes.target import Target
from shared.changes.work import Work
from shared.errors import (
    Forbidden,
    InvalidInput,
    NotFound,
    RateLimited,
    Unauthorized,
    UpstreamFault,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from shared.sheets.models import Sheet
from shared.telemetry import get_logger

log = get_logger(__name__)

_ATTEMPTS = 8
_SHEET_IS_CLOSED = frozenset(
    {"sheet_not_found", "forbidden", "read_only", "sheet_disabled", "account_policy", "account_state"}
)
_KINDS: dict[ItemKind, StepKind] = {
    "addColumn": ColumnAddStep(),
    "editColumn": ColumnEditStep(),
    "cell": CellStep(),
    "addRow": RowAddStep(),
    "moveRow": RowMoveStep(),
    "deleteRow": RowDeleteStep(),
    "deleteColumn": ColumnDeleteStep(),
}


class StepRunner:
    """Brings steps to their end. For `write_timeout` and `longest_call`, see `ChangeService`."""

    def __init__(self, write_timeout: timedelta, longest_call: timedelta, clock: Callable[[], datetime]) -> None:
        self._write_timeout = write_timeout
        self._longest_call = longest_call
        self._clock = clock

    async def run(self, target: Target, work: Work, step: Step) -> Waiting | None:
        """Bring the step to its end (None), or to where it has to wait; it goes on from there when called again."""
        kind, intent = _KINDS[step.kind], work.header.intent
        if not _pending(work.items_of(step)):
            return await self._conclude(target, work, step, None)
        may_resend_at = self._may_resend_at(work)
        timed_out = self._clock() >= may_resend_at  # decided before the look: what it shows is newer than that
        truth = await kind.look(target, work.items_of(step), intent)
        items = kind.settle(target, work.items_of(step), truth, intent)
        if work.header.atomic and intent is None and not await self._all_can_be_done(target, work, step, items):
            return await self._give_up(work, step)
        if _pending(items):
            if not timed_out:
                return Waiting(until=may_resend_at, reason="unknown_fate")
            if intent is not None:
                items = _not_to_be_resent(kind, items, truth, intent)
        if _pending(items):
            return await self._send(target, work, step, items, truth)
        return await self._settle(target, work, step, items, truth.version)

    async def look(self, target: Target, step: Step, items: Sequence[Item]) -> list[Item]:
        """What would be found by this step of a change-set with these items."""
        kind, mine = _KINDS[step.kind], items[step.start : step.start + step.count]
        return kind.settle(target, mine, await kind.look(target, mine, None), None)

    async def _send(self, target: Target, work: Work, step: Step, items: list[Item], truth: Sheet) -> Waiting | None:
        kind = _KINDS[step.kind]
        attempt = 1 if work.header.intent is None else work.header.intent.attempt + 1
        step = await work.keep_images(step, kind.images(target, items, truth))
        intent = WriteIntent(
            sheet_version=truth.version,
            sent_at=self._clock(),
            attempt=attempt,
            sheet_modified_at=truth.modified_at,
            newest_rows=kind.newest_rows(truth),
        )
        await work.save(self._clock(), step, items, status="applying", intent=intent)
        log.info("change-set %s: %s, %d items, attempt %d", work.header.id, step.kind, step.count, attempt)
        try:
            sent = await kind.send(target, items, truth)
        except (UpstreamTimeout, UpstreamFault):
            return await self._look_after_lost_answer(target, work, step, items)
        except (UpstreamUnavailable, RateLimited, Unauthorized):
            await self._take_back(work, step, items)
            raise
        except (InvalidInput, Forbidden, NotFound) as error:
            if error.code in _SHEET_IS_CLOSED:
                await self._take_back(work, step, items)
                raise
            # The call was refused as a whole: what the sheet's version is now, it does not tell.
            return await self._settle(target, work, step, [refused(item, error.code) for item in items], None)
        return await self._settle(target, work, step, sent.items, sent.version)

    async def _look_after_lost_answer(
        self, target: Target, work: Work, step: Step, items: list[Item]
    ) -> Waiting | None:
        kind, intent = _KINDS[step.kind], work.header.intent
        assert intent is not None
        intent = intent.model_copy(update={"ended_at": self._clock()})
        await work.save(self._clock(), step, items, intent=intent)
        truth = await kind.look(target, items, intent)
        items = kind.settle(target, items, truth, intent)
        if _pending(items):
            return Waiting(until=self._may_resend_at(work), reason="unknown_fate")
        return await self._settle(target, work, step, items, truth.version)

    async def _settle(
        self, target: Target, work: Work, step: Step, items: list[Item], version: int | None
    ) -> Waiting | None:
        """All items are final, and the sheet had this version then."""
        work.put(step, items)
        if self._needs_another_look(work, step, version):
            await work.save(self._clock(), step, items)
        return await self._conclude(target, work, step, version)

    async def _conclude(self, target: Target, work: Work, step: Step, version: int | None) -> None:
        """Close the step, after a call with one more look where somebody else wrote at the same time."""
        kind, intent, items = _KINDS[step.kind], work.header.intent, work.items_of(step)
        overlap = False
        if intent is not None and self._needs_another_look(work, step, version):
            now = await kind.look(target, items, intent)
            version = now.version if version is None else version
            overlap = version > _version_without_others(intent, items)
            if overlap:
                log.warning("change-set %s: the version rose by more than our own write", work.header.id)
            items = kind.compare(target, items, now, overlap=overlap)
            if step.images:
                await self._keep_outcome(target, work, step, now, items)
        await self._finish(work, step, items, version, overlap=overlap)

    async def _keep_outcome(self, target: Target, work: Work, step: Step, now: Sheet, items: Sequence[Item]) -> None:
        """Keep what the call made of the cells that it converted; whoever expected the former contents, expects it."""
        kind, chunks = _KINDS[step.kind], await work.image_chunks(step)
        converted = [
            chunk.model_copy(update={"images": tuple(kind.converted(target, items, chunk.images, now))})
            for chunk in chunks
        ]
        if converted != chunks:
            await work.keep_outcome(converted)
            work.items = follow_conversion(target, work.items, [image for chunk in converted for image in chunk.images])

    def _needs_another_look(self, work: Work, step: Step, version: int | None) -> bool:
        intent = work.header.intent
        if intent is None:
            return False
        if _KINDS[step.kind].looks_again or version is None:
            return True
        return version > _version_without_others(intent, work.items_of(step))

    async def _finish(
        self, work: Work, step: Step, items: Sequence[Item], version: int | None, *, overlap: bool
    ) -> None:
        """Close the step; with the last one the change-set is applied."""
        is_last = work.header.position + 1 == len(work.header.steps)
        await work.save(
            self._clock(),
            step,
            items,
            status="applied" if is_last else "applying",
            position=work.header.position + 1,
            intent=None,
            version_after=version or work.header.version_after,
            possible_overlap=work.header.possible_overlap or overlap,
        )

    async def _take_back(self, work: Work, step: Step, items: Sequence[Item]) -> None:
        """The call certainly was not carried out."""
        await work.save(self._clock(), step, items, intent=None)

    async def _all_can_be_done(self, target: Target, work: Work, step: Step, items: Sequence[Item]) -> bool:
        """Whether nothing stands against these items, and before the first step against any; all say what does."""
        work.put(step, items)
        if not work.is_stored:
            for later in work.header.steps[work.header.position + 1 :]:
                work.put(later, await self.look(target, later, work.items))
        return not any(item.state in ("conflict", "refused") for item in work.items)

    async def _give_up(self, work: Work, step: Step) -> None:
        """Write nothing more of the change-set: not all of it can be written."""
        work.items = [refused(item, "not_applied") for item in work.items]
        items, end = work.items_of(step), len(work.header.steps)
        await work.save(self._clock(), step, items, status="applied", position=end, intent=None)

    def _may_resend_at(self, work: Work) -> datetime:
        intent = work.header.intent
        if intent is None:
            return self._clock()
        return (intent.ended_at or intent.sent_at + self._longest_call) + self._write_timeout


def _pending(items: Sequence[Item]) -> bool:
    return any(item.state == "pending" for item in items)


def _version_without_others(intent: WriteIntent, items: Sequence[Item]) -> int:
    """The sheet's version if nobody else wrote since the look: a call raises it by one, if it changes anything."""
    return intent.sheet_version + any(item.state == "written" for item in items)


def _not_to_be_resent(kind: StepKind, items: list[Item], truth: Sheet, intent: WriteIntent) -> list[Item]:
    """What is still pending after its call can no longer take effect, where it cannot be sent once more."""
    if not kind.may_resend(truth, intent):
        return [settled(item, "unknown", code="answer_lost") if item.state == "pending" else item for item in items]
    if intent.attempt >= _ATTEMPTS:
        return [refused(item, "write_unconfirmed") for item in items]
    return items
