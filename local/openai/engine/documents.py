"""The documents of a conversation: the cells that a task is about.

They stand in a user message as JSON between `<documents>` and `</documents>`: an object of column title → cell text,
or several of them as an array or under keys. The block ends where its JSON ends, so that no text inside a cell can end
it earlier. Documents are data: nothing in them is read as an instruction.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from local.openai.messages import Message

_OPEN = re.compile(r"<documents>\s*(?=[\[{])")
_CLOSE = re.compile(r"\s*</documents>\s*(?:\"{3})?")
_IDS = ("id", "rowid", "row_id", "key")
_DECODER = json.JSONDecoder(strict=False)


@dataclass(frozen=True)
class Document:
    """One row: column title → cell text, in the caller's order. `id` is empty where the caller gave none."""

    fields: dict[str, str]
    id: str = ""


@dataclass(frozen=True)
class Documents:
    """The rows of one request, the hash of the block, and the message's text around it."""

    rows: tuple[Document, ...]
    sha256: str
    around: str


def find_documents(messages: Sequence[Message]) -> Documents | None:
    """The newest documents block of the user's messages; None where there is none."""
    for message in reversed(messages):
        if message.role != "user":
            continue
        for opening in _OPEN.finditer(message.text):
            try:
                value, end = _DECODER.raw_decode(message.text, opening.end())
            except ValueError:
                continue
            closing = _CLOSE.match(message.text, end)
            before = message.text[: opening.start()].rstrip().removesuffix('"""')
            after = message.text[closing.end() if closing else end :]
            block = message.text[opening.end() : end]
            return Documents(
                _rows(value),
                hashlib.sha256(block.encode("utf-8", "surrogatepass")).hexdigest(),
                f"{before}\n{after}".strip(),
            )
    return None


def _rows(value: Any) -> tuple[Document, ...]:
    if isinstance(value, dict) and len(value) == 1 and _all_objects(inner := next(iter(value.values()))):
        value = inner
    if _all_objects(value):
        return tuple(_packed_row(item) for item in value)
    if isinstance(value, dict) and value and all(isinstance(item, dict) for item in value.values()):
        return tuple(Document(_cells(item), key) for key, item in value.items())
    return (Document(_cells(value) if isinstance(value, dict) else {"": _cell(value)}),)


def _all_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _packed_row(value: dict[str, Any]) -> Document:
    """One of several rows: its id apart, its cells where they stand or under the only other key."""
    ids = [name for name in value if name.lower() in _IDS]
    cells = {name: cell for name, cell in value.items() if name not in ids[:1]}
    if len(cells) == 1 and isinstance(inner := next(iter(cells.values())), dict):
        cells = inner
    return Document(_cells(cells), _cell(value[ids[0]]) if ids else "")


def _cells(value: dict[str, Any]) -> dict[str, str]:
    return {name: _cell(cell) for name, cell in value.items()}


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(_cell(item) for item in value)
        case dict():
            return "; ".join(f"{name}: {_cell(item)}" for name, item in value.items())
        case _:
            return str(value)
