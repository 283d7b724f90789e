"""Runs that are forgotten, and what stays."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from store import retention
from store.errors import RuntimeAlreadyRunning
from store.events import Kind
from store.health import has_wal_reset_bug
from store.home import Home
from store.journal import Attempt, Journal
from store.reader import Reader
from store.records import Action, CheckpointRef
from store.states import Status

DAY_S = 86400.0
NOW = 1_760_000_000.0


class Past:
    """Writes a record day by day."""

    def __init__(self, home: Home) -> None:
        home.create()
        self.home = home
        self.now = NOW
        self.journal = Journal(home, clock=lambda: self.now)

    def run(self, run: str, days_ago: float, *statuses: Status) -> str:
        self.now = NOW - days_ago * DAY_S
        body: dict[str, Any] = {"agent": "a", "goal": "", "command": [], "cwd": "/", "restart": 0, "limits": {}}
        self.journal.append(run, 0, Kind.CREATED, body)
        self.journal.put_attempt(Attempt(run, 1, 1, 1.0, "boot", "token", ended=True))
        self.journal.put_checkpoint(run, CheckpointRef(1, 1, None, self.now, 2, "d", 1), 0, "{}")
        self.journal.put_action(Action(run, "x", 1, "t", {}, "d", None, False, self.now, self.now, 1, 1))
        for status in (Status.STARTING, *statuses):
            self.journal.move(run, status, "for the test")
        self.journal.flush()
        self.home.launch(run).write_text("{}")
        self.home.log(run).write_text("said")
        return run


@pytest.fixture
def past(home: Home) -> Iterator[Past]:
    past = Past(home)
    yield past
    past.journal.close()


def rows(home: Home, table: str) -> set[str]:
    with sqlite3.connect(home.journal) as db:
        return {run for (run,) in db.execute(f"SELECT run FROM {table}")}


def pruned(past: Past, **options: Any) -> retention.Forgotten:
    past.journal.settle()
    return retention.prune(past.home, NOW - 30 * DAY_S, **options)


def test_what_is_over_for_long_is_gone_with_its_files_and_the_rest_stays(past: Past) -> None:
    old = past.run("old", 40, Status.COMPLETED)
    paused = past.run("paused", 39, Status.RUNNING, Status.PAUSING, Status.PAUSED)
    live = past.run("live", 38, Status.RUNNING)
    new = past.run("new", 2, Status.COMPLETED)
    forgotten = pruned(past)
    assert forgotten.runs == (old,)
    assert forgotten.events == 3
    assert forgotten.files_bytes == 6
    for table in ("events", "runs", "attempts", "checkpoints", "actions"):
        assert rows(past.home, table) == {paused, live, new}, table
    assert not past.home.log(old).exists()
    assert not past.home.launch(old).exists()
    assert past.home.launch(paused).exists()


def test_what_can_be_resumed_goes_only_on_demand_and_what_lives_never(past: Past) -> None:
    past.run("paused", 39, Status.RUNNING, Status.PAUSING, Status.PAUSED)
    past.run("review", 39, Status.RUNNING, Status.NEEDS_REVIEW)
    past.run("live", 38, Status.RUNNING)
    assert pruned(past).runs == ()
    assert pruned(past, resumable_too=True).runs == ("paused", "review")
    assert rows(past.home, "runs") == {"live"}


def test_a_frozen_process_keeps_its_run(past: Past) -> None:
    run = past.run("frozen", 39, Status.RUNNING)
    past.journal.append(run, 1, Kind.ATTEMPT_STARTED, {"pid": 7, "process_started": 1.0, "checkpoint": None})
    past.journal.move(run, Status.PAUSING, "for the test")
    past.journal.move(run, Status.PAUSED, "for the test", frozen=True)
    past.journal.flush()
    assert pruned(past, resumable_too=True).runs == ()


def test_the_numbers_of_events_go_on_after_everything_was_forgotten(past: Past) -> None:
    past.run("old", 40, Status.COMPLETED)
    newest = past.journal.next_seq - 1
    pruned(past)
    past.journal.close()
    again = Past(past.home)
    assert again.journal.runs == {}
    assert again.journal.next_seq == newest + 1
    again.run("next", 0, Status.COMPLETED)
    assert set(again.journal.runs) == {"next"}
    again.now = NOW + 60 * DAY_S
    again.run("last", 0, Status.RUNNING)
    retention.prune(past.home, NOW + DAY_S)
    assert rows(past.home, "events") == {"last"}
    again.journal.close()
    past.journal = Journal(past.home)


async def test_readers_see_a_whole_record_afterwards(past: Past) -> None:
    past.run("old", 40, Status.COMPLETED)
    past.run("new", 2, Status.COMPLETED)
    pruned(past)
    async with await Reader.open(past.home) as reader:
        fleet = await reader.fleet()
        assert set(fleet.runs) == {"new"}
        events = await reader.events_of(fleet.runs["new"].last_seq)
    assert [event.kind for event in events] == [Kind.CREATED, Kind.STATUS, Kind.STATUS]


def test_what_a_crash_left_half_done_is_finished_by_the_next_call(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    past.run("old", 40, Status.COMPLETED)
    past.run("new", 2, Status.COMPLETED)
    past.journal.settle()

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(retention, "_forget_rows", dies)
        with pytest.raises(KeyboardInterrupt):
            pruned(past)
    assert rows(past.home, "runs") == {"old", "new"}
    assert pruned(past).runs == ("old",)
    assert rows(past.home, "events") == {"new"}


def test_a_long_record_is_forgotten_range_by_range(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "RANGE", 7)
    for number in range(20):
        past.run(f"old{number}", 60 - number, Status.COMPLETED)
    past.run("new", 2, Status.COMPLETED)
    shares: list[float] = []
    assert pruned(past, step=shares.append).events == 60
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert len(shares) == 9


def test_nothing_is_forgotten_while_a_runtime_serves_the_home(past: Past) -> None:
    past.run("old", 40, Status.COMPLETED)
    lock = past.home.acquire()
    try:
        with pytest.raises(RuntimeAlreadyRunning):
            pruned(past)
    finally:
        os.close(lock)
    assert rows(past.home, "runs") == {"old"}


@pytest.mark.parametrize(
    ("version", "bad"),
    [
        ((3, 40, 1), True), ((3, 44, 5), True), ((3, 44, 6), False), ((3, 45, 0), True), ((3, 50, 6), True),
        ((3, 50, 7), False), ((3, 51, 2), True), ((3, 51, 3), False), ((3, 52, 0), False), ((4, 0, 0), False),
    ],
)  # fmt: skip
def test_releases_of_sqlite_that_can_lose_a_commit(version: tuple[int, int, int], bad: bool) -> None:
    assert has_wal_reset_bug(version) is bad
