"""Settings that a test process can start with."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from shared.settings import Settings

STORAGE_KEY = base64.b64encode(b"a storage key that must stay secret").decode()
TOKEN = "a-smartsheet-token-that-must-stay-secret"
OPENAI_KEY = "a-model-key-that-must-stay-secret"
PUSH_KEY = "a-push-key-that-must-stay-secret"
SECRETS = (STORAGE_KEY, TOKEN, OPENAI_KEY, PUSH_KEY)
HOST = "localhost:7071"

REQUIRED = {
    "DATABASE_URL": "sqlite:////nowhere/chatsheet.db",
    "AzureWebJobsStorage": f"AccountName=here;AccountKey={STORAGE_KEY};QueueEndpoint=http://127.0.0.1:10001/here;",
    "PUBLIC_BASE_URL": f"http://{HOST}",
    "SMARTSHEET_ACCESS_TOKEN": TOKEN,
    "AZURE_OPENAI_API_BASE": "http://127.0.0.1:7082",
    "AZURE_OPENAI_DEPLOYMENT": "fake",
    "AZURE_OPENAI_MODEL": "fake",
    "WEBPUBSUB_CONNECTION": f"Endpoint=http://localhost:7083;AccessKey={PUSH_KEY};Version=1.0;",
}
OPTIONAL = {
    "AZURE_OPENAI_API_KEY": OPENAI_KEY,
    "ALLOWED_ORIGINS": "http://localhost:5173",
    "MODEL_PRICES": '{"fake": {"input": 2, "output": 10, "currency": "EUR"}}',
}


@contextmanager
def only_these_settings(**changes: str) -> Iterator[None]:
    """Within the block the environment has these settings with `changes`, and none of the developer's own."""
    with pytest.MonkeyPatch.context() as patch:
        for field in Settings.model_fields.values():
            patch.delenv(str(field.alias), raising=False)
        for name, value in {**REQUIRED, **OPTIONAL, **changes}.items():
            patch.setenv(name, value)
        yield
