"""A function as the host sees it: its bindings, and how to call it."""

import asyncio
import inspect
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any


@dataclass(frozen=True, slots=True)
class Binding:
    """One binding of a function, as `get_function_json()` describes it."""

    name: str
    type: str
    direction: str
    properties: dict[str, Any]


@dataclass(frozen=True, slots=True)
class LoadedFunction:
    """A function of the app. `trigger` is the binding whose type ends in `Trigger`."""

    name: str
    trigger: Binding
    bindings: tuple[Binding, ...]
    entry: Callable[..., Any]


class Worker:
    """Calls functions as the Python worker does: coroutines on the one event loop, others in threads."""

    def __init__(self, threads: int = 8) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="function")

    async def call(self, function: LoadedFunction, arguments: dict[str, Any]) -> Any:
        """The function's return value; its exception is raised as it is."""
        if inspect.iscoroutinefunction(function.entry):
            return await function.entry(**arguments)
        call = partial(function.entry, **arguments)
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    def close(self) -> None:
        """Let running calls end; start no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)
