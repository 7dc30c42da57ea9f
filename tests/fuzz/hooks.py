"""What Schemathesis does with requests before they go out: real ids in half of them, so that they reach something."""

import json
import os
from typing import Any
from zlib import crc32

import schemathesis

KNOWN: dict[str, list[str]] = json.loads(os.environ.get("FUZZ_IDS", "{}"))
"""Ids of things that there are, by the name of the parameter."""


def _with_real_ids(values: Any) -> Any:
    if isinstance(values, dict):
        return {name: _one(name, each) for name, each in values.items()}
    return [_with_real_ids(each) for each in values] if isinstance(values, list) else values


def _one(name: str, value: Any) -> Any:
    if name in KNOWN and isinstance(value, str):
        choice = crc32(value.encode(errors="replace")) % (2 * len(KNOWN[name]))
        return KNOWN[name][choice] if choice < len(KNOWN[name]) else value
    return _with_real_ids(value)


@schemathesis.hook
def map_path_parameters(context: Any, path_parameters: Any) -> Any:
    """Ids in paths."""
    return _with_real_ids(path_parameters)


@schemathesis.hook
def map_query(context: Any, query: Any) -> Any:
    """Ids in queries."""
    return _with_real_ids(query)


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """Ids in bodies."""
    return _with_real_ids(body)
