"""Typed decorators for the triggers we use. The SDK's are untyped: this file alone touches them."""
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Awaitable, Callable, Generator, Mapping
from typing import Any

import azure.durable_functions as df
import azure.functions as func

DurableClient = df.DurableOrchestrationClient
DurableOrchestration = df.DurableOrchestrationContext
Blueprint = df.Blueprint
DurableApp = df.DFApp

HttpFunction = Callable[..., Awaitable[func.HttpResponse]]
QueueFunction = Callable[..., Awaitable[None]]
TimerFunction = Callable[[func.TimerRequest], Awaitable[None]]
ActivityFunction = Callable[[dict[str, Any]], Awaitable[dict[str, Any] | None]]
OrchestrationFunction = Callable[[DurableOrchestration], Generator[Any, Any, Any]]

_STORAGE = "AzureWebJobsStorage"


def header_map(request: func.HttpRequest) -> Mapping[str, str]:
    """The request's headers; look-ups ignore case."""
    return request.headers


class Triggers:
    """A blueprint. Every function is named like its Python function, which is what the portal shows."""

    def __init__(self) -> None:
        self.blueprint = Blueprint()

    def http(
        self, path: str, methods: list[str] | None, *, with_client: bool = False
    ) -> Callable[[HttpFunction], None]:
        """An HTTP function `(req)`, or `(req, client)` with the Durable client. The app checks who calls.

        `methods` None is every method.
        """

        def register(function: HttpFunction) -> None:
            registered = self._with_client(function) if with_client else function
            registered = self.blueprint.route(route=path, methods=methods, auth_level=func.AuthLevel.ANONYMOUS)(
                registered
            )
            self.blueprint.function_name(function.__name__)(registered)

        return register

    def queue(self, queue_name: str, *, with_client: bool = False) -> Callable[[QueueFunction], None]:
        """A queue function `(msg)`, or `(msg, client)`."""

        def register(function: QueueFunction) -> None:
            registered = self._with_client(function) if with_client else function
            registered = self.blueprint.queue_trigger(arg_name="msg", queue_name=queue_name, connection=_STORAGE)(
                registered
            )
            self.blueprint.function_name(function.__name__)(registered)

        return register

    def timer(self, schedule: str) -> Callable[[TimerFunction], None]:
        """A timer function `(timer)`. The schedule is NCRONTAB, which begins with seconds; runs may come late."""

        def register(function: TimerFunction) -> None:
            registered = self.blueprint.timer_trigger(arg_name="timer", schedule=schedule)(function)
            self.blueprint.function_name(function.__name__)(registered)

        return register

    def orchestration(self, function: OrchestrationFunction) -> None:
        """An orchestrator. Its parameter must be called `context`, or the worker refuses the whole app."""
        registered = self.blueprint.orchestration_trigger(context_name="context")(function)
        self.blueprint.function_name(function.__name__)(registered)

    def activity(self, function: ActivityFunction) -> None:
        """An activity `(payload)`."""
        registered = self.blueprint.activity_trigger(input_name="payload")(function)
        self.blueprint.function_name(function.__name__)(registered)

    def _with_client(self, function: Callable[..., Any]) -> Any:
        return self.blueprint.durable_client_input(client_name="client")(function)
