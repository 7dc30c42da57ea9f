"""A storage queue's message as a function receives it."""

import base64
from datetime import datetime
from typing import Any

from azure.storage.queue import QueueMessage

from local.functions_host.converters import Datum, converter_of
from local.functions_host.functions import Binding


class UndecodableMessageError(Exception):
    """The message is not base64 although `messageEncoding` says so."""


def decode_content(content: str, encoding: str) -> bytes:
    """The message's bytes. Raises UndecodableMessageError."""
    if encoding == "none":
        return content.encode()
    try:
        return base64.b64decode(content, validate=True)
    except ValueError as error:  # not ASCII, or not base64
        raise UndecodableMessageError(str(error)) from None


def trigger_value(binding: Binding, parameter_type: Any, message: QueueMessage, body: bytes) -> Any:
    """The argument: `func.QueueMessage`, or the bare str or bytes where the parameter is annotated so."""
    is_binary = str(binding.properties.get("dataType", "")).upper() == "BINARY" or parameter_type is bytes
    value = body if is_binary else body.decode(errors="replace")
    if parameter_type in (str, bytes):
        return value
    converter = converter_of("queueTrigger")
    assert converter is not None
    return converter.decode(Datum(value, "bytes" if is_binary else "string"), trigger_metadata=_metadata(message))


def _metadata(message: QueueMessage) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "Id": message.id,
        "DequeueCount": message.dequeue_count,
        "PopReceipt": message.pop_receipt,
    }
    times: dict[str, datetime | None] = {
        "InsertionTime": message.inserted_on,
        "ExpirationTime": message.expires_on,
        "NextVisibleTime": message.next_visible_on,
    }
    fields |= {name: time.isoformat() for name, time in times.items() if time is not None}
    return {name: Datum(value, "int" if isinstance(value, int) else "string") for name, value in fields.items()}
