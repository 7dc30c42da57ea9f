"""The command line of `python -m local import`."""

import argparse
import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import httpx2

from local.importing.column_types import plan_columns
from local.importing.files import read_file
from local.importing.upload import MAX_NAME, Uploader, UploadError
from local.smartsheet.accounts import OWNER_TOKEN
from local.supervisor.data_dir import RUN_FILE
from shared.tables.delimited import DELIMITERS
from shared.tables.reading import ReadOptions, ReadTable
from shared.tables.table import TableError

_HEALTH_SECONDS = 10
EXIT_FAILED = 1
EXIT_REFUSED = 2
EXIT_INTERRUPTED = 130
_DEFAULT_DATA_DIR = Path(__file__).resolve().parents[2] / ".data"


class _NoSandbox(Exception):
    """There is no running sandbox to import into."""


def main(argv: list[str]) -> int:
    """Import one file; the exit code: 0 done, 1 the sandbox failed, 2 refused before anything was done, 130 Ctrl-C.

    The last line on stdout is `{"sheetId", "rows"}`; everything for people goes to stderr.
    """
    options = _options(argv)
    try:
        url = _sandbox_url(options.data_dir)
        read = _read(options)
    except (_NoSandbox, OSError) as error:
        return _say(f"import: {error}", EXIT_REFUSED)
    except TableError as error:
        for problem in error.problems:
            print(f"{options.file}: {problem}", file=sys.stderr)
        return _say("import: nothing was created", EXIT_REFUSED)
    name = options.name or options.file.stem[:MAX_NAME]
    print(f"import: read {len(read.table.records):,} rows from {read.how}", file=sys.stderr)
    for note in read.notes.listed:
        print(f"import: {note}", file=sys.stderr)
    if read.notes.count > len(read.notes.listed):
        print(f"import: {read.notes.count - len(read.notes.listed):,} more such notes", file=sys.stderr)
    with _terminating_as_interrupt():
        return _upload(url, name, read)


def _upload(url: str, name: str, read: ReadTable) -> int:
    uploader = Uploader(f"{url}/2.0", OWNER_TOKEN)
    try:
        sheet_id = uploader.upload(name, read.table, plan_columns(read.table), _progress(len(read.table.records)))
    except (UploadError, KeyboardInterrupt) as error:
        interrupted = isinstance(error, KeyboardInterrupt)
        what = "interrupted" if interrupted else str(error)
        notes: list[str] = getattr(error, "__notes__", ["No sheet was left behind."])
        return _say(f"import: {what}. {' '.join(notes)}", EXIT_INTERRUPTED if interrupted else EXIT_FAILED)
    finally:
        uploader.close()
    print(json.dumps({"sheetId": str(sheet_id), "rows": len(read.table.records)}))
    return 0


def _options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local import",
        description="Takes a table (CSV, TSV or XLSX; titles in the first line) into the running Smartsheet sandbox.",
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--name", help="the sheet's name (default: the file's)")
    parser.add_argument("--data-dir", type=Path, default=_DEFAULT_DATA_DIR, help="the running stack's (default: .data)")
    parser.add_argument("--worksheet", help="of an XLSX workbook (default: the first)")
    parser.add_argument("--encoding", help="of a text file (default: found out)")
    parser.add_argument("--delimiter", help="one of , ; | or 'tab' (default: found out)")
    parser.add_argument("--shorten", action="store_true", help="cut values over 4,000 characters and mark the cut")
    options = parser.parse_args(argv)
    options.delimiter = "\t" if options.delimiter == "tab" else options.delimiter
    if options.delimiter not in (None, *DELIMITERS):
        parser.error(f"--delimiter {options.delimiter!r}: choose one of , ; | or tab")
    if options.name is not None and not 1 <= len(options.name.strip()) <= MAX_NAME:
        parser.error(f"--name must have 1 to {MAX_NAME} characters")
    return options


def _read(options: argparse.Namespace) -> ReadTable:
    reading = ReadOptions(options.encoding, options.delimiter, options.worksheet)
    return read_file(options.file.read_bytes(), options.file.name, reading, shorten=options.shorten)


def _sandbox_url(data_dir: Path) -> str:
    try:
        parts = json.loads((data_dir / RUN_FILE).read_text())
    except FileNotFoundError:
        raise _NoSandbox(f"nothing runs on {data_dir}; start it first with: python -m local") from None
    if "smartsheet" not in parts:
        raise _NoSandbox("the running stack has no Smartsheet sandbox; it uses another Smartsheet")
    url: str = parts["smartsheet"]["url"]
    try:
        httpx2.get(f"{url}/_control/health", timeout=_HEALTH_SECONDS).raise_for_status()
    except httpx2.HTTPError:
        raise _NoSandbox(f"nothing answers on {url}; start the stack again with: python -m local") from None
    return url


def _progress(total: int) -> Callable[[int], None]:
    def show(done: int) -> None:
        if sys.stderr.isatty():
            end = "\n" if done == total else ""
            print(f"\rimport: {done:,} of {total:,} rows", end=end, file=sys.stderr, flush=True)

    return show


@contextmanager
def _terminating_as_interrupt() -> Iterator[None]:
    """Let SIGTERM end the import as Ctrl-C does, so that it clears up."""

    def interrupt(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    former = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


def _say(text: str, code: int) -> int:
    print(text, file=sys.stderr)
    return code
