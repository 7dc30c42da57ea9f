"""What the service's headers say about its quota."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from shared.ai.quota import RateLimits
from shared.resilience.retry import retry_after_seconds

_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")


def rate_limits(headers: Mapping[str, str]) -> RateLimits:
    """The `x-ratelimit-*-tokens` headers; what is absent or unreadable is None."""
    return RateLimits(
        limit_tokens=_count(headers.get("x-ratelimit-limit-tokens")),
        remaining_tokens=_count(headers.get("x-ratelimit-remaining-tokens")),
        reset_tokens=_seconds(headers.get("x-ratelimit-reset-tokens")),
    )


def asked_delay(headers: Mapping[str, str]) -> float | None:
    """The seconds that `retry-after-ms`, or else `retry-after`, asks for."""
    milliseconds = _seconds(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    return retry_after_seconds(headers.get("retry-after"), datetime.now(UTC))


def _count(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def _seconds(text: str | None) -> float | None:
    """`60`, `1.5`, and OpenAI's `6m0s`, `1s`, `20ms`."""
    if not text:
        return None
    if text.isascii() and text.replace(".", "", 1).isdigit():
        return float(text)
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    hours, minutes, seconds, milliseconds = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds + milliseconds / 1000
