"""Holds every answer against the API's own OpenAPI document."""

import gzip
import json
import re
from functools import cached_property
from typing import Any

import azure.functions as func
from jsonschema import Draft202012Validator

from shared.functions.openapi import openapi_document
from shared.functions.routes import CALLBACKS, ROUTES

FORMATS = Draft202012Validator.FORMAT_CHECKER


class Contract:
    """The document, by operation. What serves all that is not in it (`UNDOCUMENTED`) is not checked."""

    UNDOCUMENTED = frozenset({"warn_unknown_route"})

    @cached_property
    def document(self) -> dict[str, Any]:
        """The document as clients read it."""
        return json.loads(json.dumps(openapi_document(ROUTES.values(), CALLBACKS.values(), version="0")))

    @cached_property
    def operations(self) -> dict[str, dict[str, Any]]:
        """Operations by `operationId`."""
        return {each["operationId"]: each for path in self.document["paths"].values() for each in path.values()}

    def check(self, name: str, request: func.HttpRequest, response: func.HttpResponse) -> None:
        """Fails unless the document promises this answer, and, after a success, allows the request."""
        if name in self.UNDOCUMENTED:
            return
        operation = self.operations[name]
        promised = operation["responses"].get(str(response.status_code))
        assert promised is not None, f"{name}: status {response.status_code} is not documented"
        if name in CALLBACKS:
            return  # what another service calls has no body of ours but in errors
        self._check_body(promised.get("content"), response)
        self._check_headers(promised["headers"], response)
        if response.status_code < 300:
            self._check_request(operation, request)

    def _check_body(self, content: dict[str, Any] | None, response: func.HttpResponse) -> None:
        if content is None:
            assert response.get_body() == b""
            return
        ((media_type, promised),) = content.items()
        assert response.mimetype == media_type
        body = response.get_body()
        text = (gzip.decompress(body) if response.headers.get("Content-Encoding") == "gzip" else body).decode()
        self._validate(promised["schema"], json.loads(text) if media_type.endswith("json") else text)

    def _check_headers(self, promised: dict[str, Any], response: func.HttpResponse) -> None:
        for header, definition in promised.items():
            assert header in response.headers or not definition.get("required"), f"{header} is missing"
        undocumented = {"X-Correlation-ID", "Retry-After", "ETag"} & set(response.headers) - set(promised)
        assert not undocumented, f"{undocumented} is not documented"
        if "Retry-After" in response.headers:
            assert re.fullmatch(r"[1-9]\d*", response.headers["Retry-After"])

    def _check_request(self, operation: dict[str, Any], request: func.HttpRequest) -> None:
        if "requestBody" in operation:
            content = operation["requestBody"]["content"]
            if "application/json" in content:
                self._validate(content["application/json"]["schema"], json.loads(request.get_body()))
        given: dict[str, Any] = {"query": request.params, "path": request.route_params, "header": request.headers}
        for parameter in operation["parameters"]:
            present = parameter["name"] in given[parameter["in"]]
            assert present or not parameter["required"], f"{parameter['name']} should have been required"
        known = {parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "query"}
        assert set(request.params) <= known

    def _validate(self, schema: dict[str, Any], value: Any) -> None:
        whole = {**schema, "components": self.document["components"]}
        Draft202012Validator(whole, format_checker=FORMATS).validate(value)
