"""Unit tests open no sockets; the one database they use is a file of their own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import settings
from pytest_socket import disable_socket, enable_socket

from shared.stores.sqlite import SqliteDocuments

settings.register_profile("unit", deadline=None)  # how long an example takes says how busy the machine is
settings.load_profile("unit")


@pytest.fixture(autouse=True)
def no_sockets():
    """Sockets fail, except the pair that an event loop needs for itself."""
    disable_socket(allow_unix_socket=True)
    yield
    enable_socket()


@pytest.fixture
async def documents(tmp_path: Path) -> AsyncIterator[SqliteDocuments]:
    """An empty database."""
    store = SqliteDocuments(tmp_path / "app" / "chatsheet.db")
    yield store
    await store.close()
