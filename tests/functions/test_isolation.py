"""Nobody sees or changes what is another's: matrices made from the route table, so that a new route is in them."""

import importlib
import pkgutil
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from shared import functions as function_modules
from shared.ai.ports import ModelRefusal
from shared.chat.models import NewMessage
from shared.container import use_container
from shared.functions.routes import ROUTES
from shared.ids import JobId, MessageId, RowId, SessionId, UserId
from shared.jobs.models import RowOutcome
from shared.jobs.steps import ApplyRun, JobEnd, JobRun, SlotRun
from shared.records import utc_now
from shared.sheets.models import AccessLevel, Cell
from tests.functions.client import Answer, Functions
from tests.functions.conformance import Contract
from tests.functions.environment import only_these_settings
from tests.functions.example_requests import ExampleRequests
from tests.functions.people import Browser, PeopleSheetSource
from tests.functions.world import SHEET, World

for module in pkgutil.iter_modules(function_modules.__path__, "shared.functions."):
    importlib.import_module(module.name)  # its routes enter the table

ADA, BOB = "ada-token-0123456789", "bob-token-0123456789"
SETTINGS = {"AUTH_MODE": "token", "ALLOWED_USERS": "@example.com"}
ROW, COLUMN, TITLE = "1", "1002", "1001"
PARAMETERS = {"sourceColumns": ["Text"], "targetColumn": "Summary"}
JOB: dict[str, Any] = {"type": "SUMMARIZE", "sheetId": SHEET, "parameters": PARAMETERS}
NEEDS_A_BROWSERS_WAY = {"begin_sign_in", "finish_sign_in"}  # no OAuth provider is set up in this world
LISTS_OF_ONES_OWN = {"list_jobs"}
"""They take the id of a sheet to tell less of what is the caller's own."""
FOR_SIGNED_IN = sorted(name for name, route in ROUTES.items() if route.access != "public")


@dataclass
class Scene:
    """Ada with all that one can have; Bob, whose sheets are not hers. Markers are in everything of hers."""

    world: World
    ada: Browser
    bob: Browser
    ada_id: str
    examples: ExampleRequests
    topics: list[str]
    private: str
    of_the_sheet: str

    async def ask(self, who: Browser, name: str) -> list[tuple[dict[str, Any], Answer]]:
        """All requests of a route, by this person."""
        return [(request, await who.request(name, **request)) for request in self.examples.of(name)]


async def set_the_scene(world: World, functions: Functions, document: Any) -> Scene:
    private, of_the_sheet = f"private-{uuid.uuid4().hex}", f"shared-{uuid.uuid4().hex}"
    for row in ("1", "2", "3"):
        world.source.edit(SHEET, row, COLUMN, Cell(of_the_sheet))
    world.source.share(BOB, SHEET, None)
    ada, bob = Browser(functions), Browser(functions)
    ada_id = (await ada.sign_in(ADA)).json["user"]["id"]
    await bob.sign_in(BOB)
    session = (await ada.request("create_session", body={"sheetId": SHEET, "title": private})).json["id"]
    message = NewMessage(id=MessageId(str(uuid.uuid4())), role="user", content=private)
    await world.container.messages.append(UserId(ada_id), SessionId(session), message)
    job = (await ada.request("start_job", body=JOB)).json["id"]
    outcome = RowOutcome(id=RowId(ROW), position=0, status="done", value=private, input_hash="x", at=utc_now())
    await world.container._ledger.save(JobId(job), [outcome])
    done_job = await finished_job(world, ada, of_the_sheet)
    edit = {"sheetId": SHEET, "cells": [{"rowId": ROW, "columnId": TITLE, "value": of_the_sheet}]}
    change = (await ada.request("edit_sheet", body=edit)).json["changeSet"]["id"]
    token = (await ada.request("create_api_token", body={"name": private})).json["id"]
    topics = [f"sheet:{SHEET}", f"job:{job}", f"session:{session}", f"user:{ada_id}"]
    known = {
        "sheetId": SHEET,
        "rowId": ROW,
        "rowIds": [ROW],
        "columnId": COLUMN,
        "columnIds": [COLUMN, TITLE],
        "sessionId": session,
        "topic": topics[0],
        "topics": topics,
    }
    examples = ExampleRequests(document, known, [session, job, done_job, change, token])
    return Scene(world, ada, bob, ada_id, examples, topics, private, of_the_sheet)


async def finished_job(world: World, owner: Browser, summary: str) -> str:
    """A job that wrote a row, and failed at another."""
    world.model.answer_next({"summary": summary})
    world.model.fail_next(ModelRefusal("content_filtered", "The service declined this text."))
    body = {**JOB, "rows": {"ids": [ROW, "2"]}}
    job_id = (await owner.request("start_job", body=body)).json["id"]
    owner_id = UserId((await owner.request("get_me")).json["user"]["id"])
    run = JobRun(owner=owner_id, job_id=JobId(job_id), run=1, correlation_id="of-the-scene")
    lifecycle = world.container.job_lifecycle
    await lifecycle.plan(run)
    for slot in range(2):
        await lifecycle.process(SlotRun(job=run, slot=slot))
    await lifecycle.apply(ApplyRun(job=run, flush=True))
    await world.container.job_finisher.finish(JobEnd(job=run))
    return job_id


