"""A strict fake of the REST API of Cosmos DB for NoSQL: it refuses every request that it does not list.

It checks signatures, headers, shapes of queries and the indexes they need. A test may ask for failures.
"""

import base64
import hashlib
import hmac
import json
import re
import time
import uuid
from collections import deque
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from tests.fakes.cosmos_items import Container, Refused
from tests.fakes.cosmos_query import Unlisted, parse_query

KEY = base64.b64encode(b"the key of the fake account, and of no other").decode()
MAX_OPERATIONS = 100
MAX_REQUEST_BYTES = 2 * 1024 * 1024
_END = "{end:/?}"  # the SDK closes every path with a slash
_DATABASE = "/dbs/{db}"
_CONTAINER = f"{_DATABASE}/colls/{{coll}}"
_DOCS = f"{_CONTAINER}/docs"
_ITEM = f"{_DOCS}/{{id}}{_END}"
_HEADERS = frozenset(
    {
        "x-ms-version",
        "x-ms-date",
        "x-ms-documentdb-partitionkey",
        "x-ms-documentdb-is-upsert",
        "x-ms-documentdb-isquery",
        "x-ms-cosmos-is-batch-request",
        "x-ms-cosmos-batch-atomic",
        "x-ms-cosmos-batch-continue-on-error",
        "x-ms-max-item-count",
        "x-ms-continuation",
        "x-ms-cosmos-intended-collection-rid",
    }
)
"""Those that mean something here."""
_IGNORED = frozenset(
    {
        "x-ms-client-request-id",
        "x-ms-activity-id",
        "x-ms-client-id",
        "x-ms-cosmos-correlated-activityid",
        "x-ms-cosmos-sdk-supportedcapabilities",
        "x-ms-documentdb-query-iscontinuationexpected",
        "x-ms-thinclient-proxy-operation-type",
        "x-ms-thinclient-proxy-resource-type",
    }
)


