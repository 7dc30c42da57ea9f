"""Settings: every fault is named at once and without values, and the example lists what there is."""

import json
from pathlib import Path

import pytest

from shared.settings import Settings, SettingsError, load_settings
from tests.functions.environment import REQUIRED, SECRETS

ROOT = Path(__file__).resolve().parents[2]
NAMES = {field.alias for field in Settings.model_fields.values() if field.alias}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Exactly the required settings."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    for name, value in REQUIRED.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def faults(environment: pytest.MonkeyPatch, **values: str) -> dict[str, str]:
    """What is wrong, by variable, with these values in place of the right ones."""
    for name, value in values.items():
        environment.setenv(name, value)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    text = str(raised.value)
    assert not any(secret in text for secret in SECRETS)
    title, *lines = text.splitlines()
    assert title == "Settings are missing or wrong:"
    return dict(line.removeprefix("  - ").split(": ", 1) for line in lines)


def test_the_required_settings_are_enough(environment: pytest.MonkeyPatch):
    settings = load_settings()
    assert settings.sqlite_path == Path("/nowhere/chatsheet.db")
    assert (settings.auth_mode, settings.openai_api_key, settings.allowed_origins) == ("single", None, ())


def test_all_that_is_missing_is_named_at_once(environment: pytest.MonkeyPatch):
    for name in REQUIRED:
        environment.delenv(name)
    assert faults(environment) == dict.fromkeys(REQUIRED, "is missing")


def test_blank_texts_count_as_missing_and_as_left_out(environment: pytest.MonkeyPatch):
    found = faults(environment, DATABASE_URL="", SMARTSHEET_ACCESS_TOKEN="  \n", AUTH_MODE=" ", MODEL_PRICES="")
    assert found == {"DATABASE_URL": "is missing", "SMARTSHEET_ACCESS_TOKEN": "is missing"}


def test_what_is_missing_and_what_is_wrong_is_named_together(environment: pytest.MonkeyPatch):
    environment.delenv("AZURE_OPENAI_MODEL")
    found = faults(
        environment,
        PUBLIC_BASE_URL="https://sheets.example",
        AZURE_OPENAI_CONCURRENCY="many",
        EVENT_RETENTION_DAYS="0",
        MODEL_PRICES="{",
    )
    assert set(found) == {
        "AZURE_OPENAI_MODEL",
        "AUTH_MODE",
        "AZURE_OPENAI_CONCURRENCY",
        "EVENT_RETENTION_DAYS",
        "MODEL_PRICES",
    }


def test_spaces_around_a_pasted_value_are_dropped(environment: pytest.MonkeyPatch):
    environment.setenv("SMARTSHEET_ACCESS_TOKEN", " token\n")
    token = load_settings().smartsheet_access_token
    assert token is not None and token.get_secret_value() == "token"


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("postgresql://user:word@db/chat", "PostgreSQL is not supported"),
        ("postgres://user:word@db/chat", "PostgreSQL is not supported"),
        ("mysql://user:word@db/chat", "give sqlite:////absolute/path.db"),
        ("https://word.example.com", "https://<account>.documents.azure.com"),
        ("http://word.documents.azure.com", "https://<account>.documents.azure.com"),
        ("https://word.documents.azure.com/database", "https://<account>.documents.azure.com"),
        ("https://word.documents.azure.com.example.com", "https://<account>.documents.azure.com"),
        ("sqlite://", "give sqlite:////absolute/path.db"),
        ("sqlite:///relative.db", "give sqlite:////absolute/path.db"),
        ("sqlite:///:memory:", "give sqlite:////absolute/path.db"),
        ("sqlite:////", "give sqlite:////absolute/path.db"),
        ("/var/chat.db", "give sqlite:////absolute/path.db"),
    ],
)
def test_a_database_that_is_not_supported_is_refused(environment: pytest.MonkeyPatch, url: str, advice: str):
    (problem,) = faults(environment, DATABASE_URL=url).values()
    assert advice in problem
    assert "word" not in problem


@pytest.mark.parametrize("url", ["https://contoso.documents.azure.com:443/", "HTTPS://contoso.documents.azure.com"])
def test_an_account_of_cosmos_db_is_a_database(environment: pytest.MonkeyPatch, url: str):
    environment.setenv("DATABASE_URL", url)
    assert load_settings().cosmos_url == url
    assert load_settings().cosmos_key is None
    environment.setenv("COSMOS_KEY", "a-database-key")
    assert "a-database-key" not in repr(load_settings())


@pytest.mark.parametrize(
    ("prices", "part"),
    [
        ("gpt-4o: 2", "Invalid JSON"),
        ('{"gpt-4o": {"input": 2}}', "gpt-4o.output: Field required"),
        ('{"gpt-4o": {"input": -1, "output": 1}}', "gpt-4o.input"),
        ("[]", "the whole"),
    ],
)
def test_wrong_prices_are_told_with_an_example(environment: pytest.MonkeyPatch, prices: str, part: str):
    (problem,) = faults(environment, MODEL_PRICES=prices).values()
    assert part in problem and problem.startswith('give JSON such as {"gpt-4o"')


