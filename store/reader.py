"""The read side of the journal, for the console and the command line: short transactions, never a write."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiosqlite
import msgspec

from store.connecting import connected
from store.database import refuse_newer, translated
from store.errors import AmbiguousRun, NoJournal, StoreError, UnknownRun
from store.events import Kind
from store.home import Home
from store.journal import ACTION_COLUMNS, CHAIN, CHECKPOINT_COLUMNS, action_of, event_of
from store.projection import project
from store.records import Action, Checkpoint, CheckpointRef, Event, Run
from store.watching import Watch

BUSY_POLL_S = 0.025
IDLE_POLL_S = 0.1
IDLE_AFTER_S = 2.0
ASK_ANYWAY_S = 1.0
TAIL_BATCH = 5000


async def _connected(path: Path, how: str) -> tuple[aiosqlite.Connection, int]:
    """Open a file for reading and read its version.  A connection left open would keep the process from ending."""
    db = await connected(f"{path.as_uri()}?{how}", uri=True, isolation_level=None)
    try:
        await db.execute("PRAGMA busy_timeout = 5000")
        ((version,),) = await db.execute_fetchall("PRAGMA user_version")
    except BaseException:
        await db.close()
        raise
    return db, int(version)


class Fleet:
    """Every run as of one event of the journal."""

    def __init__(self, runs: Iterable[Run], seq: int) -> None:
        self.runs = {run.run: run for run in runs}
        self.seq = seq
        """The last event that `runs` takes in."""

    def apply(self, events: Iterable[Event]) -> set[str]:
        """Fold later events in; returns the ids of the runs that changed."""
        changed: set[str] = set()
        for event in events:
            if event.seq <= self.seq:
                continue
            self.seq = event.seq
            if event.run and (folded := project(self.runs.get(event.run), event)) is not None:
                self.runs[event.run] = folded
                changed.add(event.run)
        return changed

    def find(self, name: str) -> Run:
        """The run with this id, this unambiguous prefix of an id, or the latest run of this agent.

        Raises `UnknownRun`, `AmbiguousRun`.
        """
        if name in self.runs:
            return self.runs[name]
        by_agent = [run for run in self.runs.values() if run.agent == name]
        if by_agent:
            return max(by_agent, key=lambda run: (run.created_at, run.last_seq))
        by_prefix = [run for run in self.runs.values() if name and run.run.startswith(name)]
        if len(by_prefix) == 1:
            return by_prefix[0]
        if by_prefix:
            some = ", ".join(f"{run.run} ({run.agent})" for run in by_prefix[:4])
            raise AmbiguousRun(f"{name!r} begins {len(by_prefix)} runs: {some}. Give more of the id.")
        raise UnknownRun(f"There is no run and no agent called {name!r}: `agentwatch ps` lists what there is.")


class Reader:
    """An open, read-only journal.  Every method is one short transaction."""

    def __init__(self, db: aiosqlite.Connection, path: Path) -> None:
        self._db = db
        self._path = path
        self._log = path.with_name(f"{path.name}-wal")
        """Where every commit is written first."""
        self.caught_up_at = float("-inf")
        """Monotonic time at which `tail` last found nothing that it had not yielded."""

    @classmethod
    async def open(cls, home: Home) -> Self:
        """Open the journal of `home`.

        Raises `NoJournal`, `NewerDatabase`, `CorruptDatabase`, `StoreError`.
        """
        path = home.journal
        if not path.exists():
            raise NoJournal(f"Nothing has run in {home.root} yet: begin with `agentwatch run`.")
        try:
            db, version = await _connected(path, "mode=ro")
        except sqlite3.OperationalError:
            # A home that cannot be written: no shared-memory file can be made there.
            try:
                db, version = await _connected(path, "immutable=1")
            except sqlite3.Error as error:
                raise translated(error, path) from error
        except sqlite3.Error as error:
            raise translated(error, path) from error
        try:
            refuse_newer(version, path, "journal")
            if version == 0:
                raise NoJournal(f"Nothing has run in {home.root} yet: begin with `agentwatch run`.")
        except StoreError:
            await db.close()
            raise
        return cls(db, path)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._db.close()

    async def _rows(self, sql: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            # Fetched to the end: an open cursor would pin its snapshot and hide newer rows.
            return [tuple(row) for row in await self._db.execute_fetchall(sql, values)]
        except (sqlite3.Error, ValueError) as error:
            # ValueError: who follows the record closed it, and somebody else still reads.
            raise translated(error, self._path) from error

    async def _events(self, sql: str, values: tuple[Any, ...]) -> list[Event]:
        rows = await self._rows(sql, values)
        try:
            return [event_of(row) for row in rows]
        except msgspec.MsgspecError as error:
            raise translated(error, self._path) from error

    async def fleet(self) -> Fleet:
        """Every run, now: the projection with the events after it folded in."""
        try:
            await self._db.execute("BEGIN")
            bodies = await self._rows("SELECT body FROM runs")
            meta = await self._rows("SELECT value FROM meta WHERE name = 'projected_seq'")
            projected = int(meta[0][0]) if meta else 0
            events = await self._after(projected, 1_000_000)
        except sqlite3.Error as error:
            raise translated(error, self._path) from error
        finally:
            if self._db.in_transaction:
                # Nothing was written: what went wrong before is what there is to tell.
                with contextlib.suppress(sqlite3.Error):
                    await self._db.execute("COMMIT")
        fleet = Fleet((msgspec.json.decode(body, type=Run) for (body,) in bodies), projected)
        fleet.apply(events)
        return fleet

    async def _after(self, seq: int, limit: int) -> list[Event]:
        return await self._events(
            "SELECT seq, run, prev, at, attempt, kind, body FROM events WHERE seq > ? ORDER BY seq LIMIT ?",
            (seq, limit),
        )

    async def last_seq(self) -> int:
        """The newest event of the home; 0 without one."""
        return int((await self._rows("SELECT coalesce(max(seq), 0) FROM events"))[0][0])

    async def events_of(self, head: int, limit: int = 200) -> list[Event]:
        """Up to `limit` events of one run, oldest first, ending with event `head` (a run's `last_seq`).

        To page backwards, pass the `prev` of the first one.
        """
        return (await self._events(CHAIN, (head, limit)))[::-1]

    async def latest(self, kind: Kind, within: int = 20_000) -> list[Event]:
        """The events of one kind among the last `within` of the home, oldest first."""
        return await self._events(
            "SELECT seq, run, prev, at, attempt, kind, body FROM events "
            "WHERE seq > (SELECT coalesce(max(seq), 0) FROM events) - ? AND kind = ? ORDER BY seq",
            (within, kind),
        )

    async def tail(self, after_seq: int) -> AsyncIterator[list[Event]]:
        """Events after `after_seq` as they are committed, in batches of at most 5,000, for ever.

        The record is asked every 25 ms until it was quiet for 2 s, then when its write-ahead log is written, and every
        second all the same.  Where the log cannot be watched, or was seen to be written without a sign (some file
        systems give none), a quiet record is asked every 100 ms.
        """
        seq, seen, quiet = after_seq, -1, 0.0
        with Watch(self._log) as watch:
            telling = watch.works
            while True:
                # Before the question: what is written after it is told again.
                written = watch.written()
                version = int((await self._rows("PRAGMA data_version"))[0][0])
                if version != seen:
                    telling = telling and (quiet < IDLE_AFTER_S or written or watch.written())
                    while events := await self._after(seq, TAIL_BATCH):
                        seq = events[-1].seq
                        yield events
                self.caught_up_at = time.monotonic()
                if version != seen or written:
                    # What is written can be read a moment later only: asked just then, the record looks unchanged.
                    seen, quiet = version, 0.0
                if quiet < IDLE_AFTER_S:
                    quiet += BUSY_POLL_S
                    await asyncio.sleep(BUSY_POLL_S)
                elif telling:
                    await watch.wait(ASK_ANYWAY_S)
                else:
                    await asyncio.sleep(IDLE_POLL_S)

    async def actions(self, run: str) -> list[Action]:
        """The intents of a run that are not cleared, and the successes kept for replay, oldest first."""
        rows = await self._rows(f"SELECT {ACTION_COLUMNS} FROM actions WHERE run = ? ORDER BY seq", (run,))
        return [action_of(row) for row in rows]

    async def checkpoints(self, run: str) -> list[CheckpointRef]:
        """All checkpoints of a run, oldest first."""
        rows = await self._rows(f"SELECT {CHECKPOINT_COLUMNS} FROM checkpoints WHERE run = ? ORDER BY number", (run,))
        return [CheckpointRef(*row) for row in rows]

    async def checkpoint(self, run: str, number: int) -> Checkpoint | None:
        """One checkpoint with its state."""
        rows = await self._rows(
            f"SELECT {CHECKPOINT_COLUMNS}, state FROM checkpoints WHERE run = ? AND number = ?", (run, number)
        )
        return Checkpoint(CheckpointRef(*rows[0][:7]), msgspec.json.decode(rows[0][7])) if rows else None

    async def names(self) -> set[str]:
        """The runs of the record, by their ids."""
        return {name for (name,) in await self._rows("SELECT run FROM runs")}

    async def policy_version(self) -> int | None:
        """The version of the policy that was last put into force; None before the first."""
        ((version,),) = await self._rows("SELECT max(version) FROM policies")
        return None if version is None else int(version)

    async def breakers(self) -> dict[str, dict[str, Any]]:
        """Every breaker by name, as `runtime.policy.breaker.Breaker` in JSON."""
        return {name: msgspec.json.decode(body) for name, body in await self._rows("SELECT name, body FROM breakers")}
