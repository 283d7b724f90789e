"""Opening a database file: pragmas, numbered migrations, and a clear sentence when it cannot be used."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from store.errors import CorruptDatabase, HomeNotWritable, NewerDatabase, StoreError

MIGRATIONS = Path(__file__).parent / "migrations"


def migrations(name: str) -> list[tuple[int, str]]:
    """(version, SQL) of every migration of the database `name`, in order."""
    found = [(int(path.name.split("_", 1)[0]), path) for path in (MIGRATIONS / name).glob("*.sql")]
    return [(version, path.read_text(encoding="utf-8")) for version, path in sorted(found)]


def latest(name: str) -> int:
    """The version that this code reads and writes."""
    return migrations(name)[-1][0]


def open_writer(path: Path, name: str, *, synchronous: str = "NORMAL") -> sqlite3.Connection:
    """Open `path` for writing, brought to the latest version.

    `synchronous` is NORMAL (survives any crash of processes) or FULL (a power cut as well).
    Raises `NewerDatabase`, `CorruptDatabase`, `HomeNotWritable`, `StoreError`.
    """
    try:
        connection = sqlite3.connect(path, isolation_level=None, cached_statements=64)
        try:
            _prepare(connection, path, name, synchronous)
        except BaseException:
            connection.close()
            raise
    except (sqlite3.Error, OSError) as error:
        raise translated(error, path) from error
    return connection


def _prepare(connection: sqlite3.Connection, path: Path, name: str, synchronous: str) -> None:
    # Clients of control.db queue behind each other; a long wait beats an error at the operator.
    connection.execute("PRAGMA busy_timeout = 10000")
    check_version(connection, path, name)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    if name == "journal":
        # The runtime folds the WAL back itself, when it is idle.
        connection.execute("PRAGMA wal_autocheckpoint = 0")
    _migrate(connection, name)
    path.chmod(0o600)


def check_version(connection: sqlite3.Connection, path: Path, name: str) -> int:
    """The file's version.  Raises `NewerDatabase`."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    refuse_newer(version, path, name)
    return version


def refuse_newer(version: int, path: Path, name: str) -> None:
    """Raise `NewerDatabase` if `version` is beyond what this code knows."""
    known = latest(name)
    if version > known:
        raise NewerDatabase(
            f"{path} was written by a newer agentwatch (format {version}, this one knows {known}): "
            "upgrade agentwatch, or name another home with --home."
        )


def _migrate(connection: sqlite3.Connection, name: str) -> None:
    if int(connection.execute("PRAGMA user_version").fetchone()[0]) == latest(name):
        return
    # IMMEDIATE: two clients that both find an empty control.db must not both create its tables.
    connection.execute("BEGIN IMMEDIATE")
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    for number, script in migrations(name):
        if number > version:
            for statement in script.split(";\n"):
                if statement.strip():
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
    connection.execute("COMMIT")


def translated(error: Exception, path: Path) -> StoreError:
    """The sentence for what SQLite or the system said about `path`."""
    text = str(error)
    if isinstance(error, sqlite3.DatabaseError) and ("malformed" in text or "not a database" in text):
        return CorruptDatabase(
            f"{path} is damaged or no SQLite database ({text}): move it away to begin a new record, "
            "or restore it from a copy."
        )
    if "readonly" in text or "unable to open" in text or isinstance(error, PermissionError):
        return HomeNotWritable(
            f"{path} cannot be opened for writing ({text}). Name another home with --home or AGENTWATCH_HOME."
        )
    if "full" in text or "I/O error" in text:
        return StoreError(f"{path} cannot be written: {text}. Make room on that disk.")
    return StoreError(f"{path}: {text}")
