"""Messages over HTTP, and their queue function."""

import uuid

import pytest

from shared.chat.messages import PURGE_QUEUE
from shared.chat.models import NewMessage
from shared.identity.service import SINGLE_USER
from shared.ids import MessageId, SessionId
from tests.functions.client import Functions
from tests.functions.world import SHEET, World


@pytest.fixture
async def session_id(functions: Functions, world: World) -> str:
    """A session with three messages."""
    created = await functions.request("create_session", body={"sheetId": SHEET})
    session = SessionId(created.json["id"])
    for number in (1, 2, 3):
        message = NewMessage(id=MessageId(str(uuid.uuid4())), role="user", content=f"No. {number}")
        await world.container.messages.append(SINGLE_USER, session, message)
    return session


async def test_the_history_is_read_page_by_page_in_either_order(functions: Functions, session_id: str):
    first = await functions.request("list_messages", query={"sessionId": session_id, "limit": "2"})
    assert [message["content"] for message in first.json["items"]] == ["No. 1", "No. 2"]
    rest = {"sessionId": session_id, "limit": "2", "cursor": first.json["nextCursor"]}
    second = await functions.request("list_messages", query=rest)
    assert [message["content"] for message in second.json["items"]] == ["No. 3"]
    assert second.json["nextCursor"] is None
    newest = await functions.request("list_messages", query={"sessionId": session_id, "order": "desc", "limit": "1"})
    assert [message["content"] for message in newest.json["items"]] == ["No. 3"]


async def test_a_cleared_history_is_empty_and_purged_by_the_queue_function(
    functions: Functions, world: World, session_id: str
):
    cleared = await functions.request("clear_messages", query={"sessionId": session_id})
    assert (cleared.status, cleared.json) == (200, {"sessionId": session_id, "cleared": 3})
    history = await functions.request("list_messages", query={"sessionId": session_id})
    assert (history.status, history.json) == (200, {"items": [], "nextCursor": None})
    (message,) = world.sent_to(PURGE_QUEUE)
    for _ in range(2):
        await functions.deliver("purge_messages", message)
    assert (await world.documents.list("messages", session_id, order_by="seq")).items == ()


@pytest.mark.parametrize("name", ["list_messages", "clear_messages"])
async def test_an_unknown_session_is_not_found_and_a_missing_one_is_named(functions: Functions, name: str):
    unknown = await functions.request(name, query={"sessionId": str(uuid.uuid4())})
    assert (unknown.status, unknown.json["code"]) == (404, "session_not_found")
    missing = await functions.request(name)
    assert (missing.status, set(missing.fields)) == (422, {"sessionId"})
    wrong = await functions.request(name, query={"sessionId": "../x"})
    assert (wrong.status, set(wrong.fields)) == (422, {"sessionId"})


async def test_a_page_has_a_size_and_an_order_that_exist(functions: Functions, session_id: str):
    query = {"sessionId": session_id, "limit": "201", "order": "up"}
    answer = await functions.request("list_messages", query=query)
    assert (answer.status, set(answer.fields)) == (422, {"limit", "order"})
