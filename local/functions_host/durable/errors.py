"""What can go wrong in the engine, as one tree.

DurableError
├── FunctionMissing          no such orchestrator or activity
├── InvalidRequest           an instance id or a filter that cannot be used
├── InstanceExists           an unfinished instance has that id
├── InstanceMissing          no instance has that id
├── InstanceFinished         the instance has ended: no event, no control reaches it
├── InstanceUnfinished       only finished instances can be purged
├── StorageFull              the disk has no room; nothing was changed
├── StorageLocked            another host works on the same file, or it is not ours
└── OrchestratorBroken       what the orchestrator function answered cannot be carried out
"""


class DurableError(Exception):
    """Base of the tree; the message is fit for the caller."""


class FunctionMissing(DurableError):
    """No function of that name and kind is registered."""


class InvalidRequest(DurableError):
    """The request cannot be carried out as it is written."""


class InstanceExists(DurableError):
    """An unfinished instance has that id."""


class InstanceMissing(DurableError):
    """No instance has that id."""


class InstanceFinished(DurableError):
    """The instance has ended."""


class InstanceUnfinished(DurableError):
    """The instance has not ended yet."""


class StorageFull(DurableError):
    """The disk has no room; nothing was changed."""


class StorageLocked(DurableError):
    """Another host works on the same file, or the file is of another version."""


class OrchestratorBroken(DurableError):
    """The instance fails with this message."""
