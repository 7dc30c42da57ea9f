"""Runs the OpenAI stand-in as a process, and the official clients that talk to it."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from openai import AsyncAzureOpenAI, AsyncOpenAI

from local.openai.deployments import API_KEY, DEFAULT_DEPLOYMENT
from tests.local.conftest import stop_group

ROOT = Path(__file__).resolve().parents[2]
API_VERSION = "2025-01-01-preview"
WITHOUT_DELAY = {"latencyMs": 0, "msPerToken": 0}


class OpenAiStandIn:
    """The running process, and its control API."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx2.Client(base_url=url, timeout=10)

    def reset(self) -> None:
        """Put limits, faults, quota and the log of calls back; answers come without delay."""
        self.http.post("/_control/reset").raise_for_status()
        self.limit(WITHOUT_DELAY)

    def limit(self, limits: Mapping[str, float]) -> None:
        """Set some limits."""
        self.http.put("/_control/limits", json=dict(limits)).raise_for_status()

    def fault(self, *faults: Mapping[str, Any]) -> None:
        """Put these faults in force."""
        self.http.put("/_control/faults", json=list(faults)).raise_for_status()

    def calls(self) -> list[dict[str, Any]]:
        """The log of calls."""
        return self.http.get("/_control/calls").json()

    def post(self, body: object, deployment: str = DEFAULT_DEPLOYMENT, **options: Any) -> httpx2.Response:
        """Send a body as it is, past the client's own checks."""
        options = {"headers": {"api-key": API_KEY}, "params": {"api-version": API_VERSION}, **options}
        return self.http.post(f"/openai/deployments/{deployment}/chat/completions", json=body, **options)


@contextmanager
def running_stand_in(data_dir: Path) -> Iterator[OpenAiStandIn]:
    """One run of the process, on a free port."""
    command = [sys.executable, "-m", "local.openai", "--port", "0", "--data-dir", str(data_dir)]
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        stand_in = OpenAiStandIn(json.loads(process.stdout.readline())["url"])
        try:
            yield stand_in
        finally:
            stand_in.http.close()
            stop_group(process)


def azure_client(url: str, **options: Any) -> AsyncAzureOpenAI:
    """The official client on the paths with deployment names; retries are off."""
    options = {"api_key": API_KEY, "timeout": 10, **options}
    return AsyncAzureOpenAI(azure_endpoint=url, api_version=API_VERSION, max_retries=0, **options)


def v1_client(url: str) -> AsyncOpenAI:
    """The official client on the version-less paths; retries are off."""
    return AsyncOpenAI(base_url=f"{url}/openai/v1/", api_key=API_KEY, max_retries=0, timeout=10)
