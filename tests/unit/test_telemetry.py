"""Correlation ids and loggers."""

import logging

import pytest

from shared.telemetry import (
    accept_correlation_id,
    correlated,
    current_correlation_id,
    get_logger,
    quiet_request_logs,
)


def test_a_block_is_served_under_its_id_and_the_one_around_it_comes_back():
    with correlated("outer-id") as outer:
        with correlated(None) as inner:
            assert current_correlation_id() == inner != outer
        assert current_correlation_id() == "outer-id"
    assert current_correlation_id() is None


def test_only_well_formed_ids_are_accepted():
    assert accept_correlation_id("abc.DEF-1_2") == "abc.DEF-1_2"
    assert accept_correlation_id("abcdefgh\n") != "abcdefgh\n"
    assert len(accept_correlation_id(None)) == 32


def test_lines_end_in_the_correlation_id_once(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    log = get_logger("shared.test")
    assert get_logger("shared.test") is log
    with correlated("the-id-1"):
        log.info("%d rows, %s", 3, "100% done")
    log.info("without")
    assert caplog.messages == ["3 rows, 100% done [the-id-1]", "without"]


@pytest.mark.parametrize(
    "name", ["httpx2", "azure.core.pipeline.policies.http_logging_policy", "openai._base_client", "aiohttp.access"]
)
def test_requests_of_sdks_are_not_logged_with_their_urls(name: str, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    quiet_request_logs()
    log = logging.getLogger(name)
    log.info("GET https://account.example/queue?sig=secret")
    log.warning("something is wrong")
    assert caplog.messages == ["something is wrong"]
