"""The timeline of a sheet: its change-sets, what each did, and undoing them."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from shared.changes.models import ChangeSet, Item, ItemChunk
from shared.changes.ports import ChangeStore
from shared.changes.requests import UndoChange
from shared.changes.submitting import ChangeSubmitter, Wish, new_change_set_id
from shared.changes.undoing import Inversion, left_undone, restored_by
from shared.changes.views import ChangeSetDetails, ChangeSetPage, ChangeSetView, NotUndone, Undone, losses_of
from shared.changes.work import Work
from shared.errors import AppError, Conflict, InvalidInput, NotFound, PreconditionFailed
from shared.identity.models import Caller
from shared.ids import ChangeSetId, SheetId
from shared.records import utc_now
from shared.sheets.checking import require_sheet_writable
from shared.sheets.service import SheetService

_CHUNKS_PER_PAGE = 4
_MAX_NOT_UNDONE = 1000
_BEGUN_FOR = timedelta(minutes=10)
"""How long an undo that was announced, but not stored, may still come."""


class Timeline:
    """Use cases of change-sets that were made. Every method raises `NotFound` for what the caller may not see."""

    def __init__(
        self,
        sheets: SheetService,
        store: ChangeStore,
        submitter: ChangeSubmitter,
        *,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._sheets = sheets
        self._store = store
        self._submitter = submitter
        self._clock = clock

    async def list(self, caller: Caller, sheet_id: SheetId, *, limit: int, cursor: str | None) -> ChangeSetPage:
        """The change-sets of a sheet that the caller may open, newest first."""
        await self._sheets.confirm_access(caller, sheet_id)
        change_sets, next_cursor = await self._store.list_by_sheet(sheet_id, limit=limit, cursor=cursor)
        return ChangeSetPage(items=tuple(map(ChangeSetView.of, change_sets)), next_cursor=next_cursor)

    async def get(self, caller: Caller, change_set_id: ChangeSetId, *, cursor: str | None) -> ChangeSetDetails:
        """A change-set with a page of its items."""
        return await self.details(await self._find(caller, change_set_id), cursor=cursor)

    async def details(self, change_set: ChangeSet, *, cursor: str | None = None) -> ChangeSetDetails:
        """The same, for whoever has the header."""
        chunks: list[ItemChunk]
        chunks, next_cursor = await self._store.list_chunks(
            change_set.change_set_id, limit=_CHUNKS_PER_PAGE, cursor=cursor
        )
        items = tuple(item for chunk in chunks for item in chunk.items)
        return ChangeSetDetails(
            change_set=ChangeSetView.of(change_set), items=items, next_cursor=next_cursor, losses=losses_of(items)
        )

    async def items(self, change_set: ChangeSet) -> Sequence[Item]:
        """All items of a change-set, as they are stored."""
        return (await Work.load(self._store, change_set)).items

    async def undo(
        self, caller: Caller, change_set_id: ChangeSetId, request: UndoChange, *, key: str | None = None
    ) -> Undone:
        """Put back what a change-set changed, except what somebody changed since.

        Raises `Conflict` (`change_set_not_applied`, `undo_in_progress`), `InvalidInput` (`nothing_to_undo`).
        """
        change_set = await self._find(caller, change_set_id)
        sheet_id = change_set.sheet_id
        path = f"changes/{change_set_id}/undo"
        repeated = await self._submitter.find_repeated(caller, path, request, key)
        if repeated is not None:
            return await self._undone(repeated, [])
        require_sheet_writable(await self._sheets.open(caller, sheet_id))
        if change_set.status != "applied":
            raise Conflict("The change-set is still being applied.", code="change_set_not_applied")
        inverse_id = new_change_set_id(caller, path, key)
        inversion = await self._invert(change_set, request, inverse_id)
        if not inversion.items:
            message = "Nothing of it is left to be undone." if inversion.not_undone else "It changed nothing of that."
            raise InvalidInput(message, code="nothing_to_undo")
        await self._announce(change_set, inverse_id)
        wish = Wish(sheet_id, inversion.items, request, path, key, inverse_of=change_set_id, change_set_id=inverse_id)
        try:
            inverse = await self._submitter.submit(caller, wish)
        except AppError:
            await self._withdraw(sheet_id, change_set_id, inverse_id)
            raise
        return await self._undone(inverse, inversion.not_undone)

    async def _find(self, caller: Caller, change_set_id: ChangeSetId) -> ChangeSet:
        sheet_id = await self._store.find_sheet(change_set_id)
        if sheet_id is not None:
            await self._require_access(caller, sheet_id)
            change_set = await self._store.find(sheet_id, change_set_id)
            if change_set is not None:
                return change_set
        raise _not_found()

    async def _require_access(self, caller: Caller, sheet_id: SheetId) -> None:
        try:
            await self._sheets.confirm_access(caller, sheet_id)
        except NotFound:
            raise _not_found() from None

    async def _invert(self, change_set: ChangeSet, request: UndoChange, inverse_id: ChangeSetId) -> Inversion:
        inversion = Inversion(
            await Work.load(self._store, change_set),
            row_ids=None if request.row_ids is None else set(request.row_ids),
            column_ids=None if request.column_ids is None else set(request.column_ids),
            restored=await self._restored(change_set, inverse_id),
        )
        await inversion.build()
        return inversion

    async def _restored(self, change_set: ChangeSet, own_id: ChangeSetId) -> set[str]:
        """What former undos put back. Raises `Conflict` while another one is under way."""
        restored: set[str] = set()
        for inverse_id in change_set.inverses:
            if inverse_id == own_id:  # announced by a request of which this one is the repetition
                continue
            inverse = await self._store.find(change_set.sheet_id, inverse_id)
            begun = inverse is None and self._clock() - change_set.updated_at < _BEGUN_FOR
            if begun or (inverse is not None and inverse.status != "applied"):
                raise Conflict("It is being undone already.", code="undo_in_progress")
            if inverse is not None:
                restored |= restored_by(await self.items(inverse))
        return restored

    async def _announce(self, change_set: ChangeSet, inverse_id: ChangeSetId) -> None:
        """So that two undos of one change-set do not put the same rows back."""
        if inverse_id in change_set.inverses:
            return
        update = {"inverses": (*change_set.inverses, inverse_id), "updated_at": self._clock()}
        try:
            await self._store.save(change_set.model_copy(update=update))
        except PreconditionFailed:
            raise Conflict("It is being undone already.", code="undo_in_progress") from None

    async def _withdraw(self, sheet_id: SheetId, change_set_id: ChangeSetId, inverse_id: ChangeSetId) -> None:
        """Take an announcement back of an undo that did not come to be stored."""
        change_set = await self._store.find(sheet_id, change_set_id)
        if change_set is None or await self._store.find(sheet_id, inverse_id) is not None:
            return
        inverses = tuple(known for known in change_set.inverses if known != inverse_id)
        with suppress(PreconditionFailed):  # then it stays announced for a while
            await self._store.save(change_set.model_copy(update={"inverses": inverses}))

    async def _undone(self, inverse: ChangeSet, before: Sequence[NotUndone]) -> Undone:
        not_undone = [*before, *left_undone(await self.items(inverse))]
        return Undone(change_set=ChangeSetView.of(inverse), not_undone=tuple(not_undone[:_MAX_NOT_UNDONE]))


def _not_found() -> NotFound:
    return NotFound("There is no such change-set.", code="change_set_not_found")
