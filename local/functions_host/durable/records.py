"""The rows behind instances: every function is one unit of work for the writer, or part of one."""

import json
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from local.functions_host.durable.instance import Instance, Message, Parent
from local.functions_host.durable.progress import Progress
from local.functions_host.durable.protocol import EventType, encode

FINISHED = ("Completed", "Failed", "Terminated")


@dataclass(frozen=True, slots=True)
class Work:
    """One activity to run. `input_text` is JSON text."""

    seq: int
    instance_id: str
    execution_id: str
    task_id: int
    name: str
    input_text: str | None


@dataclass(frozen=True, slots=True)
class Timer:
    """A wake-up call for one execution at `due` (seconds since the epoch)."""

    due: float
    instance_id: str
    execution_id: str
    task_id: int


@dataclass(slots=True)
class Child:
    """A sub-orchestration to start; `refusal` is what its parent gets where the id is taken."""

    instance: Instance
    started: Message
    refusal: Message


@dataclass(slots=True)
class Notice:
    """What a parent is told when a child ends."""

    parent: Parent
    message: Message


@dataclass(slots=True)
class EpisodeRecord:
    """Everything that one episode changes: written in one transaction.

    `abandoned` are tasks that nobody waits for any more, because the execution is over. `restart` begins the
    next execution of the same instance.
    """

    instance: Instance
    now: float
    consumed: list[int] = field(default_factory=list)
    closed_timers: list[int] = field(default_factory=list)
    abandoned: list[int] = field(default_factory=list)
    history: list[str] = field(default_factory=list)
    work: list[Work] = field(default_factory=list)
    timers: list[Timer] = field(default_factory=list)
    children: list[Child] = field(default_factory=list)
    output: str | None = None
    custom_status: str | None = None
    restart: Message | None = None
    notice: Notice | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """Which children could be started, and whether the parent was still there to be told."""

    children: list[bool]
    notice: bool


def start_instance(db: sqlite3.Connection, instance: Instance, started: Message) -> str | None:
    """Put an instance in place of a finished one or none. Returns the status of an unfinished one, changing nothing."""
    row = db.execute("SELECT status FROM instances WHERE id = ?", (instance.id,)).fetchone()
    if row is not None and row[0] not in FINISHED:
        return row[0]
    _forget(db, [instance.id])
    parent = instance.parent
    db.execute(
        "INSERT INTO instances VALUES (?, ?, ?, ?, 'Pending', ?, NULL, NULL, ?, ?, ?, ?, ?, NULL)",
        (
            instance.id,
            instance.execution_id,
            instance.name,
            instance.version,
            instance.input_text,
            instance.created_at,
            instance.created_at,
            parent and parent.instance_id,
            parent and parent.execution_id,
            parent and parent.task_id,
        ),
    )
    post(db, instance.id, started)
    return None


def post(db: sqlite3.Connection, instance_id: str, message: Message) -> None:
    """Put a message into the inbox of an instance."""
    db.execute("INSERT INTO inbox VALUES (?, ?, ?)", (message.seq, instance_id, encode(message.event)))


def post_to_unfinished(db: sqlite3.Connection, instance_id: str, message: Message) -> str | None:
    """Post to an instance that has not ended. Returns its status; None when there is no such instance."""
    row = db.execute("SELECT status FROM instances WHERE id = ?", (instance_id,)).fetchone()
    if row is not None and row[0] not in FINISHED:
        post(db, instance_id, message)
    return row[0] if row else None


def finish_work(db: sqlite3.Connection, work: Work, message: Message) -> bool:
    """Replace an activity by its outcome; False where the execution that wanted it is over."""
    removed = db.execute("DELETE FROM work WHERE seq = ?", (work.seq,)).rowcount
    return bool(removed) and _post_to_execution(db, work.instance_id, work.execution_id, message)


def _post_to_execution(db: sqlite3.Connection, instance_id: str, execution_id: str, message: Message) -> bool:
    row = db.execute(
        "SELECT status FROM instances WHERE id = ? AND execution_id = ?", (instance_id, execution_id)
    ).fetchone()
    wanted = row is not None and row[0] not in FINISHED
    if wanted:
        post(db, instance_id, message)
    return wanted


def save_episode(db: sqlite3.Connection, record: EpisodeRecord) -> Sent:
    """Write one episode: consumed messages, history, new work, timers and children, the parent's notice, the status."""
    instance = record.instance
    db.executemany("DELETE FROM inbox WHERE seq = ?", [(seq,) for seq in record.consumed])
    db.executemany(
        "DELETE FROM timers WHERE instance_id = ? AND task_id = ?",
        [(instance.id, task_id) for task_id in record.closed_timers],
    )
    if record.restart is not None:
        _start_over(db, instance, record.restart)
    else:
        _append_history(db, instance, record.history)
    finished = instance.status in FINISHED
    db.execute(
        "UPDATE instances SET status = ?, execution_id = ?, input = ?, output = ?, progress = ?, updated_at = ?, "
        "custom_status = coalesce(?, custom_status) WHERE id = ?",
        (
            instance.status,
            instance.execution_id,
            instance.input_text,
            record.output,
            None if finished else instance.progress.model_dump_json(exclude_defaults=True),
            record.now,
            record.custom_status,
            instance.id,
        ),
    )
    if finished:
        db.execute("DELETE FROM inbox WHERE instance_id = ?", (instance.id,))
        db.execute("DELETE FROM timers WHERE instance_id = ?", (instance.id,))
    db.executemany(
        "INSERT INTO work VALUES (?, ?, ?, ?, ?, ?)",
        [(w.seq, w.instance_id, w.execution_id, w.task_id, w.name, w.input_text) for w in record.work],
    )
    db.executemany("INSERT INTO timers VALUES (?, ?, ?)", [(t.instance_id, t.task_id, t.due) for t in record.timers])
    return _send(db, record)