def test_prices_are_read(environment: pytest.MonkeyPatch):
    environment.setenv("MODEL_PRICES", '{"gpt-4o": {"input": 2.5, "output": 10}}')
    assert load_settings().model_prices.amount("gpt-4o", 1_000_000, 0) == 2.5


@pytest.mark.parametrize("url", ["https://sheets.example", "http://192.168.0.7:7071", "http://localhost.example"])
def test_the_one_built_in_user_is_refused_off_loopback(environment: pytest.MonkeyPatch, url: str):
    assert "works on loopback only" in faults(environment, PUBLIC_BASE_URL=url)["AUTH_MODE"]


@pytest.mark.parametrize(
    "url", ["http://localhost:7071", "http://127.0.0.1", "http://[::1]:7071/", "https://LOCALHOST"]
)
def test_the_one_built_in_user_works_on_loopback(environment: pytest.MonkeyPatch, url: str):
    environment.setenv("PUBLIC_BASE_URL", url)
    assert load_settings().public_base_url == url.rstrip("/").lower()


PUBLIC = {"AUTH_MODE": "token", "PUBLIC_BASE_URL": "https://sheets.example"}


def test_people_who_sign_in_bring_their_own_tokens(environment: pytest.MonkeyPatch):
    environment.delenv("SMARTSHEET_ACCESS_TOKEN")
    environment.setenv("AUTH_MODE", "token")
    settings = load_settings()
    assert (settings.smartsheet_access_token, settings.allowed_users) == (None, ())
    assert (settings.token_key_url, settings.token_key_path) == (None, Path("/nowhere/key.jwk"))


def test_off_loopback_it_has_to_be_said_who_may_sign_in(environment: pytest.MonkeyPatch):
    assert faults(environment, **PUBLIC) == {"ALLOWED_USERS": "is missing"}
    assert "loopback only" in faults(environment, **PUBLIC, ALLOWED_USERS="ada@example.com, *")["ALLOWED_USERS"]


def test_addresses_domains_and_ids_may_sign_in(environment: pytest.MonkeyPatch):
    for name, value in {**PUBLIC, "ALLOWED_USERS": " ada@example.com ,@example.org,, 4583173393803140"}.items():
        environment.setenv(name, value)
    assert load_settings().allowed_users == ("ada@example.com", "@example.org", "4583173393803140")


@pytest.mark.parametrize("entries", ["ada", "example.com", "@", "ada@", "@exa mple.com", "ada@@example.com", ",", "*@"])
def test_entries_that_nobody_matches_are_refused(environment: pytest.MonkeyPatch, entries: str):
    assert "give e-mail addresses" in faults(environment, AUTH_MODE="token", ALLOWED_USERS=entries)["ALLOWED_USERS"]


@pytest.mark.parametrize(
    "key",
    [
        "key.jwk",
        "http://contoso.vault.azure.net/keys/tokens",
        "https://contoso.vault.azure.net/secrets/tokens",
        "https://contoso.vault.azure.net.example.com/keys/tokens",
        "https://contoso.vault.azure.net/keys/tokens/latest",
    ],
)
def test_a_key_is_in_key_vault_or_in_a_file(environment: pytest.MonkeyPatch, key: str):
    assert list(faults(environment, TOKEN_KEY=key)) == ["TOKEN_KEY"]


@pytest.mark.parametrize("version", ["", "/0123456789abcdef0123456789abcdef"])
def test_a_key_of_key_vault_may_be_fixed_to_a_version(environment: pytest.MonkeyPatch, version: str):
    environment.setenv("TOKEN_KEY", f"https://contoso.vault.azure.net/keys/tokens{version}")
    assert load_settings().token_key_url == f"https://contoso.vault.azure.net/keys/tokens{version}"


def test_a_database_in_the_cloud_needs_a_key_to_be_named(environment: pytest.MonkeyPatch):
    found = faults(environment, AUTH_MODE="token", DATABASE_URL="https://contoso.documents.azure.com")
    assert found == {"TOKEN_KEY": "is missing"}


def test_a_key_file_that_others_can_read_stops_the_start(environment: pytest.MonkeyPatch, tmp_path: Path):
    key = tmp_path / "key.jwk"
    key.touch(0o640)
    database = f"sqlite:///{tmp_path / 'chatsheet.db'}"
    for values in ({"DATABASE_URL": database}, {"TOKEN_KEY": str(key)}):
        found = faults(environment, AUTH_MODE="token", **values)
        assert "chmod 600" in found["TOKEN_KEY"]
    key.chmod(0o600)
    assert load_settings().token_key_path == key


