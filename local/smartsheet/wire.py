"""JSON, times, ids and query parameters as Smartsheet writes them."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from json import JSONEncoder
from typing import Any

from local.smartsheet.errors import ApiError

encode: Callable[[Any], str] = JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""Compact JSON text. Control characters in strings come out escaped."""

PERMALINK = "https://app.smartsheet.com/sheets/"


def now() -> str:
    """The present moment in UTC, to the second, as the API writes times."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def new_id() -> int:
    """A random id of 53 to 60 bits, as Smartsheet's ids look; some exceed 2^53."""
    return secrets.randbelow(2**59 - 2**52) + 2**52


def success(result: Any = None, **more: Any) -> dict[str, Any]:
    """The envelope of a change that succeeded."""
    body: dict[str, Any] = {"message": "SUCCESS", "resultCode": 0, **more}
    if result is not None:
        body["result"] = result
    return body


@dataclass(frozen=True, slots=True)
class Query:
    """The query parameters of a call, read by type. A value that cannot be read raises 1018."""

    parameters: Mapping[str, str]

    def flag(self, name: str) -> bool:
        """A boolean parameter; absent means false."""
        text = self.parameters.get(name, "").lower()
        if text not in ("", "true", "false", "1", "0"):
            raise ApiError(1018, text, name)
        return text in ("true", "1")

    def number(self, name: str, *, minimum: int = 0) -> int | None:
        """A whole number, or `None` where the parameter is absent."""
        text = self.parameters.get(name, "")
        if not text:
            return None
        if not text.isascii() or not text.isdigit() or int(text) < minimum:
            raise ApiError(1018, text, name)
        return int(text)

    def numbers(self, name: str) -> list[int] | None:
        """Comma-separated whole numbers, or `None` where the parameter is absent."""
        text = self.parameters.get(name, "")
        if not text:
            return None
        parts = [part.strip() for part in text.split(",") if part.strip()]
        if not all(part.isascii() and part.isdigit() for part in parts):
            raise ApiError(1018, text, name)
        return [int(part) for part in parts]

    def words(self, name: str) -> frozenset[str]:
        """Comma-separated words."""
        return frozenset(part.strip() for part in self.parameters.get(name, "").split(",") if part.strip())

    def time(self, name: str) -> str | None:
        """A moment (ISO-8601, or milliseconds since 1970) in the API's own notation."""
        text = self.parameters.get(name, "")
        if not text:
            return None
        try:
            moment = (
                datetime.fromtimestamp(int(text) / 1000, UTC)
                if text.isdigit()
                else datetime.fromisoformat(text.replace(" ", "+"))
            )
        except (ValueError, OverflowError, OSError):
            raise ApiError(1018, text, name) from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def page(self) -> tuple[int, int]:
        """`page` from 1, and `pageSize` (100 unless told)."""
        return self.number("page", minimum=1) or 1, self.number("pageSize", minimum=1) or 100


def paged(items: Sequence[Any], query: Query) -> dict[str, Any]:
    """One page of a list in Smartsheet's index envelope; `includeAll=true` gives all in one."""
    page, size = query.page()
    if query.flag("includeAll"):
        page, size = 1, max(len(items), 1)
    return {
        "pageNumber": page,
        "pageSize": size,
        "totalPages": max(1, -(-len(items) // size)),
        "totalCount": len(items),
        "data": list(items[(page - 1) * size : page * size]),
    }
