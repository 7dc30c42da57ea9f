"""What arrives at the callback URL: challenges, signed callbacks, and whatever anybody else sends."""

import json
import logging
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from shared.errors import AppError, InvalidInput, NotFound, Unauthorized
from shared.sheets.ports import CHANGE_AGENT_PREFIX
from shared.webhooks.callbacks import MAX_BODY_BYTES, Callback, read_callback
from shared.webhooks.models import DELIVERY_QUEUE, MAX_ROWS_TOLD, ApplyDelivery
from shared.webhooks.signatures import verify_signature
from tests.fakes.webhooks import SignedCallback, cell_event, row_event, sign
from tests.unit.webhooks.world import OTHER_ROW, ROW, SHEET, World

SECRET = SecretStr("a shared secret")


@pytest.fixture
async def watched(world: World) -> World:
    """The sheet has a webhook, 7000."""
    await world.watched()
    return world


async def sent(world: World) -> ApplyDelivery:
    """The one message that a callback led to."""
    ((queue, message, _),) = world.queue.sent
    world.queue.sent.clear()
    assert queue == DELIVERY_QUEUE and isinstance(message, ApplyDelivery)
    return message


async def refusal(world: World, body: bytes, **headers: Any) -> AppError:
    with pytest.raises(AppError) as raised:
        await world.callbacks.receive(body, **{"challenge": None, "signature": "", **headers})
    assert world.queue.sent == []
    return raised.value


# challenges


async def test_a_challenge_for_a_webhook_of_ours_is_echoed(watched: World):
    body = b'{"challenge": "abc-123", "webhookId": 7000}'
    assert await watched.callbacks.receive(body, challenge="abc-123", signature="") == "abc-123"
    assert watched.queue.sent == []


async def test_a_challenge_for_any_other_webhook_is_not(watched: World):
    error = await refusal(watched, b'{"challenge": "abc", "webhookId": 7001}', challenge="abc")
    assert (type(error), error.code) == (NotFound, "webhook_not_found")


@pytest.mark.parametrize("challenge", ["", "a\nb", "ä", "x" * 513, "another"])
async def test_a_challenge_that_is_none_is_refused(watched: World, challenge: str):
    error = await refusal(watched, b'{"challenge": "abc", "webhookId": 7000}', challenge=challenge)
    assert error.code == "invalid_challenge"


# signatures


async def test_a_signed_callback_becomes_a_message_of_ids(watched: World):
    callback = watched.remote.callback(
        watched.remote.of_sheet(SHEET)[0].id,
        events=[row_event(ROW, "created"), cell_event(ROW), cell_event(OTHER_ROW, value="a secret cell")],
    )
    await watched.receive(callback)
    message = await sent(watched)
    assert (message.webhook_id, message.sheet_id, message.rows) == ("7000", SHEET, (ROW, OTHER_ROW))
    assert message.is_foreign and message.status is None
    assert "secret" not in message.model_dump_json()


@pytest.mark.parametrize("change", ["", "00", "another secret", "upper", "base64"])
async def test_a_callback_without_the_webhooks_signature_is_refused(watched: World, change: str):
    callback = watched.remote.callback(watched.remote.of_sheet(SHEET)[0].id, events=[row_event(ROW)])
    signature = {
        "": "",
        "00": "0" * 64,
        "another secret": sign("secret-of-7001", callback.body),
        "upper": callback.signature[:-1],
        "base64": "é" + callback.signature,
    }[change]
    error = await refusal(watched, callback.body, signature=signature)
    assert (type(error), error.code) == (Unauthorized, "invalid_signature")


async def test_one_changed_byte_breaks_the_signature(watched: World):
    callback = watched.remote.callback(watched.remote.of_sheet(SHEET)[0].id, events=[row_event(ROW)])
    error = await refusal(watched, callback.body.replace(b"updated", b"deleted"), signature=callback.signature)
    assert error.code == "invalid_signature"


def test_the_signature_is_the_hex_hmac_sha256_of_the_raw_bytes():
    # RFC 4231, test case 2.
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert verify_signature(b"what do ya want for nothing?", expected, SecretStr("Jefe"))
    assert verify_signature(b"what do ya want for nothing?", expected.upper(), SecretStr("Jefe"))
    assert not verify_signature(b"what do ya want for nothing!", expected, SecretStr("Jefe"))


async def test_a_webhook_whose_key_is_lost_is_not_believed(watched: World):
    callback = watched.remote.callback(watched.remote.of_sheet(SHEET)[0].id, events=[row_event(ROW)])
    watched.wire()
    watched.ring.lost = True
    assert (await refusal(watched, callback.body, signature=callback.signature)).code == "invalid_signature"


# what is told


async def test_a_new_status_is_told(watched: World):
    await watched.receive(watched.remote.callback(watched.remote.of_sheet(SHEET)[0].id, newWebhookStatus="DISABLED_X"))
    assert (await sent(watched)).status == "DISABLED_X"


async def test_a_callback_that_tells_nothing_leads_to_nothing(watched: World):
    await watched.receive(watched.remote.callback(watched.remote.of_sheet(SHEET)[0].id, events=[]))
    assert watched.queue.sent == []


def events(*told: Any) -> Callback:
    return read_callback(json.dumps({"events": told}).encode())