def _append_history(db: sqlite3.Connection, instance: Instance, events: list[str]) -> None:
    assert instance.history is not None
    first = len(instance.history)
    db.executemany(
        "INSERT INTO history VALUES (?, ?, ?)", [(instance.id, first + i, event) for i, event in enumerate(events)]
    )


def _start_over(db: sqlite3.Connection, instance: Instance, started: Message) -> None:
    """Continue as new: history, timers and answers to the former execution go; raised events and controls stay."""
    db.execute("DELETE FROM history WHERE instance_id = ?", (instance.id,))
    db.execute("DELETE FROM timers WHERE instance_id = ?", (instance.id,))
    kept = (
        EventType.EventRaised,
        EventType.ExecutionTerminated,
        EventType.ExecutionSuspended,
        EventType.ExecutionResumed,
    )
    db.execute(
        "DELETE FROM inbox WHERE instance_id = ? AND json_extract(event, '$.EventType') NOT IN (?, ?, ?, ?)",
        (instance.id, *map(int, kept)),
    )
    post(db, instance.id, started)


def _send(db: sqlite3.Connection, record: EpisodeRecord) -> Sent:
    children: list[bool] = []
    for child in record.children:
        taken = start_instance(db, child.instance, child.started)
        children.append(taken is None)
        if taken is not None:
            child.refusal.event["Reason"] = f"An Orchestration instance with the status {taken} already exists."
            post(db, record.instance.id, child.refusal)
    notice = record.notice
    told = notice is not None and _post_to_execution(
        db, notice.parent.instance_id, notice.parent.execution_id, notice.message
    )
    return Sent(children, told)


def purge(db: sqlite3.Connection, instance_ids: Iterable[str]) -> int:
    """Delete finished instances with all that belongs to them; returns how many there were."""
    statuses = [
        (instance_id, db.execute("SELECT status FROM instances WHERE id = ?", (instance_id,)).fetchone())
        for instance_id in instance_ids
    ]
    finished = [instance_id for instance_id, row in statuses if row is not None and row[0] in FINISHED]
    _forget(db, finished)
    return len(finished)


def _forget(db: sqlite3.Connection, instance_ids: list[str]) -> None:
    ids = [(instance_id,) for instance_id in instance_ids]
    for table in ("history", "inbox", "work", "timers"):
        db.executemany(f"DELETE FROM {table} WHERE instance_id = ?", ids)  # noqa: S608 - names from this file
    db.executemany("DELETE FROM instances WHERE id = ?", ids)


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Everything that a hub has to go on with after a start, and the highest number in use."""

    instances: list[Instance]
    work: list[Work]
    timers: list[Timer]
    last_seq: int


def load_unfinished(db: sqlite3.Connection) -> Unfinished:
    """Read what was under way when the former process ended."""
    instances = {
        row[0]: _instance(row) for row in db.execute(f"{_SELECT_INSTANCE} WHERE status NOT IN (?, ?, ?)", FINISHED)
    }
    for seq, instance_id, event in db.execute("SELECT seq, instance_id, event FROM inbox ORDER BY seq"):
        if instance_id in instances:
            instances[instance_id].push(Message(seq, json.loads(event)))
    work = [
        Work(*row)
        for row in db.execute("SELECT seq, instance_id, execution_id, task_id, name, input FROM work ORDER BY seq")
    ]
    timers = [
        Timer(due, instance_id, instances[instance_id].execution_id, task_id)
        for instance_id, task_id, due in db.execute("SELECT instance_id, task_id, due FROM timers")
        if instance_id in instances
    ]
    last = db.execute("SELECT max(coalesce((SELECT max(seq) FROM inbox), 0), coalesce((SELECT max(seq) FROM work), 0))")
    return Unfinished(list(instances.values()), work, timers, last.fetchone()[0])


_SELECT_INSTANCE = (
    "SELECT id, execution_id, name, version, input, parent_id, parent_execution_id, parent_task_id, "
    "created_at, status, progress, updated_at FROM instances"
)


def _instance(row: tuple) -> Instance:
    (
        instance_id,
        execution_id,
        name,
        version,
        input_text,
        parent_id,
        parent_execution,
        parent_task,
        created,
        status,
        progress,
        at,
    ) = row
    instance = Instance(
        id=instance_id,
        execution_id=execution_id,
        name=name,
        version=version,
        input_text=input_text,
        parent=Parent(parent_id, parent_execution, parent_task) if parent_id is not None else None,
        created_at=created,
        status=status,
        progress=Progress.model_validate_json(progress) if progress else Progress(),
        last_episode_at=min(at, time.time()),
    )
    instance.look_again()
    return instance


def read_history(db: sqlite3.Connection, instance_id: str) -> list[str]:
    """The encoded events of an instance, oldest first."""
    rows = db.execute("SELECT event FROM history WHERE instance_id = ? ORDER BY position", (instance_id,))
    return [row[0] for row in rows]
