"""Whether the application can do its work."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

from shared.errors import AppError
from shared.records import Frozen
from shared.telemetry import get_logger

log = get_logger(__name__)

Probe = Callable[[], Awaitable[None]]


class PartHealth(Frozen):
    """One thing that the application needs. `code` says what is wrong with it."""

    status: Literal["ok", "failing"]
    code: str | None = None
    detail: str | None = None


class Health(Frozen):
    """The whole."""

    status: Literal["ok", "failing"]
    parts: dict[str, PartHealth]


class HealthService:
    """Runs the probes, one after the other: there are few, and each is quick. `notes` tell of what does without."""

    def __init__(self, probes: Mapping[str, Probe], notes: Mapping[str, PartHealth] | None = None) -> None:
        self._probes = probes
        self._notes = dict(notes or {})

    async def check(self) -> Health:
        """Try every part."""
        parts = {name: await self._try(name, probe) for name, probe in self._probes.items()}
        failing = any(part.status == "failing" for part in parts.values())
        return Health(status="failing" if failing else "ok", parts={**parts, **self._notes})

    @staticmethod
    async def _try(name: str, probe: Probe) -> PartHealth:
        try:
            await probe()
        except AppError as error:
            return PartHealth(status="failing", code=error.code, detail=error.detail)
        except Exception:
            log.exception("the probe of %s broke", name)
            return PartHealth(status="failing", code="internal")
        return PartHealth(status="ok")
