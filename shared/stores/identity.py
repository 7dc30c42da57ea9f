"""Users, logins, API tokens, and sign-ins under way.

What belongs to a user lies in the user's partition, where it is listed and ended by one operation. A login or an
API token is found by the hash of a secret: a key in a partition of its own says whose it is. Keys are written first
and deleted last; one that leads nowhere does no harm.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from shared.errors import Conflict
from shared.identity.models import ApiToken, Login, OAuthState, User
from shared.ids import UserId
from shared.records import Record
from shared.stores.collection import Collection
from shared.stores.documents import Delete, DocumentStore

R = TypeVar("R", bound=Record)

_KEY = "key"
_STATE_SECONDS = 3600
_PAGE = 100


class Key(Record):
    """Whose a secret with this hash is, and the id of what it opens."""

    owner: UserId
    subject: str


class DocumentUserStore:
    """`UserStore` on documents: one partition per user."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents
        self._users = Collection(documents, "users", User)

    async def find(self, user_id: UserId) -> User | None:
        """See `UserStore.find`."""
        return await self._users.find(user_id, user_id)

    async def create(self, user: User) -> User:
        """See `UserStore.create`."""
        return await self._users.create(user.user_id, user)

    async def replace(self, user: User) -> User:
        """See `UserStore.replace`."""
        return await self._users.replace(user.user_id, user)

    async def delete(self, user_id: UserId) -> None:
        """See `UserStore.delete`."""
        await self._documents.write("users", user_id, Delete(user_id))


class DocumentLoginStore:
    """`LoginStore` on documents. `days` is how long a login can last at most."""

    def __init__(self, documents: DocumentStore, *, days: int) -> None:
        self._documents = documents
        seconds = days * 86_400
        self._logins = Collection(documents, "logins", Login, ttl_seconds=seconds)
        self._keys = Collection(documents, "login-keys", Key, ttl_seconds=seconds)

    async def create(self, login: Login) -> None:
        """See `LoginStore.create`."""
        await self._keys.upsert(login.id, Key(id=_KEY, owner=login.owner, subject=login.id))
        await self._logins.create(login.owner, login)

    async def find(self, login_id: str) -> Login | None:
        """See `LoginStore.find`."""
        key = await self._keys.find(login_id, _KEY)
        return None if key is None else await self._logins.find(key.owner, key.subject)

    async def replace(self, login: Login) -> None:
        """See `LoginStore.replace`."""
        await self._logins.replace(login.owner, login)

    async def end(self, owner: UserId, login_id: str) -> None:
        """See `LoginStore.end`."""
        await self._documents.write("logins", owner, Delete(login_id))
        await self._documents.write("login-keys", login_id, Delete(_KEY))

    async def end_all(self, owner: UserId) -> None:
        """See `LoginStore.end_all`."""
        await _each(self._logins, owner, lambda login: self.end(owner, login.id))


class DocumentApiTokenStore:
    """`ApiTokenStore` on documents."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents
        self._tokens = Collection(documents, "api-tokens", ApiToken)
        self._keys = Collection(documents, "api-token-keys", Key)

    async def create(self, token: ApiToken) -> ApiToken:
        """See `ApiTokenStore.create`."""
        await self._keys.upsert(token.secret_hash, Key(id=_KEY, owner=token.owner, subject=token.id))
        try:
            return await self._tokens.create(token.owner, token)
        except Conflict:
            await self._documents.write("api-token-keys", token.secret_hash, Delete(_KEY))
            raise

    async def find(self, secret_hash: str) -> ApiToken | None:
        """See `ApiTokenStore.find`. A key that a failed creation left behind opens nothing: the hash is another."""
        key = await self._keys.find(secret_hash, _KEY)
        token = None if key is None else await self._tokens.find(key.owner, key.subject)
        return token if token is not None and token.secret_hash == secret_hash else None

    async def find_by_id(self, owner: UserId, token_id: str) -> ApiToken | None:
        """See `ApiTokenStore.find_by_id`."""
        return await self._tokens.find(owner, token_id)

    async def list(self, owner: UserId) -> list[ApiToken]:
        """See `ApiTokenStore.list`."""
        found: list[ApiToken] = []
        cursor: str | None = None
        while True:
            page, cursor = await self._tokens.list(owner, order_by="createdAt", limit=_PAGE, cursor=cursor)
            found += page
            if cursor is None:
                return found

    async def replace(self, token: ApiToken) -> None:
        """See `ApiTokenStore.replace`."""
        await self._tokens.replace(token.owner, token)

    async def revoke(self, owner: UserId, token_id: str) -> None:
        """See `ApiTokenStore.revoke`."""
        token = await self._tokens.get(
            owner, token_id, code="token_not_found", detail="There is no such API token of yours."
        )
        await self._remove(token)

    async def revoke_all(self, owner: UserId) -> None:
        """See `ApiTokenStore.revoke_all`."""
        await _each(self._tokens, owner, self._remove)

    async def _remove(self, token: ApiToken) -> None:
        await self._documents.write("api-tokens", token.owner, Delete(token.id))
        await self._documents.write("api-token-keys", token.secret_hash, Delete(_KEY))


class DocumentOAuthStateStore:
    """`OAuthStateStore` on documents: one partition each, gone after an hour."""

    def __init__(self, documents: DocumentStore) -> None:
        self._states = Collection(documents, "oauth-states", OAuthState, ttl_seconds=_STATE_SECONDS)

    async def create(self, state: OAuthState) -> None:
        """See `OAuthStateStore.create`."""
        await self._states.create(state.id, state)

    async def find(self, state_id: str) -> OAuthState | None:
        """See `OAuthStateStore.find`."""
        return await self._states.find(state_id, state_id)

    async def use(self, state: OAuthState) -> None:
        """See `OAuthStateStore.use`. It stays, marked, until its time is over: so the second use is noticed."""
        await self._states.replace(state.id, state.model_copy(update={"used": True}))


async def _each(collection: Collection[R], owner: UserId, remove: Callable[[R], Awaitable[None]]) -> None:
    """Remove every record of a partition, always from its start: what is removed is not listed again."""
    while True:
        page, _ = await collection.list(owner, limit=_PAGE)
        for record in page:
            await remove(record)
        if len(page) < _PAGE:
            return
