"""The lines of `run --headless`."""

from __future__ import annotations

import pytest

from store.events import Kind
from store.projection import project
from store.records import Event, Json, Run
from store.states import Status, StopReason
from tui.cli.changes import Change, change, rested, still
from tui.cli.options import Place
from tui.cli.voice import STEP_EVERY_S, Lines

BASE = Run("d810aaaaaaaa", "nightly-deps", "Bump all", 0.0, status=Status.RUNNING, attempt=1, started_at=0.0)


def said(kind: Kind, body: dict[str, Json], run: Run = BASE, attempt: int = 1) -> str | None:
    event = Event(7, run.run, 6, 60.0, attempt, kind, body)
    after = project(run, event)
    assert after is not None
    told = change(after, event)
    return told.text if told else None


def with_(**changes: Json) -> Run:
    return Run(**({name: getattr(BASE, name) for name in BASE.__struct_fields__} | changes))


def test_a_first_attempt_names_the_limits_and_a_later_one_where_it_begins() -> None:
    started = {"pid": 1, "checkpoint": None}
    assert said(Kind.ATTEMPT_STARTED, started) == "started, no limit"
    limited = with_(limits={"cost_usd": 8.0, "wall_s": 7200.0})
    assert said(Kind.ATTEMPT_STARTED, started, limited) == "started, limits $8.00, 2 h"
    assert said(Kind.ATTEMPT_STARTED, started | {"checkpoint": 4}, attempt=2) == "attempt 2 started, from checkpoint 4"
    assert said(Kind.ATTEMPT_STARTED, started | {"adopted": True}) == "taken over by a new runtime"


def test_a_step_says_how_far_it_is_and_what_was_spent() -> None:
    run = with_(progress_label="bump", progress_done=7.0, progress_of=19.0, cost_usd=3.4)
    assert said(Kind.STEP_BEGIN, {"n": 61, "name": "npm ci"}, run) == "step 61, bump 7 of 19, $3.40"


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"status": Status.PAUSED, "reason": StopReason.LOOP_DETECTED, "why": "same test ×5"},
            "PAUSED by rule: loop, ",
        ),
        (
            {"status": Status.PAUSED, "reason": StopReason.USER_PAUSED, "why": "by ada", "held": True},
            "paused by ada, held",
        ),
        (
            {"status": Status.STOPPED, "reason": StopReason.AGENT_CRASHED, "why": "exit 7"},
            "STOPPED AGENT_CRASHED: exit 7",
        ),
        (
            {"status": Status.COMPLETED, "step": 19, "cost_usd": 3.4, "rested_at": 720.0},
            "completed, 19 steps, $3.40, 12 m",
        ),
        ({"status": Status.KILLED}, "KILLED"),
        ({"status": Status.NEEDS_REVIEW, "why": "send in doubt"}, "NEEDS YOU: "),
    ],
)
def test_a_run_at_rest_says_how_it_came_there(changes: dict[str, Json], line: str) -> None:
    assert rested(with_(**changes)).startswith(line)


def test_a_quiet_minute_says_what_a_run_is_about() -> None:
    run = with_(step=58, tool="Bash npm test", tool_since=0.0)
    assert still(run, 120.0) == "still running, step 58, in Bash npm test for 2 m"


def test_most_events_are_no_line() -> None:
    assert said(Kind.CHECKPOINT, {"number": 1, "step": 1, "size_bytes": 2, "digest": "d"}) is None
    assert said(Kind.STATUS, {"from": "starting", "to": "running", "cause": "its first word came"}) is None
    assert said(Kind.RULING, {"rule": "loop", "level": "observe", "summary": "x"}) is None
    assert said(Kind.RULING, {"rule": "loop", "level": "steer", "summary": "same look ×3"}) == "steered: same look ×3"


def test_a_person_is_not_told_of_every_step(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines(Place(None))
    for second in range(int(STEP_EVERY_S) + 1):
        lines.change(BASE, "d810", Change("step", f"step {second}", often=True), 1000.0 + second)
    lines.change(BASE, "d810", Change("status", "paused"), 1000.0)
    told = [line.split(" ", 1)[1] for line in capsys.readouterr().out.splitlines()]
    assert told == [
        "nightly-deps d810 step 0",
        f"nightly-deps d810 step {STEP_EVERY_S:.0f}",
        "nightly-deps d810 paused",
    ]
