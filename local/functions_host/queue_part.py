"""All queue triggers of the app, and the storage accounts behind them."""

import asyncio
import re
from collections.abc import Callable, Iterable
from typing import Any

from azure.storage.queue.aio import QueueServiceClient

from local.functions_host.app_settings import AppSettings
from local.functions_host.execution import FunctionWorker
from local.functions_host.functions import LoadedFunction
from local.functions_host.host_json import QueueOptions
from local.functions_host.queue_trigger import QueueTrigger
from local.functions_host.start_error import StartError

# The newest version that Azurite 3.37 knows.
API_VERSION = "2026-06-06"
CONNECT_SECONDS, READ_SECONDS = 3, 20
# https://learn.microsoft.com/rest/api/storageservices/naming-queues-and-metadata
QUEUE_NAME = re.compile(r"(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*")


class QueuePart:
    """Starts and stops the triggers together."""

    def __init__(
        self,
        functions: Iterable[LoadedFunction],
        settings: AppSettings,
        options: QueueOptions,
        worker: FunctionWorker,
        client_binding: Callable[[], str],
        *,
        lease_seconds: int,
    ) -> None:
        """Raises StartError that lists every queue name and connection that is wrong."""
        problems: list[str] = []
        self._triggers: list[QueueTrigger] = []
        self._services: dict[str, QueueServiceClient] = {}
        for function in functions:
            if function.trigger.type != "queueTrigger" or settings.is_disabled(function.name):
                continue
            try:
                trigger = QueueTrigger(
                    function,
                    _queue_name(function, settings),
                    self._service(settings.connection_string(function.trigger.properties["connection"])),
                    options,
                    worker,
                    client_binding,
                    lease_seconds=lease_seconds,
                )
            except ValueError as error:
                problems.append(f"cannot load the {function.name} function: {error}")
            else:
                self._triggers.append(trigger)
        if problems:
            raise StartError(problems)

    def start(self) -> None:
        """Begin to poll all queues."""
        for trigger in self._triggers:
            trigger.start()

    async def stop(self) -> None:
        """Stop all triggers at the same time, then let go of the connections."""
        await asyncio.gather(*(trigger.stop() for trigger in self._triggers))
        for service in self._services.values():
            await service.close()

    def health(self) -> list[dict[str, Any]]:
        """One entry per queue."""
        return [trigger.health() for trigger in self._triggers]

    def storage(self) -> str:
        """`ok`, `unreachable`, or `unused` where no function listens to a queue."""
        if not self._triggers:
            return "unused"
        return "unreachable" if any(trigger.state == "unreachable" for trigger in self._triggers) else "ok"

    def _service(self, connection_string: str) -> QueueServiceClient:
        if connection_string not in self._services:
            # The poller repeats what fails, so the SDK must not: it would hide an outage for a minute.
            self._services[connection_string] = QueueServiceClient.from_connection_string(
                connection_string,
                api_version=API_VERSION,
                retry_total=0,
                connection_timeout=CONNECT_SECONDS,
                read_timeout=READ_SECONDS,
            )
        return self._services[connection_string]


def _queue_name(function: LoadedFunction, settings: AppSettings) -> str:
    name = settings.resolve(function.trigger.properties["queueName"]).lower()
    if not QUEUE_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a queue name (3 to 63 letters, digits and single hyphens)")
    return name
