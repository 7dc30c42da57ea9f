"""No-op activities a second through a task hub: scheduled, run, recorded, replayed by the real SDK."""

import json
import tempfile
import time
from pathlib import Path

from local.functions_host.durable import DurableSettings, DurableTaskHub
from local.functions_host.functions import Worker
from tests.local.durable_app.harness import functions

PATIENCE_SECONDS = 300


async def measure(rows: int, chunk: int | None) -> float:
    """Activities per second for `rows` of them, in one wave or in sub-orchestrations of `chunk`."""
    with tempfile.TemporaryDirectory(prefix="durable-bench-") as folder:
        worker = Worker()
        hub = DurableTaskHub(functions(), worker, Path(folder) / "durable.db", name="Bench", settings=DurableSettings())
        await hub.start()
        try:
            started = time.perf_counter()
            if chunk is None:
                instance_id = await hub.start_new("fan_out", None, json.dumps(rows))
            else:
                instance_id = await hub.start_new("fan_out_in_chunks", None, json.dumps({"rows": rows, "chunk": chunk}))
            status = await hub.wait_until_finished(instance_id, PATIENCE_SECONDS)
            seconds = time.perf_counter() - started
        finally:
            await hub.stop()
            worker.close()
    if status is None or status.runtime_status != "Completed":
        raise RuntimeError(f"the bench's orchestration did not complete: {status}")
    return rows / seconds
