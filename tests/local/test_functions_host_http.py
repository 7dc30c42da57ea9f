"""HTTP triggers, asked over the wire."""

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.local.functions_host_process import HostProcess, copy_app, running_host

ITEM = "6f9619ff-8b86-d011-b42d-00cf4fc964ff"


@pytest.fixture(scope="module")
def host(azurite: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    app_dir = copy_app(
        tmp_path_factory.mktemp("http"),
        {"AzureWebJobsStorage": azurite, "ORDERS_QUEUE": "http-orders", "AzureWebJobs.take_plain.Disabled": "true"},
    )
    with running_host(app_dir) as running:
        yield running


@pytest.fixture
def client(host: HostProcess) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=host.url, timeout=10) as client:
        yield client


def raw_answer(host: HostProcess, request: bytes) -> bytes:
    """Send bytes that no client library would; everything that comes back."""
    address = urlsplit(host.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(request)
        chunks = []
        while chunk := connection.recv(65536):
            chunks.append(chunk)
    return b"".join(chunks)


def raw_echo(host: HostProcess, target: str, *headers: str, body: str = "") -> dict[str, Any]:
    lines = [f"POST {target} HTTP/1.1", "Host: localhost", "Connection: close", *headers, "", body]
    return json.loads(raw_answer(host, "\r\n".join(lines).encode("latin-1")).partition(b"\r\n\r\n")[2])


def test_the_first_line_says_where_the_host_is(host: HostProcess) -> None:
    ready = json.loads(host.first_line)
    assert ready["part"] == "functions_host"
    assert ready["url"] == f"http://127.0.0.1:{ready['port']}"


def test_a_function_receives_method_url_headers_and_context(client: httpx2.Client) -> None:
    seen = client.put("/api/echo/a/b?x=1", headers={"X-One": "1"}).json()
    assert seen["method"] == "PUT"
    assert seen["url"].endswith("/api/echo/a/b?x=1")
    assert seen["route"] == {"rest": "a/b"}
    assert seen["headers"]["x-one"] == "1"
    assert seen["context"] == ["echo", True]


def test_repeated_query_parameters_and_headers_are_joined_by_commas(host: HostProcess) -> None:
    seen = raw_echo(host, "/api/echo?a=1&A=2&b=&c=x+y%26", "X-Two: 1", "X-Two: 2")
    assert seen["params"] == {"a": "1,2", "c": "x y&"}
    assert seen["headers"]["x-two"] == "1,2"


def test_a_path_is_decoded_except_for_slashes(host: HostProcess) -> None:
    assert raw_echo(host, "/api/echo/a%20b%2Fc%C3%A9")["route"] == {"rest": "a b%2Fcé"}
    assert raw_echo(host, "/api/x/../echo/./y")["route"] == {"rest": "y"}


def test_a_null_in_the_path_is_refused(host: HostProcess) -> None:
    answer = raw_answer(host, b"GET /api/echo/%00 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400")


def test_binary_bodies_arrive_whole(client: httpx2.Client) -> None:
    body = bytes(range(256)) * 1000
    assert client.post("/api/echo", content=body).json()["body"].encode("latin-1") == body


def test_forms_and_files_are_parsed_by_the_sdk(client: httpx2.Client) -> None:
    assert client.post("/api/echo", data={"name": "Ann"}).json()["form"] == {"name": "Ann"}
    assert client.post("/api/echo", files={"file": ("x.bin", b"\x00\xff")}).json()["files"] == {"file": "\x00ÿ"}


def test_a_chunked_request_loses_its_body_as_in_the_real_host(client: httpx2.Client, host: HostProcess) -> None:
    seen = client.post("/api/echo", content=iter([b"one", b"two"])).json()
    assert seen["body"] == ""
    assert "a chunked request reaches a function without its body" in host.log.read_text()


def test_another_method_or_a_failed_constraint_is_not_found(client: httpx2.Client) -> None:
    assert client.get(f"/api/items/{ITEM}").text == ITEM
    assert client.get(f"/API/Items/{ITEM}/").text == ITEM
    assert client.delete(f"/api/items/{ITEM}").status_code == 404
    assert client.get("/api/items/7").status_code == 404
    assert client.get("/api/items").status_code == 404
    assert client.post("/api/items").status_code == 204


def test_a_returned_text_is_plain_text(client: httpx2.Client) -> None:
    answer = client.get("/api/text")
    assert answer.text == "hello from the file"
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_head_has_the_headers_without_the_body(client: httpx2.Client) -> None:
    answer = client.head("/api/text")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len("hello from the file"))


def test_a_named_output_binding_gives_the_response(client: httpx2.Client) -> None:
    answer = client.get("/api/named")
    assert (answer.status_code, answer.text) == (201, "through out")


def test_cookies_and_repeated_headers_leave_as_the_real_host_writes_them(
    client: httpx2.Client, host: HostProcess
) -> None:
    answer = client.get("/api/cookies")
    assert answer.content == b"\x00\xff"
    assert answer.headers.get_list("set-cookie") == [
        "__Host-login=a%2Fb; max-age=60; domain=; path=/; secure; samesite=lax; httponly",
        "theme=dark; domain=; path=",
    ]
    assert "a Set-Cookie header that cannot be parsed was dropped" in host.log.read_text()
    assert answer.headers.get_list("x-many") == ["second"]


