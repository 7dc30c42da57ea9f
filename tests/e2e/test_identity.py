"""People on the running product: signing in and out, work that goes on behind their backs, and no token in plain."""

import base64
import re
from collections.abc import Iterable, Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from local.smartsheet.accounts import OWNER as OWNER_ACCOUNT
from tests.e2e.stack import Api, Stack
from tests.e2e.tables import report_table

OWNER, OTHER = "sandbox-token-owner", "sandbox-token-other"
MADE_BY_THE_PRODUCT = ("app", "host", "azurite", "logs")
STORES = {
    "database": "app/chatsheet.db*",
    "queues": "azurite/__queuestorage__/*",
    "durable history": "host/durable.db*",
    "log": "logs/host.jsonl",
}
"""Where a request's correlation id goes. Blobs, too, are searched, but there are none in this version."""
BASE64 = re.compile(rb"[A-Za-z0-9+/]{16,}")
CORRELATION_ID = "3a5c7e9b1d2f4a6c8e0b3d5f7a9c1e2b"


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole product, where people sign in."""
    environment = {"AUTH_MODE": "token", "ALLOWED_USERS": "*"}
    with Stack(tmp_path_factory.mktemp("people"), environment=environment) as running:
        running.control("openai", "PUT", "limits", {"latencyMs": 20, "msPerToken": 0})
        yield running


class Browser(Api):
    """Keeps cookies as browsers do: Python's own jar refuses the empty `domain=` that the functions host writes."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.cookies: dict[str, str] = {}

    def __enter__(self) -> "Browser":
        return self

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> httpx2.Response:
        """Any call; the answer as it is."""
        jar = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = super().call(method, path, body, headers={"Cookie": jar, **options.pop("headers", {})}, **options)
        for header in answer.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(header).items():
                self.cookies[name] = morsel.value
        return answer


class Script(Api):
    """Signs in by bearer, and sends no X-Requested-With."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__(url)
        self._token = token

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> httpx2.Response:
        """Any call; the answer as it is."""
        headers = {"Authorization": f"Bearer {self._token}", "X-Requested-With": ""}
        return super().call(method, path, body, headers=headers, **options)


def sign_in(api: Api, token: str) -> str:
    """The person's id; the client keeps the cookie."""
    return api.post("auth/smartsheet", {"accessToken": token})["user"]["id"]


def made_files(stack: Stack) -> list[Path]:
    """Files of the product, and what it printed."""
    folders = [stack.data_dir / name for name in MADE_BY_THE_PRODUCT]
    return [stack.data_dir / "stack.log", *(file for folder in folders for file in folder.rglob("*") if file.is_file())]


