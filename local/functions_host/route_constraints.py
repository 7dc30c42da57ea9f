"""The inline constraints of ASP.NET routes: `{id:guid}`, `{n:int:min(1)}`, `{name:regex(^a)}`.

Names and meaning: https://learn.microsoft.com/aspnet/core/fundamentals/routing#route-constraints
"""

import re
from collections.abc import Callable
from functools import partial

Constraint = Callable[[str], bool]

INT_BITS, LONG_BITS = 32, 64
_GUID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_INTEGER = re.compile(r"\s*[+-]?[0-9]+\s*")
_DECIMAL = re.compile(r"\s*[+-]?([0-9]{1,3}(,[0-9]{3})*|[0-9]*)(\.[0-9]*)?([eE][+-]?[0-9]+)?\s*")
_CALL = re.compile(r"(?P<name>\w+)(\((?P<arguments>.*)\))?", re.DOTALL)


def _is_integer(bits: int, text: str) -> bool:
    return _INTEGER.fullmatch(text) is not None and -(2 ** (bits - 1)) <= int(text) < 2 ** (bits - 1)


def _is_number(text: str) -> bool:
    return _DECIMAL.fullmatch(text) is not None and any(each.isdigit() for each in text)


def _is_guid(text: str) -> bool:
    bare = text[1:-1] if text[:1] + text[-1:] in ("{}", "()") else text
    return _GUID.fullmatch(bare) is not None


def _in_range(lowest: float, highest: float, text: str) -> bool:
    return _is_integer(LONG_BITS, text) and lowest <= int(text) <= highest


def _has_length(shortest: float, longest: float, text: str) -> bool:
    return shortest <= len(text) <= longest


NO_LIMIT = float("inf")
PLAIN: dict[str, Constraint] = {
    "int": partial(_is_integer, INT_BITS),
    "long": partial(_is_integer, LONG_BITS),
    "bool": lambda text: text.strip().lower() in ("true", "false"),
    "decimal": _is_number,
    "double": _is_number,
    "float": _is_number,
    "guid": _is_guid,
    "alpha": lambda text: re.fullmatch("[a-z]*", text, re.IGNORECASE) is not None,
    "required": bool,
    "file": lambda text: "." in text.rsplit("/", 1)[-1].rstrip("."),
    "nonfile": lambda text: "." not in text.rsplit("/", 1)[-1].rstrip("."),
}


def parse_constraint(text: str) -> Constraint:
    """One constraint, without its colon. Raises ValueError that names it."""
    call = _CALL.fullmatch(text)
    if call is None:
        raise ValueError(f"the constraint {text!r} cannot be read")
    name, arguments = call["name"].lower(), call["arguments"]
    if name in PLAIN and arguments is None:
        return PLAIN[name]
    if name == "regex" and arguments:
        # As in .NET, a pattern without anchors may match anywhere in the value.
        pattern = _compiled(arguments)
        return lambda value: pattern.search(value) is not None
    if arguments is not None and all(each.strip().isdigit() for each in arguments.split(",")):
        return _with_numbers(name, [int(each) for each in arguments.split(",")], text)
    raise ValueError(
        f"the constraint {text!r} could not be resolved; known are {', '.join((*PLAIN, *NUMERIC))}, regex(…)"
    )


NUMERIC = ("minlength(n)", "maxlength(n)", "length(n[,m])", "min(n)", "max(n)", "range(n,m)")


def _with_numbers(name: str, numbers: list[int], text: str) -> Constraint:
    match name, numbers:
        case "minlength", [shortest]:
            return partial(_has_length, shortest, NO_LIMIT)
        case "maxlength", [longest]:
            return partial(_has_length, 0, longest)
        case "length", [exact]:
            return partial(_has_length, exact, exact)
        case "length", [shortest, longest]:
            return partial(_has_length, shortest, longest)
        case "min", [lowest]:
            return partial(_in_range, lowest, NO_LIMIT)
        case "max", [highest]:
            return partial(_in_range, -NO_LIMIT, highest)
        case "range", [lowest, highest]:
            return partial(_in_range, lowest, highest)
    raise ValueError(f"the constraint {text!r} could not be resolved; known with numbers are {', '.join(NUMERIC)}")


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise ValueError(f"the constraint regex({pattern}) is not a regular expression: {error}") from None
