"""What every part of the runtime shares: the journal with its one flush a turn, and the runs that live."""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
import time
from collections.abc import Callable, Iterable
from functools import partial

from runtime.live import LiveRun
from runtime.policy.config import DEFAULT, Policy
from runtime.policy.evidence import duration
from runtime.policy.redaction import Redactor
from runtime.policy.ruling import Level, Ruling
from runtime.steady import Steady
from store.errors import StoreError
from store.events import Kind
from store.home import Home
from store.journal import Journal
from store.records import Event, Json, Run
from store.states import Status

log = logging.getLogger("agentwatch.runtime")

RETRY_WRITE_S = 0.5
JUMP_S = 5.0
"""More than a clock that is only corrected moves by at a time."""


class Core:
    """Records what happens, feeds it to the rules, and lets answers go once they are durable."""

    def __init__(self, home: Home, journal: Journal) -> None:
        self.home = home
        self.journal = journal
        self.lives: dict[str, LiveRun] = {}
        self.secret = _secret(home)
        self.steady = Steady()
        """For what lasts a while; `now` is for the record."""
        self._ahead_s = 0.0
        self.trouble = ""
        """Why the record cannot be written; empty while it can."""
        self.on_rulings: Callable[[LiveRun, Iterable[Ruling]], None] = lambda live, rulings: None
        self._flush_due = False
        self._redactors: dict[str, Redactor] = {}
        journal.clean = self.clean

    def run(self, live: LiveRun) -> Run:
        """The run as recorded so far."""
        return self.journal.runs[live.run]

    def record(self, live: LiveRun, kind: Kind, body: dict[str, Json], raw: bytes | None = None) -> Event:
        """Queue an event of a live run, and let its rules judge it at once."""
        self.look_at_clock()
        run = self.journal.runs[live.run]
        event = self.journal.append(live.run, run.attempt, kind, body, raw)
        self._judge(live, event)
        return event

    def look_at_clock(self) -> None:
        """Tell the rules of every live run if the wall clock jumped since it was looked at last.

        Before anything else is recorded: a machine that slept for a night, or whose clock was set, would else have let
        every limit of time pass at once.
        """
        before, self._ahead_s = self._ahead_s, self.steady.ahead_s()
        by_s = round(self._ahead_s - before, 3)
        if abs(by_s) < JUMP_S:
            return
        way = "ahead" if by_s > 0 else "back"
        summary = f"the wall clock went {duration(abs(by_s))} {way}: no time passed for the run"
        log.warning("%s", summary)
        body: dict[str, Json] = {"rule": "clock", "level": Level.OBSERVE, "summary": summary, "by_s": by_s}
        body |= {"evidence": {"summary": f"{summary[0].upper()}{summary[1:]}."}, "signature": "clock"}
        for live in list(self.lives.values()):
            self.record(live, Kind.RULING, body)

    def move(self, live: LiveRun, to: Status, cause: str, **details: Json) -> Event:
        """Queue a change of status of a live run.  Raises `IllegalTransition`."""
        self.look_at_clock()
        event = self.journal.move(live.run, to, cause, **details)
        self._judge(live, event)
        return event

    def _judge(self, live: LiveRun, event: Event) -> None:
        self.schedule_flush()
        try:
            rulings = live.judge.feed(event)
        except Exception as error:
            # What one rule cannot cope with must keep nobody from what he asked for.
            log.exception("the rules of run %s, event %s: %s", live.run, event.seq, error)
            return
        if rulings:
            self.on_rulings(live, rulings)

    def hide(self, run: str, policy: Policy) -> None:
        """From now on record nothing of a run that its policy takes for a secret."""
        self._redactors[run] = Redactor(policy.redaction, self.redact_key(run))

    def clean(self, run: str, raw: bytes) -> bytes:
        """Return a line of JSON without the secrets of a run: `raw` itself where it holds none."""
        redactor = self._redactors.get(run)
        if redactor is None:
            redactor = Redactor(DEFAULT.redaction, self.redact_key(run))
        return redactor.clean(raw)

    def redact_key(self, run: str) -> str:
        """What the marks of a run's secrets are made with."""
        return hmac.new(self.secret, f"redact {run}".encode(), "sha256").hexdigest()

    def record_home(self, kind: Kind, body: dict[str, Json], run: str = "") -> Event:
        """Queue an event of the whole home, or of a run that does not live."""
        known = self.journal.runs.get(run)
        event = self.journal.append(run, known.attempt if known else 0, kind, body)
        self.schedule_flush()
        return event

    def move_at_rest(self, run: str, to: Status, cause: str, **details: Json) -> Event:
        """Queue a change of status of a run that has no process."""
        self.schedule_flush()
        return self.journal.move(run, to, cause, **details)

    def after_commit(self, call: Callable[[], None]) -> None:
        """Call `call` once everything recorded so far is durable."""
        self.journal.after_commit(partial(_alone, call))
        self.schedule_flush()

    def schedule_flush(self) -> None:
        """One commit for whatever this turn of the loop brings."""
        if not self._flush_due:
            self._flush_due = True
            asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        """Commit.  While that fails nothing is answered, nothing more is read, and it is tried again."""
        self._flush_due = False
        try:
            self.journal.flush()
        except StoreError as error:
            if not self.trouble:
                log.error("the record cannot be written: %s", error)
            self.trouble = str(error)
            self._hold_reading(True)
            self._flush_due = True
            asyncio.get_running_loop().call_later(RETRY_WRITE_S, self.flush)
            return
        if self.trouble:
            log.warning("the record can be written again")
            self.trouble = ""
            self._hold_reading(False)

    def _hold_reading(self, hold: bool) -> None:
        for live in self.lives.values():
            for connection in live.connections:
                connection.hold_reading(hold)

    def later(self, live: LiveRun, delay_s: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        """Call `call` after a while, unless the run's timers are cancelled before."""

        def fire() -> None:
            live.timers.discard(handle)
            call()

        handle = asyncio.get_running_loop().call_later(max(0.0, delay_s), fire)
        live.timers.add(handle)
        return handle

    @staticmethod
    def now() -> float:
        return time.time()


def _alone(call: Callable[[], None]) -> None:
    """Make one of the calls that waited for a commit: what fails in it must not cost the others theirs."""
    try:
        call()
    except Exception:
        log.exception("after a commit")


def _secret(home: Home) -> bytes:
    """The key of this home's digests of arguments, made at first use, and whole or not there at all."""
    if not home.secret.exists():
        fresh = home.secret.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.urandom(32))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(home.secret)
    return home.secret.read_bytes()
