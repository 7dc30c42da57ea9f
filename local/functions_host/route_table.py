"""Which HTTP function a request goes to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from local.functions_host.app_settings import AppSettings
from local.functions_host.functions import LoadedFunction
from local.functions_host.route_template import RouteTemplate
from local.functions_host.start_error import StartError

RESERVED = ("admin", "runtime")


@dataclass(frozen=True, slots=True)
class HttpRoute:
    """One HTTP function. `methods` None is every method."""

    function: LoadedFunction
    template: RouteTemplate
    route: str
    methods: frozenset[str] | None

    def shares_methods(self, other: "HttpRoute") -> bool:
        """Whether some method would reach both."""
        return self.methods is None or other.methods is None or bool(self.methods & other.methods)


class RouteTable:
    """The routes in the order in which the real host tries them: by function name.

    The first template whose path, method and constraints fit wins; nothing prefers literals to parameters
    (`RouteCollection` of ASP.NET). A path that exists with other methods only is not found (404), not 405.
    """

    def __init__(self, functions: Mapping[str, LoadedFunction], prefix: str, settings: AppSettings) -> None:
        """Raises StartError that lists every route that is wrong, in conflict, or never reached."""
        problems: list[str] = []
        self.routes: list[HttpRoute] = []
        for function in functions.values():
            if function.trigger.type == "httpTrigger":
                try:
                    self.routes.append(_http_route(function, prefix, settings))
                except ValueError as error:
                    problems.append(f"cannot load the {function.name} function: {error}")
        problems += _conflicts(self.routes)
        if problems:
            raise StartError(problems)
        self._by_segment: dict[str | None, list[HttpRoute]] = {}
        for segment in {each.template.first_literal for each in self.routes} | {None}:
            self._by_segment[segment] = [each for each in self.routes if each.template.first_literal in (segment, None)]
        self._prefix_length = len(prefix) + 1 if prefix else 0
        self._prefix = f"/{prefix}".lower() if prefix else ""

    def match(self, method: str, path: str) -> tuple[HttpRoute, dict[str, str]] | None:
        """The function for a decoded path, and its route parameters."""
        if path[: self._prefix_length].lower() != self._prefix:
            return None
        rest = path[self._prefix_length :] or "/"
        first = rest[1:].split("/", 1)[0].lower()
        for route in self._by_segment.get(first) or self._by_segment[None]:
            if route.methods is not None and method not in route.methods:
                continue
            values = route.template.match(rest)
            if values is not None:
                return route, values
        return None


def _http_route(function: LoadedFunction, prefix: str, settings: AppSettings) -> HttpRoute:
    properties = function.trigger.properties
    route = settings.resolve(properties.get("route") or function.name).strip("/")
    if route.lower().startswith(RESERVED) or (not prefix and route.lower().startswith("_control")):
        raise ValueError(f"the route {route!r} conflicts with one or more built in routes")
    methods = properties.get("methods")
    return HttpRoute(
        function=function,
        template=RouteTemplate(route),
        route=route,
        methods=frozenset(each.upper() for each in methods) if methods else None,
    )


def _conflicts(routes: list[HttpRoute]) -> Iterator[str]:
    for index, route in enumerate(routes):
        for earlier in routes[:index]:
            if not route.shares_methods(earlier):
                continue
            if route.route.lower() == earlier.route.lower():
                yield (
                    f"cannot load the {route.function.name} function: the route specified conflicts with the"
                    f" route defined by function '{earlier.function.name}'"
                )
            elif route.template.is_literal and earlier.template.match(f"/{route.route}") is not None:
                yield (
                    f"cannot load the {route.function.name} function: its route {route.route!r} is never reached:"
                    f" routes are tried in the order of function names, and {earlier.route!r} of"
                    f" '{earlier.function.name}' comes first"
                )
