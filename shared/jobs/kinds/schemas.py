"""Strict JSON schemas from pydantic models, as structured outputs want them."""

from typing import Any, cast

from pydantic import BaseModel


def strict_schema(answer: type[BaseModel]) -> dict[str, Any]:
    """The schema of an answer model, which must forbid extra fields and have no optional ones.

    The service counts the schema as prompt: titles, which repeat the names, and the docstring are left out.
    """
    schema = answer.model_json_schema()
    schema.pop("description", None)
    return cast("dict[str, Any]", _without_titles(schema))


def _without_titles(node: object) -> object:
    if isinstance(node, dict):
        entries = cast("dict[str, object]", node)
        return {
            name: _without_titles(value)
            for name, value in entries.items()
            if not (name == "title" and isinstance(value, str))
        }
    if isinstance(node, list):
        return [_without_titles(item) for item in cast("list[object]", node)]
    return node
