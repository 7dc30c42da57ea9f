"""What the host's memory grows by with each big sheet that is opened."""

import csv
import json
from pathlib import Path

import psutil

from tests.bench.sheets import COLUMNS, sheet_values
from tests.bench.table import Table
from tests.e2e.stack import Api, Stack

SHEETS = 3
_MEGABYTE = 1_000_000


def measure_memory(folder: Path) -> Table:
    """The host's resident memory before, and after each of three sheets of 20,000 × 20 cells."""
    rows = [["sheets of 20,000 × 20 open", "host's memory MB", "more MB"]]
    file = folder / "big.csv"
    with file.open("w", newline="") as lines:
        csv.writer(lines).writerows([[f"C{at}" for at in range(COLUMNS)], *sheet_values()])
    with Stack(folder / "memory") as stack, Api(stack.url("host")) as api:
        stack.control("smartsheet", "PUT", "limits", {"requestsPerMinute": 0})
        ids = [stack.import_table(file)["sheetId"] for _ in range(SHEETS)]
        host = psutil.Process(json.loads((stack.data_dir / "run.json").read_text())["host"]["pid"])
        api.get("smartsheet")  # what is imported on first use is there
        before = first = host.memory_info().rss
        rows.append(["0", f"{first / _MEGABYTE:.0f}", ""])
        for number, sheet_id in enumerate(ids, 1):
            page = api.get(f"smartsheet/{sheet_id}/rows?pageSize=500")
            assert page["totalCount"] == 20_000
            now = host.memory_info().rss
            rows.append([str(number), f"{now / _MEGABYTE:.0f}", f"{(now - before) / _MEGABYTE:.0f}"])
            before = now
    return Table("Memory", "Resident memory of the functions host, through GET …/rows?pageSize=500.", rows)
