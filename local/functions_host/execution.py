"""Runs functions as the worker does, with the host's timeout and a line in the log for each execution."""

import asyncio
import logging
import time
import uuid
from collections.abc import Callable
from typing import Any

from local.functions_host.functions import LoadedFunction, Worker
from local.functions_host.invocation_context import InvocationContext
from local.functions_host.loader import LoadedApp

_BY_THE_THOUSAND = ("activityTrigger", "orchestrationTrigger")
logger = logging.getLogger("host.executions")
DEFAULT_THREADS = 8


class FunctionTimeoutError(Exception):
    """`functionTimeout` of host.json was exceeded."""


class FunctionWorker(Worker):
    """The worker of this app. Durable, HTTP, queue and timer triggers all call functions through it."""

    def __init__(self, app: LoadedApp, *, timeout_seconds: float | None, threads: int = DEFAULT_THREADS) -> None:
        super().__init__(threads)
        self._app = app
        self._timeout_seconds = timeout_seconds
        self._directory = str(app.directory)

    async def call(self, function: LoadedFunction, arguments: dict[str, Any]) -> Any:
        """As `Worker.call`; also raises FunctionTimeoutError."""
        return await self.run(function, arguments, encode=None)

    async def run(
        self, function: LoadedFunction, arguments: dict[str, Any], *, encode: Callable[[Any], Any] | None
    ) -> Any:
        """Call the function and encode what it returned; both must work for the execution to succeed."""
        invocation_id = str(uuid.uuid4())
        if function.name in self._app.with_context:
            arguments = {**arguments, "context": InvocationContext(invocation_id, function.name, self._directory)}
        started = time.perf_counter()
        try:
            result = await self._call_in_time(function, arguments)
            if encode is not None:
                result = encode(result)
        except BaseException as error:
            _log(function, "Failed", invocation_id, started, error)
            raise
        _log(function, "Succeeded", invocation_id, started, None)
        return result

    async def _call_in_time(self, function: LoadedFunction, arguments: dict[str, Any]) -> Any:
        limit = asyncio.timeout(self._timeout_seconds)
        try:
            async with limit:
                result = await super().call(function, arguments)
        except TimeoutError:
            if not limit.expired():
                raise
            raise FunctionTimeoutError(
                f"timeout value of {self._timeout_seconds:g} s was exceeded by function {function.name}"
            ) from None
        if result is not None and function.name not in self._app.returning:
            raise RuntimeError(f"function {function.name!r} without a $return binding returned a non-None value")
        return result


def _log(
    function: LoadedFunction, status: str, invocation_id: str, started: float, error: BaseException | None
) -> None:
    # A job's activities and replays come by the thousand: the end of its story is told by the app.
    usual = logging.DEBUG if function.trigger.type in _BY_THE_THOUSAND else logging.INFO
    logger.log(
        usual if error is None else logging.ERROR,
        "Executed 'Functions.%s' (%s, Id=%s, Duration=%.0fms)",
        function.name,
        status,
        invocation_id,
        (time.perf_counter() - started) * 1000,
        exc_info=error,
    )
