"""The host as a process: stopping, logs, limits on requests, switches of host.json."""

import asyncio
import json
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from local.functions_host.host_json import HttpOptions
from local.functions_host.host_keys import AuthLevel, HostKeys
from local.functions_host.http_throttle import HttpThrottle
from local.functions_host.polling_delay import PollingDelay
from local.functions_host.start_error import StartError
from tests.local.functions_host_process import HostProcess, copy_app, running_host

APP = """
import asyncio, time
import azure.functions as func
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
print("printed while it is imported")

@app.route(route="sleep/{seconds:int}")
async def sleep(req: func.HttpRequest) -> str:
    print("sleep begins")
    await asyncio.sleep(int(req.route_params["seconds"]))
    return "slept"

@app.route(route="block")
def block(req: func.HttpRequest) -> str:
    print("block begins")
    time.sleep(30)
    return "blocked"
"""


def small_app(directory: Path, host_json: dict[str, Any] | None = None) -> Path:
    app_dir = directory / "app"
    app_dir.mkdir()
    (app_dir / "function_app.py").write_text(APP)
    (app_dir / "host.json").write_text(json.dumps({"version": "2.0", **(host_json or {})}))
    return app_dir


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_requests_under_way_do_not_keep_a_host_from_stopping(tmp_path: Path, number: signal.Signals) -> None:
    host = HostProcess(small_app(tmp_path))
    host.wait_healthy()
    with ThreadPoolExecutor(2) as clients:
        calls = [clients.submit(_status_of, f"{host.url}/api/{path}") for path in ("sleep/30", "block")]
        host.wait_for(lambda: all(f"{name} begins" in host.log.read_text() for name in ("sleep", "block")))
        assert host.stop(number) in (0, -number)
        assert all(call.result() in (None, 500) for call in calls)


def _status_of(url: str) -> int | None:
    try:
        return httpx2.get(url, timeout=20).status_code
    except httpx2.HTTPError:
        return None


def test_what_an_app_prints_does_not_come_before_the_ready_line(tmp_path: Path) -> None:
    with running_host(small_app(tmp_path)) as host:
        assert json.loads(host.first_line)["part"] == "functions_host"
        assert "printed while it is imported" in host.log.read_text()


def test_logs_may_be_json_lines(tmp_path: Path) -> None:
    with running_host(small_app(tmp_path), "--json-logs") as host:
        httpx2.get(f"{host.url}/api/sleep/0")
        lines = [json.loads(line) for line in host.log.read_text().splitlines() if line.startswith("{")]
    assert any(line["message"].startswith("Executed 'Functions.sleep' (Succeeded") for line in lines)


def test_the_log_level_of_host_json_holds(tmp_path: Path) -> None:
    app_dir = small_app(tmp_path, {"logging": {"logLevel": {"Function": "Warning"}}})
    with running_host(app_dir) as host:
        httpx2.get(f"{host.url}/api/sleep/0")
        assert "Executed" not in host.log.read_text()


def test_an_empty_route_prefix_puts_functions_at_the_root(tmp_path: Path) -> None:
    with running_host(small_app(tmp_path, {"extensions": {"http": {"routePrefix": ""}}})) as host:
        assert httpx2.get(f"{host.url}/sleep/0").text == "slept"
        assert httpx2.get(f"{host.url}/api/sleep/0").status_code == 404


def test_only_the_functions_that_host_json_names_are_run(tmp_path: Path) -> None:
    with running_host(small_app(tmp_path, {"functions": ["block"]})) as host:
        assert httpx2.get(f"{host.url}/api/sleep/0").status_code == 404
        assert httpx2.get(f"{host.url}/_control/health").json()["functions"] == ["block"]


def test_more_requests_than_may_be_outstanding_are_refused(tmp_path: Path) -> None:
    limits = {"extensions": {"http": {"maxOutstandingRequests": 1}}}
    with running_host(small_app(tmp_path, limits)) as host, ThreadPoolExecutor(1) as clients:
        slow = clients.submit(_status_of, f"{host.url}/api/sleep/1")
        refused = host.wait_for(lambda: _status_of(f"{host.url}/api/sleep/0") == 429)
        assert refused and slow.result() == 200


async def test_requests_beyond_the_concurrent_ones_wait_for_their_turn() -> None:
    throttle = HttpThrottle(HttpOptions(max_concurrent_requests=1, max_outstanding_requests=2))
    order: list[str] = []

    async def request(name: str) -> None:
        async with throttle:
            order.append(f"{name} begins")
            await asyncio.sleep(0)
            order.append(f"{name} ends")

    first, second = asyncio.create_task(request("first")), asyncio.create_task(request("second"))
    await asyncio.sleep(0)
    assert throttle.is_full
    await asyncio.gather(first, second)
    assert order == ["first begins", "first ends", "second begins", "second ends"]
    assert not throttle.is_full


def test_keys_stay_the_same_and_a_new_function_gets_its_own(tmp_path: Path) -> None:
    before = HostKeys.load(tmp_path, ["one"])
    after = HostKeys.load(tmp_path, ["one", "two"])
    assert before.master == after.master
    keys = json.loads((tmp_path / "keys.json").read_text())["functions"]
    assert after.level(keys["two"]["default"], "two") is AuthLevel.FUNCTION
    assert after.level(keys["two"]["default"], "one") is AuthLevel.ANONYMOUS
    assert after.level(after.master, "two") is AuthLevel.ADMIN
    assert after.level(None, "one") is AuthLevel.ANONYMOUS


def test_a_damaged_key_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text("{")
    with pytest.raises(StartError, match=r"keys\.json"):
        HostKeys.load(tmp_path, [])


def test_polling_slows_down_to_the_longest_interval_and_starts_over() -> None:
    delay = PollingDelay(1.0, spread=lambda low, high: (low + high) / 2)
    assert [round(delay.next(), 3) for _ in range(6)] == [0.1, 0.2, 0.3, 0.5, 0.9, 1.0]
    delay.reset()
    assert delay.next() == 0.1


def test_an_instance_under_way_survives_a_killed_host(tmp_path: Path, azurite: str) -> None:
    app_dir = copy_app(tmp_path, {"AzureWebJobsStorage": azurite, "ORDERS_QUEUE": "durable-orders"})
    with running_host(app_dir) as host:
        assert httpx2.get(f"{host.url}/api/start", params={"n": 2}).json() == 4
        key = host.keys()["systemKeys"]["durabletask_extension"]
        host.stop(signal.SIGKILL)
    with running_host(app_dir) as host:
        instances = httpx2.get(f"{host.url}/runtime/webhooks/durabletask/instances", params={"code": key}).json()
        assert [each["runtimeStatus"] for each in instances] == ["Completed"]
        assert httpx2.get(f"{host.url}/runtime/webhooks/durabletask/instances").status_code == 401


def test_a_second_host_on_the_same_data_says_so_and_ends(tmp_path: Path, azurite: str) -> None:
    app_dir = copy_app(tmp_path, {"AzureWebJobsStorage": azurite, "ORDERS_QUEUE": "second-orders"})
    with running_host(app_dir):
        second = HostProcess(app_dir)
        second.process.wait(20)
        assert second.stop() != 0
        log = second.log.read_text()
        assert "another host is working on" in log
        assert "Traceback" not in log
