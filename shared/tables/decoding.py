"""From bytes to text: byte order marks, UTF-8, UTF-16, and what older programs write."""

import codecs
from dataclasses import dataclass

from shared.tables.legacy import guess_legacy
from shared.tables.table import Problem, TableError

_MARKS = [
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
]
_CODECS = {"shift_jis": "cp932", "euc-kr": "cp949", "big5": "cp950"}  # what Windows writes by these names


@dataclass(frozen=True, slots=True)
class Decoded:
    """A text and the encoding that it was in."""

    text: str
    encoding: str


def decode(data: bytes, encoding: str | None = None) -> Decoded:
    """The text of a file. `encoding` overrides what the bytes suggest.

    Raises `TableError` naming line and byte for a NUL or a byte that the encoding does not have.
    """
    for mark, marked in _MARKS:
        if data.startswith(mark) and encoding in (None, marked, marked[:6]):
            return _checked(data[len(mark) :], marked, offset=len(mark))
    if encoding is None:
        encoding = _guess(data)
    return _checked(data, encoding, offset=0)


def _guess(data: bytes) -> str:
    """UTF-16 by its NULs, else UTF-8 where most of it is; else an older encoding."""
    half = max(1, len(data) // 2)
    if len(data) % 2 == 0 and data:
        if data[1::2].count(0) > half * 0.4 and not data[0::2].count(0):
            return "utf-16-le"
        if data[0::2].count(0) > half * 0.4 and not data[1::2].count(0):
            return "utf-16-be"
    try:
        data.decode()
    except UnicodeDecodeError:
        return "utf-8" if _is_damaged_utf8(data) else guess_legacy(data)
    return "utf-8"


def _is_damaged_utf8(data: bytes) -> bool:
    """Whether most characters beyond ASCII are valid UTF-8, more than by chance: then the others are damage."""
    text = data.decode(errors="replace")
    beyond_ascii = len(text) - len(text.encode("ascii", "ignore"))
    return beyond_ascii >= 2 * text.count("\ufffd")


def _checked(data: bytes, encoding: str, *, offset: int) -> Decoded:
    codec = _CODECS.get(encoding, encoding)
    try:
        text = data.decode(codec)
    except LookupError:
        raise TableError([Problem(f"the encoding {encoding} is not known")]) from None
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(codec, errors="replace")
        position = error.start + offset
        problem = (
            f"byte {position} (0x{data[error.start]:02x}) is not {encoding} text; if it has another encoding, name it"
        )
        raise TableError([Problem(problem, line=_line(before))]) from None
    if "\0" in text:
        before = text[: text.index("\0")]
        position = len(before.encode(codec)) + offset
        raise TableError([Problem(f"byte {position} is a NUL character", line=_line(before))])
    return Decoded(text, encoding)


def _line(before: str) -> int:
    return 1 + before.count("\n") + before.count("\r") - before.count("\r\n")
