"""Webhooks as stored: creating, changing, listing; their states."""

import ipaddress
import json
import secrets
import sqlite3
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic.alias_generators import to_camel

from local.smartsheet.access import load_columns, open_sheet
from local.smartsheet.endpoints.call import Answer, Call, read_body
from local.smartsheet.errors import ApiError
from local.smartsheet.wire import encode, new_id, now, paged, success

PORTS = (443, 8000, 8008, 8080, 8443)
MAX_NAME = 64

Webhook = dict[str, Any]
"""A webhook in the API's own form."""


class _Subscope(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")

    column_ids: list[int]


class _WebhookIn(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore")

    name: str | None = None
    callback_url: str | None = None
    scope: str | None = None
    scope_object_id: int | None = None
    events: list[str] | None = None
    version: int | None = None
    enabled: bool | None = None
    subscope: _Subscope | None = None


_WEBHOOK_IN = TypeAdapter(_WebhookIn)


def list_all(call: Call) -> Answer:
    """`GET /webhooks`: the caller's own."""
    with call.database.read() as connection:
        rows = connection.execute("SELECT body FROM webhooks WHERE owner_id = ? ORDER BY rowid", (call.user.id,))
        return paged([json.loads(body) for (body,) in rows], call.query)


def get(call: Call) -> Answer:
    """`GET /webhooks/{webhookId}`"""
    with call.database.read() as connection:
        return _own(connection, call)


def create(call: Call) -> Answer:
    """`POST /webhooks`: starts disabled, NEW_NOT_VERIFIED. Raises 1012, 1031, 1151, 1152 or 1293."""
    given = read_body(_WEBHOOK_IN, call.body)
    for name in ("name", "callback_url", "scope", "scope_object_id", "events", "version"):
        if getattr(given, name) is None:
            raise ApiError(1012, f"webhook.{to_camel(name)}")
    if given.scope != "sheet":
        raise ApiError(1031, given.scope, "webhook.scope")
    _check(given)
    at = now()
    webhook: Webhook = {
        "id": new_id(),
        "name": given.name,
        "scope": "sheet",
        "scopeObjectId": given.scope_object_id,
        "events": given.events,
        "callbackUrl": given.callback_url,
        "sharedSecret": secrets.token_hex(13),
        "enabled": False,
        "status": "NEW_NOT_VERIFIED",
        "version": 1,
        "createdAt": at,
        "modifiedAt": at,
    }
    with call.database.write() as connection:
        _check_scope(connection, call, given)
        if given.subscope is not None:
            webhook["subscope"] = {"columnIds": given.subscope.column_ids}
        connection.execute(
            "INSERT INTO webhooks VALUES (?, ?, ?, ?)",
            (webhook["id"], call.user.id, given.scope_object_id, encode(webhook)),
        )
    return success(webhook)


def change(call: Call) -> Answer:
    """`PUT /webhooks/{webhookId}` except for enabling, which needs the verification that follows.

    A new callback URL disables the webhook until it is verified. `noted["verify"]` tells the caller of this
    function to verify.
    """
    given = read_body(_WEBHOOK_IN, call.body)
    _check(given)
    with call.database.write() as connection:
        webhook = _own(connection, call)
        if given.enabled and webhook["status"] == "DISABLED_ADMINISTRATIVE":
            raise ApiError(1154)
        moved = given.callback_url is not None and given.callback_url != webhook["callbackUrl"]
        for name in ("name", "callback_url", "events"):
            if getattr(given, name) is not None:
                webhook[to_camel(name)] = getattr(given, name)
        if given.enabled is False and webhook["enabled"]:
            webhook |= {"enabled": False, "status": "DISABLED_BY_OWNER"}
            forget_events(connection, webhook["id"])
        elif moved:
            webhook |= {"enabled": False, "status": "NEW_NOT_VERIFIED"}
            forget_events(connection, webhook["id"])
        save(connection, webhook)
    call.noted["verify"] = bool(given.enabled) and not webhook["enabled"]
    return success(webhook)


def delete(call: Call) -> Answer:
    """`DELETE /webhooks/{webhookId}`"""
    with call.database.write() as connection:
        webhook = _own(connection, call)
        connection.execute("DELETE FROM webhooks WHERE id = ?", (webhook["id"],))
        forget_events(connection, webhook["id"])
    return success()


def reset_shared_secret(call: Call) -> Answer:
    """`POST /webhooks/{webhookId}/resetSharedSecret`"""
    with call.database.write() as connection:
        webhook = _own(connection, call)
        webhook["sharedSecret"] = secrets.token_hex(13)
        save(connection, webhook)
    return success({"sharedSecret": webhook["sharedSecret"]})


def find(connection: sqlite3.Connection, webhook_id: int) -> Webhook | None:
    """A webhook, whoever owns it."""
    row = connection.execute("SELECT body FROM webhooks WHERE id = ?", (webhook_id,)).fetchone()
    return None if row is None else json.loads(row[0])


def save(connection: sqlite3.Connection, webhook: Webhook) -> None:
    """Store a changed webhook; a deleted one stays deleted."""
    webhook["modifiedAt"] = now()
    connection.execute("UPDATE webhooks SET body = ? WHERE id = ?", (encode(webhook), webhook["id"]))


def forget_events(connection: sqlite3.Connection, webhook_id: int) -> None:
    """Drop what was not delivered: a disabled webhook misses its events."""
    connection.execute("DELETE FROM callbacks_due WHERE webhook_id = ?", (webhook_id,))


def disable_for_deleted_sheet(connection: sqlite3.Connection, sheet_id: int) -> None:
    """The webhooks of a sheet that is about to go lose their scope."""
    for (body,) in connection.execute("SELECT body FROM webhooks WHERE sheet_id = ?", (sheet_id,)).fetchall():
        webhook = json.loads(body) | {"enabled": False, "status": "DISABLED_SCOPE_INACCESSIBLE"}
        forget_events(connection, webhook["id"])
        save(connection, webhook)


def _own(connection: sqlite3.Connection, call: Call) -> Webhook:
    query = "SELECT body FROM webhooks WHERE id = ? AND owner_id = ?"
    row = connection.execute(query, (call.ids["webhookId"], call.user.id)).fetchone()
    if row is None:
        raise ApiError(1006)
    return json.loads(row[0])


def _check(given: _WebhookIn) -> None:
    if given.name is not None and not 1 <= len(given.name) <= MAX_NAME:
        raise ApiError(1041, "webhook.name", MAX_NAME, len(given.name))
    if given.version not in (None, 1):
        raise ApiError(1031, given.version, "webhook.version")
    if given.events not in (None, ["*.*"]):
        raise ApiError(1031, given.events, "webhook.events")
    if given.callback_url is not None:
        _check_url(given.callback_url)


def _check_url(url: str) -> None:
    """https on one of Smartsheet's ports, or, in the sandbox only, http to this machine."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ApiError(1031, url, "webhook.callbackUrl") from None
    if parts.scheme == "http" and _is_loopback(parts.hostname):
        return
    if parts.scheme != "https":
        raise ApiError(1152)
    if not parts.hostname or (port or 443) not in PORTS:
        raise ApiError(1031, url, "webhook.callbackUrl")


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _check_scope(connection: sqlite3.Connection, call: Call, given: _WebhookIn) -> None:
    try:
        sheet = open_sheet(connection, call.user, given.scope_object_id or 0)
    except ApiError:
        raise ApiError(1151) from None
    if given.subscope is not None:
        known = {column.id for column in load_columns(connection, sheet.id)}
        if not given.subscope.column_ids or not known.issuperset(given.subscope.column_ids):
            raise ApiError(1293)
