"""What the host refuses to start, and how it says so."""

import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from local.functions_host.__main__ import build
from local.functions_host.start_error import StartError
from tests.local.functions_host_process import HostProcess

HEAD = """
import azure.durable_functions as df
import azure.functions as func
app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
"""
MakeApp = Callable[[str], Path]


@pytest.fixture
def make_app(tmp_path: Path) -> MakeApp:
    def make(source: str) -> Path:
        app_dir = tmp_path / "app"
        app_dir.mkdir()
        (app_dir / "function_app.py").write_text(HEAD + textwrap.dedent(source))
        (app_dir / "host.json").write_text('{"version": "2.0"}')
        return app_dir

    return make


@pytest.fixture
def refused(make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """The problems for which an app is not started."""

    def problems_of(source: str) -> list[str]:
        app_dir = make_app(source)
        monkeypatch.setattr(sys, "path", list(sys.path))
        monkeypatch.delitem(sys.modules, "function_app", raising=False)
        monkeypatch.setattr("local.functions_host.__main__.configure_logging", lambda *_, **__: None)
        with pytest.raises(StartError) as error:
            build("http://localhost", app_dir, tmp_path / "data", 10)
        sys.modules.pop("function_app", None)
        return list(error.value.problems)

    return problems_of


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (
            """
            @app.orchestration_trigger(context_name="ctx")
            def run(ctx): yield
            """,
            'the "context" parameter is expected to be of type azure.functions.Context',
        ),
        (
            """
            @app.route()
            async def get(req: func.HttpRequest, extra: str) -> str: return ""
            """,
            "declared in Python but have no binding: extra",
        ),
        (
            """
            @app.route(trigger_arg_name="request")
            async def get() -> str: return ""
            """,
            "bindings are not parameters in Python: request",
        ),
        (
            """
            @app.route()
            async def get(req: func.QueueMessage) -> str: return ""
            """,
            'type of req binding "httpTrigger" does not match its Python annotation "QueueMessage"',
        ),
        (
            """
            @app.route()
            async def get(req: func.HttpRequest) -> dict: return {}
            """,
            'Python return annotation "dict" does not match binding type "http"',
        ),
        (
            """
            @app.route()
            async def get(req: func.HttpRequest) -> func.HttpResponse | None: return None
            """,
            "has invalid non-type return annotation",
        ),
        (
            """
            @app.route()
            async def get(req: func.Out[func.HttpRequest]) -> str: return ""
            """,
            'req is declared to have the "in" direction',
        ),
        (
            """
            @app.route(binding_arg_name="res")
            async def get(req: func.HttpRequest, res: func.HttpResponse) -> None: return None
            """,
            'res is declared to have the "out" direction',
        ),
        (
            """
            @app.activity_trigger(input_name="ids")
            def count(ids: list[str] | None) -> int: return 0
            """,
            "binding ids has invalid non-type annotation",
        ),
        (
            """
            @app.activity_trigger(input_name="job_id")
            def count(job_id: str) -> int: return 0
            """,
            "the binding name job_id is invalid",
        ),
        (
            """
            @app.timer_trigger(arg_name="timer", schedule="0 0 3 * * *")
            def nightly(timer: func.TimerRequest): yield
            """,
            "it is a generator function",
        ),
        (
            """
            @app.blob_trigger(arg_name="blob", path="a", connection="c")
            def read(blob: func.InputStream) -> None: ...
            """,
            "binding type 'blobTrigger' of blob is not run by this host",
        ),
        (
            """
            @app.entity_trigger(context_name="context")
            def counter(context): ...
            """,
            "entities are not run by this host",
        ),
        (
            """
            @app.timer_trigger(arg_name="timer", schedule="0 0 3 * * *")
            @app.retry(strategy="fixed_delay", max_retry_count="3", delay_interval="00:00:01")
            def nightly(timer: func.TimerRequest) -> None: ...
            """,
            "this host does not run retry policies",
        ),
        (
            """
            @app.function_name("host")
            @app.route()
            async def get(req: func.HttpRequest) -> str: return ""
            """,
            "'host' is not a valid function name",
        ),
        (
            """
            @app.route(route="a")
            async def one(req: func.HttpRequest) -> str: return ""
            @app.function_name("one")
            @app.route(route="b")
            async def two(req: func.HttpRequest) -> str: return ""
            """,
            "Function one does not have a unique function name",
        ),
        (
            """
            @app.route(route="A/{x}", methods=["GET"])
            async def one(req: func.HttpRequest) -> str: return ""
            @app.route(route="/a/{X}/")
            async def two(req: func.HttpRequest) -> str: return ""
            """,
            "conflicts with the route defined by function 'one'",
        ),
        (
            """
            @app.route(route="jobs/{id}", methods=["GET"])
            async def one(req: func.HttpRequest) -> str: return ""
            @app.route(route="jobs/preview", methods=["GET"])
            async def two(req: func.HttpRequest) -> str: return ""
            """,
            "its route 'jobs/preview' is never reached",
        ),
        (
            """
            @app.route(route="admin/users")
            async def one(req: func.HttpRequest) -> str: return ""
            """,
            "conflicts with one or more built in routes",
        ),
        (
            """
            @app.route(route="{id:uuid}")
            async def one(req: func.HttpRequest) -> str: return ""
            """,
            "the constraint 'uuid' could not be resolved",
        ),
        (
            """
            @app.timer_trigger(arg_name="timer", schedule="%WHEN%")
            def nightly(timer: func.TimerRequest) -> None: ...
            """,
            "'%WHEN%' does not resolve to a value",
        ),
        (
            """
            @app.timer_trigger(arg_name="timer", schedule="00:05:00")
            def nightly(timer: func.TimerRequest) -> None: ...
            """,
            "a TimeSpan runs on App Service plans only",
        ),
        (
            """
            @app.queue_trigger(arg_name="msg", queue_name="Bad_Name", connection="AzureWebJobsStorage")
            def take(msg: func.QueueMessage) -> None: ...
            """,
            "'bad_name' is not a queue name",
        ),
        (
            """
            @app.queue_trigger(arg_name="msg", queue_name="orders", connection="Other")
            def take(msg: func.QueueMessage) -> None: ...
            """,
            "storage connection string 'Other' does not exist",
        ),
        ("other = func.FunctionApp()", "more than one top level function app instance"),
        (
            "raise RuntimeError('DATABASE_URL: postgresql:// is not supported')",
            "RuntimeError: DATABASE_URL: postgresql://",
        ),
        ("import not_installed_anywhere", "ModuleNotFoundError: No module named 'not_installed_anywhere'"),
        ("", "function_app.py has no functions"),
    ],
)
def test_an_app_that_the_real_worker_or_host_refuses_is_refused(
    refused: Callable[[str], list[str]], source: str, problem: str
) -> None:
    assert any(problem in each for each in refused(source)), problem


