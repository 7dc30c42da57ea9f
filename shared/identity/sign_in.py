"""Signing in, with a Smartsheet token or at Smartsheet itself, and out again."""

import base64
import hashlib
import hmac
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import SecretStr

from shared.errors import (
    AppError,
    Conflict,
    Forbidden,
    NotFound,
    PreconditionFailed,
    Unauthorized,
    UpstreamUnavailable,
)
from shared.identity.allow_list import AllowList
from shared.identity.api_tokens import require_login
from shared.identity.connections import Connections
from shared.identity.logins import Logins, is_secret, new_secret
from shared.identity.models import Connection, OAuthState, Person, User, hashed
from shared.identity.oauth import OAuthProvider
from shared.identity.ports import Account, Accounts, Departures, LiveConnections, OAuthStateStore, UserStore
from shared.identity.vault import WrappedKey
from shared.ids import UserId
from shared.records import utc_now
from shared.telemetry import get_logger

log = get_logger(__name__)

STATE_LASTS = timedelta(minutes=10)
_NAMESPACE = uuid.UUID("5f0f4c5e-5c5b-4c0e-9d3b-0c1f7f0b8e21")
_ATTEMPTS = 10


@dataclass(frozen=True, slots=True)
class NewLogin:
    """Who has signed in, and the cookie that their browser gets."""

    user: User
    cookie: SecretStr = field(repr=False)


@dataclass(frozen=True, slots=True)
class Departure:
    """Where to send the browser, and the cookie by which it is known when it comes back."""

    url: str = field(repr=False)
    browser: SecretStr = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Tokens:
    access: SecretStr = field(repr=False)
    refresh: SecretStr | None = field(default=None, repr=False)
    expires_in: int | None = None


