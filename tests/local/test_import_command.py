"""`python -m local import` against a running sandbox: everything, or nothing."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from local.importing import main
from local.importing.column_types import plan_columns
from local.importing.files import read_file
from local.importing.upload import Uploader, UploadError
from local.smartsheet.accounts import OWNER_TOKEN
from shared.tables.reading import ReadOptions
from tests.local.smartsheet_sandbox import ROOT, SmartsheetSandbox, sandbox, shared_sandbox, values
from tests.unit.tables.books import workbook

__all__ = ["sandbox", "shared_sandbox"]

SAMPLES = 5
DPKG = ["dpkg-query", "-W", "-f=${Package}\t${Section}\t${Maintainer}\t${Description}\036"]


@pytest.fixture
def stack(sandbox: SmartsheetSandbox, tmp_path: Path) -> Path:
    """The data directory of a running stack, as far as the import looks at it."""
    (tmp_path / "run.json").write_text(json.dumps({"smartsheet": {"pid": sandbox.pid, "url": sandbox.url}}))
    return tmp_path


def run(stack: Path, file: Path, *options: str) -> int:
    return main([str(file), "--data-dir", str(stack), *options])


def imported(sandbox: SmartsheetSandbox, capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, Any], int]:
    """The sheet that the last line of stdout names, and its number of rows there."""
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert isinstance(last["sheetId"], str)
    return sandbox.get(f"/sheets/{last['sheetId']}"), last["rows"]


def write(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def test_a_table_becomes_a_sheet(
    sandbox: SmartsheetSandbox, stack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        [f"Task {n}", "Open" if n % 3 else "Done", f"2026-01-{n % 28 + 1:02d}", f"{n:04d}", str(n)] for n in range(1201)
    ]
    file = write(tmp_path / "Tasks.csv", [["Task", "Status", "Due", "Code", "Points"], *rows])
    assert run(stack, file) == 0
    sheet, count = imported(sandbox, capsys)
    assert (sheet["name"], count, sheet["totalRowCount"]) == ("Tasks", 1201, 1201)
    assert [column["type"] for column in sheet["columns"]] == [
        "TEXT_NUMBER",
        "PICKLIST",
        "DATE",
        "TEXT_NUMBER",
        "TEXT_NUMBER",
    ]
    read = [list(values(sheet, row).values()) for row in sheet["rows"]]
    assert read == [[task, status, due, code, int(points)] for task, status, due, code, points in rows]
    calls = [call["rows"] for call in sandbox.calls() if call["method"] == "POST" and call["path"].endswith("/rows")]
    assert calls == [500, 500, 201]


def test_the_sheet_can_be_named(
    sandbox: SmartsheetSandbox, stack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(stack, write(tmp_path / "t.csv", [["A"], ["1"]]), "--name", "Quarterly figures") == 0
    assert imported(sandbox, capsys)[0]["name"] == "Quarterly figures"
    with pytest.raises(SystemExit):
        run(stack, tmp_path / "t.csv", "--name", "x" * 51)


def messy_table(path: Path) -> list[list[str]]:
    """Texts of several lines, quotes and odd characters: the installed packages, or an invented list of such."""
    if shutil.which(DPKG[0]) is None:
        rows = [
            [f"package-{n}", "libs", f'Ó "N" <o{n}@x.example>', f'first, line\n second "line" {n}\n\t.\n äöü; | end']
            for n in range(700)
        ]
    else:
        output = subprocess.run(DPKG, capture_output=True, check=True, timeout=60).stdout.decode()
        rows = [record.split("\t", 3) for record in output.split("\x1e") if record]
    rows = [[*row[:3], row[3][:4000]] for row in rows]  # what a cell can hold
    write(path, [["Package", "Section", "Maintainer", "Description"], *rows])
    return rows


def test_a_messy_table_arrives_whole(
    sandbox: SmartsheetSandbox, stack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = messy_table(tmp_path / "packages.csv")
    assert any("\n" in row[3] for row in rows)
    assert run(stack, tmp_path / "packages.csv") == 0
    sheet, count = imported(sandbox, capsys)
    assert count == sheet["totalRowCount"] == len(rows)
    titles = [column["title"] for column in sheet["columns"]]
    read = [[values(sheet, row).get(title, "") for title in titles] for row in sheet["rows"]]
    assert read == rows


def test_a_broken_file_creates_nothing(
    sandbox: SmartsheetSandbox, stack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(stack, write(tmp_path / "t.csv", [["A", "B"], ["1", "2"], ["3"]])) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "t.csv: line 3, column 2: too few fields: 1 instead of 2\nimport: nothing was created" in captured.err
    assert sandbox.get("/sheets")["totalCount"] == SAMPLES


def test_how_a_file_was_read_and_what_was_left_out_is_told(
    sandbox: SmartsheetSandbox, stack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    book = tmp_path / "Plan.xlsx"
    book.write_bytes(workbook([["Name", "Cost"], ["Pump", "#N/A"], ["Valve", 2]]))
    assert run(stack, book) == 0
    note = "line 2, column B: #N/A is an error of the workbook, and no value; the cell is left empty"
    assert capsys.readouterr().err.startswith(f"import: read 2 rows from an XLSX workbook\nimport: {note}\n")
    old = tmp_path / "Orte.csv"
    old.write_bytes("Ort,Temperatur\nKöln,20 °C\n".encode("cp1252"))
    assert run(stack, old) == 0
    captured = capsys.readouterr()
    assert captured.err.startswith("import: read 1 rows from windows-1252 text divided by ','\n")
    sheet = sandbox.get(f"/sheets/{json.loads(captured.out.splitlines()[-1])['sheetId']}")
    assert [values(sheet, row) for row in sheet["rows"]] == [{"Ort": "Köln", "Temperatur": "20 °C"}]


def test_a_missing_file_and_a_missing_stack_are_told(
    stack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(stack, tmp_path / "none.csv") == 2
    assert "none.csv" in capsys.readouterr().err
    file = write(tmp_path / "t.csv", [["A"], ["1"]])
    assert run(tmp_path / "elsewhere", file) == 2
    assert "python -m local" in capsys.readouterr().err
    (tmp_path / "run.json").write_text(json.dumps({"smartsheet": {"url": "http://127.0.0.1:9"}}))
    assert run(stack, file) == 2
    assert "nothing answers on http://127.0.0.1:9" in capsys.readouterr().err
    (tmp_path / "run.json").write_text("{}")
    assert run(stack, file) == 2
    assert "no Smartsheet sandbox" in capsys.readouterr().err


@pytest.mark.parametrize(
    "fault",
    [
        {"match": "POST /2.0/sheets/*/rows", "status": 500},
        {"match": "POST /2.0/sheets/*/rows", "drop": True, "phase": "after"},
        {"match": "POST /2.0/sheets", "drop": True, "phase": "after", "count": 1},
        {"match": "PUT /2.0/sheets/*", "status": 403},
    ],
)
def test_a_failure_on_the_way_leaves_no_sheet(
    sandbox: SmartsheetSandbox, stack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], fault: dict[str, Any]
) -> None:
    file = write(tmp_path / "t.csv", [["A"], *[[str(n)] for n in range(600)]])
    sandbox.fault(fault)
    assert run(stack, file) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "No sheet was left behind." in captured.err
    sandbox.fault()
    assert sandbox.get("/sheets")["totalCount"] == SAMPLES


def test_what_cannot_be_cleared_up_is_said(
    sandbox: SmartsheetSandbox, stack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox.fault({"match": "POST /2.0/sheets/*/rows", "status": 500}, {"match": "DELETE /2.0/sheets/*", "status": 500})
    assert run(stack, write(tmp_path / "t.csv", [["A"], ["1"]])) == 1
    assert "could not be deleted" in capsys.readouterr().err
    sandbox.fault()
    assert [s["name"][:12] for s in sandbox.get("/sheets")["data"] if "(importing " in s["name"]] == ["t (importing"]


def test_refusals_that_pass_are_waited_for(sandbox: SmartsheetSandbox) -> None:
    read = read_file(b"A\n1\n2\n", "t.csv", ReadOptions())
    pauses: list[float] = []
    sandbox.fault({"match": "POST /2.0/sheets/*/rows", "status": 429, "count": 2})
    uploader = Uploader(f"{sandbox.url}/2.0", OWNER_TOKEN, pause=pauses.append)
    sheet_id = uploader.upload("Patience", read.table, plan_columns(read.table), lambda done: None)
    assert (sandbox.get(f"/sheets/{sheet_id}")["totalRowCount"], pauses) == (2, [1, 2])
    sandbox.fault({"match": "POST /2.0/sheets/*/rows", "status": 503})
    with pytest.raises(UploadError, match="503/4001"):
        uploader.upload("Impatience", read.table, plan_columns(read.table), lambda done: None)
    assert len(pauses) == 2 + 7
    uploader.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_import_leaves_no_sheet(
    sandbox: SmartsheetSandbox, stack: Path, tmp_path: Path, number: signal.Signals
) -> None:
    file = write(tmp_path / "t.csv", [["A"], *[[str(n)] for n in range(5000)]])
    sandbox.limit({"writeMsPerRow": 1})
    command = [sys.executable, "-m", "local", "import", str(file), "--data-dir", str(stack)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 30
        while not any(call["path"].endswith("/rows") for call in sandbox.calls()):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.kill(process.pid, number)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert "interrupted. No sheet was left behind." in err
    assert sandbox.get("/sheets")["totalCount"] == SAMPLES