def test_all_problems_are_reported_at_once(refused: Callable[[str], list[str]]) -> None:
    problems = refused(
        """
        @app.route(route="{x:none}")
        async def one(req: func.HttpRequest) -> str: return ""
        @app.timer_trigger(arg_name="timer", schedule="never")
        def two(timer: func.TimerRequest) -> None: ...
        @app.queue_trigger(arg_name="msg", queue_name="x", connection="None")
        def three(msg: func.QueueMessage) -> None: ...
        """
    )
    assert [each.split()[3] for each in problems] == ["one", "three", "two"]


def test_a_failed_start_prints_the_message_and_no_trace(make_app: MakeApp) -> None:
    app_dir = make_app(
        """
        from pydantic import Field
        from pydantic_settings import BaseSettings
        class Settings(BaseSettings):
            database_url: str
            lease_seconds: int = Field(gt=0)
        Settings(lease_seconds=0)
        """
    )
    host = HostProcess(app_dir)
    host.process.wait(20)
    log = host.log.read_text()
    assert host.stop() == 1
    assert host.first_line == ""
    assert "Settings: database_url: Field required" in log
    assert "Settings: lease_seconds: Input should be greater than 0" in log
    assert "Traceback" not in log


def test_an_unexpected_error_keeps_its_trace(refused: Callable[[str], list[str]]) -> None:
    (problem,) = refused("None.missing")
    assert "Traceback" in problem
