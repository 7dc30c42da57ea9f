"""How many no-op activities a second the host's Durable engine carries."""

from tests.bench.durable_throughput import measure
from tests.bench.table import Table


async def measure_engine() -> Table:
    """200, 1,000 and 2,000 activities: in one wave, and in sub-orchestrations of 100."""
    rows = [["no-op activities", "one wave /s", "chunks of 100 /s", "chunks ÷ wave"]]
    for count in (200, 1000, 2000):
        flat = await measure(count, None)
        chunked = await measure(count, 100)
        rows.append([f"{count:,}", f"{flat:,.0f}", f"{chunked:,.0f}", f"{chunked / flat:.2f}"])
    return Table("Durable engine", "Through the real SDK: schedule, run, record, replay.", rows)