class SignInService:
    """Use cases of `AUTH_MODE=token`.

    `api_base` is the Smartsheet that users belong to, `redirect_uri` where the provider sends browsers back.
    """

    def __init__(
        self,
        accounts: Accounts,
        users: UserStore,
        logins: Logins,
        connections: Connections,
        states: OAuthStateStore,
        allow_list: AllowList,
        sockets: LiveConnections,
        provider: OAuthProvider | None,
        *,
        api_base: str,
        redirect_uri: str,
        departures: Departures | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._accounts = accounts
        self._users = users
        self._logins = logins
        self._connections = connections
        self._states = states
        self._allow_list = allow_list
        self._sockets = sockets
        self._provider = provider
        self._api_base = api_base
        self._redirect_uri = redirect_uri
        self._departures = departures
        self._clock = clock

    async def with_token(self, token: SecretStr, *, former: SecretStr | None) -> NewLogin:
        """Sign in with a Smartsheet API token; the login of the `former` cookie ends.

        Raises `Unauthorized` (`invalid_token`), `Forbidden` (`not_allowed`), and what Smartsheet's failures are.
        """
        return await self._sign_in(_Tokens(token), former)

    async def begin(self) -> Departure:
        """Start a sign-in at Smartsheet. Raises `NotFound` (`oauth_not_configured`)."""
        provider = self._configured()
        state, browser = new_secret(), new_secret()
        expires_at = self._clock() + STATE_LASTS
        await self._states.create(OAuthState(id=hashed(state), browser_hash=hashed(browser), expires_at=expires_at))
        url = provider.authorize_url(
            state=state.get_secret_value(),
            redirect_uri=self._redirect_uri,
            code_challenge=_challenge(_verifier(browser, state)),
        )
        return Departure(url, browser)

    async def finish(
        self, *, state: SecretStr, code: SecretStr | None, browser: SecretStr | None, former: SecretStr | None
    ) -> NewLogin:
        """Sign in a browser that comes back from Smartsheet; without a `code`, the person declined.

        Raises `Unauthorized` (`invalid_state`: unknown, over, used, or begun by another browser; `access_denied`;
        `invalid_grant`), else as `with_token`.
        """
        provider = self._configured()
        if browser is None:
            raise _invalid_state()
        await self._use(state, browser)
        if code is None:
            raise Unauthorized("Smartsheet was not allowed to sign you in.", code="access_denied")
        verifier = _verifier(browser, state)
        try:
            tokens = await provider.exchange(code, redirect_uri=self._redirect_uri, code_verifier=verifier)
        except Unauthorized:
            raise Unauthorized("Smartsheet does not take this sign-in; begin again.", code="invalid_grant") from None
        return await self._sign_in(_Tokens(tokens.access_token, tokens.refresh_token, tokens.expires_in), former)

    async def sign_out(self, person: Person) -> None:
        """End this login, and the person's WebSockets; background work goes on. Raises `Forbidden`."""
        require_login(person)
        assert person.credential_id is not None
        await self._logins.end(person.user_id, person.credential_id)
        await self._close_sockets(person.user_id, "signed out")

    async def disconnect(self, person: Person) -> None:
        """Forget the Smartsheet token: logins stay, but can do nothing with Smartsheet. Raises `Forbidden`."""
        require_login(person)
        if self._departures is not None:
            await self._departures.owner_leaves(person.user_id)
        await self._connections.forget(person.user_id)
        await self._close_sockets(person.user_id, "disconnected")
        log.info("user %s is disconnected", person.user_id)

    def _configured(self) -> OAuthProvider:
        if self._provider is None:
            raise NotFound("Signing in at Smartsheet is not set up here.", code="oauth_not_configured")
        return self._provider

    async def _use(self, state: SecretStr, browser: SecretStr) -> None:
        """Let the state be used this once. Another browser cannot even use it up."""
        if not (is_secret(state) and is_secret(browser)):
            raise _invalid_state()
        begun = await self._states.find(hashed(state))
        if begun is None or begun.used or begun.expires_at <= self._clock():
            raise _invalid_state()
        if not hmac.compare_digest(begun.browser_hash, hashed(browser)):
            raise _invalid_state()
        try:
            await self._states.use(begun)
        except PreconditionFailed:
            raise _invalid_state() from None

    async def _sign_in(self, tokens: _Tokens, former: SecretStr | None) -> NewLogin:
        try:
            account = await self._accounts.get_user(tokens.access)
        except Unauthorized:
            raise Unauthorized("Smartsheet does not take this access token.", code="invalid_token") from None
        if not self._allow_list.allows(smartsheet_user_id=account.id, email=account.email):
            raise Forbidden("You are not among those who may use this service.", code="not_allowed")
        user, replaced = await self._save(account, tokens)
        cookie = await self._logins.start(user.user_id, former=former)
        log.info("user %s signed in", user.id)
        if replaced is not None:
            await self._connections.end(user.user_id, replaced)
        return NewLogin(user, cookie)

    async def _save(self, account: Account, tokens: _Tokens) -> tuple[User, Connection | None]:
        """The user as stored, and the connection that they had before."""
        user_id = user_id_of(self._api_base, account)
        for _ in range(_ATTEMPTS):
            known = await self._users.find(user_id)
            connection = await self._seal(user_id, tokens, known)
            now = self._clock()
            user = User(
                id=user_id,
                etag="" if known is None else known.etag,
                smartsheet_user_id=account.id,
                email=account.email,
                name=account.name,
                locale=account.locale,
                time_zone=account.time_zone,
                status="connected",
                connection=connection,
                created_at=now if known is None else known.created_at,
                updated_at=now,
            )
            try:
                saved = await (self._users.create(user) if known is None else self._users.replace(user))
            except (Conflict, PreconditionFailed):
                continue
            return saved, None if known is None else known.connection
        raise UpstreamUnavailable("Too many sign-ins at once; try again.")

    async def _seal(self, user_id: UserId, tokens: _Tokens, known: User | None) -> Connection:
        def sealed(key: WrappedKey | None):
            return self._connections.seal(
                user_id, tokens.access, known=key, refresh=tokens.refresh, expires_in=tokens.expires_in
            )

        key = known.connection.data_key if known is not None and known.connection is not None else None
        try:
            return await sealed(key)
        except Unauthorized:  # the data key cannot be unwrapped any more: what it sealed is lost anyway
            return await sealed(None)

    async def _close_sockets(self, user_id: UserId, reason: str) -> None:
        """Other browsers of the person connect again by themselves."""
        try:
            await self._sockets.close_user(user_id, reason=reason)
        except AppError as error:
            log.warning("the sockets of user %s were not closed (%s)", user_id, error.code)


def user_id_of(api_base: str, account: Account) -> UserId:
    """Our id of a Smartsheet user: the same at every sign-in, another for the same number elsewhere."""
    return UserId(str(uuid.uuid5(_NAMESPACE, f"{api_base.lower()}|{account.id}")))


def _verifier(browser: SecretStr, state: SecretStr) -> SecretStr:
    """PKCE's verifier: made from what only the browser and only the URL have, so it is stored nowhere."""
    digest = hmac.digest(browser.get_secret_value().encode(), state.get_secret_value().encode(), hashlib.sha256)
    return SecretStr(_base64url(digest))


def _challenge(verifier: SecretStr) -> str:
    return _base64url(hashlib.sha256(verifier.get_secret_value().encode()).digest())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _invalid_state() -> Unauthorized:
    return Unauthorized("This sign-in was not begun by this browser, or is over: begin again.", code="invalid_state")
