"""Ids, as strings: Smartsheet's exceed 2^53, which JSON numbers in a browser cannot hold."""

from typing import NewType

SheetId = NewType("SheetId", str)
RowId = NewType("RowId", str)
ColumnId = NewType("ColumnId", str)
UserId = NewType("UserId", str)
SessionId = NewType("SessionId", str)
JobId = NewType("JobId", str)
ChangeSetId = NewType("ChangeSetId", str)
MessageId = NewType("MessageId", str)
