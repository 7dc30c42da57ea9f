"""Reading a sheet of 20,000 × 20 cells from the cache: against a bare loop, and against SQLite."""

import importlib
import json
import sqlite3
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import azure.functions as func

from shared.container import use_container
from shared.functions.http import answer
from shared.functions.routes import ROUTES
from shared.sheets.models import Row, Sheet
from shared.sheets.selecting import RowSelection, compile_selection
from tests.bench.table import Table
from tests.fakes.smartsheet import FakeSheetSource, sheet_of
from tests.functions.environment import HOST, only_these_settings
from tests.functions.world import SHEET, World

ROWS, COLUMNS = 20_000, 20
TOPICS = ("pump", "roof", "contract", "survey", "budget", "permit", "training", "audit")
TIMES = 9


async def measure_sheets(folder: Path) -> list[Table]:
    """Two tables: a page of rows over HTTP, and search, filter and sort."""
    sheet = sheet_of([f"C{at}" for at in range(COLUMNS)], sheet_values(), sheet_id=SHEET)
    return [await _page(folder, sheet), await _selections(sheet)]


async def _page(folder: Path, sheet: Sheet) -> Table:
    with only_these_settings():
        world = World(folder / "sheets")
    world.container.smartsheet = FakeSheetSource(sheet)
    use_container(world.container)
    request = func.HttpRequest(
        "GET",
        f"http://{HOST}/api/smartsheet/{SHEET}/rows",
        headers={"Host": HOST},
        params={"pageSize": "500"},
        route_params={"sheetId": SHEET},
        body=b"",
    )
    importlib.import_module("shared.functions.sheets")  # registers its routes
    route = ROUTES["list_rows"]

    async def through_the_edge() -> None:
        assert (await answer(route, request, None)).status_code == 200

    async def bare() -> None:
        json.dumps([_bare_row(row) for row in sheet.rows[:500]])

    edge, loop = await _fastest(through_the_edge), await _fastest(bare)
    use_container(None)
    await world.documents.close()
    rows = [["GET …/rows?pageSize=500", "bare loop ms", "answer ms", "answer ÷ bare"]]
    rows.append(["500 × 20 cells", f"{loop:.1f}", f"{edge:.1f}", f"{edge / loop:.2f}"])
    return Table("A page of rows", "From request to answer, sheet in the cache; bare: dictionaries, json.dumps.", rows)


async def _selections(sheet: Sheet) -> Table:
    rows = [["20,000 × 20 cells", "SQLite ms", "ours ms", "ours ÷ SQLite"]]
    database = sqlite3.connect(":memory:")
    names = [f"c{at}" for at in range(COLUMNS)]
    database.execute(f"CREATE TABLE cells ({', '.join(names)})")
    database.executemany(f"INSERT INTO cells VALUES ({', '.join('?' * COLUMNS)})", sheet_values())
    found = " OR ".join(f"{name} LIKE ?" for name in names)
    for title, query, sql, values in (
        (
            "search for two words",
            {"search": "pump audit"},
            f"({found}) AND ({found})",
            ["%pump%"] * 20 + ["%audit%"] * 20,
        ),
        ("filter, text is", {"filter": '{"column": "C0", "op": "eq", "value": "pump"}'}, "c0 = ?", ["pump"]),
        ("filter, number above", {"filter": '{"column": "C3", "op": "gt", "value": 500}'}, "c3 > ?", [500]),
        ("sort by two texts", {"sort": "C0,-C1"}, "1 ORDER BY c0 COLLATE NOCASE, c1 COLLATE NOCASE DESC", []),
        ("sort by a number", {"sort": "-C3"}, "1 ORDER BY c3 DESC", []),
    ):
        select = compile_selection(sheet, RowSelection.model_validate(query))
        statement = f"SELECT rowid FROM cells WHERE {sql}"

        async def plain(statement: str = statement, values: list[Any] = values) -> None:
            database.execute(statement, values).fetchall()

        async def ours(select: Callable[[], Any] = select) -> None:
            select()

        assert len(select()) == len(database.execute(statement, values).fetchall())
        base, own = await _fastest(plain), await _fastest(ours)
        rows.append([title, f"{base:.1f}", f"{own:.1f}", f"{own / base:.2f}"])
    database.close()
    return Table("Choosing rows", "SQLite in memory without an index, without regard to accents and types.", rows)


def sheet_values() -> list[list[str | int]]:
    """Cells of a big sheet: numbers in every third column, texts in the others."""
    return [
        [
            row * at if at and at % 3 == 0 else TOPICS[(row * 7 + at * row // 3) % 8] + (f" {row} {at}" if at else "")
            for at in range(COLUMNS)
        ]
        for row in range(ROWS)
    ]


def _bare_row(row: Row) -> dict[str, Any]:
    return {
        "id": row.id,
        "rowNumber": row.number,
        "parentId": row.parent_id,
        "locked": row.locked,
        "cells": [
            {
                "columnId": column_id,
                "value": cell.value,
                "displayValue": cell.display_value,
                "formula": cell.formula,
                "objectValue": cell.object_value,
                "hyperlink": cell.hyperlink,
            }
            for column_id, cell in row.cells.items()
        ],
    }


async def _fastest(work: Callable[[], Awaitable[None]]) -> float:
    """Milliseconds of the fastest of some runs, after one that warms up."""
    await work()
    times: list[float] = []
    for _ in range(TIMES):
        started = time.perf_counter()
        await work()
        times.append(time.perf_counter() - started)
    return min(times) * 1000
