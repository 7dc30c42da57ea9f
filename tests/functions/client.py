"""Calls registered functions as the worker does: real triggers in, real responses out."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlencode

import azure.functions as func
from azure.functions.queue import QueueMessage

from shared.functions.routes import ROUTES
from tests.functions.conformance import Contract
from tests.functions.environment import HOST, SECRETS
from tests.functions.world import World

BEGUN_AT = "2026-03-02T09:00:00.000000Z"


@dataclass(frozen=True)
class Answer:
    """What a caller gets."""

    status: int
    headers: Mapping[str, str]
    text: str
    set_cookies: tuple[str, ...] = ()

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.text)

    @property
    def fields(self) -> dict[str, str]:
        """The fields at fault and what is wrong with them."""
        return {each["field"]: each["message"] for each in self.json["errors"]}


class Functions:
    """The functions of the app, by name."""

    def __init__(self, functions: Mapping[str, Any], contract: Contract, world: World) -> None:
        self._functions = functions
        self._contract = contract
        self._world = world

    async def request(
        self,
        name: str,
        *,
        method: str | None = None,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        raw: bytes | None = None,
        headers: Mapping[str, str | None] | None = None,
    ) -> Answer:
        """Call an HTTP function. A header that is None is left out; `raw` is sent as it is."""
        response = await self.raw(name, method=method, path=path, query=query, body=body, raw=raw, headers=headers)
        text = response.get_body().decode()
        assert not any(secret in text for secret in SECRETS), "a secret was told to a caller"
        cookies = tuple(response.headers.get_all("Set-Cookie"))
        return Answer(response.status_code, cast(Mapping[str, str], response.headers), text, cookies)

    async def raw(
        self,
        name: str,
        *,
        method: str | None = None,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        raw: bytes | None = None,
        headers: Mapping[str, str | None] | None = None,
    ) -> func.HttpResponse:
        """The same; the answer as the worker gets it."""
        route = ROUTES.get(name)
        verb = method or (route.method if route else "GET")
        sent: dict[str, str | None] = {"Host": HOST}
        if verb != "GET":
            sent |= {"X-Requested-With": "tests", "Content-Type": "application/json"}
        sent |= headers or {}
        asked = f"?{urlencode(query)}" if query else ""
        request = func.HttpRequest(
            verb,
            f"http://{HOST}/api/{route.path if route else name}{asked}",
            headers={header: value for header, value in sent.items() if value is not None},
            params={name: value for name, value in (query or {}).items() if value},  # as the worker gives them
            route_params=dict(path or {}),
            body=raw if raw is not None else b"" if body is None else json.dumps(body).encode(),
        )
        response: func.HttpResponse = await self._run(name, req=request)
        self._contract.check(name, request, response)
        return response

    async def deliver(self, name: str, message: Any, *, attempt: int = 1) -> None:
        """Call a queue function with a message as it lies in the queue."""
        body = message if isinstance(message, bytes) else message.model_dump_json(by_alias=True).encode()
        await self._run(name, msg=QueueMessage(id="1", body=body, dequeue_count=attempt))

    async def tick(self, name: str) -> None:
        """Call a timer function as on its schedule."""
        await self._run(name, timer=None)

    async def activity(self, name: str, payload: Any) -> Any:
        """Call an activity with what travels to it; what travels back."""
        travelled = json.loads(json.dumps(payload.model_dump(mode="json", by_alias=True)))
        return json.loads(json.dumps(await self._run(name, payload=travelled)))

    def begin(self, name: str, payload: Any) -> list[tuple[str, Any]]:
        """Replay an orchestrator function that has just been started; its first activities and their inputs."""
        (first,) = self.replay(name, payload, [])
        return [(each["functionName"], json.loads(each["input"])) for each in _calls([first])]

    def replay(self, name: str, payload: Any, events: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Replay an orchestrator function against what has happened since its start; all actions it asked for."""
        text = json.dumps(payload.model_dump(mode="json", by_alias=True))
        event = {"EventId": -1, "IsPlayed": False, "Timestamp": BEGUN_AT}
        begun = {**event, "EventType": 12}
        started = {**event, "EventType": 0, "Name": name, "Input": text, "Version": None}
        context = {
            "history": [begun, started, *({**event, **each} for each in events)],
            "input": text,
            "instanceId": "instance",
            "isReplaying": False,
            "parentInstanceId": None,
            "upperSchemaVersion": 1,
            "upperSchemaVersionNew": 2,
            "longRunningTimerIntervalDuration": "3.00:00:00",
            "maximumShortTimerDuration": "6.00:00:00",
        }
        function = self._functions[name].get_user_function()
        answer = json.loads(function(func.OrchestrationContext(json.dumps(context))))
        assert not answer["isDone"] and answer.get("error") is None
        (actions,) = answer["actions"]
        return actions

    async def _run(self, name: str, **arguments: Any) -> Any:
        function = self._functions[name].get_user_function()
        with_client = getattr(function, "client_function", None)
        if with_client is not None:
            return await with_client(**arguments, client=self._world.durable)
        return await function(**arguments)


def _calls(actions: list[Any]) -> Iterator[Any]:
    """The calls within actions; those that wait for each other or are retried are wrapped in others."""
    for action in actions:
        if "compoundActions" in action:
            yield from _calls(action["compoundActions"])
        else:
            yield action