def test_custom_headers_of_host_json_are_on_every_response(client: httpx2.Client) -> None:
    assert client.get("/api/text").headers["x-served-by"] == "host"


@pytest.mark.parametrize("kind", ["raise", "type", "header", "body"])
def test_a_function_that_fails_is_answered_with_500_and_nothing_else(client: httpx2.Client, kind: str) -> None:
    answer = client.get(f"/api/broken/{kind}")
    assert (answer.status_code, answer.content) == (500, b"")


def test_a_failure_is_logged_with_its_trace(client: httpx2.Client, host: HostProcess) -> None:
    client.get("/api/broken/raise")
    log = host.log.read_text()
    assert "ValueError: secret detail" in log
    assert re.search(r"Executed 'Functions.broken' \(Failed, Id=[0-9a-f-]{36}, Duration=\d+ms\)", log)


def test_a_function_that_takes_too_long_is_ended(client: httpx2.Client, host: HostProcess) -> None:
    assert client.get("/api/broken/slow").status_code == 500
    assert "timeout value of 2 s was exceeded by function broken" in host.log.read_text()


def test_function_keys_open_function_level_only(client: httpx2.Client, host: HostProcess) -> None:
    keys = host.keys()
    own, shared, master = keys["functions"]["secret"]["default"], keys["functionKeys"]["default"], keys["masterKey"]
    assert client.get("/api/secret").status_code == 401
    assert client.get("/api/secret", params={"code": "wrong"}).status_code == 401
    assert client.get("/api/secret", params={"code": keys["functions"]["text"]["default"]}).status_code == 401
    for key in (own, shared, master):
        assert client.get("/api/secret", params={"code": key}).text == "open"
        assert client.get("/api/secret", headers={"x-functions-key": key}).text == "open"
    assert client.get("/api/secret", params={"code": own}, headers={"x-functions-key": "wrong"}).status_code == 401
    assert client.get("/api/master", params={"code": shared}).status_code == 401
    assert client.get("/api/master", params={"code": master}).text == "open"
    assert client.get("/api/text", params={"code": "wrong"}).status_code == 200


def test_keys_are_made_once_and_for_their_owner_only(host: HostProcess) -> None:
    assert (host.data_dir / "host" / "keys.json").stat().st_mode & 0o777 == 0o600


def test_too_large_a_body_is_refused_before_it_is_read(host: HostProcess) -> None:
    request = b"POST /api/echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 104857601\r\n\r\n"
    assert raw_answer(host, request).startswith(b"HTTP/1.1 413")


def test_a_durable_client_starts_an_orchestration(client: httpx2.Client) -> None:
    assert client.get("/api/start", params={"n": 21}).json() == 42


def test_without_a_built_page_the_status_page_is_served_safely(client: httpx2.Client) -> None:
    answer = client.get("/")
    assert "ChatSheetAI on this machine" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert not re.search(r"(src|href)=\"(https?:)?//", answer.text)
    assert client.get("/unknown").status_code == 404


def test_health_names_functions_queues_timers_and_storage(client: httpx2.Client) -> None:
    health = client.get("/_control/health").json()
    assert health["part"] == "functions_host"
    assert "echo" in health["functions"]
    assert [each["queue"] for each in health["queues"]] == ["http-orders"]
    assert {each["function"] for each in health["timers"]} == {"nightly", "every_second"}
    assert health["durable"]


def test_control_endpoints_answer_on_loopback_names_only(client: httpx2.Client) -> None:
    assert client.get("/_control/health", headers={"host": "evil.example"}).status_code == 421


def test_the_status_asks_the_parts_that_the_supervisor_started(client: httpx2.Client, host: HostProcess) -> None:
    parts = {
        "functions_host": {"pid": 1, "port": 1, "url": host.url},
        "gone": {"pid": 2, "port": 9, "url": "http://127.0.0.1:9"},
    }
    (host.data_dir / "run.json").write_text(json.dumps(parts))
    status = client.get("/_control/status").json()
    assert {each["part"]: each["status"] for each in status["parts"]} == {
        "functions_host": "ok",
        "gone": "not reachable",
    }
    assert {"function": "post_item", "methods": ["POST"], "route": "api/items"} in status["routes"]


def test_the_host_status_needs_the_master_key(client: httpx2.Client, host: HostProcess) -> None:
    assert client.get("/admin/host/status").status_code == 401
    headers = {"x-functions-key": host.keys()["masterKey"]}
    assert client.get("/admin/host/status", headers=headers).json()["state"] == "Running"


def test_the_built_page_is_served_with_its_own_routes(tmp_path: Path, azurite: str) -> None:
    app_dir = copy_app(tmp_path, {"AzureWebJobsStorage": azurite, "ORDERS_QUEUE": "page-orders"})
    dist = app_dir / "web" / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_text("<title>page</title>")
    (dist / "assets" / "main.js").write_text("export {}")
    with running_host(app_dir) as host, httpx2.Client(base_url=host.url) as client:
        assert client.get("/").text == client.get("/sheets/1?filter=x").text == "<title>page</title>"
        assert client.get("/sheets/1").headers["x-content-type-options"] == "nosniff"
        assert "immutable" in client.get("/assets/main.js").headers["cache-control"]
        assert client.get("/assets/none.js").status_code == 404
        assert client.get("/api/none").status_code == 404
        assert client.get("/..%2f..%2fhost.json").status_code == 404
        assert client.post("/sheets/1").status_code == 404
