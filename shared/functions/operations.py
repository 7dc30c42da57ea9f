"""Health and the description of the API."""

import json

import azure.functions as func

from shared.container import get_container
from shared.functions.http import json_response, serve_request
from shared.functions.openapi import openapi_document
from shared.functions.registration import Triggers
from shared.functions.routes import ROUTES

triggers = Triggers()

API_VERSION = "0.1.0"


@triggers.http("health", ["GET"])
async def get_health(req: func.HttpRequest) -> func.HttpResponse:
    """200 when the application can do its work, 503 when it cannot; which part is why."""

    async def work() -> func.HttpResponse:
        health = await get_container().health.check()
        return json_response(health, 200 if health.status == "ok" else 503)

    return await serve_request("get_health", req, work)


@triggers.http("openapi.json", ["GET"])
async def get_openapi(req: func.HttpRequest) -> func.HttpResponse:
    """The API as OpenAPI 3.1."""

    async def work() -> func.HttpResponse:
        document = openapi_document(ROUTES.values(), version=API_VERSION)
        return func.HttpResponse(json.dumps(document), mimetype="application/json")

    return await serve_request("get_openapi", req, work)
