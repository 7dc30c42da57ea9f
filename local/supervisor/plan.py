"""Which parts run, and the environment that the application gets from them."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local.azurite import azurite_command, azurite_connection_string
from local.openai.deployments import API_KEY, DEFAULT_DEPLOYMENT, MODEL
from local.openai.limits import Limits
from local.smartsheet.accounts import OWNER_TOKEN
from local.smartsheet.oauth.client import CLIENT_ID, CLIENT_SECRET
from local.standin.serve import HOST
from local.supervisor.parts import Part, accepts_connections, answers_health, shown_address
from local.supervisor.ports import Ports
from local.webpubsub import connection_string

ROOT = Path(__file__).resolve().parents[2]
HOST_STOP_SECONDS = 3.25
AZURITE_STOP_SECONDS = 15.0  # killed before it has written its files, it rolls back to an older state


@dataclass
class Plan:
    """What to start. `elsewhere` are dependencies that the user's own environment provides: name → where."""

    parts: list[Part] = field(default_factory=list[Part])
    app_environment: dict[str, str] = field(default_factory=dict[str, str])
    elsewhere: dict[str, str] = field(default_factory=dict[str, str])
    notes: list[str] = field(default_factory=list[str])


def make_plan(data_dir: Path, ports: Ports, environment: Mapping[str, str], *, with_host: bool) -> Plan:
    """The whole product on these ports, with its data below `data_dir` (absolute).

    A dependency whose address the user's environment already gives is not replaced by a stand-in. Everything
    else that is already set there wins over the plan's value, too.
    """
    plan = Plan()
    host_url = f"http://localhost:{ports.host}"
    _plan_storage(plan, data_dir, ports, environment)
    _plan_smartsheet(plan, data_dir, ports, environment)
    _plan_openai(plan, data_dir, ports, environment)
    _plan_web_pubsub(plan, data_dir, ports, environment, host_url)
    own = {
        "PUBLIC_BASE_URL": host_url,
        "DATABASE_URL": f"sqlite:///{data_dir / 'app' / 'chatsheet.db'}",
        "AUTH_MODE": "single",
    }
    plan.app_environment |= {name: value for name, value in own.items() if not environment.get(name)}
    if with_host:
        plan.parts.append(_host(data_dir, ports, plan.app_environment, host_url))
    return plan


def _plan_storage(plan: Plan, data_dir: Path, ports: Ports, environment: Mapping[str, str]) -> None:
    if environment.get("AzureWebJobsStorage"):
        plan.elsewhere["storage"] = "your AzureWebJobsStorage"
        return
    plan.app_environment["AzureWebJobsStorage"] = azurite_connection_string(ports.azurite)
    plan.parts.append(
        Part(
            name="azurite",
            stands_for="Azure Storage: queues and blobs",
            command=azurite_command(data_dir / "azurite", ports.azurite),
            ports=tuple(ports.azurite),
            url=f"http://{HOST}:{ports.azurite.blob}",
            is_healthy=accepts_connections(*ports.azurite),
            stop_seconds=AZURITE_STOP_SECONDS,
        )
    )


def _plan_smartsheet(plan: Plan, data_dir: Path, ports: Ports, environment: Mapping[str, str]) -> None:
    if _is_elsewhere(plan, "smartsheet", "SMARTSHEET_API_BASE", ("SMARTSHEET_ACCESS_TOKEN",), environment):
        return
    part = _stand_in("smartsheet", "Smartsheet: a sandbox with sample sheets", ports.smartsheet, data_dir)
    plan.parts.append(part)
    plan.app_environment["SMARTSHEET_API_BASE"] = f"{part.url}/2.0"
    plan.app_environment["SMARTSHEET_ACCESS_TOKEN"] = OWNER_TOKEN
    plan.app_environment["SMARTSHEET_OAUTH_CLIENT_ID"] = CLIENT_ID
    plan.app_environment["SMARTSHEET_OAUTH_CLIENT_SECRET"] = CLIENT_SECRET


def _plan_openai(plan: Plan, data_dir: Path, ports: Ports, environment: Mapping[str, str]) -> None:
    dependents = ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_DEPLOYMENT", "AZURE_OPENAI_MODEL")
    if _is_elsewhere(plan, "openai", "AZURE_OPENAI_API_BASE", dependents, environment):
        return
    limits = Limits()
    part = _stand_in("openai", "Azure OpenAI: sandbox · rules, not a model", ports.openai, data_dir)
    plan.parts.append(part)
    plan.app_environment |= {
        "AZURE_OPENAI_API_BASE": part.url,
        "AZURE_OPENAI_API_KEY": API_KEY,
        "AZURE_OPENAI_DEPLOYMENT": DEFAULT_DEPLOYMENT,
        "AZURE_OPENAI_MODEL": MODEL,
        "AZURE_OPENAI_TOKENS_PER_MINUTE": str(limits.tokens_per_minute),
        "AZURE_OPENAI_REQUESTS_PER_MINUTE": str(limits.requests_per_minute),
    }


def _plan_web_pubsub(plan: Plan, data_dir: Path, ports: Ports, environment: Mapping[str, str], host_url: str) -> None:
    if environment.get("WEBPUBSUB_CONNECTION"):
        plan.elsewhere["webpubsub"] = "your WEBPUBSUB_CONNECTION"
        return
    upstream = ("--upstream", f"{host_url}/api/realtime/events")
    part = _stand_in("webpubsub", "Azure Web PubSub: live updates", ports.webpubsub, data_dir, upstream)
    plan.parts.append(part)
    plan.app_environment["WEBPUBSUB_CONNECTION"] = connection_string(ports.webpubsub)


def _is_elsewhere(
    plan: Plan, name: str, address: str, dependents: tuple[str, ...], environment: Mapping[str, str]
) -> bool:
    """Whether the user's environment gives this dependency's address.

    A key or token without an address is not taken: it belongs to another service than the stand-in, and must
    not be sent to it.
    """
    if environment.get(address):
        plan.elsewhere[name] = f"your {address} ({shown_address(environment[address])})"
        return True
    for variable in dependents:
        if environment.get(variable):
            plan.notes.append(f"{variable} is set but {address} is not: the stand-in's own value is used instead.")
    return False


def _stand_in(name: str, stands_for: str, port: int, data_dir: Path, more: tuple[str, ...] = ()) -> Part:
    return Part(
        name=name,
        stands_for=stands_for,
        command=[sys.executable, "-m", f"local.{name}", "--port", str(port), "--data-dir", str(data_dir), *more],
        ports=(port,),
        url=f"http://{HOST}:{port}",
        is_healthy=answers_health(port),
    )


def _host(data_dir: Path, ports: Ports, environment: dict[str, str], url: str) -> Part:
    options = ("--port", str(ports.host), "--data-dir", str(data_dir), "--app-dir", str(ROOT))
    return Part(
        name="host",
        stands_for="ChatSheetAI: status page and API",
        command=[sys.executable, "-m", "local.functions_host", *options],
        ports=(ports.host,),
        url=url,
        is_healthy=answers_health(ports.host),
        environment=environment,
        wave=1,
        stop_seconds=HOST_STOP_SECONDS,
    )
