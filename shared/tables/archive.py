"""An XLSX file is a ZIP archive of XML parts: each is measured before anything is built from it.

The declared sizes bound what unpacking gives, since no more than these is unpacked. Then each part that is asked for
is first run through a parser that builds nothing, which finds what would take memory out of proportion: entities,
deep nesting, endless texts, too many elements, too many cells in a row.
"""

import re
import zipfile
from dataclasses import dataclass, field
from typing import IO
from xml.parsers import expat

from shared.tables.table import MAX_CELLS, MAX_LISTED, MAX_ROWS, Problem, TableError

MAX_PARTS = 5_000
MAX_UNPACKED_BYTES = 200_000_000
MAX_TEXT = 100_000  # in one element; Excel's cells hold 32,767 characters
MAX_DEPTH = 64
MAX_IN_UNIT = 20_000  # elements in one row or one shared string
MAX_CELL_ELEMENTS = 4 * MAX_CELLS  # formatted empty cells are elements too
MAX_UNITS = MAX_CELLS + MAX_ROWS  # rows, or shared strings
MAX_OTHERS = 150_000  # elements outside of rows and shared strings
MAX_ELEMENTS = 4_000_000

_CHUNK = 1 << 16
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_ROW, _CELL, _FORMULA, _RESULT, _STRING, _MERGED = (
    f"{_MAIN} {name}" for name in ("row", "c", "f", "v", "si", "mergeCell")
)
_UNITS = (_ROW, _STRING)
_ROW_NUMBER = re.compile(r"\d{1,7}", re.ASCII)


class MeasuredArchive(zipfile.ZipFile):
    """A ZIP archive that gives a part only after it was measured. Raises `TableError` for what is out of proportion."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file, "r")
        self._measured: dict[str, PartMeasure] = {}
        infos = self.infolist()
        if len(infos) > MAX_PARTS:
            raise TableError([Problem(f"the workbook has {len(infos):,} parts; at most {MAX_PARTS:,} are read")])
        size = sum(info.file_size for info in infos)
        if size > MAX_UNPACKED_BYTES:
            text = f"the workbook unpacks to {size:,} bytes; at most {MAX_UNPACKED_BYTES:,} are read"
            raise TableError([Problem(text)])
        if any(info.compress_type not in _METHODS for info in infos):
            raise TableError([Problem("the workbook is packed by a method that workbooks do not use")])

    def open(  # pyright: ignore[reportIncompatibleMethodOverride] - reading is all that is done with it
        self, name: str | zipfile.ZipInfo, mode: str = "r", pwd: bytes | None = None, *, force_zip64: bool = False
    ) -> IO[bytes]:
        """The part, measured."""
        self.measure(name if isinstance(name, str) else name.filename)
        return super().open(name, "r")

    def measure(self, name: str) -> "PartMeasure":
        """What was found in the part, which is read for that once."""
        if name not in self._measured:
            measure = PartMeasure()
            with super().open(name, "r") as part:
                measure.take(part)
            self._measured[name] = measure
        return self._measured[name]


@dataclass(slots=True)
class PartMeasure:
    """What is in a part. `uncomputed` names cells with a formula but no stored result: row number and reference;
    `merged` are references of cells that are shown as one.
    """

    uncomputed: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    merged: list[str] = field(default_factory=list[str])
    _elements: int = 0
    _depth: int = 0
    _text: int = 0
    _units: int = 0
    _cells: int = 0
    _others: int = 0
    _unit_depth: int = 0
    _in_unit: int = 0
    _row: int = 0
    _cell: "_Cell | None" = None

    def take(self, part: IO[bytes]) -> None:
        """Read it to the end, or to where it is no longer XML: nobody gets further than that."""
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = _refuse_doctype
        try:
            while chunk := part.read(_CHUNK):
                parser.Parse(chunk, False)
            parser.Parse(b"", True)
        except expat.ExpatError:
            return

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._text = 0
        self._elements += 1
        _require(self._depth <= MAX_DEPTH, "the workbook nests its contents too deeply")
        _require(self._elements <= MAX_ELEMENTS, "the workbook consists of too many pieces")
        if not self._unit_depth:
            self._start_outside(name, attributes)
            return
        self._in_unit += 1
        _require(self._in_unit <= MAX_IN_UNIT, "a row or a text of the workbook consists of too many pieces", self._row)
        if name == _CELL:
            self._cells += 1
            _require(self._cells <= MAX_CELL_ELEMENTS, f"the worksheet has more than {MAX_CELL_ELEMENTS:,} cells")
            self._cell = _Cell(attributes.get("r", ""), attributes.get("t", "n"))
        elif self._cell is not None:
            self._cell.start(name)

    def _start_outside(self, name: str, attributes: dict[str, str]) -> None:
        if name not in _UNITS:
            self._others += 1
            _require(self._others <= MAX_OTHERS, "the workbook holds too much besides its cells")
            if name == _MERGED:
                self.merged.append(attributes.get("ref", ""))
            return
        self._units += 1
        _require(self._units <= MAX_UNITS, f"the workbook has more than {MAX_UNITS:,} rows or texts")
        self._unit_depth, self._in_unit = self._depth, 0
        if name == _ROW:
            given = attributes.get("r", "")
            self._row = int(given) if _ROW_NUMBER.fullmatch(given) else self._row + 1

    def _end(self, name: str) -> None:
        if self._depth == self._unit_depth:
            self._unit_depth = 0
        self._depth -= 1
        self._text = 0
        if self._cell is not None:
            self._cell.in_result = False
            if name == _CELL:
                if self._cell.is_uncomputed and len(self.uncomputed) < MAX_LISTED:
                    self.uncomputed.append((self._row, self._cell.reference))
                self._cell = None

    def _characters(self, text: str) -> None:
        self._text += len(text)
        _require(self._text <= MAX_TEXT, f"a text of the workbook has more than {MAX_TEXT:,} characters", self._row)
        if self._cell is not None and self._cell.in_result:
            self._cell.has_result = True


@dataclass(slots=True)
class _Cell:
    """A cell that is being read. The result of a formula may be an empty text, but no other empty value."""

    reference: str
    type: str
    has_formula: bool = False
    has_result: bool = False
    in_result: bool = False

    def start(self, name: str) -> None:
        if name == _FORMULA:
            self.has_formula = True
        elif name == _RESULT:
            self.in_result = True
            self.has_result = self.type == "str"

    @property
    def is_uncomputed(self) -> bool:
        return self.has_formula and not self.has_result


def _refuse_doctype(*_: object) -> None:
    _require(False, "the workbook declares entities, as no spreadsheet program does")


def _require(holds: bool, otherwise: str, row: int = 0) -> None:
    if not holds:
        raise TableError([Problem(otherwise, line=row or None)])