@pytest.mark.parametrize("name", ["SMARTSHEET_OAUTH_CLIENT_ID", "SMARTSHEET_OAUTH_CLIENT_SECRET"])
def test_half_of_an_oauth_client_is_refused(environment: pytest.MonkeyPatch, name: str):
    found = faults(environment, **{name: "half-of-it"})
    assert found == {"SMARTSHEET_OAUTH_CLIENT_SECRET": "belongs to SMARTSHEET_OAUTH_CLIENT_ID: give both or none"}


@pytest.mark.parametrize("name", ["PUBLIC_BASE_URL", "SMARTSHEET_API_BASE", "AZURE_OPENAI_API_BASE"])
@pytest.mark.parametrize(
    "url",
    ["localhost:7071", "ftp://localhost", "http://", "http://localhost:port", "http://[::1", "http://u:word@localhost"],
)
def test_addresses_have_to_be_urls(environment: pytest.MonkeyPatch, name: str, url: str):
    found = faults(environment, **{name: url})
    assert list(found) == [name] and "word" not in found[name]


@pytest.mark.parametrize("origins", ["*", "localhost:5173", "http://localhost:5173/app", "http://a.example,b.example"])
def test_allowed_origins_that_no_browser_sends_are_refused(environment: pytest.MonkeyPatch, origins: str):
    assert list(faults(environment, ALLOWED_ORIGINS=origins)) == ["ALLOWED_ORIGINS"]


def test_our_own_origin_has_both_names_of_loopback_and_no_usual_port(environment: pytest.MonkeyPatch):
    environment.setenv("PUBLIC_BASE_URL", "http://localhost:80/")
    environment.setenv("ALLOWED_ORIGINS", " http://LOCALHOST:5173/ ,, https://app.example:443")
    assert load_settings().own_origins == {
        "http://localhost",
        "http://127.0.0.1",
        "http://localhost:5173",
        "https://app.example",
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AzureWebJobsStorage", "the storage account"),
        ("WEBPUBSUB_CONNECTION", "AccessKey=a-push-key-that-must-stay-secret;Version=1.0;"),
        ("WEBPUBSUB_CONNECTION", "Endpoint=;AccessKey=a-push-key-that-must-stay-secret;"),
    ],
)
def test_connection_strings_have_to_say_where(environment: pytest.MonkeyPatch, name: str, value: str):
    assert list(faults(environment, **{name: value})) == [name]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AzureWebJobsStorage", "UseDevelopmentStorage=true"),
        ("AzureWebJobsStorage", "https://account.queue.core.windows.net"),
        ("WEBPUBSUB_CONNECTION", "https://hub.webpubsub.azure.com"),
    ],
)
def test_a_connection_may_be_an_address_where_the_managed_identity_signs_in(
    environment: pytest.MonkeyPatch, name: str, value: str
):
    environment.setenv(name, value)
    assert load_settings()


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "1e9", "soon"])
@pytest.mark.parametrize("name", ["SMARTSHEET_TIMEOUT_SECONDS", "AZURE_OPENAI_TIMEOUT_SECONDS"])
def test_a_timeout_is_a_number_of_seconds_within_reason(environment: pytest.MonkeyPatch, name: str, value: str):
    assert list(faults(environment, **{name: value})) == [name]


def test_secrets_are_not_shown(environment: pytest.MonkeyPatch):
    shown = repr(load_settings())
    assert not any(secret in shown for secret in SECRETS)


def test_the_example_lists_exactly_the_settings_and_is_valid(environment: pytest.MonkeyPatch):
    example = json.loads((ROOT / "local.settings.example.json").read_text())
    values: dict[str, str] = example["Values"]
    assert set(values) - {"FUNCTIONS_WORKER_RUNTIME"} == NAMES
    assert (example["IsEncrypted"], values["FUNCTIONS_WORKER_RUNTIME"]) == (False, "python")
    for name, value in values.items():
        environment.setenv(name, value)
    assert load_settings().public_base_url == values["PUBLIC_BASE_URL"]


@pytest.mark.parametrize(
    "values",
    [
        {"SMARTSHEET_WEBHOOK_SECRET": "abc"},
        {"SMARTSHEET_WEBHOOK_ID": "5"},
        {"SMARTSHEET_WEBHOOK_SECRET": "abc", "SMARTSHEET_WEBHOOK_ID": "five"},
        {"SMARTSHEET_WEBHOOK_SECRET": "abc", "SMARTSHEET_WEBHOOK_ID": "1" * 20},
    ],
)
def test_the_secret_of_a_webhook_comes_with_its_id(environment: pytest.MonkeyPatch, values: dict[str, str]):
    assert list(faults(environment, **values)) == ["SMARTSHEET_WEBHOOK_ID"]
