"""Health and the description of the API."""

import json

import azure.functions as func

from shared.container import get_container
from shared.functions.openapi import openapi_document
from shared.functions.registration import Triggers
from shared.functions.routes import ROUTES

triggers = Triggers()

API_VERSION = "0.1.0"


@triggers.http("health", ["GET"])
async def get_health(req: func.HttpRequest) -> func.HttpResponse:
    """200 when the application can do its work, 503 when it cannot; which part is why."""
    health = await get_container().health.check()
    return func.HttpResponse(
        health.model_dump_json(by_alias=True, exclude_none=True),
        status_code=200 if health.status == "ok" else 503,
        headers={"Cache-Control": "no-store"},
        mimetype="application/json",
    )


@triggers.http("openapi.json", ["GET"])
async def get_openapi(req: func.HttpRequest) -> func.HttpResponse:
    """The API as OpenAPI 3.1."""
    document = openapi_document(ROUTES.values(), version=API_VERSION)
    return func.HttpResponse(json.dumps(document), mimetype="application/json")
