"""The settings, read from the environment once and checked at start; every fault is listed at once."""

from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class SettingsError(Exception):
    """The settings cannot be used; the message lists every fault, one a line, without any value."""


class Settings(BaseSettings):
    """All settings. The names in the environment are the aliases; units are in the names."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, populate_by_name=True)

    database_url: str = Field(alias="DATABASE_URL")
    storage_connection: SecretStr = Field(alias="AzureWebJobsStorage")
    public_base_url: str = Field(alias="PUBLIC_BASE_URL")
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(default=(), alias="ALLOWED_ORIGINS")

    auth_mode: Literal["single", "token"] = Field(default="single", alias="AUTH_MODE")

    smartsheet_api_base: str = Field(default="https://api.smartsheet.com/2.0", alias="SMARTSHEET_API_BASE")
    smartsheet_access_token: SecretStr | None = Field(default=None, alias="SMARTSHEET_ACCESS_TOKEN")
    smartsheet_timeout_seconds: float = Field(default=60, gt=0, alias="SMARTSHEET_TIMEOUT_SECONDS")
    smartsheet_write_timeout_seconds: float = Field(default=60, gt=0, alias="SMARTSHEET_WRITE_TIMEOUT_SECONDS")

    openai_api_base: str = Field(alias="AZURE_OPENAI_API_BASE")
    openai_api_key: SecretStr | None = Field(default=None, alias="AZURE_OPENAI_API_KEY")
    openai_api_version: str = Field(default="2025-01-01-preview", alias="AZURE_OPENAI_API_VERSION")
    openai_deployment: str = Field(alias="AZURE_OPENAI_DEPLOYMENT")
    openai_model: str = Field(alias="AZURE_OPENAI_MODEL")
    openai_timeout_seconds: float = Field(default=60, gt=0, alias="AZURE_OPENAI_TIMEOUT_SECONDS")
    openai_tokens_per_minute: int = Field(default=1_000_000, gt=0, alias="AZURE_OPENAI_TOKENS_PER_MINUTE")
    openai_requests_per_minute: int = Field(default=10_000, gt=0, alias="AZURE_OPENAI_REQUESTS_PER_MINUTE")
    openai_concurrency: int = Field(default=32, ge=1, le=1000, alias="AZURE_OPENAI_CONCURRENCY")
    model_prices: str = Field(default="", alias="MODEL_PRICES")

    webpubsub_connection: SecretStr = Field(alias="WEBPUBSUB_CONNECTION")

    event_retention_days: int = Field(default=7, ge=1, alias="EVENT_RETENTION_DAYS")

    @field_validator("allowed_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if value.startswith(("postgres://", "postgresql://")):
            raise ValueError("PostgreSQL is not supported; give sqlite:////absolute/path.db")
        if not value.startswith("sqlite:///"):
            raise ValueError("give sqlite:////absolute/path.db")
        return value

    @field_validator("smartsheet_api_base", "openai_api_base", "public_base_url")
    @classmethod
    def _http_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("give an http(s) URL without query")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _single_user_only_on_loopback(self) -> Self:
        if self.auth_mode != "single":
            return self
        if self.smartsheet_access_token is None:
            raise ValueError("SMARTSHEET_ACCESS_TOKEN: needed when AUTH_MODE is single")
        if urlsplit(self.public_base_url).hostname not in ("localhost", "127.0.0.1", "::1"):
            raise ValueError(
                "AUTH_MODE: single serves one built-in user and works on loopback only; PUBLIC_BASE_URL is not"
            )
        return self

    @cached_property
    def sqlite_path(self) -> Path:
        """The database file that `DATABASE_URL` names."""
        return Path(self.database_url.removeprefix("sqlite:///"))


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
    name = str(loc[0]) if loc else ""
    message = "is missing" if kind == "missing" else message.removeprefix("Value error, ")
    return f"{name}: {message}" if name else message
