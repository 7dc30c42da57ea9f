"""The keys that protect functions and management endpoints, kept in one file that only its owner reads."""

import hmac
import json
import os
import secrets
from collections.abc import Iterable
from enum import IntEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from local.functions_host.start_error import StartError

FILE_NAME = "keys.json"
KEY_BYTES = 40
OWNER_ONLY = 0o600
DEFAULT = "default"
DURABLE_SYSTEM_KEY = "durabletask_extension"


class AuthLevel(IntEnum):
    """Authorization levels of HTTP triggers; a key grants its own and those below."""

    ANONYMOUS = 0
    FUNCTION = 1
    ADMIN = 2


class _Keys(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    master_key: str
    function_keys: dict[str, str]
    system_keys: dict[str, str]
    functions: dict[str, dict[str, str]] = {}


class HostKeys:
    """Master key, host-wide function keys, keys per function, system keys of extensions."""

    def __init__(self, keys: _Keys) -> None:
        self._keys = keys

    @classmethod
    def load(cls, directory: Path, functions: Iterable[str]) -> "HostKeys":
        """Read `keys.json`, making the file and missing keys first. Raises StartError where it is damaged."""
        path = directory / FILE_NAME
        try:
            keys = _Keys.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            keys = _Keys(
                master_key=_new_key(), function_keys={DEFAULT: _new_key()}, system_keys={DURABLE_SYSTEM_KEY: _new_key()}
            )
        except ValidationError as error:
            raise StartError([f"{path}: {each['loc']}: {each['msg']}" for each in error.errors()]) from None
        for function in functions:
            keys.functions.setdefault(function, {DEFAULT: _new_key()})
        _write(path, keys)
        return cls(keys)

    @property
    def master(self) -> str:
        """The key that opens everything."""
        return self._keys.master_key

    def system(self, name: str) -> str:
        """An extension's key."""
        return self._keys.system_keys[name]

    def level(self, key: str | None, function: str) -> AuthLevel:
        """What a key opens at one function."""
        if not key:
            return AuthLevel.ANONYMOUS
        if _same(key, self._keys.master_key):
            return AuthLevel.ADMIN
        known = [*self._keys.function_keys.values(), *self._keys.functions.get(function, {}).values()]
        return AuthLevel.FUNCTION if any(_same(key, each) for each in known) else AuthLevel.ANONYMOUS


def _new_key() -> str:
    return secrets.token_urlsafe(KEY_BYTES)


def _same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode(), right.encode())


def _write(path: Path, keys: _Keys) -> None:
    """Replace the file whole: a host killed here leaves the old one."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, OWNER_ONLY), "w") as file:
        json.dump(keys.model_dump(by_alias=True), file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
