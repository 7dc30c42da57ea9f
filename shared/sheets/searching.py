"""Finding rows by words, as people type them: neither case nor accents matter."""

import re
from unicodedata import normalize

from shared.sheets.filtering import RowTest
from shared.sheets.models import Cell, Row
from shared.sheets.values import cell_text

# The blocks of combining diacritical marks. The vowel signs of other scripts are letters, and stay.
_ACCENTS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+")


def folded(text: str) -> str:
    """The text without case and accents: texts that people take for the same word are equal."""
    if text.isascii():
        return text.lower()
    return _ACCENTS.sub("", normalize("NFKD", text)).casefold()


def compile_search(text: str) -> RowTest:
    """The test of rows in which every word of the text occurs, each in whichever cell; without words, all rows."""
    words = list(dict.fromkeys(folded(text).split()))

    def found(row: Row) -> bool:
        whole = folded("\n".join([_text(cell) for cell in row.cells.values()]))
        return all(word in whole for word in words)

    return found


def _text(cell: Cell) -> str:
    """As `cell_text`, by the short way for what most cells hold."""
    if cell.display_value is not None:
        return cell.display_value
    return cell.value if isinstance(cell.value, str) else cell_text(cell)
