"""The writer and the readers of the record, on a real database."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from store import control
from store.database import latest
from store.errors import (
    AmbiguousRun,
    CorruptDatabase,
    HomeNotWritable,
    IllegalTransition,
    NewerDatabase,
    NoJournal,
    StoreError,
    UnknownRun,
)
from store.events import Kind
from store.home import Home
from store.journal import Journal
from store.reader import Reader
from store.records import Action, CheckpointRef
from store.states import Status, StopReason

CREATED: dict[str, Any] = {"agent": "indexer", "goal": "index", "command": ["x"], "cwd": "/"}


@pytest.fixture
def journal(home: Home) -> Iterator[Journal]:
    home.create()
    journal = Journal(home)
    yield journal
    journal.close()


def started(journal: Journal, run: str = "abc123") -> str:
    journal.append(run, 0, Kind.CREATED, CREATED)
    journal.move(run, Status.STARTING, "asked")
    journal.append(run, 1, Kind.ATTEMPT_STARTED, {"pid": 1, "process_started": 1.0, "checkpoint": None})
    journal.move(run, Status.RUNNING, "alive")
    return run


def test_nothing_is_durable_before_the_flush_and_answers_wait_for_it(journal: Journal, home: Home) -> None:
    said: list[str] = []
    journal.append("abc", 0, Kind.CREATED, CREATED)
    journal.after_commit(lambda: said.append("durable"))
    with sqlite3.connect(home.journal) as other:
        assert other.execute("SELECT count(*) FROM events").fetchone() == (0,)
        assert said == []
        journal.flush()
        assert other.execute("SELECT count(*) FROM events").fetchone() == (1,)
    other.close()
    assert said == ["durable"]


def test_what_could_not_be_written_stays_queued_and_is_written_later(journal: Journal, home: Home) -> None:
    said: list[str] = []
    blocker = sqlite3.connect(home.journal, isolation_level=None)
    journal._db.execute("PRAGMA busy_timeout = 0")
    blocker.execute("BEGIN IMMEDIATE")
    journal.append("abc", 0, Kind.CREATED, CREATED)
    journal.after_commit(lambda: said.append("durable"))
    with pytest.raises(StoreError, match="locked"):
        journal.flush()
    assert (said, journal.pending) == ([], True)
    blocker.execute("ROLLBACK")
    blocker.close()
    journal.flush()
    assert (said, journal.pending) == (["durable"], False)
    assert [event.kind for event in journal.events_of("abc", 10)] == [Kind.CREATED]


def test_the_projection_is_repaired_from_the_events_that_came_after_it(journal: Journal, home: Home) -> None:
    run = started(journal)
    journal.flush()
    for n in range(1, 6):
        journal.append(run, 1, Kind.STEP_BEGIN, {"n": n, "name": f"step {n}"})
        journal.flush()
    with sqlite3.connect(home.journal) as other:
        (stale,) = other.execute("SELECT body FROM runs").fetchone()
    other.close()
    assert '"step":5' not in stale
    again = Journal(home)
    assert again.runs[run] == journal.runs[run]
    assert again.runs[run].step == 5
    again.close()


def test_a_transition_that_is_not_allowed_is_not_written(journal: Journal) -> None:
    run = started(journal)
    with pytest.raises(IllegalTransition):
        journal.move(run, Status.KILLED, "why not")
    assert journal.runs[run].status is Status.RUNNING


def test_the_chain_of_a_run_leads_through_the_events_of_others(journal: Journal) -> None:
    first, second = started(journal, "aaa"), started(journal, "bbb")
    for n in range(1, 51):
        journal.append(first if n % 2 else second, 1, Kind.STEP_BEGIN, {"n": n, "name": ""})
    journal.flush()
    steps = [event.body["n"] for event in journal.events_of(first, 10)]
    assert steps == list(range(31, 51, 2))


def test_actions_and_checkpoints_come_back_as_they_were_put(journal: Journal) -> None:
    run = started(journal)
    action = Action(run, "a1", 1, "send", {"to": "ann"}, "digest", None, False, 5.0, None, None, 9, "Sent folder")
    ref = CheckpointRef(1, 3, "label", 6.0, 7, "d" * 64, 1)
    journal.put_action(action)
    journal.put_checkpoint(run, ref, 9, '{"n":1}')
    journal.flush()
    assert journal.actions(run) == [action]
    found = journal.checkpoint(run)
    assert found is not None
    assert (found.ref, found.state, journal.covers(run)) == (ref, {"n": 1}, {1: (ref.attempt, 9)})
    journal.drop_active_state(run)
    journal.flush()
    assert (journal.actions(run), journal.checkpoint(run)) == ([], None)


def test_stop_reason_and_evidence_last_until_the_run_goes_on(journal: Journal) -> None:
    run = started(journal)
    journal.move(run, Status.PAUSING, "asked", reason=StopReason.LOOP_DETECTED, why="loop")
    journal.move(run, Status.PAUSED, "held", reason=StopReason.LOOP_DETECTED, why="loop", evidence={"a": 1}, held=True)
    paused = journal.runs[run]
    assert (paused.reason, paused.why, paused.evidence, paused.held) == (
        StopReason.LOOP_DETECTED,
        "loop",
        {"a": 1},
        True,
    )
    journal.move(run, Status.RUNNING, "resumed")
    going = journal.runs[run]
    assert (going.reason, going.why, going.evidence, going.held, going.rested_at) == (None, "", {}, False, None)


async def test_a_reader_sees_now_though_the_projection_is_behind(journal: Journal, home: Home) -> None:
    run = started(journal)
    journal.flush()
    journal.append(run, 1, Kind.STEP_BEGIN, {"n": 7, "name": "seven"})
    journal.flush()
    async with await Reader.open(home) as reader:
        fleet = await reader.fleet()
        assert fleet.runs[run].step == 7
        journal.append(run, 1, Kind.STEP_BEGIN, {"n": 8, "name": "eight"})
        journal.flush()
        async for events in reader.tail(fleet.seq):
            assert fleet.apply(events) == {run}
            break
        assert fleet.runs[run].step == 8


async def test_a_reader_knows_the_policy_that_was_last_put_into_force(journal: Journal, home: Home) -> None:
    async with await Reader.open(home) as reader:
        assert await reader.policy_version() is None
        for version in (1, 2):
            journal.put_policy(version, f"digest {version}", {})
        journal.flush()
        assert await reader.policy_version() == 2


async def test_a_reader_finds_the_latest_of_one_kind(journal: Journal, home: Home) -> None:
    run = started(journal)
    for n in range(1, 4):
        journal.append("", 0, Kind.BREAKER, {"name": "api", "state": "open", "why": str(n)})
        journal.append(run, 1, Kind.STEP_BEGIN, {"n": n, "name": ""})
    journal.flush()
    async with await Reader.open(home) as reader:
        assert [event.body["why"] for event in await reader.latest(Kind.BREAKER)] == ["1", "2", "3"]
        assert [event.body["why"] for event in await reader.latest(Kind.BREAKER, within=3)] == ["3"]


async def test_a_run_is_found_by_id_prefix_or_agent(journal: Journal, home: Home) -> None:
    for run in ("abc123", "abd456", "ffff00"):
        journal.append(run, 0, Kind.CREATED, CREATED | {"agent": "other" if run == "ffff00" else "indexer"})
    journal.flush()
    async with await Reader.open(home) as reader:
        fleet = await reader.fleet()
    assert fleet.find("abc").run == "abc123"
    assert fleet.find("other").run == "ffff00"
    assert fleet.find("indexer").run == "abd456"
    with pytest.raises(AmbiguousRun, match="begins 2 runs"):
        fleet.find("ab")
    with pytest.raises(UnknownRun, match="no run and no agent called 'zzz'"):
        fleet.find("zzz")


async def test_a_home_without_a_journal_is_said_so(home: Home) -> None:
    with pytest.raises(NoJournal, match="Nothing has run"):
        await Reader.open(home)


async def test_a_database_of_a_newer_version_is_refused_by_writer_and_reader(journal: Journal, home: Home) -> None:
    journal._db.execute(f"PRAGMA user_version = {latest('journal') + 1}")
    with pytest.raises(NewerDatabase, match="newer agentwatch"):
        Journal(home)
    with pytest.raises(NewerDatabase, match="newer agentwatch"):
        await Reader.open(home)


async def test_a_damaged_file_is_said_so(home: Home) -> None:
    home.create()
    home.journal.write_bytes(b"no database" * 1000)
    with pytest.raises(CorruptDatabase, match="damaged"):
        Journal(home)
    with pytest.raises(CorruptDatabase, match="damaged"):
        await Reader.open(home)


def test_a_home_below_a_file_cannot_be_used(home: Home) -> None:
    home.root.parent.mkdir(exist_ok=True)
    home.root.write_text("a file")
    with pytest.raises(HomeNotWritable, match="Name another one"):
        Home(home.root / "below").create()


async def test_commands_are_read_in_order_and_only_once(home: Home) -> None:
    first = await control.submit(home, "pause", "abc", park=True)
    commands = control.Commands(home)
    assert [(command.id, command.kind, command.args) for command in commands.after(0)] == [
        (first, "pause", {"park": True})
    ]
    assert commands.after(first) == []
    second = await control.submit(home, "kill", "abc")
    assert [command.id for command in commands.after(first)] == [second]
    commands.close()


async def test_many_clients_write_commands_at_once(home: Home) -> None:
    ids = await asyncio.gather(*(control.submit(home, "pause", f"run{n}") for n in range(20)))
    commands = control.Commands(home)
    assert sorted(ids) == [command.id for command in commands.after(0)]
    commands.close()


def test_the_home_and_what_lies_in_it_are_private(journal: Journal, home: Home) -> None:
    assert home.root.stat().st_mode & 0o777 == 0o700
    assert home.journal.stat().st_mode & 0o777 == 0o600
