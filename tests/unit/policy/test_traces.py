"""Traces and backtests: recorded runs, judged by the code that judges live ones."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from runtime.policy.backtest import backtest, backtest_files
from runtime.policy.config import DEFAULT, Budget
from runtime.policy.judge import Judge
from runtime.policy.load import load
from runtime.policy.ruling import Level
from runtime.policy.traces import Trace, TraceError, TraceStep, events, read_traces
from store.events import Kind
from store.launch import PolicySource
from store.records import Event
from store.states import StopReason
from tests.unit.policy.story import Story


def trace(calls: list[tuple[str | None, Any, Any]], success: bool | None = None) -> Trace:
    steps = [
        TraceStep(i=i, tool=tool, args=args, result=result, tokens=100) for i, (tool, args, result) in enumerate(calls)
    ]
    return Trace(id="t", steps=steps, success=success)


LOOP: list[tuple[str | None, Any, Any]] = [("ls", "a", f"{n}") for n in range(3)] + [("cat", "x", "same")] * 7


def written(path: Path, rows: list[Any]) -> Path:
    text = "\n".join(json.dumps(row) for row in rows) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize("name", ["t.jsonl", "t.jsonl.gz"])
def test_traces_are_read_zipped_or_not_and_extra_keys_are_ignored(tmp_path: Path, name: str) -> None:
    row = {"id": "x", "goal": "g", "success": True, "labels": {}, "steps": [{"i": 0, "tool": "ls", "agent": "a"}]}
    file = written(tmp_path / name, [row])

    (read,) = read_traces(file)

    assert (read.id, read.success, read.steps[0].tool) == ("x", True, "ls")


def test_a_line_that_is_no_trace_is_named(tmp_path: Path) -> None:
    file = written(tmp_path / "t.jsonl", [{"id": "x", "steps": []}, {"id": "y"}])

    with pytest.raises(TraceError, match="line 2 is no trace"):
        list(read_traces(file))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="cannot be read"):
        list(read_traces(tmp_path / "none.jsonl"))


def test_a_trace_becomes_a_journal_without_gaps() -> None:
    told = list(events(trace(LOOP)))

    assert [event.seq for event in told] == list(range(1, len(told) + 1))
    assert [event.prev for event in told] == list(range(len(told)))
    assert sum(event.kind == Kind.ACTION_END for event in told) == 10


def test_a_verdict_says_where_a_run_would_have_been_warned_and_stopped_and_what_that_saves() -> None:
    verdict = backtest(trace(LOOP, success=False), DEFAULT)

    assert verdict.row() == {"id": "t", "warn_step": 5, "stop_step": 7, "reason": StopReason.LOOP_DETECTED}
    assert (verdict.steps, verdict.saved_steps, verdict.saved_tokens) == (10, 2, 200)
    assert not verdict.wrong


def test_stopping_a_good_run_is_told_as_wrong() -> None:
    assert backtest(trace(LOOP, success=True), DEFAULT).wrong


def test_a_run_that_nobody_would_have_stopped_has_no_stop() -> None:
    verdict = backtest(trace(LOOP[:4]), DEFAULT)

    assert (verdict.warn_step, verdict.stop_step, verdict.reason, verdict.saved_steps) == (None, None, None, 0)


def test_what_was_not_recorded_equals_nothing() -> None:
    assert backtest(trace([("ls", None, "a")] * 9), DEFAULT).warn_step is None
    assert backtest(trace([("ls", "x", None)] * 9), DEFAULT).warn_step is None


def test_values_that_differ_beyond_where_they_were_cut_differ() -> None:
    steps = [TraceStep(i=n, tool="cat", args="f", result="long…", result_sha=f"{n:012x}") for n in range(9)]

    assert backtest(Trace(id="t", steps=steps), DEFAULT).warn_step is None


def test_steps_without_a_tool_count_as_steps() -> None:
    verdict = backtest(trace([(None, None, None)] * 3 + LOOP[3:8]), DEFAULT)

    assert (verdict.warn_step, verdict.stop_step) == (5, 7)


def test_another_policy_gives_another_verdict() -> None:
    cheap = replace(DEFAULT, budget=Budget(tokens=400))

    verdict = backtest(trace(LOOP), cheap)

    assert (verdict.stop_step, verdict.reason) == (3, StopReason.BUDGET_EXCEEDED)


def test_rates_say_nothing_of_traces_which_hold_no_times() -> None:
    dear = Trace("dear", [TraceStep(n, tool="ask", args={"n": n}, result=f"{n}", tokens=1e6) for n in range(5)])
    policy = replace(DEFAULT, budget=Budget(tokens_per_minute=1000, actions_per_minute=1))

    assert backtest(dear, policy).said == ()


def test_a_run_of_our_own_is_judged_as_it_was_live() -> None:
    live = Story(Judge(DEFAULT))
    for n in range(9):
        live.add(Kind.STEP_BEGIN, n=n + 1, name="")
        live.call("ls", {}, "a")
        live.add(Kind.STEP_END, n=n + 1, ok=True)

    verdict = backtest(live.events, DEFAULT)

    lived = [(r.rule, r.level, r.signature) for r in live.rulings]
    again = [(one.ruling.rule, one.ruling.level, one.ruling.signature) for one in verdict.said]
    assert again == lived[: len(again)]
    assert verdict.said[-1].ruling.level is Level.PAUSE
    assert (verdict.id, verdict.stop_step) == ("run", 4)


def test_a_run_of_our_own_that_spent_too_fast_is_found_and_a_slow_one_is_not() -> None:
    policy = replace(DEFAULT, budget=Budget(cost_usd_per_hour=1.0))
    for apart_s, reason in ((60, StopReason.BUDGET_EXCEEDED), (1000, None)):
        live = Story()
        for n in range(8):
            live.add(Kind.STEP_BEGIN, n=n + 1, name="")
            live.now += apart_s
            live.add(Kind.USAGE, cost_usd=0.21)

        verdict = backtest(live.events, policy)

        assert (verdict.reason, verdict.stop_step) == (reason, 4 if reason else None)


def test_silence_in_a_run_of_our_own_is_found() -> None:
    live = Story()
    live.add(Kind.STEP_BEGIN, n=1, name="")
    live.call("ls")
    live.now += 7200
    live.add(Kind.STEP_END, n=1, ok=True)

    assert backtest(live.events, DEFAULT).reason is StopReason.STALLED


# --- against recorded runs of real agents, which are no part of this project


def recorded() -> Path:
    """Where those runs lie: `AGENTWATCH_TRACES`, or `shared/traces` beside the checkout."""
    beside = Path(__file__).resolve().parents[4] / "shared" / "traces"
    return Path(os.environ.get("AGENTWATCH_TRACES") or beside)


needs_recorded = pytest.mark.skipif(
    not any(recorded().glob("*.jsonl.gz")), reason="no recorded runs: set AGENTWATCH_TRACES to a folder of them"
)


@needs_recorded
@pytest.mark.parametrize(("name", "at_most_wrong"), [(None, 1), ("strict", 1)])
def test_good_runs_of_real_agents_are_left_alone(name: str | None, at_most_wrong: int) -> None:
    verdicts = list(backtest_files(sorted(recorded().glob("*.jsonl.gz")), load(PolicySource(name=name))))

    good = [verdict for verdict in verdicts if verdict.success]
    assert len(good) > 100
    assert sum(verdict.wrong for verdict in good) <= at_most_wrong


@needs_recorded
def test_a_judge_rebuilt_in_the_middle_of_a_real_run_rules_as_the_one_that_lived() -> None:
    for file in sorted(recorded().glob("*.jsonl.gz")):
        for one in list(read_traces(file))[::10]:
            told = list(events(one))
            lived, middle = _live(told)
            again = Judge.rebuild(DEFAULT, middle[1], middle[0])
            rest = [event for event in lived.events if event.seq > middle[0][-1].seq]
            said = [ruling for event in rest for ruling in again.feed(event)]
            before = sum(event.kind == Kind.RULING for event in middle[0])
            assert said == lived.rulings[before:], one.id


def _live(told: list[Event]) -> tuple[Story, tuple[list[Event], Any]]:
    """Journal a trace as a run of our own; return it, and what there was half way."""
    lived = Story(Judge(DEFAULT))
    middle: tuple[list[Event], Any] = (list(lived.events), lived.run)
    for number, event in enumerate(told[4:]):
        lived.now = 1000 + event.at
        lived.add(Kind(event.kind), **event.body)
        if number == len(told) // 2:
            middle = (list(lived.events), lived.run)
    return lived, middle
