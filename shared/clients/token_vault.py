"""Envelope encryption: `TokenVault` over a ring of keys, in Key Vault or in a file."""

import base64
import secrets
import time
from binascii import Error as NotBase64
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from pydantic import SecretStr

from shared.errors import Unauthorized
from shared.identity.vault import Purpose, Sealed, WrappedKey
from shared.ids import UserId
from shared.telemetry import get_logger

log = get_logger(__name__)

FORM = 1
_KEY_BYTES, _NONCE_BYTES = 32, 12  # AES-256-GCM
_KEPT_SECONDS = 300.0
_KEPT_KEYS = 1_000


class KeyRing(Protocol):
    """The versions of the key that wraps data keys. May raise `UpstreamUnavailable` and its kinds."""

    async def newest(self) -> str:
        """The id of the version to wrap with."""
        ...

    async def wrap(self, key_id: str, data_key: bytes) -> bytes:
        """Wrap with this version (RSA-OAEP-256)."""
        ...

    async def unwrap(self, key_id: str, wrapped: bytes) -> bytes:
        """Undo `wrap`. Raises `KeyLost` when this version is gone, not ours, or did not wrap this."""
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...


class KeyLost(Exception):
    """What was wrapped cannot be unwrapped any more."""


class EnvelopeVault:
    """Implements `TokenVault`. Unwrapped data keys are kept in memory for some minutes.

    `tenant` names the Smartsheet that users belong to. With user, purpose and form it is authenticated along with
    the secret, so that what is moved from one user's record to another's cannot be opened.
    """

    def __init__(self, ring: KeyRing, *, tenant: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._ring = ring
        self._tenant = tenant
        self._clock = clock
        self._kept: OrderedDict[WrappedKey, tuple[float, bytes]] = OrderedDict()

    async def new_key(self) -> WrappedKey:
        """See `TokenVault.new_key`."""
        return await self._wrapped(await self._ring.newest(), secrets.token_bytes(_KEY_BYTES))

    async def seal(self, key: WrappedKey, secret: SecretStr, *, user_id: UserId, purpose: Purpose) -> Sealed:
        """See `TokenVault.seal`."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        cipher = AESGCM(await self._data_key(key))
        nonce = secrets.token_bytes(_NONCE_BYTES)
        bound_to = self._bound_to(user_id, purpose, FORM)
        ciphertext = cipher.encrypt(nonce, secret.get_secret_value().encode(), bound_to)
        return Sealed(version=FORM, nonce=_text(nonce), ciphertext=_text(ciphertext))

    async def open(self, key: WrappedKey, sealed: Sealed, *, user_id: UserId, purpose: Purpose) -> SecretStr:
        """See `TokenVault.open`."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        cipher = AESGCM(await self._data_key(key))
        bound_to = self._bound_to(user_id, purpose, sealed.version)
        try:
            return SecretStr(cipher.decrypt(_bytes(sealed.nonce), _bytes(sealed.ciphertext), bound_to).decode())
        except (InvalidTag, ValueError):
            log.error("a sealed token of user %s is not what was sealed for them", user_id)
            raise _lost() from None

    async def rewrapped(self, key: WrappedKey) -> WrappedKey | None:
        """See `TokenVault.rewrapped`."""
        newest = await self._ring.newest()
        return None if key.key_id == newest else await self._wrapped(newest, await self._data_key(key))

    async def aclose(self) -> None:
        """Forget the keys, and let go of connections."""
        self._kept.clear()
        await self._ring.aclose()

    async def _wrapped(self, key_id: str, data_key: bytes) -> WrappedKey:
        key = WrappedKey(key_id=key_id, wrapped=_text(await self._ring.wrap(key_id, data_key)))
        self._keep(key, data_key)
        return key

    async def _data_key(self, key: WrappedKey) -> bytes:
        kept = self._kept.get(key)
        if kept is not None and kept[0] > self._clock():
            return kept[1]
        try:
            data_key = await self._ring.unwrap(key.key_id, _bytes(key.wrapped))
            if len(data_key) != _KEY_BYTES:
                raise KeyLost
        except (KeyLost, NotBase64):
            log.error("a data key cannot be unwrapped with %s", key.key_id)
            raise _lost() from None
        self._keep(key, data_key)
        return data_key

    def _keep(self, key: WrappedKey, data_key: bytes) -> None:
        self._kept.pop(key, None)
        self._kept[key] = (self._clock() + _KEPT_SECONDS, data_key)
        while len(self._kept) > _KEPT_KEYS:
            self._kept.popitem(last=False)

    def _bound_to(self, user_id: UserId, purpose: Purpose, form: int) -> bytes:
        return f"{self._tenant}|{user_id}|{purpose}|{form}".encode()


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _lost() -> Unauthorized:
    return Unauthorized("Your stored Smartsheet token cannot be read any more; sign in again.", code="needs_sign_in")
