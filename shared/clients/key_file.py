"""A ring of keys in a file, for one machine: the same cryptography client as for Key Vault, on keys of our own.

The file is a JWK, or a JWK Set whose first key is the newest. It is made on first use, readable by its owner only.
"""

import asyncio
import base64
import errno
import hashlib
import json
import os
import stat
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.clients.token_vault import KeyLost
from shared.errors import StorageFull, UpstreamFault

if TYPE_CHECKING:
    from azure.keyvault.keys.crypto.aio import CryptographyClient

_BITS = 3072
_NUMBERS = ("n", "e", "d", "p", "q", "dp", "dq", "qi")
_PRIVATE_TO_OWNER = 0o600


class _Jwk(BaseModel):
    """An RSA key with its private part (RFC 7517, RFC 7518): numbers as base64url."""

    model_config = ConfigDict(hide_input_in_errors=True, extra="ignore")

    kty: str
    n: str
    e: str
    d: str
    p: str
    q: str
    dp: str
    dq: str
    qi: str

    @property
    def thumbprint(self) -> str:
        """RFC 7638."""
        canonical = json.dumps({"e": self.e, "kty": self.kty, "n": self.n}, separators=(",", ":"))
        return _base64url(hashlib.sha256(canonical.encode()).digest())


class KeyFile:
    """Implements `KeyRing`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opening = asyncio.Lock()
        self._clients: dict[str, CryptographyClient] = {}

    async def newest(self) -> str:
        """See `KeyRing.newest`."""
        return next(iter(await self._opened()))

    async def wrap(self, key_id: str, data_key: bytes) -> bytes:
        """See `KeyRing.wrap`."""
        from azure.keyvault.keys.crypto import KeyWrapAlgorithm

        client = (await self._opened())[key_id]
        return (await client.wrap_key(KeyWrapAlgorithm.rsa_oaep_256, data_key)).encrypted_key

    async def unwrap(self, key_id: str, wrapped: bytes) -> bytes:
        """See `KeyRing.unwrap`."""
        from azure.keyvault.keys.crypto import KeyWrapAlgorithm

        client = (await self._opened()).get(key_id)
        if client is None:
            raise KeyLost
        try:
            return (await client.unwrap_key(KeyWrapAlgorithm.rsa_oaep_256, wrapped)).key
        except ValueError:
            raise KeyLost from None

    async def aclose(self) -> None:
        """Forget the keys."""
        self._clients.clear()

    async def _opened(self) -> "dict[str, CryptographyClient]":
        if not self._clients:
            async with self._opening:
                if not self._clients:
                    self._clients = await asyncio.to_thread(self._open)
        return self._clients

    def _open(self) -> "dict[str, CryptographyClient]":
        from azure.keyvault.keys.crypto.aio import CryptographyClient

        if not self._path.exists():
            _create(self._path)
        keys = _read(self._path)
        try:
            return {f"file:{key.thumbprint}": CryptographyClient.from_jwk(_material(key)) for key in keys}
        except ValueError:
            raise _unusable() from None


def is_private(path: Path) -> bool:
    """Whether nobody but the owner can use the file."""
    return not stat.S_IMODE(path.stat().st_mode) & 0o077


def _read(path: Path) -> list[_Jwk]:
    try:
        if not is_private(path):
            raise UpstreamFault("The key file can be read by others; allow its owner only (chmod 600).")
        found = json.loads(path.read_text())
        keys = cast(Mapping[str, Any], found).get("keys", [found])
        read = [_Jwk.model_validate(key) for key in keys]
    except (OSError, ValidationError, ValueError, AttributeError, TypeError):
        raise _unusable() from None
    if not read:
        raise _unusable()
    return read


def _unusable() -> UpstreamFault:
    return UpstreamFault("The key file cannot be read, or holds no RSA key with its private part.")


def _create(path: Path) -> None:
    """Make the file with a new key; another process may be first, and then its key counts."""
    text = json.dumps(_new_key().model_dump())
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE_TO_OWNER)
        with os.fdopen(handle, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            return
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise StorageFull("There is no room for the key file.") from None
        raise UpstreamFault("The key file cannot be made.") from None
    finally:
        with suppress(OSError):
            draft.unlink()


def _new_key() -> _Jwk:
    from cryptography.hazmat.primitives.asymmetric import rsa

    private = rsa.generate_private_key(public_exponent=65537, key_size=_BITS).private_numbers()
    public = private.public_numbers
    numbers = (public.n, public.e, private.d, private.p, private.q, private.dmp1, private.dmq1, private.iqmp)
    return _Jwk(kty="RSA", **{name: _base64url(_big_endian(n)) for name, n in zip(_NUMBERS, numbers, strict=True)})


def _material(key: _Jwk) -> dict[str, Any]:
    """The key as the cryptography client takes it."""
    numbers = {name: _from_base64url(getattr(key, name)) for name in _NUMBERS}
    return {"kty": key.kty, "kid": key.thumbprint, "key_ops": ["wrapKey", "unwrapKey"], **numbers}


def _big_endian(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _from_base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
