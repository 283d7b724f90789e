"""What can be said of the databases of a home without a runtime: SQLite's version, damage, sizes."""

from __future__ import annotations

import sqlite3
from pathlib import Path

WAL_RESET_MENDED = ((3, 44, 6), (3, 50, 7), (3, 51, 3))
"""First releases of their lines without the WAL-reset bug (sqlite.org/wal.html): when two connections write or fold the
log at once, a transaction can be lost."""
DEEP_LOOK_BYTES = 256 * 1024 * 1024
"""A larger database is not read through."""


def sqlite_version() -> tuple[int, int, int]:
    """The version of the SQLite library in use."""
    return sqlite3.sqlite_version_info


def has_wal_reset_bug(version: tuple[int, int, int]) -> bool:
    """Whether that release of SQLite can lose a commit when several connections fold the log."""
    if version >= WAL_RESET_MENDED[-1]:
        return False
    return not any(version[:2] == mended[:2] and version >= mended for mended in WAL_RESET_MENDED)


def damage(path: Path) -> str | None:
    """What is wrong with a database file, in SQLite's words; None if nothing is, or it is too large to be read."""
    if path.stat().st_size > DEEP_LOOK_BYTES:
        return None
    try:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            said = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
        finally:
            db.close()
    except sqlite3.Error as error:
        return str(error)
    return None if said == "ok" else said


def wal_bytes(path: Path) -> int:
    """Size of the write-ahead log beside a database."""
    wal = path.with_name(f"{path.name}-wal")
    return wal.stat().st_size if wal.exists() else 0
