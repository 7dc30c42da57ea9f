"""`make bench`: ratios in one run, because the machine's speed is nobody's promise. `--only` one part."""

import argparse
import asyncio
import tempfile
from pathlib import Path

from tests.bench.engine import measure_engine
from tests.bench.jobs import measure_jobs
from tests.bench.memory import measure_memory
from tests.bench.sheets import measure_sheets
from tests.bench.table import print_table


def main() -> None:
    """Run the benches and print their tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", choices=["jobs", "engine", "sheets", "memory"])
    only = parser.parse_args().only
    with tempfile.TemporaryDirectory(prefix="chatsheet-bench-") as folder:
        if only in (None, "jobs"):
            for table in asyncio.run(measure_jobs(Path(folder))):
                print_table(table)
        if only in (None, "engine"):
            print_table(asyncio.run(measure_engine()))
        if only in (None, "sheets"):
            for table in asyncio.run(measure_sheets(Path(folder))):
                print_table(table)
        if only in (None, "memory"):
            print_table(measure_memory(Path(folder)))


if __name__ == "__main__":
    main()
