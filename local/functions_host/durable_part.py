"""The Durable engine as a part of the host, for apps that have orchestrations."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from starlette.routing import BaseRoute

from local.functions_host.app_settings import AppSettings
from local.functions_host.functions import LoadedFunction, Worker
from local.functions_host.host_json import DurableTaskOptions
from local.functions_host.start_error import StartError

FILE_NAME = "durable.db"
DEFAULT_HUB_NAME = "LocalTaskHub"
DURABLE_BINDINGS = ("orchestrationTrigger", "activityTrigger", "durableClient")


class DurablePart(Protocol):
    """What the host needs of the engine."""

    async def start(self) -> None:
        """Go on with what is unfinished."""
        ...

    async def stop(self) -> None:
        """Stop; what runs is run again after the next start."""
        ...

    def client_binding(self, base_url: str, key: str) -> str:
        """The JSON text that a `durableClient` parameter receives."""
        ...

    def health(self) -> dict[str, Any]:
        """For `GET /_control/health`."""
        ...


def needs_durable(functions: Mapping[str, LoadedFunction]) -> bool:
    """Whether a function has a durable trigger or client."""
    return any(binding.type in DURABLE_BINDINGS for each in functions.values() for binding in each.bindings)


def build_durable(
    functions: Mapping[str, LoadedFunction],
    worker: Worker,
    directory: Path,
    options: DurableTaskOptions,
    settings: AppSettings,
    system_key: Callable[[], str],
) -> tuple[DurablePart, list[BaseRoute]]:
    """The engine and its HTTP routes. Raises StartError where the hub's name is wrong."""
    # Imported here: an app without orchestrations does not pay for the engine.
    from local.functions_host.durable import DurableSettings, DurableTaskHub, durable_routes

    name = _hub_name(functions, options, settings)
    durable_settings = DurableSettings.model_validate(options.model_dump(by_alias=True, exclude_unset=True))
    hub = DurableTaskHub(functions, worker, directory / FILE_NAME, name=name, settings=durable_settings)
    return hub, durable_routes(hub, system_key=system_key)


def _hub_name(functions: Mapping[str, LoadedFunction], options: DurableTaskOptions, settings: AppSettings) -> str:
    problems: list[str] = []
    try:
        name = settings.resolve(options.hub_name) if options.hub_name else DEFAULT_HUB_NAME
    except ValueError as error:
        raise StartError([f"host.json: extensions.durableTask.hubName: {error}"]) from None
    for function in functions.values():
        for binding in function.bindings:
            hub = binding.properties.get("taskHub")
            if binding.type == "durableClient" and hub is not None and hub != name:
                problems.append(f"cannot load the {function.name} function: task hub {hub!r} is not the hub {name!r}")
    if problems:
        raise StartError(problems)
    return name
