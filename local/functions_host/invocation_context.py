"""What a function's `context` parameter receives."""

import threading
from types import SimpleNamespace
from typing import Any

from azure.functions import Context

# Nothing on one machine starts a trace, and retry policies are refused.
NO_TRACE = SimpleNamespace(trace_state="", trace_parent="", attributes={})
NO_RETRY = SimpleNamespace(retry_count=0, max_retry_count=0, exception=None)


class InvocationContext(Context):
    """One execution of one function."""

    def __init__(self, invocation_id: str, function_name: str, function_directory: str) -> None:
        self._invocation_id = invocation_id
        self._function_name = function_name
        self._function_directory = function_directory
        self._thread_local_storage = threading.local()

    @property
    def invocation_id(self) -> str:
        """The id that the host's log shows."""
        return self._invocation_id

    @property
    def function_name(self) -> str:
        """The function's name."""
        return self._function_name

    @property
    def function_directory(self) -> str:
        """Where `function_app.py` is."""
        return self._function_directory

    @property
    def thread_local_storage(self) -> Any:
        """Where threads of the function may keep the invocation id."""
        return self._thread_local_storage

    @property
    def trace_context(self) -> Any:
        """An empty trace."""
        return NO_TRACE

    @property
    def retry_context(self) -> Any:
        """Always the first attempt."""
        return NO_RETRY
