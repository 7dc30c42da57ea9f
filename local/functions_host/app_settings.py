"""App settings: the environment, completed by `local.settings.json`."""

import json
import re
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from local.functions_host.start_error import StartError

LOCAL_SETTINGS = "local.settings.json"
_DEVELOPMENT_STORAGE = "usedevelopmentstorage=true"  # Azurite on its usual ports
TRUE_VALUES = frozenset({"1", "true"})


class AppSettings:
    """The settings that the app and its bindings see."""

    def __init__(self, values: MutableMapping[str, str]) -> None:
        self._values = values

    def get(self, name: str) -> str | None:
        """The setting's value; an empty one counts as absent, as in the real host."""
        return self._values.get(name) or None

    def positive_integer(self, name: str, default: int) -> int:
        """A setting that is a number from 1. Raises StartError."""
        value = self.get(name)
        if value is not None and (not value.isdecimal() or int(value) < 1):
            raise StartError([f"app setting {name} must be a whole number from 1, not {value!r}"])
        return default if value is None else int(value)

    def resolve(self, text: str) -> str:
        """Replace every `%NAME%` by that setting.

        Raises ValueError where a setting is missing or a `%` has no partner.
        """

        def value_of(match: re.Match[str]) -> str:
            value = self.get(match[1])
            if value is None:
                raise ValueError(f"{match[0]!r} does not resolve to a value: there is no app setting {match[1]}")
            return value

        if text.count("%") % 2:
            raise ValueError(f"{text!r}: a '%' has no closing '%'")
        return re.sub("%([^%]*)%", value_of, text)

    def connection_string(self, name: str) -> str:
        """The storage connection string that a binding's `connection` names.

        `AzureWebJobs<name>` is looked up before `<name>`. Raises ValueError where it is missing, or is one
        that this host cannot use.
        """
        value = self.get(f"AzureWebJobs{name}") or self.get(name)
        if value is None:
            if self.get(f"{name}__accountName") or self.get(f"{name}__queueServiceUri"):
                raise ValueError(f"{name} is an identity-based connection; this host needs a full connection string")
            raise ValueError(f"storage connection string '{name}' does not exist: define it as an app setting")
        if "AccountName=" not in value and value.strip().lower() != _DEVELOPMENT_STORAGE:
            raise ValueError(
                f"app setting {name} must be a full storage connection string with AccountName and AccountKey,"
                " or UseDevelopmentStorage=true"
            )
        return value

    def is_disabled(self, function_name: str) -> bool:
        """Whether `AzureWebJobs.<function>.Disabled` switches the function off."""
        return (self.get(f"AzureWebJobs.{function_name}.Disabled") or "").lower() in TRUE_VALUES


def load_app_settings(app_dir: Path, environment: MutableMapping[str, str]) -> AppSettings:
    """Fill what the environment lacks from `local.settings.json`, and hand out the whole.

    `environment` is changed: the app reads `os.environ`. Raises StartError where the file is not valid.
    """
    path = app_dir / LOCAL_SETTINGS
    if path.is_file():
        for name, value in _values_of(path).items():
            environment.setdefault(name, value)
    settings = AppSettings(environment)
    if settings.get("FUNCTIONS_WORKER_RUNTIME") not in (None, "python"):
        raise StartError(
            [f"FUNCTIONS_WORKER_RUNTIME is {settings.get('FUNCTIONS_WORKER_RUNTIME')!r}; it must be 'python'"]
        )
    return settings


def _values_of(path: Path) -> dict[str, str]:
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise StartError([f"{LOCAL_SETTINGS}: not valid JSON: {error}"]) from None
    if not isinstance(content, dict) or not isinstance(content.get("Values", {}), dict):
        raise StartError([f"{LOCAL_SETTINGS}: must be an object with an object 'Values'"])
    if content.get("IsEncrypted"):
        raise StartError([f"{LOCAL_SETTINGS}: IsEncrypted must be false; decrypt it with `func settings decrypt`"])
    values: dict[str, Any] = content.get("Values", {})
    wrong = [name for name, value in values.items() if not isinstance(value, str)]
    if wrong:
        raise StartError([f"{LOCAL_SETTINGS}: Values.{name} must be a string" for name in wrong])
    return values
