"""Health: every part is tried, and none breaks the whole."""

import pytest

from shared.errors import StorageFull
from shared.health import HealthService, PartHealth


async def works() -> None:
    return


async def is_full() -> None:
    raise StorageFull("The database has no room.")


async def breaks() -> None:
    raise RuntimeError("kaboom")


async def test_all_parts_that_work_make_it_ok():
    health = await HealthService({"one": works, "two": works}).check()
    assert (health.status, {name: part.status for name, part in health.parts.items()}) == (
        "ok",
        {"one": "ok", "two": "ok"},
    )


async def test_one_failing_part_fails_the_whole_and_hides_no_other(caplog: pytest.LogCaptureFixture):
    health = await HealthService({"broken": breaks, "full": is_full, "good": works}).check()
    assert health.status == "failing"
    assert {name: part.code for name, part in health.parts.items()} == {
        "broken": "internal",
        "full": "storage_full",
        "good": None,
    }
    assert health.parts["full"].detail == "The database has no room."
    assert health.parts["broken"].detail is None
    assert "the probe of broken broke" in caplog.text and "kaboom" in caplog.text


async def test_what_the_service_does_without_is_told_and_fails_nothing():
    note = PartHealth(status="ok", code="webhooks_off", detail="Nobody calls.")
    health = await HealthService({"one": works}, {"webhooks": note}).check()
    assert (health.status, health.parts["webhooks"]) == ("ok", note)
