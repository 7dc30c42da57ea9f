"""One stack for all tests that do not break it."""

from collections.abc import Iterator

import pytest

from tests.e2e.stack import Api, Stack

FAST = {"latencyMs": 20, "latencyJitter": 0.5, "msPerToken": 0}


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole product, with a quick model and no limit on calls to Smartsheet."""
    with Stack(tmp_path_factory.mktemp("stack")) as running:
        running.control("openai", "PUT", "limits", FAST)
        running.control("smartsheet", "PUT", "limits", {"requestsPerMinute": 0})
        yield running


@pytest.fixture
def api(stack: Stack) -> Iterator[Api]:
    """The running product's API."""
    with Api(stack.url("host")) as client:
        yield client
