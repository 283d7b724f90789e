"""Forgetting: runs that have been at rest for long are removed from the record, whole and for good."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Collection
from pathlib import Path

import msgspec

from store.database import open_writer, translated
from store.home import Home
from store.journal import Journal
from store.records import Run
from store.states import AT_REST, FINAL

RANGE = 20_000
"""Sequence numbers that one transaction covers: the write-ahead log stays small, and a reader waits for nothing."""
VACUUM_FROM = 0.25
"""Share of free pages from which the file is made smaller."""


class Forgotten(msgspec.Struct, frozen=True):
    """What was removed, or would be."""

    runs: tuple[str, ...]
    events: int
    files_bytes: int
    """Of logs, launch files and spools."""
    database_bytes: int
    """By how much the database file shrank."""


def doomed(runs: Collection[Run], before: float, *, resumable_too: bool = False) -> list[Run]:
    """The runs that came to rest before `before`, oldest first: those that are over for good, or all at rest.

    A run that is held or frozen has a process, and is never among them.
    """
    statuses = AT_REST if resumable_too else FINAL
    over = [run for run in runs if run.status in statuses and run.pid is None]
    found = [run for run in over if (run.rested_at or run.created_at) < before]
    return sorted(found, key=lambda run: (run.rested_at or run.created_at, run.run))


def prune(
    home: Home,
    before: float,
    *,
    resumable_too: bool = False,
    step: Callable[[float], None] = lambda share: None,
) -> Forgotten:
    """Remove what `doomed` names: events, checkpoints, actions, logs, launch files; and requests as old.

    Holds the home's lock meanwhile, so that no runtime writes.  A run's row goes last: what a crash leaves half done,
    the next call finishes.  `step` is told how much of it is done, from 0 to 1.
    Raises `RuntimeAlreadyRunning`, `StoreError`.
    """
    lock = home.acquire()
    try:
        # Opening the journal brings the projection up to date, so that every event's run has a row.
        journal = Journal(home)
        try:
            journal.settle()
            gone = doomed(journal.runs.values(), before, resumable_too=resumable_too)
        finally:
            journal.close()
        return _prune(home, gone, before, step)
    finally:
        os.close(lock)


def _prune(home: Home, gone: list[Run], before: float, step: Callable[[float], None]) -> Forgotten:
    size = home.journal.stat().st_size
    db = open_writer(home.journal, "journal")
    try:
        events = _forget_events(db, gone, before, step)
        files = sum(_forget_files(home, run.run) for run in gone)
        _forget_rows(db, gone)
        _shrink(db)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    except sqlite3.Error as error:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise translated(error, home.journal) from error
    finally:
        db.close()
    _forget_commands(home, before)
    shrunk = max(0, size - home.journal.stat().st_size)
    return Forgotten(tuple(run.run for run in gone), events, files, shrunk)


def _forget_events(db: sqlite3.Connection, gone: list[Run], before: float, step: Callable[[float], None]) -> int:
    """Oldest first, by ranges of the sequence.

    The newest event of all stays, whosever it is: the next one's number is counted from it.
    """
    db.execute("CREATE TEMP TABLE doomed (run TEXT PRIMARY KEY) WITHOUT ROWID")
    db.executemany("INSERT INTO doomed VALUES (?)", [(run.run,) for run in gone])
    first, newest = db.execute("SELECT coalesce(min(seq), 1), coalesce(max(seq), 0) FROM events").fetchone()
    last = min(newest - 1, max((run.last_seq for run in gone), default=0))
    events = 0
    for start in range(first, last + 1, RANGE):
        end = min(start + RANGE - 1, last)
        db.execute("BEGIN IMMEDIATE")
        events += db.execute(
            "DELETE FROM events WHERE seq BETWEEN ? AND ? AND (run IN (SELECT run FROM doomed)"
            " OR (run = '' AND at < ?) OR (run <> '' AND run NOT IN (SELECT run FROM runs)))",
            (start, end, before),
        ).rowcount
        db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        step((end - first + 1) / (last - first + 1))
    return events


def _forget_rows(db: sqlite3.Connection, gone: list[Run]) -> None:
    db.execute("BEGIN IMMEDIATE")
    for table in ("attempts", "actions", "checkpoints", "replays", "runs"):
        db.executemany(f"DELETE FROM {table} WHERE run = ?", [(run.run,) for run in gone])
    db.execute("COMMIT")
    db.execute("DROP TABLE doomed")


def _forget_files(home: Home, run: str) -> int:
    """Remove a run's files; how many bytes they had."""
    spool = home.spool_of(run)
    paths = [home.log(run), home.launch(run), *(spool.iterdir() if spool.is_dir() else ())]
    size = sum(_size(path) for path in paths)
    home.log(run).unlink(missing_ok=True)
    home.launch(run).unlink(missing_ok=True)
    shutil.rmtree(spool, ignore_errors=True)
    return size


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def _shrink(db: sqlite3.Connection) -> None:
    """Give free pages back to the disk where they are many; a few are used again anyway."""
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    free = db.execute("PRAGMA freelist_count").fetchone()[0]
    if free >= VACUUM_FROM * pages:
        db.execute("VACUUM")


def _forget_commands(home: Home, before: float) -> None:
    """Requests that expired before `before`; their numbers are never given again."""
    if not home.control.exists():
        return
    db = open_writer(home.control, "control")
    try:
        db.execute("DELETE FROM commands WHERE expires_at < ?", (before,))
    except sqlite3.Error as error:
        raise translated(error, home.control) from error
    finally:
        db.close()
