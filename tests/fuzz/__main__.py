"""Fuzzes the running product against `/api/openapi.json` with Schemathesis: `python -m tests.fuzz --cases 5000`.

The stack runs with `AUTH_MODE=token` and without limits; requests carry an API token. Ends with 1 when any answer was
a 500, not documented, or not of its form, or when there were fewer cases than asked for.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx2

from local.smartsheet.accounts import OWNER_TOKEN
from tests.e2e.stack import BROWSER, ROOT, Stack

HERE = Path(__file__).parent
_SETTINGS = {
    "AUTH_MODE": "token",
    "ALLOWED_USERS": "@halden.example",
    **{f"RATE_LIMIT_{name}_PER_MINUTE": "0" for name in ("READ", "WRITE", "START", "SIGN_IN")},
}
_CASES = re.compile(r"(\d[\d,]*) generated")
_TABLE = """Title,Text,Status
Repair,The pump leaks since Monday,Open
Paint,The roof needs paint,Open
Plan,Budget 2026,Done
"""


def main() -> int:
    """Run it; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=5000, help="at least so many")
    parser.add_argument("--examples", type=int, default=100, help="random cases for each operation")
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chatsheet-fuzz-") as folder:
        return fuzz(Path(folder), options.cases, options.examples, options.seed)


def fuzz(folder: Path, cases: int, examples: int, seed: int | None = None) -> int:
    """Fuzz a stack of its own; prints what was found."""
    with Stack(folder / "stack", environment=_SETTINGS) as stack:
        stack.control("smartsheet", "PUT", "limits", {"requestsPerMinute": 0})
        (folder / "table.csv").write_text(_TABLE)
        sheet_id = stack.import_table(folder / "table.csv")["sheetId"]
        token, ids = _sign_in(stack.url("host"), sheet_id)
        command = [
            str(Path(sys.executable).with_name("st")),
            *("--config-file", str(HERE / "schemathesis.toml")),
            *("run", f"{stack.url('host')}/api/openapi.json"),
            *("--max-examples", str(examples), "--header", f"Authorization: Bearer {token}"),
            *(() if seed is None else ("--seed", str(seed))),
        ]
        environment = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.fuzz.hooks", "FUZZ_IDS": json.dumps(ids)}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    print(done.stdout[-20_000:], done.stderr[-5_000:])
    count = sum(int(match.replace(",", "")) for match in _CASES.findall(done.stdout))
    print(f"{count:,} cases, at least {cases:,} wanted; Schemathesis ended with {done.returncode}")
    return 0 if done.returncode == 0 and count >= cases else 1


def _sign_in(host: str, sheet_id: str) -> tuple[str, dict[str, list[str]]]:
    """An API token, and ids of things that there are."""
    with httpx2.Client(base_url=f"{host}/api/", headers=BROWSER, timeout=30) as client:
        signed_in = client.post("auth/smartsheet", json={"accessToken": OWNER_TOKEN})
        assert signed_in.status_code == 200, signed_in.text
        cookie = signed_in.headers["Set-Cookie"].partition(";")[0]
        token = client.post("auth/tokens", json={"name": "fuzz"}, headers={"Cookie": cookie}).json()["token"]
        client.headers["Authorization"] = f"Bearer {token}"
        rows = client.get(f"smartsheet/{sheet_id}/rows").json()["items"]
        columns = client.get(f"smartsheet/{sheet_id}/columns").json()["items"]
        session = client.post("sessions", json={"sheetId": sheet_id}).json()["id"]
        edit = {"sheetId": sheet_id, "cells": [{"rowId": rows[0]["id"], "columnId": columns[2]["id"], "value": "Done"}]}
        change = client.post("changes", json=edit).json()["changeSet"]["id"]
        parameters = {"sourceColumns": ["Text"], "targetColumn": "Status"}
        body = {"type": "SUMMARIZE", "sheetId": sheet_id, "parameters": parameters}
        job = client.post("jobs", json=body).json()["id"]
    return token, {
        "sheetId": [sheet_id],
        "rowId": [row["id"] for row in rows],
        "columnId": [column["id"] for column in columns],
        "sessionId": [session],
        "jobId": [job],
        "id": [session, change],
        "topic": [f"sheet:{sheet_id}", f"job:{job}"],
    }


if __name__ == "__main__":
    sys.exit(main())
