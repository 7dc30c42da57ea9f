"""All timer triggers of the app."""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from local.functions_host.app_settings import AppSettings
from local.functions_host.execution import FunctionWorker
from local.functions_host.functions import LoadedFunction
from local.functions_host.schedule_store import FILE_NAME, ScheduleStore
from local.functions_host.start_error import StartError
from local.functions_host.timer_trigger import TimerTrigger


class TimerPart:
    """Starts and stops the timers together."""

    def __init__(
        self,
        functions: Iterable[LoadedFunction],
        settings: AppSettings,
        directory: Path,
        worker: FunctionWorker,
        client_binding: Callable[[], str],
    ) -> None:
        """Raises StartError that lists every schedule that is wrong."""
        problems: list[str] = []
        self._store = ScheduleStore(directory / FILE_NAME)
        self._triggers: dict[str, TimerTrigger] = {}
        for function in functions:
            if function.trigger.type != "timerTrigger" or settings.is_disabled(function.name):
                continue
            try:
                self._triggers[function.name] = TimerTrigger(function, settings, self._store, worker, client_binding)
            except ValueError as error:
                problems.append(f"cannot load the {function.name} function: {error}")
        if problems:
            self._store.close()
            raise StartError(problems)

    def start(self) -> None:
        """Begin to wait for all schedules."""
        for trigger in self._triggers.values():
            trigger.start()

    async def stop(self) -> None:
        """Stop all timers, and release the store."""
        await asyncio.gather(*(trigger.stop() for trigger in self._triggers.values()))
        self._store.close()

    def health(self) -> list[dict[str, Any]]:
        """One entry per timer."""
        return [{"function": name, "schedule": each.schedule.expression} for name, each in self._triggers.items()]
