"""`python -m local.webpubsub --port 7083 --upstream http://localhost:7071/api/realtime/events`."""

import argparse
import sys
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from local.standin.control import Control
from local.standin.serve import EXIT_USAGE, arguments, serve
from local.webpubsub.clients import Clients
from local.webpubsub.gateway import Gateway
from local.webpubsub.rest import rest_app
from local.webpubsub.upstream import SYSTEM_EVENTS, EventHandler


def build(url: str, handler: EventHandler | None) -> Control:
    """The whole gateway as it is served at `url`."""
    gateway = Gateway(urlsplit(url).port or 80, handler)
    clients, rest = Clients(gateway), rest_app(gateway)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        by_scope: ASGIApp = clients if scope["type"] == "websocket" else rest
        await by_scope(scope, receive, send)

    async def upstream_calls(request: Request) -> Response:
        return JSONResponse(gateway.upstream.log.list(int(request.query_params.get("after", "0"))))

    async def cut(request: Request) -> Response:
        """Break sockets as a failing network would: all, or that of `?connectionId=`."""
        wanted = request.query_params.get("connectionId")
        sockets = [c.socket for c in gateway.connections() if c.socket and wanted in (None, c.id)]
        for socket in sockets:
            socket.cut()
        return JSONResponse({"cut": len(sockets)})

    return Control(
        "webpubsub",
        app,
        limits=gateway.limits,
        reset=gateway.reset,
        health=lambda: {"connections": len(gateway.connections())},
        routes={"GET upstream": upstream_calls, "POST cut": cut},
    )


def main() -> None:
    """Read the command line and serve until SIGTERM."""
    parser = arguments("webpubsub", 7083, "A Web PubSub gateway; it keeps nothing in the data directory.")
    parser.add_argument("--upstream", help="URL template of the event handler; may hold {hub} and {event}")
    parser.add_argument("--system-events", default=",".join(SYSTEM_EVENTS), help="system events it gets, with commas")
    parser.add_argument("--user-events", default="*", help="user events it gets: * or names with commas")
    options = parser.parse_args()
    handler = _handler(options)
    serve("webpubsub", lambda url: build(url, handler), port=options.port)


def _handler(options: argparse.Namespace) -> EventHandler | None:
    if options.upstream is None:
        return None
    events = tuple(event for event in options.system_events.split(",") if event)
    try:
        return EventHandler(options.upstream, events, options.user_events)
    except ValueError as error:
        print(f"webpubsub: {error}", file=sys.stderr)
        raise SystemExit(EXIT_USAGE) from None


if __name__ == "__main__":
    main()
