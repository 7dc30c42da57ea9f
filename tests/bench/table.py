"""Tables on a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """A title, a sentence on how to read it, and the rows (the first are the headings)."""

    title: str
    note: str
    rows: Sequence[Sequence[str]]


def print_table(table: Table) -> None:
    """Aligned columns, numbers to the right."""
    widths = [max(len(row[column]) for row in table.rows) for column in range(len(table.rows[0]))]
    print(f"\n{table.title}\n{table.note}")
    for number, row in enumerate(table.rows):
        cells = [
            text.ljust(width) if at == 0 else text.rjust(width)
            for at, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  " + "  ".join(cells).rstrip())
        if number == 0:
            print("  " + "  ".join("-" * width for width in widths))
