"""The same requests, played to the application on SQLite and on Cosmos DB (its fake), get the same answers."""

import json
import re
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pytest_socket import enable_socket

from shared.container import use_container
from shared.functions.routes import ROUTES
from shared.resilience.circuit import CircuitBreaker
from shared.stores.cosmos.documents import CosmosDocuments
from shared.stores.documents import DocumentStore
from tests.fakes.cosmos_rest import KEY, FakeCosmos
from tests.functions.client import Answer, Functions
from tests.functions.conformance import Contract
from tests.functions.environment import only_these_settings
from tests.functions.people import PeopleSheetSource
from tests.functions.test_isolation import SETTINGS, Scene, set_the_scene
from tests.functions.world import SHEET, World

_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T[0-9:.]+(?:Z|\+00:00)")
_MARKER = re.compile(r"(private|shared)-[0-9a-f]{32}")
_ANSWER = re.compile(r"answer [0-9a-f]{8}")
OF_THE_PROCESS = {"get_metrics"}
_RANDOM = {"correlationId", "nextCursor", "digest", "token", "createdAt", "updatedAt", "expiresAt", "url", "seconds"}


def plain(answer: Answer, seen: dict[str, str]) -> Any:
    """The answer without what is random: ids by the order in which they came up, no times, no cursors."""
    text = _ANSWER.sub("(answer)", _MARKER.sub(r"(\1)", _TIME.sub("(time)", answer.text)))
    text = _GUID.sub(lambda match: seen.setdefault(match[0], f"(id {len(seen)})"), text)
    try:
        body: Any = json.loads(text)
    except ValueError:
        body = text
    told = {name: name in answer.headers for name in ("ETag", "Retry-After", "Location")}
    return answer.status, told, _without(body, _RANDOM)


def _without(body: Any, names: set[str]) -> Any:
    if isinstance(body, dict):
        return {key: each is not None if key in names else _without(each, names) for key, each in body.items()}
    return [_without(each, names) for each in body] if isinstance(body, list) else body


async def play(functions: Functions, contract: Contract, tmp_path: Path, documents: DocumentStore | None) -> list[Any]:
    """Every route by both people, lists page by page, and what was used up once more; the answers."""
    with only_these_settings(**SETTINGS):
        world = World(tmp_path, source=PeopleSheetSource)
    if documents is not None:
        world.container.documents = documents
    use_container(world.container)
    scene = await set_the_scene(world, functions, contract.document)
    answers: list[Any] = []
    seen: dict[str, str] = {}

    async def ask(title: str, who: Any, name: str, **request: Any) -> Answer:
        answer = await who.request(name, **request)
        answers.append((title, name, plain(answer, seen)))
        return answer

    await _pages(scene, ask)
    for title, who in (("bob", scene.bob), ("ada", scene.ada), ("ada again", scene.ada)):
        for name in sorted(set(ROUTES) - OF_THE_PROCESS, key=lambda name: (ROUTES[name].method == "DELETE", name)):
            for request in scene.examples.of(name):
                await ask(title, who, name, **request)
    use_container(None)
    await world.documents.close()
    return answers


async def _pages(scene: Scene, ask: Any) -> None:
    headers = {"Idempotency-Key": "one"}
    for title in ("first", "second", "third", "third"):
        body = {"sheetId": SHEET, "title": title}
        await ask("keys", scene.ada, "create_session", body=body, headers={"Idempotency-Key": title})
        edit = {"sheetId": SHEET, "cells": [{"rowId": "1", "columnId": "1003", "value": title}]}
        await ask("keys", scene.ada, "edit_sheet", body=edit, headers=headers)
    for name in sorted(name for name, route in ROUTES.items() if {"limit", "cursor"} <= set(route.query.model_fields)):
        request = next(iter(scene.examples.of(name)))
        cursor: dict[str, str] = {}
        for _ in range(8):
            query = {**request["query"], "limit": "1", **cursor}
            answer = await ask("pages", scene.ada, name, path=request["path"], query=query)
            if answer.status != 200 or answer.json["nextCursor"] is None:
                break
            cursor = {"cursor": answer.json["nextCursor"]}


async def test_both_databases_give_the_same_answers(functions: Functions, contract: Contract, tmp_path: Path):
    enable_socket()  # the fake of Cosmos DB speaks HTTP on this machine
    on_sqlite = await play(functions, contract, tmp_path / "one", None)
    fake = FakeCosmos()
    await fake.start()
    cosmos = CosmosDocuments(fake.url, database="replay", key=SecretStr(KEY), breaker=CircuitBreaker("The database"))
    await cosmos.create_missing()
    on_cosmos = await play(functions, contract, tmp_path / "two", cosmos)
    await cosmos.close()
    await fake.stop()
    assert fake.unlisted == []
    assert len(on_sqlite) > 3 * len(ROUTES)
    for one, other in zip(on_sqlite, on_cosmos, strict=True):
        assert one == other
