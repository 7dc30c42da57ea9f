"""OpenAPI 3.1, made from the table of routes and the models."""

import re
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from shared.errors import AppError, Forbidden, Unauthorized
from shared.functions.problems import PROBLEM_TYPE, STATUS_OF, Problem
from shared.functions.routes import Route

_REF = "#/components/schemas/{model}"
_ALWAYS: tuple[type[AppError], ...] = (Unauthorized, Forbidden)
_PATH_TYPES = {"guid": {"type": "string", "format": "uuid"}, "long": {"type": "string", "pattern": r"^\d{1,19}$"}}


def openapi_document(routes: Iterable[Route], *, version: str) -> dict[str, Any]:
    """The document for these routes."""
    routes = list(routes)
    models: list[type[BaseModel]] = [Problem]
    for route in routes:
        models += [model for model in (route.body, route.answers) if model is not None]
    refs, definitions = models_json_schema(
        [(model, "validation" if model in {r.body for r in routes} else "serialization") for model in _unique(models)],
        ref_template=_REF,
    )
    schemas: dict[Any, Any] = {model: schema for (model, _), schema in refs.items()}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        path, parameters = _path(route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, parameters, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "ChatSheetAI", "version": version},
        "paths": paths,
        "components": {"schemas": definitions.get("$defs", {})},
    }


def _operation(route: Route, parameters: list[Any], schemas: dict[Any, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "description": (route.handler.__doc__ or "").strip(),
        "tags": [route.tag],
        "parameters": [*parameters, *_query(route.query), *_headers(route)],
        "responses": _responses(route, schemas),
    }
    if route.body is not None:
        content = {"application/json": {"schema": schemas[route.body]}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _responses(route: Route, schemas: dict[Any, Any]) -> dict[str, Any]:
    good = {"description": "Done.", "content": {"application/json": {"schema": schemas[route.answers]}}}
    statuses = {STATUS_OF[error] for error in (*route.errors, *_ALWAYS)} | {500}
    if route.body is not None:
        statuses |= {400, 413, 415, 422}
    if route.query.model_fields:
        statuses |= {422}
    problem = {"description": "What is wrong.", "content": {PROBLEM_TYPE: {"schema": schemas[Problem]}}}
    return {str(route.status): good, **{str(status): problem for status in sorted(statuses)}}


def _path(template: str) -> tuple[str, list[Any]]:
    """The path without route constraints, and its parameters."""
    parameters: list[Any] = []

    def plain(match: re.Match[str]) -> str:
        name, constraint = match[1], match[2] or ""
        schema = _PATH_TYPES.get(constraint, {"type": "string"})
        parameters.append({"name": name, "in": "path", "required": True, "schema": schema})
        return f"{{{name}}}"

    return "/api/" + re.sub(r"\{(\w+)(?::(\w+))?\}", plain, template), parameters


def _query(model: type[BaseModel]) -> list[Any]:
    schema = model.model_json_schema(ref_template=_REF)
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": definition}
        for name, definition in schema.get("properties", {}).items()
    ]


def _headers(route: Route) -> list[Any]:
    headers: list[Any] = [{"name": "X-Correlation-ID", "in": "header", "required": False, "schema": {"type": "string"}}]
    if route.method != "GET":
        headers.append(
            {"name": "X-Requested-With", "in": "header", "required": True, "schema": {"type": "string", "minLength": 1}}
        )
    if route.status in (201, 202):
        headers.append({"name": "Idempotency-Key", "in": "header", "required": False, "schema": {"type": "string"}})
    return headers


def _unique(models: list[type[BaseModel]]) -> list[type[BaseModel]]:
    return list(dict.fromkeys(models))
