"""What no function serves: unknown paths, and known ones with other methods."""

import re
from functools import cache

import azure.functions as func

from shared.container import get_container
from shared.errors import MethodNotAllowed, NotFound
from shared.functions.answers import preflight
from shared.functions.http import require_own_host, serve_request
from shared.functions.registration import Triggers
from shared.functions.routes import CALLBACKS, ROUTES

triggers = Triggers()

_CONSTRAINTS = {"long": r"-?\d+", "guid": r"\{?[0-9a-fA-F-]{32,36}\}?"}
_PARAMETER = re.compile(r"\{\w+(?::(\w+))?\}")


@triggers.http("{*path}", None)
async def warn_unknown_route(req: func.HttpRequest) -> func.HttpResponse:
    """404, or 405 with what the path takes. The host tries routes by the names of their functions: this is the last."""

    async def work() -> func.HttpResponse:
        container = get_container()
        require_own_host(req, container)
        methods = methods_of(req.route_params.get("path") or "")
        if not methods or req.method in methods:  # what looks like an id, but is too large for one
            raise NotFound("There is nothing at this path; /api/docs lists what there is.", code="route_not_found")
        if req.method == "OPTIONS":
            return preflight(req, container.settings.own_origins, methods)
        raise MethodNotAllowed(f"This path takes {', '.join(methods)}.", methods)

    return await serve_request("warn_unknown_route", req, work)


def methods_of(path: str) -> tuple[str, ...]:
    """The methods of the routes that a path (without `api/`) belongs to; none for an unknown path."""
    path = path.strip("/")
    return tuple(sorted({method for pattern, methods in _patterns() if pattern.fullmatch(path) for method in methods}))


@cache
def _patterns() -> list[tuple[re.Pattern[str], tuple[str, ...]]]:
    known = [*ROUTES.values(), *CALLBACKS.values()]
    return [(re.compile(_pattern(each.path), re.IGNORECASE), each.methods) for each in known]


def _pattern(template: str) -> str:
    parts = re.split(r"(\{[^}]*\})", template)
    return "".join(_part(part) for part in parts)


def _part(part: str) -> str:
    parameter = _PARAMETER.fullmatch(part)
    if parameter is None:
        return re.escape(part)
    return _CONSTRAINTS.get(parameter[1] or "", r"[^/]+")
