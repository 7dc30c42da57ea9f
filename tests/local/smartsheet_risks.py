"""The sandbox's empty sample sheet, and short words for what tests do to it."""

from typing import Any

import pytest

from tests.local.smartsheet_sandbox import RISKS, SmartsheetSandbox, titled, values


class Risks:
    """The empty sample sheet, and short words for what the tests do to it."""

    def __init__(self, sandbox: SmartsheetSandbox) -> None:
        self.sandbox = sandbox
        self.sheet = sandbox.sheet(RISKS)
        self.id: int = self.sheet["id"]
        self.columns = titled(self.sheet)

    def cell(self, title: str, value: Any = None, **more: Any) -> dict[str, Any]:
        given = {} if value is None else {"value": value}
        return {"columnId": self.columns[title], **given, **more}

    def row(self, risk: str, **location: Any) -> dict[str, Any]:
        return {"cells": [self.cell("Risk", risk)], **location}

    def add(self, *rows: dict[str, Any]) -> list[int]:
        response = self.sandbox.call("POST", f"/sheets/{self.id}/rows", list(rows))
        assert response.status_code == 200, response.text
        return [row["id"] for row in response.json()["result"]]

    def put(self, *rows: dict[str, Any], query: str = "") -> Any:
        response = self.sandbox.call("PUT", f"/sheets/{self.id}/rows{query}", list(rows))
        assert response.status_code == 200, response.text
        return response.json()

    def refusal(self, method: str, *rows: dict[str, Any]) -> int:
        return self.sandbox.refusal(method, f"/sheets/{self.id}/rows", list(rows))[1]

    def outline(self) -> list[tuple[str, str | None]]:
        """Each row's risk with that of its parent, in order."""
        sheet = self.sandbox.get(f"/sheets/{self.id}")
        names = {row["id"]: values(sheet, row).get("Risk", "") for row in sheet["rows"]}
        assert [row["rowNumber"] for row in sheet["rows"]] == list(range(1, len(names) + 1))
        return [(names[row["id"]], names.get(row.get("parentId"))) for row in sheet["rows"]]

    def flat(self) -> list[str]:
        return [name for name, _ in self.outline()]


@pytest.fixture
def risks(sandbox: SmartsheetSandbox) -> Risks:
    return Risks(sandbox)
