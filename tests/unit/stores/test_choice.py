"""`DATABASE_URL` chooses the database, whose SDK is imported when it is first used."""

import subprocess
import sys
from pathlib import Path

import pytest

from shared.container import Container
from shared.settings import load_settings
from shared.stores.cosmos.documents import CosmosDocuments
from shared.stores.sqlite import SqliteDocuments
from tests.functions.environment import only_these_settings

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("sqlite:////nowhere/chatsheet.db", SqliteDocuments),
        ("https://contoso.documents.azure.com:443/", CosmosDocuments),
    ],
)
async def test_the_url_chooses_the_database(url: str, kind: type):
    with only_these_settings(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", url)
        container = Container(load_settings())
        assert isinstance(container.documents, kind)
        await container.close()


def test_the_sdk_of_the_database_is_not_imported_at_start():
    script = "import sys, shared.container; sys.exit('azure.cosmos' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0