def said_by(file: Path) -> bytes:
    """What a file holds, also as Base64: messages lie in queues so, one behind the other."""
    content = file.read_bytes()
    runs = [run[start:] for run in BASE64.findall(content) for start in range(4)]
    return b"\n".join([content, *(base64.b64decode(run[: len(run) // 4 * 4]) for run in runs)])


def found(stack: Stack, secrets: Iterable[str]) -> list[tuple[str, str]]:
    """Which of these lies in which file."""
    said = {file: said_by(file) for file in made_files(stack)}
    return [(secret, str(file)) for secret in secrets for file in said if secret.encode() in said[file]]


def stores_with(stack: Stack, marker: str) -> set[str]:
    """The stores that hold this: what the search sees."""
    return {
        store
        for store, pattern in STORES.items()
        if any(marker.encode() in said_by(file) for file in stack.data_dir.glob(pattern))
    }


def start_job_as(api: Browser, sheet_id: str, correlation_id: str) -> Any:
    """Start a job by a request with this correlation id, which goes wherever the job goes."""
    parameters = {"sourceColumns": ["Text"], "targetColumn": "Summary"}
    body = {"type": "SUMMARIZE", "sheetId": sheet_id, "parameters": parameters}
    answer = api.call("POST", "jobs", body, headers={"X-Correlation-ID": correlation_id})
    assert answer.status_code == 202, answer.text
    return answer.json()


def is_taken(stack: Stack, access_token: str) -> bool:
    """Whether Smartsheet takes this token."""
    headers = {"Authorization": f"Bearer {access_token}"}
    return httpx2.get(f"{stack.url('smartsheet')}/2.0/users/me", headers=headers).status_code == 200


def test_people_sign_in_work_and_sign_out(people: Stack, tmp_path: Path):
    sheet = people.import_table(report_table(tmp_path, rows=60))
    url = people.url("host")
    with Browser(url) as owner, Browser(url) as other:
        assert owner.call("GET", "auth/me").status_code == 401
        sign_in(owner, OWNER)
        assert owner.get("auth/me")["accountConnected"]
        sign_in(other, OTHER)
        assert other.call("GET", f"smartsheet/{sheet['sheetId']}").status_code == 404

        session = owner.open_session(sheet["sheetId"])
        assert other.call("GET", f"sessions/{session['id']}").status_code == 404
        token = owner.post("auth/tokens", {"name": "nightly"})["token"]
        job = start_job_as(owner, sheet["sheetId"], CORRELATION_ID)
        address = owner.post("realtime/negotiate", {"topics": [f"job:{job['id']}"]})["url"]
        cookies = dict(owner.cookies)
        with connect(address, subprotocols=["json.webpubsub.azure.v1"]) as socket:  # type: ignore[list-item]
            assert owner.call("DELETE", "auth/session").status_code == 200
            with pytest.raises(ConnectionClosed):
                while True:
                    socket.recv(timeout=30)
        assert owner.call("GET", "auth/me").status_code == 401
        stolen = httpx2.get(f"{url}/api/auth/me", headers={"Cookie": f"chatsheet={cookies['chatsheet']}"})
        assert stolen.status_code == 401
        with pytest.raises(InvalidStatus) as refused:
            connect(address, subprotocols=["json.webpubsub.azure.v1"])  # type: ignore[list-item]
        assert refused.value.response.status_code == 401

        with Script(url, token) as script:
            ended = script.finished_job(job["id"])
            assert (ended["status"], ended["writtenRows"]) == ("completed", 60)
        secrets = [OWNER, OTHER, token, cookies["chatsheet"], other.cookies["chatsheet"]]
        assert found(people, secrets) == []
        assert stores_with(people, CORRELATION_ID) == set(STORES)


def test_forgetting_the_token_pauses_jobs_until_the_person_is_back(people: Stack, tmp_path: Path):
    sheet = people.import_table(report_table(tmp_path, rows=300))
    people.control("openai", "PUT", "limits", {"latencyMs": 2000, "msPerToken": 0})
    with Browser(people.url("host")) as owner:
        sign_in(owner, OWNER)
        job = owner.start_summaries(sheet["sheetId"], "Text", "Summary")
        owner.wait(f"jobs/{job['id']}", lambda body: body["progress"] > 0)
        assert owner.call("DELETE", "auth/connection").status_code == 200
        refused = owner.call("GET", "jobs")
        assert (refused.status_code, refused.json()["code"]) == (401, "needs_sign_in")
        people.control("openai", "PUT", "limits", {"latencyMs": 20, "msPerToken": 0})
        sign_in(owner, OWNER)
        ended = owner.finished_job(job["id"])
        assert (ended["status"], ended["writtenRows"], ended["paused"]) == ("completed", 300, None)


def test_signing_in_at_smartsheet(people: Stack):
    people.control("smartsheet", "PUT", "limits", {"accessTokenSeconds": 300})  # to be renewed at once
    with Browser(people.url("host")) as browser:
        asked = browser.call("GET", "auth/smartsheet/login")
        assert asked.status_code == 302, asked.text
        page = urlsplit(asked.headers["Location"])
        form = {name: values[0] for name, values in parse_qs(page.query).items()}
        assert form["code_challenge_method"] == "S256"

        agreed = {**form, "user": str(OWNER_ACCOUNT.id), "decision": "allow"}
        consent = httpx2.post(f"{page.scheme}://{page.netloc}{page.path}", data=agreed)
        assert consent.status_code == 302
        callback = urlsplit(consent.headers["Location"])

        way_back = f"auth/smartsheet/callback?{callback.query}"
        assert callback.path == "/api/auth/smartsheet/callback"
        back = browser.call("GET", way_back)
        assert back.status_code == 302, back.text
        assert browser.get("auth/me")["accountConnected"]
        people.control("smartsheet", "PUT", "limits", {"accessTokenSeconds": 604_799})
        for _ in range(2):
            assert browser.call("GET", "smartsheet/5188091153157065").status_code == 200
        first, renewed = people.control("smartsheet", "GET", "tokens")
        assert [is_taken(people, tokens["accessToken"]) for tokens in (first, renewed)] == [False, True]

        cookies = dict(browser.cookies)
        browser.call("GET", way_back)  # a code is good once, and its second use signs nobody in
        assert browser.cookies["chatsheet"] == cookies["chatsheet"]
        assert browser.call("DELETE", "auth/connection").status_code == 200
        assert not is_taken(people, renewed["accessToken"])
    secrets = [parse_qs(callback.query)["code"][0], cookies["chatsheet"]]
    secrets += [tokens[name] for tokens in (first, renewed) for name in ("accessToken", "refreshToken")]
    assert found(people, secrets) == []


def test_the_code_of_a_sign_in_is_not_logged(people: Stack):
    code = "a-code-that-must-stay-secret"
    answer = httpx2.get(f"{people.url('host')}/api/auth/smartsheet/callback?code={code}&state=x")
    assert code not in answer.text
    assert found(people, [code]) == []
