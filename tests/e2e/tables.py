"""Tables to work on."""

import csv
import shutil
import subprocess
from pathlib import Path

_FORMAT = "${Package}\t${Section}\t${Maintainer}\t${Description}\x1e"


def package_table(folder: Path, *, limit: int | None = None) -> tuple[Path, int]:
    """Nobody made it for this: the packages of this machine, with descriptions of many lines. File and rows.

    Where there is no dpkg, the standard library's modules with their docstrings take its place.
    """
    rows = _packages() if shutil.which("dpkg-query") else _modules()
    rows = rows[:limit]
    file = folder / "packages.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(["Package", "Section", "Maintainer", "Description", "Summary"])
        writer.writerows([*row, ""] for row in rows)
    return file, len(rows)


def report_table(folder: Path, rows: int) -> Path:
    """Short reports, all different."""
    file = folder / f"reports-{rows}.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(["Title", "Text", "Summary"])
        for n in range(rows):
            text = f"The pump of station {n} leaks since week {n % 52}. Repair costs {n * 37:,} EUR; a decision is due."
            writer.writerow([f"Report {n}", text, ""])
    return file


def _packages() -> list[list[str]]:
    done = subprocess.run(["dpkg-query", "-W", f"-f={_FORMAT}"], capture_output=True, check=True)
    records = done.stdout.decode("utf-8", errors="replace").split("\x1e")
    return [[*record.split("\t", 3)[:3], record.split("\t", 3)[3][:4000]] for record in records if record.strip()]


def _modules() -> list[list[str]]:
    import sys

    names = sorted(name for name in sys.stdlib_module_names if not name.startswith("_"))
    return [[name, "stdlib", "python", f"{name}: a module.\nIt is part of the standard library."] for name in names]
