"""The functions of `function_app.py`, loaded once, each test with a container of its own on fakes."""

import importlib
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_socket import disable_socket, enable_socket

from shared.container import use_container
from tests.functions.client import Functions
from tests.functions.conformance import Contract
from tests.functions.environment import SECRETS, only_these_settings
from tests.functions.people import Browser, token_world
from tests.functions.world import CELL_TEXT, World


@pytest.fixture(autouse=True)
def no_sockets() -> Iterator[None]:
    """Sockets fail, except the pair that an event loop needs for itself."""
    disable_socket(allow_unix_socket=True)
    yield
    enable_socket()


@pytest.fixture(scope="session")
def registered() -> dict[str, Any]:
    """Every registered function by name. `get_functions()` works once per process."""
    with only_these_settings():
        app = importlib.import_module("function_app").app
    use_container(None)
    return {function.get_function_name(): function for function in app.get_functions()}


@pytest.fixture(scope="session")
def contract(registered: dict[str, Any]) -> Contract:
    """The API's OpenAPI document."""
    return Contract()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """What the functions of this test work on."""
    with only_these_settings():
        world = World(tmp_path)
    use_container(world.container)
    yield world
    use_container(None)
    await world.documents.close()


@pytest.fixture
async def people(tmp_path: Path) -> AsyncIterator[World]:
    """A world in which people sign in."""
    world = token_world(tmp_path)
    yield world
    use_container(None)
    await world.documents.close()


@pytest.fixture
def ada(functions: Functions) -> Browser:
    """A person's browser."""
    return Browser(functions)


@pytest.fixture
def bob(functions: Functions) -> Browser:
    """Another person's."""
    return Browser(functions)


@pytest.fixture
def functions(registered: dict[str, Any], contract: Contract, world: World) -> Functions:
    """The functions, ready to be called."""
    return Functions(registered, contract, world)


@pytest.fixture(autouse=True)
def no_secrets_in_the_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever a test does, the log holds neither keys nor cells."""
    caplog.set_level(logging.INFO)
    yield
    assert not any(text in caplog.text for text in (*SECRETS, CELL_TEXT))