class FakeCosmos:
    """Runs in the event loop of the test. `clock` is the service's, in epoch seconds.

    `page_items`: how many items a page of a query holds at most. `unlisted`: requests that were refused because the
    fake does not know them. `fail`: how the next operations on items fail, in order.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time, page_items: int = 100) -> None:
        self.url = ""
        self.page_items = page_items
        self.unlisted: list[str] = []
        self.requests: list[str] = []
        self.clock = clock
        self._databases: dict[str, dict[str, Container]] = {}
        self._failures: deque[tuple[int, int]] = deque()
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen on a free port of loopback."""
        app = web.Application(middlewares=[self._edge], client_max_size=4 * MAX_REQUEST_BYTES)
        app.add_routes(
            [
                web.get("/", self._account),
                web.post(f"/dbs{_END}", self._create_database),
                web.get(_DATABASE + _END, self._read_database),
                web.post(f"{_DATABASE}/colls{_END}", self._create_container),
                web.get(_CONTAINER + _END, self._read_container),
                web.post(_DOCS + _END, self._post),
                web.get(_ITEM, self._read),
                web.put(_ITEM, self._replace),
                web.delete(_ITEM, self._delete),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def stop(self) -> None:
        """Close the port and all connections."""
        if self._runner is not None:
            await self._runner.cleanup()

    def fail(self, status: int, *, sub_status: int = 0, times: int = 1) -> None:
        """Let the next operations on items fail, without an effect."""
        self._failures.extend([(status, sub_status)] * times)

    # --- every request -----------------------------------------------------------------------------

    @web.middleware
    async def _edge(self, request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
        self.requests.append(f"{request.method} {unquote(request.raw_path)}")
        try:
            self._check_headers(request)
            if "/docs" in request.path:
                self._fail_on_demand()
            return await handler(request)
        except Refused as refused:
            return self._json({"code": refused.status, "message": str(refused)}, refused.status, refused.sub_status)
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
            return self._unlisted(f"{request.method} {request.path}")
        except Unlisted as unlisted:
            return self._unlisted(str(unlisted))

    def _check_headers(self, request: web.Request) -> None:
        headers = {name.lower() for name in request.headers}
        unknown = {name for name in headers if name.startswith("x-ms-")} - _HEADERS - _IGNORED
        if unknown or request.query_string:
            raise Unlisted(f"headers {sorted(unknown)}, query string {request.query_string!r}")
        if not {"x-ms-version", "x-ms-date", "authorization"} <= headers:
            raise Unlisted("a request without x-ms-version, x-ms-date or authorization")
        given = dict(part.split("=", 1) for part in unquote(request.headers["authorization"]).split("&"))
        expected = _signature(request.method, unquote(request.raw_path), request.headers["x-ms-date"])
        if given != {"type": "master", "ver": "1.0", "sig": expected}:
            raise Refused(401, "The input authorization token can't serve the request.")

    def _fail_on_demand(self) -> None:
        if self._failures:
            status, sub_status = self._failures.popleft()
            raise Refused(status, "as the test asked", sub_status=sub_status)

    def _unlisted(self, message: str) -> web.Response:
        self.unlisted.append(message)
        return self._json({"code": "BadRequest", "message": message}, 400)

    def _json(self, body: Any, status: int = 200, sub_status: int = 0, **headers: str) -> web.Response:
        answered = {"x-ms-request-charge": "1", "x-ms-activity-id": str(uuid.uuid4()), "x-ms-session-token": "0:-1#1"}
        if sub_status:
            answered["x-ms-substatus"] = str(sub_status)
        if status == 429:
            answered["x-ms-retry-after-ms"] = "1"
        return web.json_response(body, status=status, headers=answered | headers)

    # --- account, databases, containers ------------------------------------------------------------

    async def _account(self, request: web.Request) -> web.Response:
        here = [{"name": "loopback", "databaseAccountEndpoint": f"{self.url}/"}]
        return self._json(
            {
                "id": "fake",
                "writableLocations": here,
                "readableLocations": here,
                "enableMultipleWriteLocations": False,
                "userConsistencyPolicy": {"defaultConsistencyLevel": "Strong"},
            }
        )

    async def _create_database(self, request: web.Request) -> web.Response:
        body = await _object(request, {"id"})
        if body["id"] in self._databases:
            raise Refused(409, "exists")
        self._databases[body["id"]] = {}
        return self._json(body, 201)

    async def _read_database(self, request: web.Request) -> web.Response:
        self._database(request)
        return self._json({"id": request.match_info["db"], "_rid": "db"})

    async def _create_container(self, request: web.Request) -> web.Response:
        body = await _object(request, {"id", "partitionKey", "indexingPolicy", "defaultTtl"})
        if body["partitionKey"] != {"paths": ["/pk"], "kind": "Hash", "version": 2}:
            raise Unlisted(f"partition key {body['partitionKey']}")
        containers = self._database(request)
        if body["id"] in containers:
            raise Refused(409, "exists")
        containers[body["id"]] = Container(body, lambda: self.clock())
        return self._json(body | {"_rid": containers[body["id"]].rid}, 201)

    async def _read_container(self, request: web.Request) -> web.Response:
        container = self._container(request)
        return self._json({**container.definition, "_rid": container.rid})

    def _database(self, request: web.Request) -> dict[str, Container]:
        try:
            return self._databases[request.match_info["db"]]
        except KeyError:
            raise Refused(404, "no such database", sub_status=1003) from None

    def _container(self, request: web.Request) -> Container:
        container = self._database(request).get(request.match_info["coll"])
        if container is None:
            raise Refused(404, "no such container", sub_status=1003)
        if request.headers.get("x-ms-cosmos-intended-collection-rid", container.rid) != container.rid:
            raise Refused(400, "another container has this name now", sub_status=1024)
        return container

    # --- items -------------------------------------------------------------------------------------

    async def _post(self, request: web.Request) -> web.Response:
        container, pk, headers = self._container(request), _pk(request), request.headers
        body = await request.read()
        if len(body) > 2 * MAX_REQUEST_BYTES:
            raise Refused(413, "Request size is too large")
        match [headers.get(f"x-ms-{name}") for name in ("documentdb-isquery", "cosmos-is-batch-request")]:
            case ["true", None]:
                return self._query(container, pk, request, json.loads(body))
            case [None, "True"]:
                return self._batch(container, pk, json.loads(body), len(body))
            case [None, None]:
                upsert = headers.get("x-ms-documentdb-is-upsert")
                if upsert not in (None, "True"):
                    raise Unlisted(f"is-upsert: {upsert}")
                stored = (container.upsert if upsert else container.create)(pk, json.loads(body))
                return self._json(stored, 201, etag=stored["_etag"])
            case other:
                raise Unlisted(f"query and batch headers {other}")

    def _batch(self, container: Container, pk: str, operations: list[dict[str, Any]], size: int) -> web.Response:
        if not 0 < len(operations) <= MAX_OPERATIONS:
            raise Refused(400, "Batch request has more operations than what is supported.")
        if size > MAX_REQUEST_BYTES:
            raise Refused(413, "Request size is too large")
        answers = container.batch(pk, operations)
        return self._json(answers, 207 if answers[0]["statusCode"] >= 400 else 200)

    def _query(self, container: Container, pk: str, request: web.Request, body: dict[str, Any]) -> web.Response:
        if set(body) != {"query", "parameters"} or request.content_type != "application/query+json":
            raise Unlisted(f"query with {sorted(body)} as {request.content_type}")
        parameters = {parameter["name"]: parameter["value"] for parameter in body["parameters"]}
        query = parse_query(body["query"], parameters, container.definition["indexingPolicy"])
        found = query.run(container.items(pk))
        token = request.headers.get("x-ms-continuation")
        if token is not None:
            text, after = json.loads(token)
            if text != body["query"]:
                raise Refused(400, "Invalid Continuation Token")
            found = [
                item for item in found if (query.key(item) < after if query.descending else query.key(item) > after)
            ]
        limit = min(int(request.headers["x-ms-max-item-count"]), self.page_items)
        page = found[:limit]
        # A full page has a token, even when nothing comes after it.
        answer = self._json({"_rid": container.rid, "Documents": page, "_count": len(page)})
        if len(page) == limit:
            answer.headers["x-ms-continuation"] = json.dumps([body["query"], query.key(page[-1])])
        return answer

    async def _read(self, request: web.Request) -> web.Response:
        item = self._container(request).read(_pk(request), request.match_info["id"])
        return self._json(item, etag=item["_etag"])

    async def _replace(self, request: web.Request) -> web.Response:
        body: dict[str, Any] = json.loads(await request.read())
        if "if-match" not in request.headers:
            raise Unlisted("replace without if-match")
        container = self._container(request)
        stored = container.replace(_pk(request), request.match_info["id"], body, request.headers["if-match"])
        return self._json(stored, etag=stored["_etag"])

    async def _delete(self, request: web.Request) -> web.Response:
        self._container(request).delete(_pk(request), request.match_info["id"], request.headers.get("if-match"))
        return web.Response(status=204)


def _pk(request: web.Request) -> str:
    match json.loads(request.headers.get("x-ms-documentdb-partitionkey", "null")):
        case [str(pk)]:
            return pk
        case other:
            raise Unlisted(f"partition key {other}: exactly one text is expected")


async def _object(request: web.Request, names: set[str]) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(await request.read())
    if set(body) != names:
        raise Unlisted(f"fields {sorted(body)} at {request.path}")
    return body


def _signature(method: str, path: str, date: str) -> str:
    """https://learn.microsoft.com/rest/api/cosmos-db/access-control-on-cosmosdb-resources"""
    segments = re.findall(r"[^/]+", path)
    of_one = len(segments) % 2 == 0
    kind = (segments[-2] if of_one else segments[-1]) if segments else ""
    link = "/".join(segments if of_one else segments[:-1])
    text = f"{method.lower()}\n{kind}\n{link}\n{date.lower()}\n\n"
    return base64.b64encode(hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()).decode()
