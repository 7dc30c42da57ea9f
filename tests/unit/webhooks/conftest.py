"""A world for each test."""

import pytest

from shared.stores.sqlite import SqliteDocuments
from tests.unit.webhooks.world import World


@pytest.fixture
def world(documents: SqliteDocuments) -> World:
    """Nobody watches anything yet."""
    return World(documents)
