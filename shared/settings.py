"""The settings, read from the environment once and checked at start; every fault is listed at once."""

import os
import platform
import re
import stat
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, cast
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from shared.ai.estimates import PriceTable, parse_prices
from shared.identity.allow_list import EVERYBODY, is_entry

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_ENDPOINT = re.compile(r"(?:^|;)\s*endpoint\s*=\s*https?://[^;/\s]", re.IGNORECASE)
_COSMOS = re.compile(r"https://[a-z0-9-]+\.documents\.azure\.(?:com|cn|us)(?::443)?/?", re.IGNORECASE)
_DATABASES = "give sqlite:////absolute/path.db, or a Cosmos DB account's URL: https://<account>.documents.azure.com"
_KEY_URL = re.compile(
    r"https://[a-z0-9-]+\.(?:vault\.azure\.(?:net|cn)|vault\.usgovcloudapi\.net|managedhsm\.azure\.net)"
    r"/keys/[a-z0-9-]{1,127}(?:/[0-9a-f]{32})?",
    re.IGNORECASE,
)
_KEY_FILE = "key.jwk"
_SQLITE = "sqlite:///"
_STORAGE = re.compile(r"(?:^|;)\s*(?:AccountName|QueueEndpoint|UseDevelopmentStorage)\s*=\s*[^;\s]", re.IGNORECASE)

_MISSING = "missing"


class SettingsError(Exception):
    """The settings cannot be used; the message lists every fault, one a line, without any value."""


