"""The state of a sheet that all instances share, changed by one writer at a time."""

from collections.abc import Callable, Sequence
from typing import Any

from shared.errors import AppError, Conflict, PreconditionFailed, UpstreamUnavailable
from shared.ids import RowId, SheetId
from shared.sheets.ports import SheetMark
from shared.telemetry import get_logger
from shared.webhooks.models import ENABLED, MAX_ROWS_TOLD, SheetState
from shared.webhooks.ports import SheetStateStore

log = get_logger(__name__)

_ATTEMPTS = 20
_ID = "state"

Changes = dict[str, Any]


class SheetStates:
    """Reads and changes the states."""

    def __init__(self, store: SheetStateStore) -> None:
        self._store = store

    async def find(self, sheet_id: SheetId) -> SheetState:
        """The state as it is; that of a sheet of which nothing is known yet is empty."""
        return await self._store.find(sheet_id) or SheetState(id=_ID)

    async def change(self, sheet_id: SheetId, changes: Callable[[SheetState], Changes]) -> SheetState:
        """Read, change, save; again when somebody else was faster. Without changes nothing is saved."""
        for _ in range(_ATTEMPTS):
            state = await self.find(sheet_id)
            update = changes(state)
            if all(getattr(state, name) == value for name, value in update.items()):
                return state
            try:
                return await self._store.save(sheet_id, state.model_copy(update=update))
            except (Conflict, PreconditionFailed):
                continue
        raise UpstreamUnavailable("Too many writers work on what is known of one sheet; try again.")

    async def mark(
        self, sheet_id: SheetId, rows: Sequence[RowId] | None, *, is_foreign: bool, delivery: str
    ) -> SheetState | None:
        """Note that the sheet changed; None for a delivery that was noted before. Both happen in one transaction."""
        for _ in range(_ATTEMPTS):
            if await self._store.has_seen(sheet_id, delivery):
                return None
            state = await self.find(sheet_id)
            marked = state.model_copy(update=marks(state, rows, is_foreign=is_foreign))
            try:
                await self._store.save_with_delivery(sheet_id, marked, delivery)
            except (Conflict, PreconditionFailed):
                continue
            return marked
        raise UpstreamUnavailable("Too many deliveries for one sheet at once; try again.")


class StoredMarks:
    """`SheetMarks` on the states. While they cannot be asked, sheets are read as if no webhook told anything.

    A webhook is believed only where it calls `callback_url`, this application's present address.
    """

    def __init__(self, states: SheetStates, callback_url: str | None) -> None:
        self._states = states
        self._callback_url = callback_url

    async def look(self, sheet_id: SheetId) -> SheetMark | None:
        """See `SheetMarks.look`."""
        try:
            state = await self._states.find(sheet_id)
        except AppError as error:
            log.warning("what is heard of sheet %s cannot be read (%s)", sheet_id, error.code)
            return None
        webhook = state.webhook
        is_watched = webhook is not None and webhook.status == ENABLED and webhook.callback_url == self._callback_url
        return SheetMark(state.marks, not state.is_dirty, state.version, is_watched)

    async def settle(self, sheet_id: SheetId, mark: SheetMark, version: int) -> None:
        """See `SheetMarks.settle`. What cannot be noted is found out again by the next reader."""
        try:
            await self._states.change(sheet_id, lambda state: read(state, mark.number, version))
        except AppError as error:
            log.warning("that sheet %s was read is not noted (%s)", sheet_id, error.code)


def marks(state: SheetState, rows: Sequence[RowId] | None, *, is_foreign: bool) -> Changes:
    """One more change was heard of."""
    return {
        "marks": state.marks + 1,
        "rows": _united(state.rows, rows),
        "is_foreign": is_foreign or state.is_foreign,
    }


def read(state: SheetState, mark: int, version: int) -> Changes:
    """Somebody asked after this mark, and got this version. An answer to an older question changes nothing."""
    if mark < state.read:
        return {}
    if mark == state.read:
        return {"version": version if state.version is None else max(state.version, version)}
    return {"read": mark, "version": version, "is_foreign": state.is_foreign and mark < state.marks}


def told(state: SheetState, mark: int) -> Changes:
    """Browsers were told of all changes up to this mark. Rows that changed later are still to be told."""
    if mark < state.told:
        return {}
    return {"told": mark, "rows": () if mark == state.marks else state.rows}


def _united(held: Sequence[RowId] | None, more: Sequence[RowId] | None) -> tuple[RowId, ...] | None:
    if held is None or more is None:
        return None
    rows = tuple(dict.fromkeys((*held, *more)))
    return None if len(rows) > MAX_ROWS_TOLD else rows
