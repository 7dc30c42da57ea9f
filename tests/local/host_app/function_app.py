"""An app with one function for everything that the host's tests look at."""

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


def _note(name: str, **facts: Any) -> None:
    """Append one line to the file that the test reads."""
    with Path(os.environ["NOTES"]).open("a") as file:
        file.write(json.dumps({"name": name, **facts}) + "\n")


@app.route(route="echo/{*rest}")
async def echo(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Answers with everything that it was given."""
    body = {
        "method": req.method,
        "url": req.url,
        "params": dict(req.params),
        "route": dict(req.route_params),
        "headers": dict(req.headers),
        "body": req.get_body().decode("latin-1"),
        "form": dict(req.form),
        "files": {name: file.read().decode("latin-1") for name, file in req.files.items()},
        "context": [context.function_name, bool(context.invocation_id)],
    }
    return func.HttpResponse(json.dumps(body), mimetype="application/json")


@app.route(route="items/{id:guid}", methods=["GET"])
def get_item(req: func.HttpRequest) -> func.HttpResponse:
    """A function that is no coroutine runs in a thread."""
    return func.HttpResponse(req.route_params["id"])


@app.route(route="items", methods=["POST"])
async def post_item(req: func.HttpRequest) -> func.HttpResponse:
    """Same path family, another method."""
    return func.HttpResponse(status_code=204)


@app.route(route="secret", auth_level=func.AuthLevel.FUNCTION)
async def secret(req: func.HttpRequest) -> str:
    """Needs a function key."""
    return "open"


@app.route(route="master", auth_level=func.AuthLevel.ADMIN)
async def master(req: func.HttpRequest) -> str:
    """Needs the master key."""
    return "open"


@app.route(route="cookies")
async def cookies(req: func.HttpRequest) -> func.HttpResponse:
    """Two cookies, and one header name twice."""
    response = func.HttpResponse(b"\x00\xff", mimetype="application/octet-stream")
    response.headers.add("Set-Cookie", "__Host-login=a/b; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=60")
    response.headers.add("Set-Cookie", "theme=dark")
    response.headers.add("Set-Cookie", "lost=a b")
    response.headers.add("X-Many", "first")
    response.headers.add("X-Many", "second")
    return response


@app.route(route="broken/{kind}")
async def broken(req: func.HttpRequest) -> func.HttpResponse:
    """Fails in several ways."""
    match req.route_params["kind"]:
        case "raise":
            raise ValueError("secret detail")
        case "type":
            return 42  # type: ignore[return-value]
        case "slow":
            await asyncio.sleep(60)
        case "header":
            return func.HttpResponse("x", headers={"x-bad": "é"})
        case "body":
            return func.HttpResponse("x", status_code=204)
    return func.HttpResponse("fine")


@app.route(route="text")
async def text(req: func.HttpRequest) -> str:
    """A returned str."""
    return os.environ["GREETING"]


@app.route(route="named", binding_arg_name="res")
async def named(req: func.HttpRequest, res: func.Out[func.HttpResponse]) -> None:
    """The response goes through a named output binding."""
    res.set(func.HttpResponse("through out", status_code=201))


@app.route(route="start")
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Starts an orchestration and waits for it."""
    instance = await client.start_new("double_v1", client_input=int(req.params["n"]))
    return await client.wait_for_completion_or_create_check_status_response(req, instance, 5000, 100)


@app.orchestration_trigger(context_name="context")
def double_v1(context: df.DurableOrchestrationContext) -> Any:
    """One activity."""
    return (yield context.call_activity("double", context.get_input()))


@app.activity_trigger(input_name="number")
def double(number: int) -> int:
    """Twice the number."""
    return 2 * number


@app.queue_trigger(arg_name="msg", queue_name="%ORDERS_QUEUE%", connection="AzureWebJobsStorage")
async def take_order(msg: func.QueueMessage) -> None:
    """Notes the message; then does what it says."""
    order = msg.get_json()
    _note("begin", order=order, dequeue=msg.dequeue_count, id=msg.id, inserted=str(msg.insertion_time))
    if order.get("fail"):
        raise RuntimeError("as ordered")
    await asyncio.sleep(order.get("seconds", 0))
    _note("end", order=order, at=time.time())


@app.queue_trigger(arg_name="msg", queue_name="plain", connection="AzureWebJobsStorage")
def take_plain(msg: str) -> None:
    """The bare text."""
    _note("plain", text=msg)


@app.timer_trigger(arg_name="timer", schedule="0 0 3 * * *", use_monitor=True)
async def nightly(timer: func.TimerRequest) -> None:
    """Once a day."""
    _note("nightly", past_due=timer.past_due, status=timer.schedule_status)  # pyright: ignore[reportAttributeAccessIssue]


@app.timer_trigger(arg_name="timer", schedule="*/1 * * * * *", run_on_startup=True)
async def every_second(timer: func.TimerRequest) -> None:
    """Once a second, and at the start."""
    _note("second", past_due=timer.past_due)