class Settings(BaseSettings):
    """All settings. The names in the environment are the aliases; units are in the names. Blank counts as missing."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        populate_by_name=True,
        validate_default=True,
        arbitrary_types_allowed=True,
    )

    database_url: str = Field(alias="DATABASE_URL")
    cosmos_key: SecretStr | None = Field(default=None, alias="COSMOS_KEY")
    storage_connection: SecretStr = Field(alias="AzureWebJobsStorage")
    public_base_url: str = Field(alias="PUBLIC_BASE_URL")
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(default=(), alias="ALLOWED_ORIGINS")

    auth_mode: Literal["single", "token"] = Field(default="single", alias="AUTH_MODE")
    allowed_users: Annotated[tuple[str, ...], NoDecode] = Field(default=(), alias="ALLOWED_USERS")
    login_idle_hours: float = Field(default=12, gt=0, le=8760, alias="LOGIN_IDLE_HOURS")
    login_absolute_days: int = Field(default=7, ge=1, le=365, alias="LOGIN_ABSOLUTE_DAYS")
    token_key: str | None = Field(default=None, alias="TOKEN_KEY")

    smartsheet_api_base: str = Field(default="https://api.smartsheet.com/2.0", alias="SMARTSHEET_API_BASE")
    smartsheet_access_token: SecretStr | None = Field(default=None, alias="SMARTSHEET_ACCESS_TOKEN")
    smartsheet_oauth_client_id: str | None = Field(default=None, alias="SMARTSHEET_OAUTH_CLIENT_ID")
    smartsheet_oauth_client_secret: SecretStr | None = Field(default=None, alias="SMARTSHEET_OAUTH_CLIENT_SECRET")
    smartsheet_webhook_secret: SecretStr | None = Field(default=None, alias="SMARTSHEET_WEBHOOK_SECRET")
    smartsheet_webhook_id: str | None = Field(default=None, alias="SMARTSHEET_WEBHOOK_ID")
    smartsheet_timeout_seconds: float = Field(default=60, gt=0, le=600, alias="SMARTSHEET_TIMEOUT_SECONDS")
    smartsheet_write_timeout_seconds: float = Field(default=60, gt=0, le=600, alias="SMARTSHEET_WRITE_TIMEOUT_SECONDS")

    openai_api_base: str = Field(alias="AZURE_OPENAI_API_BASE")
    openai_api_key: SecretStr | None = Field(default=None, alias="AZURE_OPENAI_API_KEY")
    openai_api_version: str = Field(default="2025-01-01-preview", alias="AZURE_OPENAI_API_VERSION")
    openai_deployment: str = Field(alias="AZURE_OPENAI_DEPLOYMENT")
    openai_model: str = Field(alias="AZURE_OPENAI_MODEL")
    openai_timeout_seconds: float = Field(default=60, gt=0, le=600, alias="AZURE_OPENAI_TIMEOUT_SECONDS")
    openai_tokens_per_minute: int = Field(default=1_000_000, gt=0, alias="AZURE_OPENAI_TOKENS_PER_MINUTE")
    openai_requests_per_minute: int = Field(default=10_000, gt=0, alias="AZURE_OPENAI_REQUESTS_PER_MINUTE")
    openai_concurrency: int = Field(default=32, ge=1, le=1000, alias="AZURE_OPENAI_CONCURRENCY")
    model_prices: Annotated[PriceTable, NoDecode] = Field(default_factory=lambda: PriceTable({}), alias="MODEL_PRICES")

    webpubsub_connection: SecretStr = Field(alias="WEBPUBSUB_CONNECTION")

    job_sign_in_wait_days: float = Field(default=7, gt=0, le=30, alias="JOB_SIGN_IN_WAIT_DAYS")
    rate_limit_read: int = Field(default=1200, ge=0, le=1_000_000, alias="RATE_LIMIT_READ_PER_MINUTE")
    rate_limit_write: int = Field(default=300, ge=0, le=1_000_000, alias="RATE_LIMIT_WRITE_PER_MINUTE")
    rate_limit_start: int = Field(default=60, ge=0, le=1_000_000, alias="RATE_LIMIT_START_PER_MINUTE")
    rate_limit_sign_in: int = Field(default=20, ge=0, le=1_000_000, alias="RATE_LIMIT_SIGN_IN_PER_MINUTE")
    trusted_proxies: int = Field(default=1, ge=1, le=10, alias="TRUSTED_PROXIES")
    request_seconds: float = Field(default=100, gt=0, le=220, alias="REQUEST_TIMEOUT_SECONDS")

    event_retention_days: int = Field(default=7, ge=1, le=365, alias="EVENT_RETENTION_DAYS")

    @model_validator(mode="before")
    @classmethod
    def _strip(cls, values: Any) -> Any:
        """Without blank texts, and without the spaces and line ends that come along when a key is pasted."""
        if not isinstance(values, dict):
            return values
        given = cast(dict[str, Any], values)
        stripped = {name: value.strip() if isinstance(value, str) else value for name, value in given.items()}
        return {name: value for name, value in stripped.items() if value != ""}

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if value.startswith(("postgres://", "postgresql://")):
            raise ValueError(f"PostgreSQL is not supported; {_DATABASES}")
        path = Path(value.removeprefix("sqlite:///"))
        is_file = value.startswith("sqlite:///") and path.is_absolute() and bool(path.name)
        if not is_file and not _COSMOS.fullmatch(value):
            raise ValueError(_DATABASES)
        return value

    @field_validator("storage_connection")
    @classmethod
    def _storage(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        if not _STORAGE.search(text) and _http(text) is None:
            raise ValueError("give a storage connection string, or the URL of the queue service")
        return value

    @field_validator("webpubsub_connection")
    @classmethod
    def _web_pubsub(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        if not _ENDPOINT.search(text) and _http(text) is None:
            raise ValueError("give a connection string with Endpoint=https://…, or the endpoint's URL")
        return value

    @field_validator("public_base_url")
    @classmethod
    def _own_origin(cls, value: str) -> str:
        origin = _origin(value)
        if origin is None:
            raise ValueError("give an http(s) URL without a path, such as http://localhost:7071")
        return origin

    @field_validator("allowed_origins", mode="before")
    @classmethod
    def _origins(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        origins = tuple(_origin(part.strip()) for part in value.split(",") if part.strip())
        if None in origins:
            raise ValueError("give origins separated by commas, such as http://localhost:5173; * is none")
        return origins

    @field_validator("auth_mode")
    @classmethod
    def _single_on_loopback(cls, value: str, info: ValidationInfo) -> str:
        if value == "single" and _is_public(info):
            raise ValueError("single serves one built-in user and works on loopback only, and PUBLIC_BASE_URL is not")
        return value

    @field_validator("allowed_users", mode="before")
    @classmethod
    def _allowed(cls, value: object, info: ValidationInfo) -> object:
        if not isinstance(value, str):
            if not value and _is_public(info) and info.data.get("auth_mode") == "token":
                raise PydanticCustomError(_MISSING, "is missing")
            return value
        entries = tuple(part.strip() for part in value.split(",") if part.strip())
        if not entries or not all(is_entry(entry) for entry in entries):
            raise ValueError(
                "give e-mail addresses, domains such as @example.com, and Smartsheet user ids, with commas"
            )
        if EVERYBODY in entries and _is_public(info):
            raise ValueError("* lets everybody in and works on loopback only, and PUBLIC_BASE_URL is not")
        return entries

    @field_validator("token_key")
    @classmethod
    def _key(cls, value: str | None, info: ValidationInfo) -> str | None:
        needed = info.data.get("auth_mode") == "token"
        database = info.data.get("database_url")
        if value is None and needed and isinstance(database, str) and _COSMOS.fullmatch(database):
            raise PydanticCustomError(_MISSING, "is missing")
        if value is not None and _KEY_URL.fullmatch(value):
            return value
        if value is not None and not (Path(value).is_absolute() and Path(value).name):
            raise ValueError("give a key of Key Vault: https://<vault>.vault.azure.net/keys/<name>, or a file's path")
        path = _key_path(value, database) if needed else None
        if path is not None and path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ValueError("the key file can be read by others; allow its owner only (chmod 600)")
        return value

    @field_validator("smartsheet_access_token")
    @classmethod
    def _token_of_the_user(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is None and info.data.get("auth_mode") == "single":
            raise PydanticCustomError(_MISSING, "is missing")
        return value

    @field_validator("smartsheet_oauth_client_secret")
    @classmethod
    def _both_or_none(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if (value is None) != (info.data.get("smartsheet_oauth_client_id") is None):
            raise ValueError("belongs to SMARTSHEET_OAUTH_CLIENT_ID: give both or none")
        return value

    @field_validator("smartsheet_webhook_id")
    @classmethod
    def _secret_and_id(cls, value: str | None, info: ValidationInfo) -> str | None:
        if (value is None) != (info.data.get("smartsheet_webhook_secret") is None):
            raise ValueError("belongs to SMARTSHEET_WEBHOOK_SECRET: give both or none")
        if value is not None and not (value.isascii() and value.isdigit() and len(value) <= 19):
            raise ValueError("give the id of the webhook, a whole number")
        return value

    @field_validator("smartsheet_api_base", "openai_api_base")
    @classmethod
    def _http_url(cls, value: str) -> str:
        if _http(value) is None:
            raise ValueError("give an http(s) URL without user name, query or fragment")
        return value.rstrip("/")

    @field_validator("model_prices", mode="before")
    @classmethod
    def _prices(cls, value: object) -> object:
        return parse_prices(value) if isinstance(value, str) else value

    @cached_property
    def instance(self) -> str:
        """The machine that this process runs on, as Azure names it; elsewhere by its host name."""
        return os.environ.get("WEBSITE_INSTANCE_ID") or platform.node()

    @cached_property
    def sqlite_path(self) -> Path:
        """The database file that `DATABASE_URL` names, when it is one of SQLite."""
        return Path(self.database_url.removeprefix("sqlite:///"))

    @cached_property
    def cosmos_url(self) -> str | None:
        """The Cosmos DB account that `DATABASE_URL` names; None for a file of SQLite."""
        return self.database_url if _COSMOS.fullmatch(self.database_url) else None

    @cached_property
    def token_key_url(self) -> str | None:
        """The key of Key Vault that `TOKEN_KEY` names; None where a file is used."""
        return self.token_key if self.token_key is not None and _KEY_URL.fullmatch(self.token_key) else None

    @cached_property
    def token_key_path(self) -> Path:
        """The key file that `TOKEN_KEY` names; without it, one beside the database file."""
        path = _key_path(self.token_key, self.database_url)
        assert path is not None
        return path

    @cached_property
    def has_token_key(self) -> bool:
        """Whether secrets can be locked up: without `TOKEN_KEY`, only beside a database file."""
        return self.token_key_url is not None or _key_path(self.token_key, self.database_url) is not None

    @cached_property
    def is_https(self) -> bool:
        """Whether browsers reach the service by https."""
        return self.public_base_url.startswith("https:")

    @cached_property
    def own_origins(self) -> frozenset[str]:
        """Origins of pages that may call: our own, and those of `ALLOWED_ORIGINS`; loopback under both its names."""
        origins = {self.public_base_url, *self.allowed_origins}
        own = urlsplit(self.public_base_url)
        if own.hostname in ("localhost", "127.0.0.1"):
            port = "" if own.port is None else f":{own.port}"
            origins |= {f"{own.scheme}://{name}{port}" for name in ("localhost", "127.0.0.1")}
        return frozenset(origins)


def load_settings() -> Settings:
    """Read the environment. Raises `SettingsError` naming every missing or wrong variable at once."""
    try:
        return Settings()  # pyright: ignore[reportCallIssue] - the values come from the environment
    except ValidationError as error:
        lines = [
            _line(fault["loc"], fault["type"], fault["msg"])
            for fault in error.errors(include_url=False, include_input=False)
        ]
        raise SettingsError("Settings are missing or wrong:\n" + "\n".join(f"  - {line}" for line in lines)) from None


def _line(loc: tuple[int | str, ...], kind: str, message: str) -> str:
    field = Settings.model_fields.get(str(loc[0]))  # a default that does not hold is named by its field
    name = loc[0] if field is None else field.alias
    return f"{name}: {'is missing' if kind == _MISSING else message.removeprefix('Value error, ')}"


def _key_path(token_key: str | None, database_url: object) -> Path | None:
    """The key file: the one that is named, or one beside the database file."""
    if token_key is not None:
        return Path(token_key)
    if isinstance(database_url, str) and database_url.startswith(_SQLITE):
        return Path(database_url.removeprefix(_SQLITE)).with_name(_KEY_FILE)
    return None


def _is_public(info: ValidationInfo) -> bool:
    """Whether `PUBLIC_BASE_URL` is known to be off loopback."""
    base_url = info.data.get("public_base_url")
    return isinstance(base_url, str) and urlsplit(base_url).hostname not in LOOPBACK


def _http(text: str) -> SplitResult | None:
    """The parts of an http(s) URL that holds nothing but host, port and path."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a bad IPv6 address
        return None
    return parts if usable and not (parts.username or parts.query or parts.fragment) else None


def _origin(text: str) -> str | None:
    """An http(s) URL without a path as browsers write origins: lower case, without the scheme's own port."""
    parts = _http(text)
    if parts is None or parts.path.strip("/"):
        return None
    usual = ":443" if parts.scheme == "https" else ":80"
    return f"{parts.scheme}://{parts.netloc.lower().removesuffix(usual)}"
