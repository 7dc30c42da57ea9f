"""Correlation ids and loggers.

A correlation id is made (or taken, when well-formed) at the edge, travels in queue messages, orchestration
inputs and events, and stands in every log line and error answer.
"""

import logging
import re
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{8,64}")
_TELL_URLS = ("aiohttp.access", "azure", "httpcore2", "httpx2", "openai")
_current: ContextVar[str | None] = ContextVar("correlation_id", default=None)


def new_correlation_id() -> str:
    """A fresh id: 32 hexadecimal digits."""
    return uuid.uuid4().hex


def accept_correlation_id(offered: str | None) -> str:
    """The caller's id when it is well-formed (8–64 of letters, digits, `.`, `_`, `-`), else a new one."""
    return offered if offered and _WELL_FORMED.fullmatch(offered) else new_correlation_id()


def current_correlation_id() -> str | None:
    """The id of the request, message or activity being served."""
    return _current.get()


@contextmanager
def correlated(correlation_id: str | None) -> Generator[str, None, None]:
    """Serve the block under this id (a new one when None)."""
    value = correlation_id or new_correlation_id()
    token = _current.set(value)
    try:
        yield value
    finally:
        _current.reset(token)


class _CorrelationFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        correlation_id = _current.get()
        if correlation_id is not None:
            record.msg = f"{record.msg} [{correlation_id}]"
        return True


def get_logger(name: str) -> logging.Logger:
    """A logger whose lines end in the correlation id. Log names, ids, counts, durations; never contents."""
    logger = logging.getLogger(name)
    if not any(isinstance(known, _CorrelationFilter) for known in logger.filters):
        logger.addFilter(_CorrelationFilter())
    return logger


def quiet_request_logs() -> None:
    """Keep the SDKs' line per request out of the log: at INFO they write URLs, with queries and access keys."""
    for name in _TELL_URLS:
        logging.getLogger(name).setLevel(logging.WARNING)