def test_both_spellings_of_ids_are_read():
    event = {"objectType": "cell", "eventType": "updated", "rowid": 5, "columnid": 6, "userid": 7}
    assert events(event).changes() == (("5",), True)


@pytest.mark.parametrize(
    ("told", "rows"),
    [
        ([row_event("5"), cell_event("6"), cell_event("5")], ("5", "6")),
        ([row_event("5", "deleted")], ("5",)),
        ([{"objectType": "comment", "eventType": "created", "id": 9}], ()),
        ([{"objectType": "column", "eventType": "created", "id": 9}], None),
        ([{"objectType": "sheet", "eventType": "updated", "id": 9}], None),
        ([{"objectType": "sheet", "eventType": "updated", "id": 9}, cell_event("5")], ("5",)),
        ([{"objectType": "sheet", "eventType": "deleted", "id": 9}, cell_event("5")], None),
        ([{"objectType": "something new", "eventType": "created"}], None),
        ([{"objectType": "cell", "eventType": "updated"}], None),
        ([{"objectType": "row", "id": -1}], None),
        ([row_event("5"), "nonsense"], None),
        ([row_event(str(number)) for number in range(1, MAX_ROWS_TOLD + 2)], None),
    ],
)
def test_the_rows_of_events_are_told_and_otherwise_the_whole_sheet(told: list[Any], rows: tuple[str, ...] | None):
    assert events(*told).changes()[0] == rows


@pytest.mark.parametrize(
    ("agents", "is_foreign"),
    [
        ([f"{CHANGE_AGENT_PREFIX}1"], False),
        ([f"{CHANGE_AGENT_PREFIX}1", f"{CHANGE_AGENT_PREFIX}2"], False),
        ([f"{CHANGE_AGENT_PREFIX}1", None], True),
        ([f"{CHANGE_AGENT_PREFIX}1", "another program"], True),
        ([None], True),
    ],
)
def test_changes_are_ours_only_when_all_of_them_are(agents: list[str | None], is_foreign: bool):
    assert events(*(row_event("5", changeAgent=agent) for agent in agents)).changes()[1] is is_foreign


async def test_a_signed_callback_of_a_form_that_is_not_known_yet_says_that_something_changed(watched: World):
    body = b'{"webhookId": 7000, "nonce": {"v": 2}, "events": {"kind": "batch"}}'
    await watched.receive(SignedCallback(body, sign("secret-of-7000", body)))
    message = await sent(watched)
    assert (message.rows, message.is_foreign, message.sheet_id) == (None, True, SHEET)


async def test_a_callback_never_becomes_a_message_that_is_too_large(watched: World):
    told = [row_event(str(10**18 + number)) for number in range(3000)]
    await watched.receive(watched.remote.callback(watched.remote.of_sheet(SHEET)[0].id, events=told))
    assert len((await sent(watched)).model_dump_json()) < 1000


# whatever anybody sends


async def test_a_body_that_is_too_large_is_refused_unread(watched: World):
    error = await refusal(watched, b" " * (MAX_BODY_BYTES + 1))
    assert (type(error), error.code) == (InvalidInput, "body_too_large")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b'{"webhookId": 7000'])
async def test_a_body_that_is_no_json_is_refused(watched: World, body: bytes):
    assert (await refusal(watched, body)).code == "malformed_json"


@pytest.mark.parametrize(
    "body",
    [b"[]", b"{}", b'{"webhookId": "../1"}', b'{"webhookId": true}', b'{"webhookId": 1e3}', b'{"webhookId": ""}'],
)
async def test_a_body_without_a_webhooks_id_is_refused(watched: World, body: bytes):
    assert (await refusal(watched, body)).code == "invalid_input"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
MEMBERS = st.sampled_from(
    ["webhookId", "webhookid", "nonce", "events", "scopeObjectId", "newWebhookStatus", "challenge", "timestamp"]
)
BODIES = st.binary() | st.dictionaries(MEMBERS, JSON | st.just(7000) | st.just("7000")).map(
    lambda value: json.dumps(value).encode()
)


# Nothing of an example stays: refused bodies change nothing, and the queue is emptied.
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES, challenge=st.none() | st.text(max_size=20), signature=st.text(max_size=70))
async def test_nobody_without_the_secret_gets_anything_into_the_queue_or_the_log(
    watched: World, caplog: pytest.LogCaptureFixture, body: bytes, challenge: str | None, signature: str
):
    caplog.clear()
    try:
        echoed = await watched.callbacks.receive(body, challenge=challenge, signature=signature)
    except AppError as error:
        assert isinstance(error, InvalidInput | NotFound | Unauthorized)
    else:
        assert challenge is not None and echoed == challenge
    assert watched.queue.sent == []
    assert caplog.records == []


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.dictionaries(MEMBERS.filter(lambda name: name.lower() != "webhookid"), JSON))
async def test_whatever_is_signed_is_taken_and_leads_to_one_small_message_at_most(
    watched: World, caplog: pytest.LogCaptureFixture, content: dict[str, Any]
):
    caplog.set_level(logging.INFO)
    body = json.dumps({**content, "webhookId": 7000}).encode()
    assert await watched.callbacks.receive(body, challenge=None, signature=sign("secret-of-7000", body)) is None
    messages = [message for _, message, _ in watched.queue.sent]
    watched.queue.sent.clear()
    assert len(messages) <= 1
    assert all(len(message.model_dump_json()) < 10_000 for message in messages)
