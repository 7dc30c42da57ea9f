"""Paths and queries as ASP.NET reads them, and as the worker is then given them."""

import re
from urllib.parse import parse_qsl, quote

# Kestrel decodes every escape of a path except %2F, and leaves alone what is not UTF-8.
_ESCAPES = re.compile(r"(?:%(?!2[fF])[0-9A-Fa-f]{2})+")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/!$&'()*+,;=:@._~-]*")
_PATH_SAFE = "/!$&'()*+,;=:@-._~"


def decode_path(raw: bytes) -> str | None:
    """The decoded path with its dot segments removed; None where the real host answers 400."""
    if not raw.isascii():
        return None
    text = raw.decode("ascii")
    if "%" in text:
        text = _ESCAPES.sub(lambda match: _decode_utf8(match[0]), text)
        if "\0" in text:
            return None
    return _without_dot_segments(text) if "/." in text else text


def encode_path(path: str) -> str:
    """The path as part of `HttpRequest.url`; what looks like an escape stays one."""
    if _PLAIN_PATH.fullmatch(path):
        return path
    kept = _ESCAPE.findall(path)
    pieces = _ESCAPE.split(path)
    encoded = [quote(piece, safe=_PATH_SAFE) for piece in pieces]
    return "".join(piece + escape for piece, escape in zip(encoded, [*kept, ""], strict=True))


def query_parameters(query: bytes) -> dict[str, str]:
    """`HttpRequest.params`: names without case, repeated values joined by commas, empty ones left out."""
    if not query:
        return {}
    values: dict[str, list[str]] = {}
    spelled: dict[str, str] = {}
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        values.setdefault(name.lower(), [])
        spelled.setdefault(name.lower(), name)
        if value:
            values[name.lower()].append(value)
    return {spelled[name]: ",".join(given) for name, given in values.items() if given}


def _decode_utf8(escapes: str) -> str:
    data = bytes.fromhex(escapes.replace("%", ""))
    decoded = ""
    while data:
        try:
            return decoded + data.decode("utf-8")
        except UnicodeDecodeError as error:
            broken = data[error.start : error.end]
            decoded += data[: error.start].decode("utf-8") + "".join(f"%{byte:02X}" for byte in broken)
            data = data[error.end :]
    return decoded


def _without_dot_segments(path: str) -> str:
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            kept = kept[:-1]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)
