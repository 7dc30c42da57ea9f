"""Fixtures of the Web PubSub gateway's tests: one real process for all of them (a pytest plugin)."""

from collections.abc import Iterator

import pytest

from tests.local.webpubsub_gateway import RunningGateway, running_gateway


@pytest.fixture(scope="session")
def gateway_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """One gateway with its upstream."""
    with running_gateway(tmp_path_factory.mktemp("webpubsub")) as gateway:
        yield gateway


@pytest.fixture
def gateway(gateway_process: RunningGateway) -> RunningGateway:
    """The gateway as it was at its start."""
    return gateway_process.fresh()
