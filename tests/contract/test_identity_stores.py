"""What the stores of identity, and leases, must do, on each database."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from shared.errors import Conflict, NotFound, PreconditionFailed
from shared.identity.models import ApiToken, Connection, Login, OAuthState, User
from shared.identity.vault import Sealed, WrappedKey
from shared.ids import UserId
from shared.resilience.leases import leased
from shared.stores.documents import DocumentStore
from shared.stores.identity import (
    DocumentApiTokenStore,
    DocumentLoginStore,
    DocumentOAuthStateStore,
    DocumentUserStore,
)
from shared.stores.leases import DocumentLeaseStore
from tests.fakes.clock import FakeClock

NOW = FakeClock()()
ADA, BOB = UserId("ada"), UserId("bob")


def user(user_id: UserId = ADA) -> User:
    sealed = Sealed(nonce="bm9uY2U=", ciphertext="dGV4dA==")
    connection = Connection(
        data_key=WrappedKey(key_id="file:x", wrapped="a2V5"), access=sealed, expires_at=NOW, fingerprint="f"
    )
    return User(
        id=user_id,
        smartsheet_user_id="4583173393803140",
        email="ada@example.com",
        name="Ada",
        status="connected",
        connection=connection,
        created_at=NOW,
        updated_at=NOW,
    )


def login(name: str, owner: UserId = ADA) -> Login:
    return Login(id=f"hash-of-{name}", owner=owner, created_at=NOW, seen_at=NOW)


def api_token(number: int, owner: UserId = ADA, **fields: Any) -> ApiToken:
    values: dict[str, Any] = {
        "id": f"{owner}-{number}",
        "owner": owner,
        "name": "nightly",
        "secret_hash": f"hash-of-{owner}-{number}",
        "request_hash": "hash",
        "created_at": NOW + timedelta(seconds=number),
    }
    return ApiToken(**values | fields)


# --- users -----------------------------------------------------------------------------------------


async def test_a_user_is_kept_whole_and_deleted(documents: DocumentStore):
    users = DocumentUserStore(documents)
    created = await users.create(user())
    assert await users.find(ADA) == created == user().model_copy(update={"etag": created.etag})
    assert await users.find(BOB) is None
    with pytest.raises(Conflict):
        await users.create(user())
    await users.delete(ADA)
    await users.delete(ADA)
    assert await users.find(ADA) is None


async def test_of_two_changes_to_a_user_one_is_told_to_read_again(documents: DocumentStore):
    users = DocumentUserStore(documents)
    read = await users.create(user())
    results = await asyncio.gather(
        *(users.replace(read.model_copy(update={"name": name})) for name in ("A", "B")), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["PreconditionFailed", "User"]


# --- logins ----------------------------------------------------------------------------------------


async def test_a_login_is_found_by_its_hash_until_it_is_ended(documents: DocumentStore):
    logins = DocumentLoginStore(documents, days=7)
    await logins.create(login("a"))
    await logins.create(login("b"))
    found = await logins.find("hash-of-a")
    assert found is not None and found.owner == ADA
    await logins.end(ADA, "hash-of-a")
    await logins.end(ADA, "hash-of-a")
    assert await logins.find("hash-of-a") is None
    assert await logins.find("hash-of-b") is not None
    with pytest.raises(PreconditionFailed):
        await logins.replace(found)  # a late note of its use does not bring it back
    assert await logins.find("hash-of-a") is None


async def test_all_logins_of_a_user_end_and_nobody_elses(documents: DocumentStore):
    logins = DocumentLoginStore(documents, days=7)
    names = [f"{n:03}" for n in range(120)]  # more than a page
    await asyncio.gather(*(logins.create(login(name)) for name in names))
    await logins.create(login("bob", BOB))
    await logins.end_all(ADA)
    assert [await logins.find(f"hash-of-{name}") for name in names] == [None] * 120
    assert await logins.find("hash-of-bob") is not None


async def test_a_login_is_gone_after_its_longest_time(open_store: Any):
    time = [1_772_442_000.0]
    documents = await open_store(clock=lambda: time[0])
    logins = DocumentLoginStore(documents, days=1)
    await logins.create(login("a"))
    time[0] += 86_399
    assert await logins.find("hash-of-a") is not None
    time[0] += 2
    assert await logins.find("hash-of-a") is None


# --- API tokens ------------------------------------------------------------------------------------


async def test_an_api_token_is_found_by_its_hash_and_listed_by_its_owner(documents: DocumentStore):
    tokens = DocumentApiTokenStore(documents)
    for number in (2, 1, 3):
        await tokens.create(api_token(number))
    await tokens.create(api_token(1, BOB))
    assert [token.id for token in await tokens.list(ADA)] == ["ada-1", "ada-2", "ada-3"]
    found = await tokens.find("hash-of-ada-2")
    assert found is not None and (found.owner, found.id) == (ADA, "ada-2")
    assert await tokens.find("hash-of-nobody") is None
    assert await tokens.find_by_id(ADA, "ada-2") == found
    assert await tokens.find_by_id(BOB, "ada-2") is None


async def test_an_id_that_is_taken_opens_nothing_with_another_secret(documents: DocumentStore):
    tokens = DocumentApiTokenStore(documents)
    await tokens.create(api_token(1))
    with pytest.raises(Conflict):
        await tokens.create(api_token(1, secret_hash="another-hash"))
    assert await tokens.find("another-hash") is None
    assert await tokens.find("hash-of-ada-1") is not None


async def test_an_api_token_is_revoked_by_its_owner_only(documents: DocumentStore):
    tokens = DocumentApiTokenStore(documents)
    created = await tokens.create(api_token(1))
    with pytest.raises(NotFound) as raised:
        await tokens.revoke(BOB, "ada-1")
    assert raised.value.code == "token_not_found"
    await tokens.revoke(ADA, "ada-1")
    assert (await tokens.find("hash-of-ada-1"), await tokens.list(ADA)) == (None, [])
    with pytest.raises(NotFound):
        await tokens.revoke(ADA, "ada-1")
    with pytest.raises(PreconditionFailed):
        await tokens.replace(created)


async def test_all_api_tokens_of_a_user_are_revoked(documents: DocumentStore):
    tokens = DocumentApiTokenStore(documents)
    for number in range(3):
        await tokens.create(api_token(number))
    await tokens.create(api_token(1, BOB))
    await tokens.revoke_all(ADA)
    assert await tokens.list(ADA) == []
    assert await tokens.find("hash-of-ada-1") is None
    assert await tokens.find("hash-of-bob-1") is not None


# --- sign-ins under way ----------------------------------------------------------------------------


async def test_a_state_is_used_by_one_of_many(documents: DocumentStore):
    states = DocumentOAuthStateStore(documents)
    await states.create(OAuthState(id="hash", browser_hash="b", expires_at=NOW))
    read = await asyncio.gather(*(states.find("hash") for _ in range(4)))
    results = await asyncio.gather(*(states.use(state) for state in read if state is not None), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["NoneType", *["PreconditionFailed"] * 3]
    used = await states.find("hash")
    assert used is not None and used.used


# --- leases ----------------------------------------------------------------------------------------


async def test_a_lease_has_one_holder_until_it_is_given_back(documents: DocumentStore):
    leases = DocumentLeaseStore(documents)
    assert await leases.acquire("a", "first", seconds=60)
    assert not await leases.acquire("a", "second", seconds=60)
    assert await leases.acquire("a", "first", seconds=60)  # renewed
    assert await leases.acquire("b", "second", seconds=60)
    await leases.release("a", "second")  # not theirs
    assert not await leases.acquire("a", "second", seconds=60)
    await leases.release("a", "first")
    await leases.release("nobody's", "first")
    assert await leases.acquire("a", "second", seconds=60)


async def test_a_lease_runs_out(documents: DocumentStore):
    clock = FakeClock()
    leases = DocumentLeaseStore(documents, clock=clock)
    assert await leases.acquire("a", "dies", seconds=60)
    clock.advance(59)
    assert not await leases.acquire("a", "next", seconds=60)
    clock.advance(1)
    assert await leases.acquire("a", "next", seconds=60)
    await leases.release("a", "dies")  # back from the dead
    assert not await leases.acquire("a", "third", seconds=60)


@pytest.mark.parametrize("known", [False, True])
async def test_of_many_who_want_a_lease_at_once_one_gets_it(documents: DocumentStore, known: bool):
    clock = FakeClock()
    leases = DocumentLeaseStore(documents, clock=clock)
    if known:
        await leases.acquire("a", "dies", seconds=1)
        clock.advance(2)
    got = await asyncio.gather(*(leases.acquire("a", str(n), seconds=60) for n in range(8)))
    assert got.count(True) == 1


async def test_a_lease_is_given_back_when_its_block_fails(documents: DocumentStore):
    leases = DocumentLeaseStore(documents)
    with pytest.raises(RuntimeError):
        async with leased(leases, "a", "first", seconds=60) as held:
            assert held
            raise RuntimeError
    async with leased(leases, "a", "second", seconds=60) as held:
        assert held
        async with leased(leases, "a", "third", seconds=60) as other:
            assert not other
        assert not await leases.acquire("a", "fourth", seconds=60)
