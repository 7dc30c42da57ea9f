"""The data-plane REST API: `/api/hubs/{hub}/…`, as the service SDK calls it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.webpubsub.access import HUB_NAME, TokenRefused, path_segments, verified_claims
from local.webpubsub.gateway import Gateway
from local.webpubsub.operations import OPERATIONS, Call, Handler, Refused

MAX_NAME_LENGTH = 1024


def rest_app(gateway: Gateway) -> Starlette:
    """The REST API as an ASGI application; it also serves the service's own health probe."""

    async def serve(request: Request) -> Response:
        try:
            return await _serve(request, gateway)
        except Refused as refusal:
            return refusal.response

    async def health(_: Request) -> Response:
        return Response()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await gateway.upstream.close()

    methods = ["GET", "POST", "PUT", "DELETE", "HEAD"]
    return Starlette(
        routes=[Route("/api/health", health), Route("/api/hubs/{rest:path}", serve, methods=methods)],
        lifespan=lifespan,
    )


async def _serve(request: Request, gateway: Gateway) -> Response:
    raw_path = request.scope["raw_path"].decode("ascii")
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    try:
        verified_claims(bearer if scheme.lower() == "bearer" else None, raw_path=raw_path, port=gateway.port)
    except TokenRefused as error:
        raise Refused(401, "Unauthorized", str(error)) from None
    if "api-version" not in request.query_params:
        raise Refused(400, "BadRequest", "api-version is missing in the query", "api-version")
    _, _, hub_name, *segments = path_segments(raw_path)
    if not HUB_NAME.fullmatch(hub_name):
        raise Refused(400, "BadRequest", f"hub must match {HUB_NAME.pattern}", "hub")
    handler, names = _operation(request.method, segments)
    for part, name in names.items():
        if not 0 < len(name) <= MAX_NAME_LENGTH:
            raise Refused(400, "BadRequest", f"{part} must have 1 to {MAX_NAME_LENGTH} characters", part)
    return await handler(Call(request, gateway, hub_name, names))


def _operation(method: str, segments: list[str]) -> tuple[Handler, dict[str, str]]:
    for known_method, template, handler in OPERATIONS:
        parts = template.split("/")
        if known_method != method or len(parts) != len(segments):
            continue
        pairs = list(zip(parts, segments, strict=True))
        if all(part.startswith("{") or part == segment for part, segment in pairs):
            return handler, {part.strip("{}"): segment for part, segment in pairs if part.startswith("{")}
    raise Refused(404, "NotFound", f"there is no operation {method} …/{'/'.join(segments)}")
