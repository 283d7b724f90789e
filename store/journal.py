"""The one writer of the journal: gathers what one turn of the runtime brings, commits it, then lets answers go."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Collection
from typing import Any

import msgspec
from msgspec.structs import replace

from store.database import open_writer, translated
from store.errors import StoreError
from store.events import Kind
from store.home import Home
from store.projection import project
from store.records import FORMS, Action, Checkpoint, CheckpointRef, Event, Json, Run
from store.states import Status, check_transition
from store.texts import readable

PROJECTION_EVERY_S = 0.25
PROJECTION_EVERY_COMMITS = 20
WAL_CAP_BYTES = 64 * 1024 * 1024

_INSERT_EVENT = "INSERT INTO events (seq, run, prev, at, attempt, kind, body) VALUES (?,?,?,?,?,?,?)"
_PUT_ACTION = f"INSERT OR REPLACE INTO actions VALUES ({','.join('?' * 16)})"
_encode = msgspec.json.encode


class Attempt(msgspec.Struct, frozen=True):
    """One process lifetime, with what identifies the process."""

    run: str
    attempt: int
    pid: int
    process_started: float
    boot: str
    token: str
    """SHA-256 of the fencing token, hexadecimal."""
    ended: bool = False
    checkpoint: int | None = None
    """It began from; 0 is the beginning, None is not known."""


class Journal:
    """Appends events and keeps the projection of every run.

    Nothing is written before `flush`; what failed to be written stays queued, so a later `flush` loses nothing.
    Not thread-safe: it belongs to the runtime's event loop.
    """

    def __init__(self, home: Home, *, synchronous: str = "NORMAL", clock: Callable[[], float] = time.time) -> None:
        """Open the journal of `home`.  Raises the errors of `store.database.open_writer`."""
        self._home = home
        self._clock = clock
        self._db = open_writer(home.journal, "journal", synchronous=synchronous)
        self._seq = int(self._db.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0])
        self._statements: list[tuple[str, tuple[Any, ...]]] = []
        self._waiting: list[Callable[[], None]] = []
        self._dirty: set[str] = set()
        self._urgent = False
        self._commits = 0
        self._projected_at = clock()
        self.clean: Callable[[str, bytes], bytes] = lambda run, raw: raw
        """Takes the secrets of a run out of a line of JSON (set by the runtime)."""
        self.runs: dict[str, Run] = {}
        self._load()

    def _load(self) -> None:
        """Read the projection and repair it from the events that came after it."""
        try:
            for (body,) in self._db.execute("SELECT body FROM runs"):
                run = msgspec.json.decode(body, type=Run)
                self.runs[run.run] = run
            projected = self.meta("projected_seq") or 0
            rows = self._db.execute(
                "SELECT seq, run, prev, at, attempt, kind, body FROM events WHERE seq > ? ORDER BY seq",
                (projected,),
            )
            for row in rows:
                self._fold(event_of(row))
        except sqlite3.Error as error:
            raise translated(error, self._home.journal) from error

    def _fold(self, event: Event) -> None:
        folded = project(self.runs.get(event.run), event)
        if folded is not None:
            self.runs[event.run] = folded
            self._dirty.add(event.run)

    # --- writing

    def append(self, run: str, attempt: int, kind: Kind, body: dict[str, Json], raw: bytes | None = None) -> Event:
        """Queue one event and fold it.  `raw` is the body already encoded, and clean, where the caller has it."""
        self._seq += 1
        known = self.runs.get(run)
        if raw is None:
            try:
                encoded = _encode(body)
            except UnicodeEncodeError:
                body = readable(body)
                encoded = _encode(body)
            raw = self.clean(run, encoded)
            body = body if raw is encoded else msgspec.json.decode(raw)
        event = Event(self._seq, run, known.last_seq if known else 0, self._clock(), attempt, kind, body)
        text = raw.decode("utf-8", "surrogatepass")
        self._statements.append((_INSERT_EVENT, (event.seq, run, event.prev, event.at, attempt, str(kind), text)))
        self._fold(event)
        return event

    def move(self, run: str, to: Status, cause: str, **details: Json) -> Event:
        """Queue a change of status with its cause.  Raises `IllegalTransition`."""
        now = self.runs[run]
        check_transition(run, now.status, to)
        body = {"from": now.status, "to": to, "cause": cause}
        body |= {name: value for name, value in details.items() if value is not None}
        self._urgent = True
        return self.append(run, now.attempt, Kind.STATUS, body)

    def after_commit(self, call: Callable[[], None]) -> None:
        """Call `call` once everything queued so far is durable."""
        self._waiting.append(call)

    @property
    def next_seq(self) -> int:
        """The number that the next event will bear."""
        return self._seq + 1

    @property
    def pending(self) -> bool:
        """Whether something is queued that is not durable yet."""
        return bool(self._statements or self._waiting)

    def flush(self) -> None:
        """Make everything queued durable, then make the calls that waited for it.

        Raises `StoreError` if it cannot be written; the queue is kept.
        """
        if self._statements:
            self._commit()
        calls, self._waiting = self._waiting, []
        for call in calls:
            call()

    def _commit(self) -> None:
        due = (
            self._urgent
            or self._commits >= PROJECTION_EVERY_COMMITS
            or self._clock() - self._projected_at >= PROJECTION_EVERY_S
        )
        projection = self._projection() if due else []
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for sql, values in self._statements:
                self._db.execute(sql, values)
            for sql, values in projection:
                self._db.execute(sql, values)
            self._db.execute("COMMIT")
        except Exception as error:
            with contextlib.suppress(sqlite3.Error):
                self._db.rollback()
            raise translated(error, self._home.journal) from error
        self._statements.clear()
        self._commits += 1
        if due:
            self._dirty.clear()
            self._urgent = False
            self._commits = 0
            self._projected_at = self._clock()

    def _projection(self) -> list[tuple[str, tuple[Any, ...]]]:
        rows: list[tuple[str, tuple[Any, ...]]] = []
        for name in self._dirty:
            run = self.runs[name]
            values = (run.run, run.agent, str(run.status), run.last_seq, _encode(run).decode())
            rows.append(
                (
                    "INSERT OR REPLACE INTO runs (run, agent, status, last_seq, body) VALUES (?,?,?,?,?)",
                    values,
                )
            )
        rows.append(("INSERT OR REPLACE INTO meta VALUES ('projected_seq', ?)", (self._seq,)))
        return rows

    def settle(self) -> None:
        """Idle work: bring the projection up to date and fold the WAL back into the database."""
        if self._dirty:
            self._urgent = True
            self._statements.append(("INSERT OR REPLACE INTO meta VALUES ('settled_at', ?)", (self._clock(),)))
            self.flush()
        self.fold_wal()

    def fold_wal(self, *, only_above_bytes: int = 0) -> None:
        """Checkpoint the WAL (SQLite's sense) if it is larger than asked for.

        Truncates it where no reader is in the way; a reader left open makes it try again later.
        """
        wal = self._home.journal.with_name(self._home.journal.name + "-wal")
        try:
            size = wal.stat().st_size
        except OSError:
            return
        if size > only_above_bytes:
            try:
                self._db.execute("PRAGMA busy_timeout = 0")
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            except sqlite3.Error as error:
                if "locked" not in str(error) and "busy" not in str(error):
                    raise translated(error, self._home.journal) from error
            finally:
                self._db.execute("PRAGMA busy_timeout = 10000")

    # --- what lies beside the events

    def put_meta(self, name: str, value: int | str) -> None:
        """Queue one value of the table `meta`."""
        self._statements.append(("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value)))

    def meta(self, name: str) -> Any:
        """A durable value of the table `meta`, or None."""
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def put_attempt(self, attempt: Attempt) -> None:
        """Queue an attempt, replacing what was known of it."""
        values = msgspec.structs.astuple(attempt)
        self._statements.append(("INSERT OR REPLACE INTO attempts VALUES (?,?,?,?,?,?,?,?)", values))

    def end_attempt(self, run: str, attempt: int) -> None:
        """Queue that an attempt's processes are gone."""
        self._statements.append(("UPDATE attempts SET ended = 1 WHERE run = ? AND attempt = ?", (run, attempt)))

    def attempts_alive(self) -> list[Attempt]:
        """Durable attempts that nobody has seen ending."""
        rows = self._db.execute(f"SELECT {ATTEMPT_COLUMNS} FROM attempts WHERE ended = 0").fetchall()
        return [Attempt(*row) for row in rows]

    def begun_from(self, run: str) -> dict[int, int | None]:
        """The checkpoint that each durable attempt of a run began from; 0 is the beginning, None is not known."""
        return dict(self._db.execute("SELECT attempt, checkpoint FROM attempts WHERE run = ?", (run,)))

    def put_action(self, action: Action) -> None:
        """Queue an intent, or its new state."""
        values = (
            action.run,
            action.id,
            action.attempt,
            action.tool,
            _encode(action.args).decode(),
            action.digest,
            action.key,
            action.idempotent,
            action.began_at,
            action.ended_at,
            _encode(action.result).decode() if action.ended_at is not None else None,
            action.seq,
            action.check_hint,
            action.kept,
            action.unavailable | FORMS.index(action.form) << 1,
            action.in_doubt,
        )
        self._statements.append((_PUT_ACTION, values))

    def resolve(
        self, action: Action, happened: bool, result: Json, seq: int, at: float, *, heard: bool = False
    ) -> Action | None:
        """Queue the answer to a doubt: what happened is kept for replay (and returned), what did not is forgotten.

        `heard`: the attempt that asked hears the answer, so its checkpoints know of it as of any other success.
        """
        if not happened:
            self.drop_action(action.run, action.id)
            return None
        kept = replace(action, in_doubt=False, kept=not heard, ended_at=at, result=result, seq=seq)
        self.put_action(kept)
        return kept

    def drop_action(self, run: str, action: str) -> None:
        """Queue the removal of one action."""
        self._statements.append(("DELETE FROM actions WHERE run = ? AND id = ?", (run, action)))

    def put_replay(self, action: Action, attempt: int, seq: int) -> None:
        """Queue that a success was given again, in `attempt`, by event `seq`, instead of being done."""
        self._statements.append(("INSERT INTO replays VALUES (?,?,?,?)", (action.run, action.id, seq, attempt)))
        if action.kept:
            self.put_action(replace(action, kept=False))

    def replays(self, run: str) -> dict[str, list[tuple[int, int]]]:
        """Attempt and sequence number of every durable replay, by action id."""
        found: dict[str, list[tuple[int, int]]] = {}
        rows = self._db.execute("SELECT action, attempt, seq FROM replays WHERE run = ? ORDER BY seq", (run,))
        for action, attempt, seq in rows:
            found.setdefault(action, []).append((attempt, seq))
        return found

    def drop_active_state(self, run: str) -> None:
        """Queue the removal of a run's checkpoints and actions."""
        self._statements.append(("DELETE FROM actions WHERE run = ?", (run,)))
        self._statements.append(("DELETE FROM checkpoints WHERE run = ?", (run,)))
        self._statements.append(("DELETE FROM replays WHERE run = ?", (run,)))

    def actions(self, run: str) -> list[Action]:
        """Durable actions of a run, oldest first."""
        rows = self._db.execute(f"SELECT {ACTION_COLUMNS} FROM actions WHERE run = ? ORDER BY seq", (run,))
        return [action_of(row) for row in rows]

    def put_checkpoint(self, run: str, ref: CheckpointRef, covers: int, state: str) -> None:
        """Queue a checkpoint.  `covers` is the sequence number of the last end it takes in; `state` is JSON."""
        values = (
            run,
            ref.number,
            ref.attempt,
            ref.step,
            ref.label,
            ref.at,
            ref.size_bytes,
            ref.digest,
            covers,
            state,
        )
        self._statements.append(("INSERT INTO checkpoints VALUES (?,?,?,?,?,?,?,?,?,?)", values))

    def checkpoint(self, run: str, number: int | None = None) -> Checkpoint | None:
        """A durable checkpoint with its state: that number, else the last."""
        where, values = ("AND number = ?", (run, number)) if number is not None else ("", (run,))
        row = self._db.execute(
            f"SELECT {CHECKPOINT_COLUMNS}, state FROM checkpoints WHERE run = ? {where} ORDER BY number DESC LIMIT 1",
            values,
        ).fetchone()
        return Checkpoint(CheckpointRef(*row[:7]), msgspec.json.decode(row[7])) if row else None

    def covers(self, run: str) -> dict[int, tuple[int, int]]:
        """Of every durable checkpoint its attempt, and the sequence number of the last end that it takes in."""
        rows = self._db.execute("SELECT number, attempt, covers FROM checkpoints WHERE run = ?", (run,))
        return {number: (attempt, covers) for number, attempt, covers in rows}

    def put_breaker(self, name: str, body: dict[str, Json]) -> None:
        """Queue the state of a breaker."""
        self._statements.append(("INSERT OR REPLACE INTO breakers VALUES (?, ?)", (name, _encode(body).decode())))

    def drop_breaker(self, name: str) -> None:
        """Queue the removal of a breaker."""
        self._statements.append(("DELETE FROM breakers WHERE name = ?", (name,)))

    def breakers(self) -> dict[str, dict[str, Json]]:
        """Every durable breaker by name, as `runtime.policy.breaker.Breaker` in JSON."""
        rows = self._db.execute("SELECT name, body FROM breakers").fetchall()
        return {name: msgspec.json.decode(body) for name, body in rows}

    def put_policy(self, version: int, digest: str, body: dict[str, Json]) -> None:
        """Queue a version of the policy."""
        values = (version, self._clock(), digest, _encode(body).decode())
        self._statements.append(("INSERT OR REPLACE INTO policies VALUES (?,?,?,?)", values))

    def event(self, seq: int) -> Event | None:
        """One durable event, if it is still there."""
        row = self._db.execute(
            "SELECT seq, run, prev, at, attempt, kind, body FROM events WHERE seq = ?", (seq,)
        ).fetchone()
        return event_of(row) if row else None

    def events_of(self, run: str, limit: int) -> list[Event]:
        """The last `limit` durable events of a run, oldest first (walks the `prev` chain)."""
        known = self.runs.get(run)
        rows = self._db.execute(CHAIN, (known.last_seq if known else 0, limit)).fetchall()
        return [event_of(row) for row in reversed(rows)]

    def events_of_attempt(self, run: str, attempt: int, kinds: Collection[Kind]) -> list[Event]:
        """Every durable event of some kinds of a run's latest attempt, oldest first."""
        known = self.runs.get(run)
        sql = OF_ATTEMPT.format(kinds=",".join(f"'{kind}'" for kind in kinds))
        rows = self._db.execute(sql, (known.last_seq if known else 0, attempt)).fetchall()
        return [event_of(row) for row in rows]

    def close(self) -> None:
        """Write what is queued and close.  Raises `StoreError`."""
        try:
            self.settle()
        finally:
            self._db.close()


CHAIN = (
    "WITH RECURSIVE chain AS ("
    " SELECT seq, run, prev, at, attempt, kind, body, 1 AS depth FROM events WHERE seq = ?1"
    " UNION ALL SELECT e.seq, e.run, e.prev, e.at, e.attempt, e.kind, e.body, depth + 1"
    " FROM events e JOIN chain c ON e.seq = c.prev WHERE depth < ?2"
    ") SELECT seq, run, prev, at, attempt, kind, body FROM chain"
)
"""The newest ?2 events of a run, newest first, from its event ?1 backwards."""

OF_ATTEMPT = (
    "WITH RECURSIVE chain AS ("
    " SELECT seq, prev FROM events WHERE seq = ?1"
    " UNION ALL SELECT e.seq, e.prev FROM events e JOIN chain c ON e.seq = c.prev WHERE e.attempt >= ?2"
    ") SELECT e.seq, e.run, e.prev, e.at, e.attempt, e.kind, e.body"
    " FROM chain JOIN events e USING (seq) WHERE e.attempt = ?2 AND e.kind IN ({kinds}) ORDER BY e.seq"
)
"""Events of attempt ?2 of the run whose newest event is ?1."""

ACTION_COLUMNS = (
    "run, id, attempt, tool, args, digest, key, idempotent, began_at, ended_at, result, seq, check_hint, "
    "kept, unavailable, in_doubt"
)
ATTEMPT_COLUMNS = "run, attempt, pid, process_started, boot, token, ended = 1, checkpoint"
CHECKPOINT_COLUMNS = "number, step, label, at, size_bytes, digest, attempt"


def event_of(row: tuple[Any, ...]) -> Event:
    """An event from a row of the table `events`."""
    return Event(row[0], row[1], row[2], row[3], row[4], row[5], msgspec.json.decode(row[6]))


def action_of(row: tuple[Any, ...]) -> Action:
    """An action from a row with `ACTION_COLUMNS`."""
    (
        run,
        ident,
        attempt,
        tool,
        args,
        digest,
        key,
        idempotent,
        began_at,
        ended_at,
        result,
        seq,
        hint,
        kept,
        lost,
        doubt,
    ) = row
    return Action(
        run=run,
        id=ident,
        attempt=attempt,
        tool=tool,
        args=msgspec.json.decode(args),
        digest=digest,
        key=key,
        idempotent=bool(idempotent),
        began_at=began_at,
        ended_at=ended_at,
        result=msgspec.json.decode(result) if result is not None else None,
        seq=seq,
        check_hint=hint,
        kept=bool(kept),
        # The form stands above its lowest bit: an older home has none, and is read without a migration.
        form=FORMS[lost >> 1],
        unavailable=bool(lost & 1),
        in_doubt=bool(doubt),
    )


__all__ = ["Attempt", "Journal", "StoreError", "action_of", "event_of"]
