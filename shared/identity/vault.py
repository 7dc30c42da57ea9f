"""Where Smartsheet tokens are locked up: envelope encryption, as identity sees it.

Each user has a data key, which is stored wrapped by a key that never is in the database. A secret is bound to its
user and its purpose: moved elsewhere it cannot be opened.
"""

from typing import Literal, Protocol

from pydantic import SecretStr

from shared.ids import UserId
from shared.records import Frozen

Purpose = Literal["access", "refresh", "webhook"]


class WrappedKey(Frozen):
    """A user's data key, wrapped by the version `key_id` of the vault's key (base64)."""

    key_id: str
    wrapped: str


class Sealed(Frozen):
    """A secret, encrypted with a data key (base64). `version` is that of the form."""

    version: int = 1
    nonce: str
    ciphertext: str


class TokenVault(Protocol):
    """Seals and opens. May raise `UpstreamUnavailable` and its kinds when the vault's key cannot be used."""

    async def new_key(self) -> WrappedKey:
        """A new data key."""
        ...

    async def seal(self, key: WrappedKey, secret: SecretStr, *, user_id: UserId, purpose: Purpose) -> Sealed:
        """Encrypt a secret of this user."""
        ...

    async def open(self, key: WrappedKey, sealed: Sealed, *, user_id: UserId, purpose: Purpose) -> SecretStr:
        """The secret. Raises `Unauthorized` (code `needs_sign_in`) when it is not this user's, or the key is lost."""
        ...

    async def rewrapped(self, key: WrappedKey) -> WrappedKey | None:
        """The same data key under the vault's newest key; None when it is already."""
        ...
