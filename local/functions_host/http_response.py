"""What a function returned, as the HTTP response that the real host would send."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from local.functions_host.converters import converter_of
from local.functions_host.set_cookie import set_cookie_headers

TEXT = (b"content-type", b"text/plain; charset=utf-8")
NO_BODY_STATUS = frozenset({204, 205, 304})
MIN_STATUS, MAX_STATUS = 200, 999
PRINTABLE = re.compile(r"[\t\x20-\x7e]*")


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """Status, headers (names in lower case) and body."""

    status: int
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""


def encode_answer(returned: Any) -> HttpAnswer:
    """Encode a function's return value with the SDK's converter.

    Raises TypeError for a type that cannot be returned, ValueError for a response that the real host
    fails to write; the caller of the function then sees a 500.
    """
    converter = converter_of("http")
    assert converter is not None
    try:
        datum = converter.encode(returned, expected_type=None)
    except NotImplementedError:
        raise TypeError(
            f'unable to encode outgoing TypedData: unsupported type "http" for Python type {type(returned).__name__!r};'
            " return azure.functions.HttpResponse or str"
        ) from None
    if datum.type == "string":
        return _text_answer(datum.value)
    status = int(datum.value["status_code"].value)
    if not MIN_STATUS <= status <= MAX_STATUS:
        raise ValueError(f"the status {status} cannot be sent")
    body: bytes = datum.value["body"].value
    if body and status in NO_BODY_STATUS:
        raise ValueError(f"writing to the response body is invalid for responses with status {status}")
    headers = _headers({name: each.value for name, each in datum.value["headers"].items()}, len(body))
    headers += [
        (b"set-cookie", _header_value("set-cookie", each)) for each in set_cookie_headers(datum.value["cookies"])
    ]
    return HttpAnswer(status, headers, body)


def _text_answer(text: str) -> HttpAnswer:
    """A returned str: JSON is parsed and written anew, as the real host's HttpBinding does."""
    try:
        content = json.loads(text)
    except ValueError:
        return HttpAnswer(200, [TEXT], text.encode())
    if isinstance(content, dict) and any(key.lower() == "body" for key in content):
        raise ValueError("a returned str with a JSON member 'body' would be taken for a response; return HttpResponse")
    if isinstance(content, dict | list):
        text = json.dumps(content, indent=2, ensure_ascii=False)
    return HttpAnswer(200, [TEXT], text.encode())


def _headers(given: dict[str, str], body_length: int) -> list[tuple[bytes, bytes]]:
    headers: dict[str, bytes] = {}
    for name, value in given.items():
        # A name that differs in case only was set before: the real host drops the later one.
        headers.setdefault(name.lower(), _header_value(name, value))
    declared = headers.pop("content-length", None)
    if body_length and declared not in (None, str(body_length).encode()):
        raise ValueError(f"response Content-Length mismatch: {declared} declared, {body_length} bytes in the body")
    headers.pop("transfer-encoding", None)
    return [(name.encode("ascii"), value) for name, value in headers.items()]


def _header_value(name: str, value: str) -> bytes:
    if PRINTABLE.fullmatch(value) is None:
        raise ValueError(f"invalid non-ASCII or control character in the value of header {name}")
    return value.encode("ascii")
