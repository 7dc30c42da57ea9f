"""A stack of fake parts under the real supervisor: `python -m tests.local.fake_stack DATA_DIR [NAME=BEHAVIOUR …]`."""

import asyncio
import os
import sys
from pathlib import Path

from local.supervisor.data_dir import lock
from local.supervisor.parts import Part, answers_health
from local.supervisor.plan import Plan
from local.supervisor.ports import chosen_ports
from local.supervisor.supervisor import Supervisor
from local.supervisor.terminal import Terminal

HEALTHY_WITHIN_SECONDS = 3
FAKE_PART = Path(__file__).with_name("fake_part.py")


def fake_part(name: str, port: int, behaviour: str, data_dir: Path) -> Part:
    command = [sys.executable, str(FAKE_PART), str(port), behaviour, str(data_dir / f"{name}.notes")]
    return Part(
        name=name,
        stands_for="a fake",
        command=["/no/such/program"] if behaviour == "missing" else command,
        ports=(port,),
        url=f"http://127.0.0.1:{port}",
        is_healthy=answers_health(port),
        environment={"GREETING": f"hello {name}"},
        wave=1 if name == "host" else 0,
        stop_seconds=1.0,
    )


async def run(data_dir: Path, behaviours: dict[str, str]) -> int:
    ports = chosen_ports(0)
    free = [ports.host, ports.smartsheet, ports.openai, ports.webpubsub]
    parts = [
        fake_part(name, port, behaviour, data_dir)
        for (name, behaviour), port in zip(behaviours.items(), free, strict=False)
    ]
    terminal = Terminal()

    async def ready() -> None:
        terminal.say("READY")

    plan = Plan(parts, app_environment={"SECRET": "for the app only"})
    supervisor = Supervisor(
        plan, data_dir, os.environ, terminal, ready=ready, healthy_within_seconds=HEALTHY_WITHIN_SECONDS
    )
    return await supervisor.run(lock(data_dir))


if __name__ == "__main__":
    given = dict(argument.split("=") for argument in sys.argv[2:])
    sys.exit(asyncio.run(run(Path(sys.argv[1]), given)))
