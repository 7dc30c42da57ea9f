"""A working in-memory double of `SheetSource`, and a short way to make sheets.

source.py     the double: who may do what, faults, the list of calls
writes.py     what writes do to the sheets, and what they answer
stored.py     the sheets, and what other people do to them
cells.py      what a written cell holds: by the rules of the local Smartsheet sandbox
columns.py    adding and changing columns, by the same rules
outline.py    where rows go, by the same outline
making.py     sheets for tests
"""

from tests.fakes.smartsheet.calls import Method, SourceCall
from tests.fakes.smartsheet.making import sheet_of
from tests.fakes.smartsheet.source import FakeSheetSource

__all__ = ["FakeSheetSource", "Method", "SourceCall", "sheet_of"]
