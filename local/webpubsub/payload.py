"""What a message carries, in the four shapes it takes: HTTP body, JSON frame member, plain frame."""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any, Literal

DataType = Literal["json", "text", "binary"]
_CONTENT_TYPES: dict[str, DataType] = {
    "application/json": "json",
    "text/plain": "text",
    "application/octet-stream": "binary",
}


class PayloadRefused(ValueError):
    """Data that is not what its declared type says."""


class UnknownContentType(ValueError):
    """A content type that no kind of message has."""


@dataclass(frozen=True)
class Payload:
    """`data` is any JSON value, a `str` or `bytes`, as `data_type` says."""

    data_type: DataType
    data: Any

    @classmethod
    def from_body(cls, content_type: str, body: bytes) -> "Payload":
        """Read an HTTP body. Raises `UnknownContentType` and `PayloadRefused`."""
        data_type = _CONTENT_TYPES.get(content_type.split(";")[0].strip().lower())
        try:
            match data_type:
                case "json":
                    return cls("json", json.loads(body))
                case "text":
                    return cls("text", body.decode())
                case "binary":
                    return cls("binary", body)
                case None:
                    known = ", ".join(_CONTENT_TYPES)
                    raise UnknownContentType(f"content type {content_type!r} is not one of {known}")
        except UnknownContentType:
            raise
        except ValueError as error:
            raise PayloadRefused(f"the body is not {data_type}: {error}") from None

    @classmethod
    def from_frame(cls, data_type: DataType, data: Any) -> "Payload":
        """Read `dataType` and `data` of a client's frame. Raises `PayloadRefused`."""
        if data_type == "json":
            return cls("json", data)
        if not isinstance(data, str):
            raise PayloadRefused(f"data must be a string when dataType is {data_type}")
        if data_type == "text":
            return cls("text", data)
        try:
            return cls("binary", base64.b64decode(data, validate=True))
        except binascii.Error as error:
            raise PayloadRefused(f"data must be base64 when dataType is binary: {error}") from None

    def body(self) -> tuple[str, bytes]:
        """Content type and HTTP body."""
        match self.data_type:
            case "json":
                return "application/json", json.dumps(self.data, ensure_ascii=False).encode()
            case "text":
                return "text/plain; charset=utf-8", self.data.encode()
            case "binary":
                return "application/octet-stream", self.data

    def members(self) -> dict[str, Any]:
        """The members `dataType` and `data` of a JSON frame."""
        data = base64.b64encode(self.data).decode() if self.data_type == "binary" else self.data
        return {"dataType": self.data_type, "data": data}

    def plain_frame(self) -> str | bytes:
        """What a simple WebSocket client receives: the data alone."""
        return json.dumps(self.data, ensure_ascii=False) if self.data_type == "json" else self.data
