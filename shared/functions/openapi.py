"""OpenAPI 3.1, made from the table of routes and the models."""

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from shared.errors import (
    AppError,
    Forbidden,
    InvalidInput,
    NotFound,
    RateLimited,
    Unauthorized,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from shared.functions.cookies import name_of
from shared.functions.counting import LIMIT, REMAINING, RESET
from shared.functions.problems import PROBLEM_TYPE, STATUS_BY_CODE, STATUS_OF, Problem
from shared.functions.routes import JSON_TYPE, MAX_KEY_CHARACTERS, Callback, Route

_REF = "#/components/schemas/{model}"
# What the edge itself answers on every route; the database, which all of them read, may be out of reach.
_EVERYWHERE: tuple[type[AppError], ...] = (
    AppError,
    Unauthorized,
    Forbidden,
    InvalidInput,
    RateLimited,
    UpstreamTimeout,
)
_UNAVAILABLE = STATUS_OF[UpstreamUnavailable]
_COME_BACK_LATER = (STATUS_OF[RateLimited], _UNAVAILABLE)
_PATH_TYPES = {"guid": {"type": "string", "format": "uuid"}, "long": {"type": "string", "pattern": r"^\d{1,19}$"}}
_CORRELATION_ID = "X-Correlation-ID"
_TEXT = {"type": "string"}
_SIGN_INS = {
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": name_of("login", https=True),
        "description": f"A login. Where the service is reached by plain http: `{name_of('login', https=False)}`.",
    },
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API token. It may not approve."},
}
_COUNT = {"type": "integer", "minimum": 0}
_ALLOWANCE = {
    LIMIT: "Requests of this class a minute. Without a limit, these three are left out.",
    REMAINING: "How many of them are left.",
    RESET: "Seconds until all of them are there again.",
}
_ANSWER_OF_REDIRECT = {"description": "Where to go on.", "required": True, "schema": _TEXT}
_CSRF = "Any value. Required unless the request is authorised by a bearer alone."
_ETAG = {"description": "Changes when the answer may have.", "required": True, "schema": _TEXT}


