"""CSV and its relatives: records from text.

A field may be quoted with `"`; inside, quotes are doubled, and line ends and delimiters are plain text. A quote in
the middle of an unquoted field is plain text too. Lines without any content are skipped.
"""

import re
from collections.abc import Iterator
from itertools import islice

from shared.tables.table import MAX_COLUMNS, Problem, Record, TableError, Value, count_lines

DELIMITERS = (",", ";", "\t", "|")
MAX_FIELDS = 10_000  # of one record: beyond, it is no table but an attempt to fill the memory
_LINE_END = re.compile(r"\r\n|\r|\n")
_SNIFFED_RECORDS = 50


def parse(text: str, delimiter: str) -> Iterator[Record]:
    """The records of a text.

    Raises `TableError` for an open quote, for text behind a closing quote and for more than `MAX_FIELDS` fields.
    """
    at, line = 0, 1
    while at < len(text):
        end = _LINE_END.search(text, at)
        stop, after = (end.start(), end.end()) if end else (len(text), len(text))
        content = text[at:stop]
        if '"' not in content:
            if content:
                yield Record(line, _plain_fields(content, delimiter, line))
            at, line = after, line + 1
        else:
            fields, at = _quoted_record(text, at, line, delimiter)
            yield Record(line, fields)
            line += 1 + sum(count_lines(field) for field in fields if isinstance(field, str))


def _plain_fields(content: str, delimiter: str, line: int) -> list[Value]:
    found = content.count(delimiter) + 1
    if found > MAX_FIELDS:
        raise _too_wide(found, line)
    return [field or None for field in content.split(delimiter)]


def _too_wide(found: int, line: int) -> TableError:
    return TableError(
        [Problem(f"{found:,} fields in one line; a sheet holds at most {MAX_COLUMNS} columns", line=line)]
    )


def find_delimiter(text: str) -> str:
    """The delimiter that divides the first records into the same number of fields; the comma where none does."""
    best, fields = ",", 1
    for delimiter in DELIMITERS:
        counts = _field_counts(text, delimiter)
        if counts and counts[0] > fields and set(counts) == {counts[0]}:
            best, fields = delimiter, counts[0]
    if fields > 1:
        return best
    header = _LINE_END.split(text.lstrip("\r\n"), maxsplit=1)[0]
    return max(DELIMITERS, key=header.count)


def _field_counts(text: str, delimiter: str) -> list[int]:
    try:
        return [len(record.fields) for record in islice(parse(text, delimiter), _SNIFFED_RECORDS)]
    except TableError:
        return []


def _quoted_record(text: str, at: int, line: int, delimiter: str) -> tuple[list[Value], int]:
    """The fields of a record with quotes in it, and where the next record begins."""
    fields: list[Value] = []
    begin = line
    unquoted = re.compile(rf"[^{re.escape(delimiter)}\r\n]*")
    while True:
        if text.startswith('"', at):
            field, at = _quoted_field(text, at, line, len(fields) + 1, delimiter)
            line += count_lines(field or "")
        else:
            match = unquoted.match(text, at)
            assert match is not None
            field, at = match[0] or None, match.end()
        fields.append(field)
        if len(fields) > MAX_FIELDS:
            raise _too_wide(len(fields), begin)
        if text.startswith(delimiter, at):
            at += 1
            continue
        end = _LINE_END.match(text, at)
        return fields, end.end() if end else at


def _quoted_field(text: str, at: int, line: int, number: int, delimiter: str) -> tuple[str | None, int]:
    end = text.find('"', at + 1)
    while end != -1 and text.startswith('"', end + 1):
        end = text.find('"', end + 2)
    if end == -1:
        raise TableError([Problem("a quote is opened here and never closed", line=line, column=str(number))])
    following = text[end + 1 : end + 2]
    if following not in ("", delimiter, "\r", "\n"):
        field = text[at + 1 : end]
        problem = f"{following!r} follows a closing quote; a quote inside a quoted field must be doubled"
        raise TableError([Problem(problem, line=line + count_lines(field), column=str(number))])
    return text[at + 1 : end].replace('""', '"') or None, end + 1
