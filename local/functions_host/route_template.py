"""Route templates of HTTP functions, matched as ASP.NET's `TemplateMatcher` does.

`jobs/{jobId:guid}/rows/{page:int=1}`, `files/{*path}`, `{name}.{extension}`, `{optional?}`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from local.functions_host.route_constraints import Constraint, parse_constraint

_PARAMETER = re.compile(
    r"(?P<stars>\*{0,2})(?P<name>[^:=?*/{}]+)(?P<constraints>(?::.*?)*?)(?P<tail>\?|=.*)?", re.DOTALL
)
_INSIDE_PARENTHESES = re.compile(r"\([^()]*(?:\([^()]*\)[^()]*)*\)")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One `{…}` of a template."""

    name: str
    constraints: tuple[Constraint, ...] = ()
    default: str | None = None
    optional: bool = False
    catch_all: bool = False

    @property
    def may_be_missing(self) -> bool:
        """Whether a path may end before this parameter."""
        return self.optional or self.catch_all or self.default is not None


Segment = tuple[str | Parameter, ...]


class RouteTemplate:
    """A parsed template, without the route prefix of host.json or with it."""

    def __init__(self, text: str) -> None:
        """Raises ValueError that says what is wrong with the template."""
        self.text = text
        self.segments = tuple(_parse_segment(each) for each in text.strip("/").split("/")) if text.strip("/") else ()
        self.parameters = tuple(part for segment in self.segments for part in segment if isinstance(part, Parameter))
        self._check()
        self._pattern = re.compile(self._expression(), re.IGNORECASE | re.DOTALL)

    @property
    def first_literal(self) -> str | None:
        """The first segment in lower case, where it is a literal."""
        match self.segments:
            case ((str() as literal,), *_):
                return literal.lower()
            case _:
                return None

    @property
    def is_literal(self) -> bool:
        """Whether exactly one path matches."""
        return not self.parameters

    def match(self, path: str) -> dict[str, str] | None:
        """The route parameters of a decoded path (leading slash); None where it does not match."""
        found = self._pattern.fullmatch(path)
        if found is None:
            return None
        values: dict[str, str] = {}
        for index, parameter in enumerate(self.parameters):
            value = found[index + 1] or parameter.default
            if value is None:
                continue
            if not all(accepts(value) for accepts in parameter.constraints):
                return None
            values[parameter.name] = value
        return values

    def _check(self) -> None:
        names = [each.name.lower() for each in self.parameters]
        if len(set(names)) != len(names):
            raise ValueError(f"route {self.text!r}: a parameter name occurs more than once")
        for segment in self.segments[:-1]:
            if any(isinstance(part, Parameter) and part.catch_all for part in segment):
                raise ValueError(f"route {self.text!r}: a catch-all parameter can only occur as the last segment")
        for segment in self.segments:
            if len(segment) > 1 and any(isinstance(part, Parameter) and part.may_be_missing for part in segment):
                raise ValueError(
                    f"route {self.text!r}: a parameter that shares its segment must be neither optional nor catch-all"
                )

    def _expression(self) -> str:
        missing_from = len(self.segments)
        while missing_from and _may_be_missing(self.segments[missing_from - 1]):
            missing_from -= 1
        expression = "".join("/" + "".join(map(_part_expression, each)) for each in self.segments[:missing_from])
        tail = ""
        for (part,) in reversed(self.segments[missing_from:]):
            assert isinstance(part, Parameter)
            tail = "(?:/([^/].*)?)?" if part.catch_all else f"(?:/([^/]+){tail})?"
        return expression + tail + "/?"


def _may_be_missing(segment: Segment) -> bool:
    return len(segment) == 1 and isinstance(segment[0], Parameter) and segment[0].may_be_missing


def _part_expression(part: str | Parameter) -> str:
    return re.escape(part) if isinstance(part, str) else "([^/]+)"


def _parse_segment(text: str) -> Segment:
    if not text:
        raise ValueError("a route must not have an empty segment ('//')")
    parts: list[str | Parameter] = []
    for is_parameter, content in _split(text):
        if is_parameter:
            if parts and isinstance(parts[-1], Parameter):
                raise ValueError(f"route segment {text!r}: two parameters need a literal between them")
            parts.append(_parse_parameter(content))
        else:
            parts.append(content)
    return tuple(parts)


def _split(text: str) -> Iterator[tuple[bool, str]]:
    """Cut a segment at its braces; doubled braces are literal ones."""
    literal, position = "", 0
    while position < len(text):
        character = text[position]
        if text[position : position + 2] in ("{{", "}}"):
            literal, position = literal + character, position + 2
        elif character == "{":
            end = _closing_brace(text, position)
            if literal:
                yield False, literal
            yield True, text[position + 1 : end].replace("{{", "{").replace("}}", "}")
            literal, position = "", end + 1
        elif character in "}?":
            raise ValueError(f"route segment {text!r}: unexpected {character!r}")
        else:
            literal, position = literal + character, position + 1
    if literal:
        yield False, literal


def _closing_brace(text: str, start: int) -> int:
    position = start + 1
    while position < len(text):
        if text[position : position + 2] in ("{{", "}}"):
            position += 2
        elif text[position] == "}":
            return position
        else:
            position += 1
    raise ValueError(f"route segment {text!r}: a '{{' has no closing '}}'")


def _parse_parameter(text: str) -> Parameter:
    hidden: list[str] = []

    def hide(match: re.Match[str]) -> str:
        hidden.append(match[0])
        return f"\0{len(hidden) - 1}\0"

    parsed = _PARAMETER.fullmatch(_INSIDE_PARENTHESES.sub(hide, text))
    if parsed is None:
        raise ValueError(f"route parameter {{{text}}} cannot be read")

    def shown(part: str) -> str:
        return re.sub("\0([0-9]+)\0", lambda match: hidden[int(match[1])], part)

    tail = parsed["tail"] or ""
    default = shown(tail[1:]) if tail.startswith("=") else None
    if parsed["stars"] and tail == "?":
        raise ValueError(f"route parameter {{{text}}}: a catch-all parameter cannot be marked optional")
    return Parameter(
        name=parsed["name"],
        constraints=tuple(parse_constraint(shown(each)) for each in parsed["constraints"].split(":") if each),
        default=default,
        optional=tail == "?",
        catch_all=bool(parsed["stars"]),
    )