def openapi_document(routes: Iterable[Route], callbacks: Iterable[Callback] = (), *, version: str) -> dict[str, Any]:
    """The document for these routes and callbacks."""
    routes = list(routes)
    refs, definitions = models_json_schema(_models(routes), ref_template=_REF)
    schemas: dict[Any, Any] = {model: schema for (model, _), schema in refs.items()}
    components = definitions.get("$defs", {})
    queries = {route.query: components[_name(schemas[route.query])] for route in routes}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        path, parameters = _path(route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(
            route, [*parameters, *_query(queries[route.query])], schemas
        )
    for callback in callbacks:
        for method in callback.methods:
            paths.setdefault(f"/api/{callback.path}", {})[method.lower()] = _callback(callback, method, schemas)
    for model in queries:
        components.pop(_name(schemas[model]), None)  # their fields are parameters
    return {
        "openapi": "3.1.0",
        "info": {"title": "ChatSheetAI", "version": version},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": dict(_SIGN_INS)},
        "security": [{scheme: []} for scheme in _SIGN_INS],
    }


def _models(routes: list[Route]) -> list[tuple[type[BaseModel], JsonSchemaMode]]:
    """Every model, as it is read (bodies) or written (answers). A problem leaves out what it has nothing to say of."""
    read: list[type[BaseModel]] = [Problem, *(route.body for route in routes if route.body is not None)]
    read.extend(route.query for route in routes)
    written = [route.answers for route in routes if route.answers is not None]
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [(model, "validation") for model in read]
    models.extend((model, "serialization") for model in written)
    return list(dict.fromkeys(models))


def _operation(route: Route, parameters: list[Any], schemas: dict[Any, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "description": (route.handler.__doc__ or "").strip(),
        "tags": [route.tag],
        "parameters": [*parameters, *_headers(route)],
        "responses": _responses(route, schemas),
    }
    if route.access == "public":
        operation["security"] = []
    if route.body is not None:
        content = {"application/json": {"schema": schemas[route.body]}}
        operation["requestBody"] = {"required": True, "content": content}
    elif route.uploads:
        operation["requestBody"] = {"required": True, "content": {each: {} for each in route.uploads}}
    return operation


def _responses(route: Route, schemas: dict[Any, Any]) -> dict[str, Any]:
    schema = schemas[route.answers] if route.answers else {} if route.media_type == JSON_TYPE else _TEXT
    done = _response("Done.", route.media_type, schema)
    responses = {str(route.status): done}
    if route.other_status is not None:
        responses[str(route.other_status)] = done
    if route.redirects:
        del done["content"]
        done["headers"]["Location"] = _ANSWER_OF_REDIRECT
    if route.conditional:
        done["headers"]["ETag"] = _ETAG
        responses["304"] = {"description": "The caller holds it.", "headers": done["headers"]}
    for status in sorted(_error_statuses(route) - {route.other_status}):
        responses[str(status)] = _response(HTTPStatus(status).phrase, PROBLEM_TYPE, schemas[Problem])
        if status in _COME_BACK_LATER:
            responses[str(status)]["headers"]["Retry-After"] = {
                "description": "Seconds to wait, where that is known.",
                "schema": {"type": "integer", "minimum": 1},
            }
    return responses


def _callback(callback: Callback, method: str, schemas: dict[Any, Any]) -> dict[str, Any]:
    correlation = {_CORRELATION_ID: {"description": "What to tell support.", "required": True, "schema": _TEXT}}
    responses: dict[str, Any] = {
        str(status): {"description": description, "headers": correlation}
        for status, description in callback.answers.items()
    }
    for status in sorted({*STATUS_OF.values(), *STATUS_BY_CODE.values()}):
        responses[str(status)] = _response(HTTPStatus(status).phrase, PROBLEM_TYPE, schemas[Problem])
    operation: dict[str, Any] = {
        "operationId": callback.name if method == "POST" else f"{callback.name}_{method.lower()}",
        "summary": callback.summary,
        "description": callback.description,
        "tags": [callback.tag],
        "security": [],
        "parameters": [_header(name, _TEXT) for name in (_CORRELATION_ID, *callback.headers)],
        "responses": responses,
    }
    if callback.body is not None:
        operation["requestBody"] = {"required": True, "content": {JSON_TYPE: {"schema": dict(callback.body)}}}
    return operation


def _response(description: str, media_type: str, schema: Any) -> dict[str, Any]:
    return {
        "description": description,
        "headers": {
            _CORRELATION_ID: {"description": "What to tell support.", "required": True, "schema": _TEXT},
            **{name: {"description": text, "schema": _COUNT} for name, text in _ALLOWANCE.items()},
        },
        "content": {media_type: {"schema": schema}},
    }


def _error_statuses(route: Route) -> set[int]:
    """An error stands for its special kinds too: a service that may be down may also answer late or nonsense."""
    statuses = {STATUS_OF[error] for error in _EVERYWHERE} | {_UNAVAILABLE}
    statuses |= {STATUS_OF[kind] for kind in STATUS_OF for error in route.errors if issubclass(kind, error)}
    if route.body is not None or route.uploads:
        statuses |= {*STATUS_BY_CODE.values(), STATUS_OF[InvalidInput]}
    if "{" in route.path:
        statuses.add(STATUS_OF[NotFound])  # what is no id belongs to no route
    return statuses


def _path(template: str) -> tuple[str, list[Any]]:
    """The path without route constraints, and its parameters."""
    parameters: list[Any] = []

    def plain(match: re.Match[str]) -> str:
        name, constraint = match[1], match[2] or ""
        schema = _PATH_TYPES.get(constraint, {"type": "string"})
        parameters.append({"name": name, "in": "path", "required": True, "schema": schema})
        return f"{{{name}}}"

    return "/api/" + re.sub(r"\{(\w+)(?::(\w+))?\}", plain, template), parameters


def _name(reference: dict[str, str]) -> str:
    return reference["$ref"].rpartition("/")[2]


def _query(schema: dict[str, Any]) -> list[Any]:
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": definition}
        for name, definition in schema.get("properties", {}).items()
    ]


def _headers(route: Route) -> list[Any]:
    headers: list[Any] = [_header(_CORRELATION_ID, _TEXT)]
    if route.method != "GET":
        headers.append({**_header("X-Requested-With", _TEXT), "description": _CSRF})
    if route.conditional:
        headers.append(_header("If-None-Match", _TEXT))
    if route.creates:
        headers.append(_header("Idempotency-Key", {"type": "string", "minLength": 1, "maxLength": MAX_KEY_CHARACTERS}))
    return headers


def _header(name: str, schema: dict[str, Any], *, required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": required, "schema": schema}
