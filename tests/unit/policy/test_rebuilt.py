"""A judge rebuilt from the journal rules as the one that lived."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from runtime.policy.config import DEFAULT, Budget, Loop, Policy, Progress, Stall, Timeout
from runtime.policy.judge import Judge
from runtime.policy.ruling import Level, Ruling
from store.events import Kind
from tests.unit.policy.story import Story

POLICY = replace(
    DEFAULT,
    progress=Progress(steer_after=5),
    stall=Stall(model_warn_s=30, model_pause_s=60, tool_warn_s=40, tool_pause_s=80),
    budget=Budget(
        cost_usd=2.0,
        steps=12,
        actions=60,
        wall_s=900,
        cost_usd_per_hour=1.5,
        tokens_per_minute=400,
        actions_per_minute=12,
    ),
    timeout=Timeout(action_s=100, step_s=300, run_s=600),
)

CALLS = st.tuples(st.sampled_from(["read", "edit", "test"]), st.integers(0, 2), st.integers(0, 3))
SCENES = st.lists(
    st.one_of(
        st.tuples(st.just("call"), CALLS),
        st.tuples(st.just("repeat"), st.tuples(CALLS, st.integers(2, 6))),
        st.tuples(st.just("begin"), CALLS),
        st.tuples(st.just("end"), st.none()),
        st.tuples(st.just("hold"), st.floats(0, 200)),
        st.tuples(st.just("tick"), st.floats(0, 120)),
        st.tuples(st.just("pause"), st.floats(0, 500)),
        st.tuples(st.just("crash"), st.none()),
        st.tuples(st.just("step"), st.none()),
        st.tuples(st.just("usage"), st.floats(0, 0.5)),
        st.tuples(st.just("progress"), st.integers(0, 5)),
        st.tuples(st.just("accept"), st.none()),
        st.tuples(st.just("grant"), st.floats(2, 5)),
    ),
    min_size=1,
    max_size=40,
)


class Scenes:
    """Plays scenes, told to a judge."""

    def __init__(self, judge: Judge) -> None:
        self.told = Story(judge)
        self._open: list[str] = []
        self._steps = 0

    def play(self, what: str, value: Any) -> None:
        told = self.told
        match what:
            case "call":
                self._call(*value)
            case "repeat":
                for _ in range(value[1]):
                    self._call(*value[0])
            case "begin":
                self._open.append(told.begin(value[0], {"n": value[1]}, timeout_s=50 if value[2] else None))
            case "end" if self._open:
                told.end(self._open.pop(), "done")
            case "hold":
                told.add(Kind.HELD, id="h", why="down")
                told.tick(value)
                told.end(told.begin("held", {}, id="h"), "in")
            case "tick":
                told.tick(value)
            case "pause":
                told.status("running", "pausing")
                told.status("pausing", "paused", held=True)
                told.tick(value)
                told.status("paused", "running")
            case "crash":
                self._open.clear()
                told.add(Kind.ATTEMPT_ENDED, known=True, exit_code=1, log_tail=[])
                told.status("running", "stopping")
                told.status("stopping", "stopped")
                told.status("stopped", "starting")
                told.add(Kind.ATTEMPT_STARTED, pid=2, checkpoint=None)
                told.status("starting", "running")
            case _:
                self._say(what, value)

    def _say(self, what: str, value: Any) -> None:
        told = self.told
        if what == "step":
            self._steps += 1
            told.add(Kind.STEP_BEGIN, n=self._steps, name="")
            told.add(Kind.STEP_END, n=self._steps, ok=True)
        elif what == "usage":
            told.add(Kind.USAGE, cost_usd=value, input_tokens=100)
        elif what == "progress":
            told.add(Kind.PROGRESS, label="done", done=value)
        elif what == "accept" and told.rulings:
            told.add(Kind.ACCEPTED, signature=told.rulings[-1].signature, by="me")
        elif what == "grant":
            told.add(Kind.GRANTED, limits={"cost_usd": value}, by="me")

    def _call(self, tool: str, args: int, result: int) -> None:
        if result == 3:
            self.told.call(tool, {"n": args}, error="No such file")
        else:
            self.told.call(tool, {"n": args}, {"ok": False, "error": "down"} if result == 2 else f"result {result}")


def said(rulings: list[Ruling]) -> list[tuple[str, str, str, str]]:
    return [(ruling.rule, ruling.level, ruling.signature, ruling.summary) for ruling in rulings]


@settings(max_examples=200, deadline=None)
@given(SCENES, SCENES)
def test_a_rebuilt_judge_says_what_the_one_that_lived_says(before: Any, after: Any) -> None:
    lived = Scenes(Judge(POLICY))
    for what, value in before:
        lived.play(what, value)
    run = lived.told.run
    assert run is not None
    rebuilt = Judge.rebuild(POLICY.with_limits(run.granted), run, lived.told.events)

    twin = Twin(lived.told.judge, rebuilt)
    lived.told.judge = twin  # type: ignore[assignment]
    for what, value in after:
        lived.play(what, value)


class Twin:
    """Two judges, of which the second must say what the first says."""

    def __init__(self, one: Judge | None, other: Judge) -> None:
        assert one is not None
        self._one, self._other = one, other

    def feed(self, event: Any) -> list[Ruling]:
        rulings = self._one.feed(event)
        assert said(self._other.feed(event)) == said(rulings)
        return rulings

    def tick(self, now: float) -> list[Ruling]:
        rulings = self._one.tick(now)
        assert said(self._other.tick(now)) == said(rulings)
        return rulings


# --- what lies beyond the horizon


def forgetful(told: Story, policy: Policy) -> Judge:
    """A judge that remembers no event at all, only what the projection says of the run."""
    return Judge.rebuild(policy, told.run, [])


def test_steps_of_long_ago_count() -> None:
    told = Story()
    for n in range(5):
        told.add(Kind.STEP_BEGIN, n=n % 2 + 1, name="")
        told.add(Kind.STEP_END, n=n % 2 + 1, ok=True)
    told.judge = forgetful(told, DEFAULT.with_limits({"steps": 6}))
    told.add(Kind.STEP_BEGIN, n=1, name="")
    told.add(Kind.STEP_END, n=1, ok=True)

    assert told.levels() == [Level.WARN, Level.PAUSE]


def test_time_of_long_ago_counts_and_that_in_which_it_was_held_does_not() -> None:
    told = Story()
    told.tick(60)
    told.add(Kind.HELD, id="a", why="down")
    told.tick(1000)
    told.begin("get", {}, id="a")
    told.tick(10)
    told.add(Kind.OUTPUT, bytes=1, line="")
    policy = replace(DEFAULT.with_limits({"wall_s": 100}), timeout=Timeout(run_s=100))
    told.judge = forgetful(told, policy)

    assert [ruling.level for ruling in told.tick(9)] == []
    assert [ruling.level for ruling in told.tick(1)] == [Level.WARN]
    assert told.tick(19) == []
    assert [(ruling.rule, ruling.level) for ruling in told.tick(2)] == [
        ("timeout", Level.STOP),
        ("budget", Level.PAUSE),
    ]


def test_the_time_of_a_run_begins_anew_with_its_resume_however_long_ago_that_was() -> None:
    told = Story()
    told.tick(5000)
    told.pause_and_resume()
    told.tick(50)
    told.judge = forgetful(told, replace(DEFAULT, timeout=Timeout(run_s=100)))

    assert told.tick(49) == []
    assert [ruling.rule for ruling in told.tick(2)] == ["timeout"]


def test_a_budget_granted_long_ago_holds() -> None:
    told = Story()
    told.add(Kind.GRANTED, limits={"cost_usd": 5.0}, by="me")
    told.judge = forgetful(told, replace(DEFAULT, budget=Budget(cost_usd=1.0)))

    assert told.add(Kind.USAGE, cost_usd=3.0) == []


@pytest.mark.parametrize("cycle", [1, 2, 3])
def test_a_repetition_accepted_long_ago_is_fine_for_the_rest_of_the_run(cycle: int) -> None:
    told = Story(Judge(replace(DEFAULT, progress=Progress(at_most=Level.OBSERVE), loop=Loop())))
    while not told.rulings:
        for n in range(cycle):
            told.call("look", {"n": n}, "same")
    told.add(Kind.ACCEPTED, signature=told.rulings[0].signature, by="me")
    told.rulings.clear()
    told.judge = forgetful(told, DEFAULT)
    for _ in range(60):
        for n in range(cycle):
            told.call("look", {"n": n}, "same")

    assert told.levels() == []
