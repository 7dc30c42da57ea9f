"""Counters of an instance."""

from pathlib import Path

import pytest

from shared.metrics import BUCKETS_MS, LatencyBucket, Metrics


class Uptime:
    """Seconds, as far as the test has let them pass."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def test_requests_are_counted_by_function_and_status():
    metrics = Metrics("here")
    for status in (200, 201, 404, 500, 304):
        metrics.record("get_job", status, 0.001)
    metrics.record("list_jobs", 200, 0.001)
    routes = metrics.report({}, {}).routes
    assert list(routes) == ["get_job", "list_jobs"]
    assert (routes["get_job"].requests, routes["get_job"].by_status) == (5, {"2xx": 2, "3xx": 1, "4xx": 1, "5xx": 1})


def test_each_duration_is_counted_under_the_first_bound_that_it_does_not_pass():
    metrics = Metrics("here")
    for milliseconds in (0, 5, 5.1, 30_000, 30_001):
        metrics.record("get_job", 200, milliseconds / 1000)
    assert metrics.report({}, {}).routes["get_job"].latency == (
        LatencyBucket(up_to_ms=5, count=2),
        LatencyBucket(up_to_ms=10, count=1),
        LatencyBucket(up_to_ms=BUCKETS_MS[-1], count=1),
        LatencyBucket(up_to_ms=None, count=1),
    )


def test_only_requests_over_our_own_limits_are_turned_away():
    metrics = Metrics("here")
    metrics.record("list_rows", 429, 0.1)  # of Smartsheet
    assert metrics.report({}, {}).rate_limited == 0
    metrics.record_turned_away()
    assert metrics.report({}, {}).rate_limited == 1


def test_the_report_tells_which_instance_it_is_and_what_its_parts_say():
    clock = Uptime()
    metrics = Metrics("instance-7", clock=clock)
    clock.seconds += 61.4
    report = metrics.report({"Smartsheet": "half-open"}, {"hits": 3})
    assert (report.instance, report.uptime_seconds) == ("instance-7", 61)
    assert (report.circuits, report.sheets) == ({"Smartsheet": "half-open"}, {"hits": 3})


def test_memory_is_told_where_the_system_tells_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    statm = tmp_path / "statm"
    statm.write_text("9000 4000 100 1 0 2000 0\n")
    monkeypatch.setattr("shared.metrics._STATM", statm)
    told = Metrics("here").report({}, {}).memory_bytes
    assert told is not None and told >= 4000 * 4096
    statm.unlink()
    assert Metrics("here").report({}, {}).memory_bytes is None
