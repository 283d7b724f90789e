"""The sparkline of spend against progress, as a table of ways in which runs spend."""

from __future__ import annotations

from typing import Any

import pytest

from store.events import Kind
from store.records import Event, Run, Warned
from store.states import Status, StopReason
from tui.console.ascii import in_ascii
from tui.console.recent import Looking, look
from tui.console.since_new import since_new, sparkline, stuck
from tui.console.verdict import judge

NOW = 1000.0
FRESH, SAME = "fresh", "same"


class Steps:
    """Events of one run, and the run as they leave it."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.fields: dict[str, Any] = {}

    def add(self, kind: Kind, **body: Any) -> Steps:
        seq = len(self.events) + 1
        self.events.append(Event(seq, "a1", seq - 1, NOW - 500 + seq, 1, kind, body))
        return self

    def step(self, result: str | None, **usage: float) -> Steps:
        """One step: it calls a tool if there is a `result`, one not seen before or the same as ever, then spends."""
        n = self.fields["steps"] = self.fields.get("steps", 0) + 1
        self.add(Kind.STEP_BEGIN, n=n)
        if result is not None:
            said = n if result is FRESH else SAME
            self.add(Kind.ACTION_BEGIN, id=f"c{n}", tool="search", args={"query": said})
            self.add(Kind.ACTION_END, id=f"c{n}", tool="search", step=n, ok=True, result=said)
        if usage:
            self.add(Kind.USAGE, **usage)
        for name, amount in usage.items():
            self.fields[name] = self.fields.get(name, 0) + amount
        return self

    def run(self, **fields: Any) -> Run:
        given: dict[str, Any] = {"run": "a1", "agent": "a", "goal": "", "created_at": 0.0, "status": Status.PAUSED}
        return Run(**(given | self.fields | fields))

    def bars(self, **fields: Any) -> str:
        return sparkline(self.run(**fields), look(self.events))


def steps(*results: str | None, **usage: float) -> Steps:
    made = Steps()
    for result in results:
        made.step(result, **usage)
    return made


TOKENS = {"input_tokens": 900, "output_tokens": 100}


@pytest.mark.parametrize(
    ("made", "bars"),
    [
        (steps(*[FRESH] * 12, **TOKENS), "▁▁▁▁▁▁▁▁"),
        (steps(FRESH, FRESH, FRESH, **TOKENS), "▁▁▁"),
        (steps(FRESH, *[SAME] * 8, **TOKENS), "▁▂▃▄▅▆▇█"),
        (steps(FRESH, *[SAME] * 20, **TOKENS), "████████"),
        (steps(FRESH, *[SAME] * 4, FRESH, FRESH, **TOKENS), "▁▁▂▃▄▁▁"),
        (steps(FRESH, *[None] * 4, **TOKENS), "▁▂▃▄▅"),
        (steps(FRESH, *[SAME] * 8, cost_usd=0.25), "▁▂▃▄▅▆▇█"),
        (steps(FRESH, *[SAME] * 8), "▁▁▂▃▄▅▆▇"),
        (steps(*[FRESH] * 12), "▁▁▁▁▁▁▁▁"),
        (steps(), ""),
        (steps(None, None, None, **TOKENS), ""),
    ],
    ids=[
        "each step brings something new",
        "fewer steps than bars",
        "nothing new since the second step",
        "nothing new for long",
        "it found its way again",
        "a model is asked and no tool called",
        "dollars where no tokens are reported",
        "steps where neither is",
        "steps where neither is, each with something new",
        "no steps",
        "no result was ever reported",
    ],
)
def test_bars(made: Steps, bars: str) -> None:
    assert made.bars() == bars


def test_a_costly_step_stands_out_by_what_it_cost_against_an_average_one() -> None:
    made = steps(*[FRESH] * 9, input_tokens=1000).step(FRESH, input_tokens=5000)

    assert made.bars() == "▁▁▁▁▁▁▁▄"


def test_a_step_that_has_only_begun_does_not_lower_the_average() -> None:
    made = steps(FRESH, SAME, SAME, **TOKENS).step(None)

    assert made.bars(status=Status.RUNNING) == "▁▁▂▂"


def test_a_run_whose_calls_all_fail_spends_and_brings_nothing_new() -> None:
    made = Steps()
    for n in range(1, 6):
        made.step(None, **TOKENS).add(Kind.ACTION_BEGIN, id=f"f{n}", tool="search", args={"query": n})
        made.add(Kind.ACTION_END, id=f"f{n}", tool="search", step=n, ok=False, error=f"failure {n}")

    assert made.bars() == "▁▂▃▄▅"


def test_where_progress_lies_before_what_was_read_the_bars_begin_with_what_was_read() -> None:
    assert steps(None, None, None, **TOKENS).bars(progress_at=NOW - 600) == "▁▂▃"


def test_progress_is_something_new_as_it_is_for_the_verdict() -> None:
    made = steps(FRESH, SAME, SAME, SAME, **TOKENS).add(Kind.PROGRESS, label="items", done=4)

    assert made.bars() == "▁▁▂▁"


def test_the_last_bar_is_what_the_verdict_says_was_spent_since() -> None:
    made = steps(FRESH, SAME, SAME, SAME, **TOKENS)
    run, recent = made.run(reason=StopReason.LOOP_DETECTED), look(made.events)

    assert "spent since: 3k tokens" in judge(run, recent, NOW).progress.figures
    assert since_new(run, recent)[-1] == pytest.approx(3.0)


def test_events_that_come_one_by_one_give_the_same_bars() -> None:
    made = steps(FRESH, *[SAME] * 4, FRESH, SAME, **TOKENS)
    looking = Looking()
    for event in made.events:
        recent = looking.add([event])

    assert sparkline(made.run(), recent) == made.bars()


def test_what_is_not_read_has_no_bars() -> None:
    assert sparkline(steps(FRESH, **TOKENS).run(), None) == ""


@pytest.mark.parametrize("usage", [{"cost_usd": float("inf")}, {"cost_usd": float("nan")}, {"input_tokens": 10**300}])
def test_figures_beyond_all_measure_do_not_break_the_line(usage: dict[str, float]) -> None:
    assert len(steps(FRESH, SAME, **usage).bars()) == 2


def test_in_ascii_a_stair_is_a_stair() -> None:
    assert in_ascii("▁▂▃▄▅▆▇█") == "_.:-=+*#"


WARNED = Warned("loop", "warn", "9 steps, no new result", NOW, 1)


@pytest.mark.parametrize(
    ("fields", "bars", "expected"),
    [
        ({"warned": WARNED}, "▁▂▃▄▅▆", True),
        ({"warned": WARNED}, "▁▂▃▄▅▁", False),
        ({"warned": WARNED}, "", False),
        ({"reason": StopReason.LOOP_DETECTED}, "▄▅▆▇█", True),
        ({"reason": StopReason.NO_PROGRESS}, "▄▅▆▇█", True),
        ({"reason": StopReason.USER_PAUSED}, "▄▅▆▇█", False),
        ({}, "████████", False),
    ],
)
def test_bars_are_loud_only_where_a_rule_says_stuck_and_they_show_it(
    fields: dict[str, Any], bars: str, expected: bool
) -> None:
    assert stuck(Steps().run(**fields), bars) is expected