@pytest.fixture
async def scene(tmp_path: Path, functions: Functions, contract: Contract) -> AsyncIterator[Scene]:
    with only_these_settings(**SETTINGS):
        world = World(tmp_path, source=PeopleSheetSource)
    use_container(world.container)
    yield await set_the_scene(world, functions, contract.document)
    use_container(None)
    await world.documents.close()


@pytest.mark.parametrize("name", FOR_SIGNED_IN)
async def test_the_requests_of_the_matrix_work_for_whom_they_are(scene: Scene, name: str):
    """Otherwise a refusal of others would say nothing."""
    statuses = [answer.status for _, answer in await scene.ask(scene.ada, name)]
    assert any(status < 300 for status in statuses), statuses


@pytest.mark.parametrize("name", sorted(set(ROUTES) - NEEDS_A_BROWSERS_WAY))
async def test_who_shares_no_sheet_gets_nothing_with_anybodys_ids(scene: Scene, name: str):
    version = scene.world.source.sheet(SHEET).version
    for request, answer in await scene.ask(scene.bob, name):
        told = f"{answer.text} {dict(answer.headers)}"
        assert scene.private not in told and scene.of_the_sheet not in told, request
        if name in LISTS_OF_ONES_OWN and answer.status < 300:
            assert answer.json["items"] == [], request
        else:
            assert not (scene.examples.names_ids(request) and answer.status < 300), request
    assert scene.world.source.sheet(SHEET).version == version


@pytest.mark.parametrize("name", FOR_SIGNED_IN)
async def test_who_is_not_signed_in_gets_nothing_at_all(scene: Scene, functions: Functions, name: str):
    for _, answer in await scene.ask(Browser(functions), name):
        assert (answer.status, answer.json["code"]) == (401, "unauthorized")


async def test_no_topic_of_anybody_else_can_be_heard(scene: Scene):
    realtime = scene.world.container.realtime
    assert {topic.partition(":")[0] for topic in scene.topics} == set(realtime.topic_kinds)
    for number, (browser, wanted) in enumerate(((scene.ada, "subscribed"), (scene.bob, "topic_not_found"))):
        url = (await browser.request("negotiate", body={})).json["url"]
        await realtime.connected(f"connection-{number}", parse_qs(urlsplit(url).query)["user"][0])
        for topic in scene.topics:
            reply = await realtime.subscribe(f"connection-{number}", topic)
            assert reply.data.get("code", reply.event) == wanted, topic
    for topic in scene.topics:
        answer = await scene.bob.request("negotiate", body={"topics": [topic]})
        assert (answer.status, answer.json["code"]) == (404, "topic_not_found")
        answer = await scene.bob.request("list_events", query={"topic": topic})
        assert (answer.status, answer.json["code"]) == (404, "topic_not_found")


# --- two who share a sheet, with different rights ----------------------------------------------------

HIS_OWN = {"create_session", "create_api_token"}
"""What whoever may read a sheet may make for themselves."""


@pytest.mark.parametrize("level", [AccessLevel.VIEWER, AccessLevel.COMMENTER])
@pytest.mark.parametrize("name", FOR_SIGNED_IN)
async def test_who_may_only_read_a_sheet_changes_nothing_and_sees_nothing_private(
    scene: Scene, name: str, level: AccessLevel
):
    scene.world.source.share(BOB, SHEET, level)
    before = scene.world.source.sheet(SHEET)
    for request, answer in await scene.ask(scene.bob, name):
        assert scene.private not in f"{answer.text} {dict(answer.headers)}", request
        if ROUTES[name].method != "GET" and scene.examples.names_ids(request) and name not in HIS_OWN:
            assert answer.status in (403, 404, 409, 422) or name in ("negotiate", "preview_edit"), request
    assert scene.world.source.sheet(SHEET) == before


@pytest.mark.parametrize("name", FOR_SIGNED_IN)
async def test_an_editor_sees_and_ends_nothing_private_of_another(scene: Scene, name: str):
    scene.world.source.share(BOB, SHEET, AccessLevel.EDITOR)
    for request, answer in await scene.ask(scene.bob, name):
        assert scene.private not in f"{answer.text} {dict(answer.headers)}", request
    for mine, number in {"list_sessions": 1, "list_jobs": 2, "list_api_tokens": 1}.items():
        assert len((await scene.ada.request(mine)).json["items"]) == number, mine
    columns = [column.title for column in scene.world.source.sheet(SHEET).columns]
    assert columns == ["Title", "Text", "Summary"]  # editors do not change columns
