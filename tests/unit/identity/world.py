"""Signing in, in memory: real services on a database file, fakes for Smartsheet, its authorization server and time."""

import asyncio
from datetime import timedelta

from pydantic import SecretStr

from shared.clients.token_vault import EnvelopeVault
from shared.errors import AppError, Unauthorized
from shared.identity.allow_list import AllowList
from shared.identity.api_tokens import ApiTokens
from shared.identity.connections import Connections
from shared.identity.logins import Logins
from shared.identity.models import Caller, Credentials, Person, User
from shared.identity.sign_in import NewLogin, SignInService
from shared.identity.token_identity import TokenIdentity
from shared.sheets.models import SmartsheetUser
from shared.stores.identity import (
    DocumentApiTokenStore,
    DocumentLoginStore,
    DocumentOAuthStateStore,
    DocumentUserStore,
)
from shared.stores.leases import DocumentLeaseStore
from shared.stores.sqlite import SqliteDocuments
from tests.fakes.clock import FakeClock
from tests.fakes.key_ring import FakeKeyRing
from tests.fakes.oauth import FakeOAuthProvider
from tests.fakes.queues import FakeGateway


class FakeAccounts:
    """`Accounts`: the token `ada-…` belongs to ada@example.com. `errors` are raised by the next calls."""

    def __init__(self, provider: FakeOAuthProvider) -> None:
        self.revoked: set[str] = set()
        self.errors: list[AppError] = []
        self.asked: list[str] = []
        self._provider = provider

    async def get_user(self, token: SecretStr) -> SmartsheetUser:
        text = token.get_secret_value()
        self.asked.append(text)
        if self.errors:
            raise self.errors.pop(0)
        if text in self.revoked or self._provider.has_ended(text):
            raise Unauthorized("no", code="needs_sign_in")
        name = text.partition("-")[0]
        return SmartsheetUser(id=str(sum(name.encode())), email=f"{name}@example.com", name=name)


class Instance:
    """One instance of the application; several share a world. `slept` counts its waits, `waits` tells of the first."""

    def __init__(self, world: "World", users: DocumentUserStore | None = None) -> None:
        self.slept = 0
        self.waits = asyncio.Event()
        self._clock = world.clock
        self.vault = EnvelopeVault(world.ring, tenant="here")
        users = users or DocumentUserStore(world.documents)
        leases = DocumentLeaseStore(world.documents, clock=world.clock)
        self.logins = Logins(
            DocumentLoginStore(world.documents, days=7),
            idle=timedelta(hours=12),
            absolute=timedelta(days=7),
            clock=world.clock,
        )
        self.api_tokens = ApiTokens(DocumentApiTokenStore(world.documents), clock=world.clock)
        self.connections = Connections(
            users, self.vault, leases, world.accounts, world.provider, clock=world.clock, sleep=self._sleep
        )
        self.identity = TokenIdentity(users, self.logins, self.api_tokens, self.connections, world.allow_list)
        self.sign_in = SignInService(
            world.accounts,
            users,
            self.logins,
            self.connections,
            DocumentOAuthStateStore(world.documents),
            world.allow_list,
            world.gateway,
            world.provider,
            api_base="https://api.smartsheet.com/2.0",
            redirect_uri="http://localhost:7071/api/auth/smartsheet/callback",
            clock=world.clock,
        )

    async def _sleep(self, seconds: float) -> None:
        """Time passes, and others come to their turn."""
        self.slept += 1
        self.waits.set()
        self._clock.advance(seconds)
        await asyncio.sleep(0.001)


class World:
    """What all instances share."""

    def __init__(self, documents: SqliteDocuments) -> None:
        self.documents = documents
        self.clock = FakeClock()
        self.ring = FakeKeyRing()
        self.provider = FakeOAuthProvider()
        self.accounts = FakeAccounts(self.provider)
        self.gateway = FakeGateway()
        self.allow_list = AllowList(["@example.com"])
        self.users = DocumentUserStore(documents)
        self.app = Instance(self)

    async def sign_in(self, token: str = "ada-token") -> NewLogin:
        return await self.app.sign_in.with_token(SecretStr(token), former=None)

    async def sign_in_at_smartsheet(self, name: str = "ada") -> NewLogin:
        """By OAuth; the tokens are `ada-access-1` and `ada-refresh-1`."""
        departure = await self.app.sign_in.begin()
        state = departure.url.partition("state=")[2].partition("&")[0]
        code = SecretStr(self.provider.approve(state, name))
        return await self.app.sign_in.finish(state=SecretStr(state), code=code, browser=departure.browser, former=None)

    async def caller(self, login: NewLogin, app: Instance | None = None) -> Caller:
        return await (app or self.app).identity.caller_of_request(Credentials(cookie=login.cookie))

    async def person(self, login: NewLogin) -> Person:
        return await self.app.identity.person_of_request(Credentials(cookie=login.cookie))

    async def token(self, user: User, app: Instance | None = None) -> str:
        """The token that background work gets."""
        return (await (app or self.app).identity.caller_of_user(user.user_id)).token.get_secret_value()

    async def user(self, user: User) -> User:
        """The user as stored now."""
        found = await self.users.find(user.user_id)
        assert found is not None
        return found
