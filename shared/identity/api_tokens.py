"""API tokens, with which scripts call for a person: everything that person may, except what needs them in person."""

import re
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from pydantic import SecretStr

from shared.errors import AppError, Conflict, Forbidden, NotFound
from shared.idempotency import request_hash, require_same_request, resource_id
from shared.identity.models import ApiToken, Person, hashed
from shared.identity.ports import ApiTokenStore
from shared.identity.requests import ApiTokenPage, ApiTokenRevoked, ApiTokenView, CreateApiToken, NewApiToken
from shared.ids import UserId
from shared.records import utc_now
from shared.telemetry import get_logger

log = get_logger(__name__)

PREFIX = "csa_"
"""By which scanners for leaked secrets know ours."""
MAX_TOKENS = 50
_SECRET = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")
_USED_EVERY = timedelta(hours=1)


def require_login(person: Person) -> None:
    """Raises `Forbidden` (`login_required`) for a script: a leaked API token must not make or end others."""
    if person.via != "login":
        raise Forbidden("Sign in for this; an API token has no right to it.", code="login_required")


class ApiTokens:
    """Use cases of API tokens."""

    def __init__(self, store: ApiTokenStore, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._store = store
        self._clock = clock

    async def create(
        self, person: Person, request: CreateApiToken, *, idempotency_key: str | None = None
    ) -> NewApiToken:
        """A new API token; nobody can show it again.

        Raises `Forbidden` (`login_required`), and `Conflict` (`too_many_tokens`; `token_was_shown` when the
        idempotency key has made one already).
        """
        require_login(person)
        owned = await self._store.list(person.user_id)
        token_id = resource_id(person.user_id, "auth/tokens", idempotency_key)
        made = next((token for token in owned if token.id == token_id), None)
        if made is not None:
            require_same_request(made.request_hash, request)
            raise _was_shown()
        if len(owned) >= MAX_TOKENS and not await self._remove_expired(owned):
            raise Conflict(f"You have {MAX_TOKENS} API tokens; revoke one first.", code="too_many_tokens")
        secret = SecretStr(PREFIX + secrets.token_urlsafe(32))
        now = self._clock()
        days = request.expires_in_days
        token = ApiToken(
            id=token_id,
            owner=person.user_id,
            name=request.name,
            secret_hash=hashed(secret),
            request_hash=request_hash(request),
            created_at=now,
            expires_at=None if days is None else now + timedelta(days=days),
        )
        try:
            token = await self._store.create(token)
        except Conflict:
            raise _was_shown() from None
        log.info("API token %s created", token.id)
        return NewApiToken.shown(token, secret)

    async def list(self, person: Person) -> ApiTokenPage:
        """The person's API tokens. Raises `Forbidden` (`login_required`)."""
        require_login(person)
        tokens = await self._store.list(person.user_id)
        return ApiTokenPage(items=tuple(ApiTokenView.of(token) for token in tokens))

    async def revoke(self, person: Person, token_id: str) -> ApiTokenRevoked:
        """Let an API token work no longer. Raises `NotFound` (`token_not_found`), `Forbidden` (`login_required`)."""
        require_login(person)
        await self._store.revoke(person.user_id, token_id)
        log.info("API token %s revoked", token_id)
        return ApiTokenRevoked(id=token_id)

    async def _remove_expired(self, tokens: Sequence[ApiToken]) -> bool:
        """Make room; whether there was anything to remove."""
        now = self._clock()
        expired = [token for token in tokens if _is_over(token, now)]
        for token in expired:
            with suppress(NotFound):  # removed meanwhile
                await self._store.revoke(token.owner, token.id)
        return bool(expired)

    async def revoke_all(self, owner: UserId) -> None:
        """Revoke every API token of a user."""
        await self._store.revoke_all(owner)

    async def is_live(self, owner: UserId, token_id: str) -> bool:
        """Whether this API token of the user's still works."""
        token = await self._store.find_by_id(owner, token_id)
        return token is not None and not _is_over(token, self._clock())

    async def find(self, secret: SecretStr) -> ApiToken | None:
        """The live API token with this secret, or None."""
        known = _SECRET.fullmatch(secret.get_secret_value()) is not None
        token = await self._store.find(hashed(secret)) if known else None
        now = self._clock()
        if token is None or _is_over(token, now):
            return None
        if token.used_at is None or now - token.used_at >= _USED_EVERY:
            # Another request may have noted it, and a full database must not lock scripts out.
            with suppress(AppError):
                await self._store.replace(token.model_copy(update={"used_at": _to_the_hour(now)}))
        return token


def _is_over(token: ApiToken, now: datetime) -> bool:
    return token.expires_at is not None and now >= token.expires_at


def _to_the_hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _was_shown() -> Conflict:
    return Conflict(
        "This Idempotency-Key has made an API token already, which cannot be shown again.", code="token_was_shown"
    )
