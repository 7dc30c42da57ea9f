"""Rows to be moved."""

from collections.abc import Sequence

from shared.changes.kinds import Sent, StepKind, refused, settled
from shared.changes.models import Item, RowMove, RowPlace, WriteIntent
from shared.changes.target import Target, location_at, places_of
from shared.errors import InvalidInput
from shared.sheets.models import RowLocation, RowWrite, Sheet


class RowMoveStep(StepKind):
    """See `StepKind`. Indenting twice is not indenting once: whether a row was moved is told by where it was before."""

    looks_again = True

    async def look(self, target: Target, items: Sequence[Item], intent: WriteIntent | None) -> Sheet:
        """The whole sheet: a place is between others."""
        return await target.sheets.reread_whole(target.caller, target.sheet_id)

    def settle(self, target: Target, items: Sequence[Item], truth: Sheet, intent: WriteIntent | None) -> list[Item]:
        """After a call went out, a row that stands elsewhere than before was moved."""
        places = places_of(truth)
        done: list[Item] = []
        for move in _moves(items):
            row = truth.rows_by_id.get(target.row(move.row_id))
            if move.state != "pending":
                done.append(move)
            elif row is None:
                done.append(refused(move, "row_not_found"))
            elif row.locked_for_user:
                done.append(refused(move, "row_locked"))
            elif intent is not None:
                stayed = move.before is not None and near(places[row.id], move.before)
                done.append(move if stayed else settled(move, "written"))
            else:
                done.append(_unsent(target, move, truth, places[row.id]))
        return done

    async def send(self, target: Target, items: Sequence[Item], truth: Sheet) -> Sent:
        """One bulk call with partial success."""
        moves = _moves(items)
        pending = [move for move in moves if move.state == "pending"]
        location = _location(target, pending[0], truth)
        if location is None:
            raise InvalidInput("There is no such place any more.", code="place_lost")
        writes = [RowWrite(target.row(move.row_id), location=location) for move in pending]
        answer = await target.sheets.write_rows(
            target.caller, target.sheet_id, writes, change_agent=target.change_agent
        )
        codes = {failure.row_id: failure.code for failure in answer.failures}
        return Sent(answer.version, [_answered(move, codes.get(target.row(move.row_id))) for move in moves])

    def compare(self, target: Target, items: Sequence[Item], now: Sheet, *, overlap: bool) -> list[Item]:
        """Where the rows stand now."""
        places = places_of(now)
        return [
            move.model_copy(update={"after": places.get(target.row(move.row_id))}) if move.state == "written" else move
            for move in _moves(items)
        ]


def _answered(move: RowMove, refusal: str | None) -> RowMove:
    if move.state != "pending":
        return move
    return settled(move, "written") if refusal is None else refused(move, refusal)


def _unsent(target: Target, move: RowMove, truth: Sheet, here: RowPlace) -> RowMove:
    if move.placement is not None:
        anchor = move.placement.parent_id or move.placement.sibling_id
        if anchor is not None and anchor not in truth.rows_by_id:
            return refused(move, "place_not_found")
    if move.expected is not None and not near(here, target.place(move.expected)):
        return settled(move, "conflict", code="moved_since")
    return move if move.before == here else move.model_copy(update={"before": here})


def _location(target: Target, move: RowMove, truth: Sheet) -> RowLocation | None:
    if move.place is not None:
        return location_at(truth, target.place(move.place))
    assert move.placement is not None
    return RowLocation(**move.placement.model_dump())


def near(here: RowPlace, there: RowPlace) -> bool:
    """Whether a row still stands there: rows that came or went beside it do not count."""
    beside = here.after_id == there.after_id or here.before_id == there.before_id
    return here.parent_id == there.parent_id and beside


def _moves(items: Sequence[Item]) -> list[RowMove]:
    return [item for item in items if isinstance(item, RowMove)]
