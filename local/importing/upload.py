"""Creating the sheet through the sandbox's own API: all of it, or nothing."""

import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx2

from local.importing.column_types import ColumnPlan
from shared.tables.table import Table

ROWS_PER_CALL = 500
MAX_NAME = 50
# The calls that the vendor says may be sent again: maintenance, timeout, rate limit, save collision.
_RETRIED = (4001, 4002, 4003, 4004)
_PAUSES = (1, 2, 4, 8, 15, 30, 60)
_TIMEOUT_SECONDS = 120


class UploadError(Exception):
    """The sandbox refused or could not be reached; nothing remains of the sheet unless the text says so."""


class Uploader:
    """One import. `base_url` ends in `/2.0`."""

    def __init__(self, base_url: str, token: str, *, pause: Callable[[float], None] = time.sleep) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._client = httpx2.Client(base_url=base_url, headers=headers, timeout=_TIMEOUT_SECONDS)
        self._pause = pause

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def upload(self, name: str, table: Table, plans: list[ColumnPlan], progress: Callable[[int], None]) -> int:
        """Create the sheet and give its id; `progress` is told how many rows are in.

        Until all rows are in, the sheet has a name that says so: whoever finds it after a power cut knows. Whatever
        fails or interrupts, the sheet is deleted before the exception goes on. Raises `UploadError`.
        """
        unfinished = f"{name[: MAX_NAME - 21]} (importing {secrets.token_hex(4)})"
        sheet_id: int | None = None
        try:
            created = self._call("POST", "/sheets", {"name": unfinished, "columns": _columns(plans)})["result"]
            sheet_id = created["id"]
            self._add_rows(created["id"], [column["id"] for column in created["columns"]], table, plans, progress)
            self._call("PUT", f"/sheets/{created['id']}", {"name": name})
        except BaseException as error:
            self._remove(sheet_id, unfinished, error)
            raise
        return created["id"]

    def _add_rows(
        self, sheet_id: int, ids: list[int], table: Table, plans: list[ColumnPlan], progress: Callable[[int], None]
    ) -> None:
        for start in range(0, len(table.records), ROWS_PER_CALL):
            rows: list[dict[str, Any]] = []
            for record in table.records[start : start + ROWS_PER_CALL]:
                values = zip(ids, plans, record.fields, strict=True)
                cells = [{"columnId": column_id, "value": plan.send(value)} for column_id, plan, value in values]
                rows.append({"toBottom": True, "cells": [cell for cell in cells if cell["value"] is not None]})
            self._call("POST", f"/sheets/{sheet_id}/rows", rows)
            progress(start + len(rows))

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        """One call; repeated where the vendor allows it. A lost answer is an error: rows must not go in twice."""
        for pause in (*_PAUSES, None):
            try:
                response = self._client.request(method, path, json=body)
            except httpx2.HTTPError as error:
                raise UploadError(f"the sandbox did not answer {method} {path} ({type(error).__name__})") from error
            if response.is_success:
                return response.json()
            code, message = _error(response)
            if code not in _RETRIED or pause is None:
                raise UploadError(f"the sandbox refused {method} {path}: {message} ({response.status_code}/{code})")
            self._pause(pause)
        raise AssertionError("the last pause is None")

    def _remove(self, sheet_id: int | None, unfinished: str, error: BaseException) -> None:
        """Delete what there is of the sheet; where that fails, say so in the error."""
        try:
            if sheet_id is None:  # perhaps it was created and only the answer was lost
                sheets = self._call("GET", "/sheets?includeAll=true")["data"]
                sheet_id = next((sheet["id"] for sheet in sheets if sheet["name"] == unfinished), None)
            if sheet_id is not None:
                self._call("DELETE", f"/sheets/{sheet_id}")
        except UploadError as failure:
            error.add_note(f"The unfinished sheet {unfinished!r} could not be deleted: {failure}")


def _columns(plans: list[ColumnPlan]) -> list[dict[str, Any]]:
    columns: list[dict[str, Any]] = [{"title": plan.title, "type": plan.type} for plan in plans]
    columns[0]["primary"] = True
    for column, plan in zip(columns, plans, strict=True):
        if plan.options:
            column["options"] = plan.options
    return columns


def _error(response: httpx2.Response) -> tuple[int, str]:
    with suppress(ValueError, KeyError, TypeError):
        body = response.json()
        return int(body["errorCode"]), str(body["message"])
    return 0, response.text[:200]
