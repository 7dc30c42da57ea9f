"""The sample sheets as a database file: built once for each state of the samples' code, then copied."""

import hashlib
import os
import shutil
import sqlite3
import sys
from pathlib import Path

from local.smartsheet.database import SCHEMA, SCHEMA_VERSION, Database, connect
from local.smartsheet.samples import SAMPLES
from local.smartsheet.samples.build import store_sample


def open_database(directory: Path) -> tuple[Database, Path]:
    """The sandbox's database in a directory, made from the samples where there is none, and the samples' own file.

    Exits with 2 where the file was written by a version with another schema.
    """
    directory.mkdir(parents=True, exist_ok=True)
    seed = _seed(directory)
    path = directory / "sandbox.db"
    if not path.exists():
        _copy(seed, path)
    database = Database(path)
    (version,) = database.connection().execute("PRAGMA user_version").fetchone()
    if version != SCHEMA_VERSION:
        print(
            f"smartsheet: {path} has another version's form; delete it to start from the sample sheets", file=sys.stderr
        )
        raise SystemExit(2)
    return database, seed


def _seed(directory: Path) -> Path:
    path = directory / f"samples-{_fingerprint()}.db"
    if not path.exists():
        for outdated in directory.glob("samples-*.db*"):
            outdated.unlink()
        unfinished = directory / f"samples-{os.getpid()}.db.tmp"
        unfinished.unlink(missing_ok=True)
        _build(unfinished)
        unfinished.replace(path)
    return path


def _build(path: Path) -> None:
    """Write all samples into a new file; the journal is off, for an unfinished file is never used."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA synchronous = OFF")
    connection.executescript(SCHEMA)
    connection.execute("BEGIN")
    for sample in SAMPLES:
        store_sample(connection, sample())
    connection.execute("COMMIT")
    connection.close()


def _copy(seed: Path, path: Path) -> None:
    unfinished = path.with_suffix(".tmp")
    shutil.copyfile(seed, unfinished)
    connect(unfinished).close()
    unfinished.replace(path)


def _fingerprint() -> str:
    """A name for the present form of the samples: it changes with the code that makes or stores them."""
    digest = hashlib.sha256(SCHEMA.encode())
    package = Path(__file__).parent
    sources = [*package.glob("*.py"), *(package / "rows").glob("*.py"), *(package / "samples").rglob("*.[pc]*")]
    for source in sorted(path for path in sources if path.suffix in (".py", ".csv")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]
