"""What a run has used, and which limit it would have reached had no rule stopped it."""

from __future__ import annotations

import pytest

from store.records import Run
from store.states import Status, StopReason
from tui.console.pages.gone_on import had_it_gone_on, used
from tui.console.recent import Recent

NOW = 1000.0


def stopped(**more: object) -> Run:
    base = {"status": Status.PAUSED, "reason": StopReason.LOOP_DETECTED, "started_at": 100.0, "going_s": 600.0}
    return Run("r", "agent", "goal", 0.0, **(base | more))  # type: ignore[arg-type]


def recent(*tokens: float) -> Recent:
    return Recent(tokens_per_step=list(tokens))


@pytest.mark.parametrize(
    ("run", "latest", "said"),
    [
        (stopped(), recent(100), "no limit is set: nothing but this rule would have stopped it."),
        (
            stopped(input_tokens=4000, limits={"tokens": 10_000.0}, steps=10),
            recent(9000, 1000, 1000, 1000, 1000, 1000),
            "its limit of 10k tokens would have been reached in about 6 steps at its latest pace.",
        ),
        (
            stopped(input_tokens=4000, cost_usd=4.0, limits={"cost_usd": 8.0}, steps=10),
            recent(1000, 1000),
            "its limit of $8.00 would have been reached in about 4 steps at its latest pace.",
        ),
        (
            stopped(cost_usd=4.0, limits={"cost_usd": 8.0}, steps=10),
            recent(0, 0),
            "its limit of $8.00 would have been reached in about 10 steps at its latest pace.",
        ),
        (
            stopped(steps=10, input_tokens=4000, limits={"steps": 11.0, "tokens": 9000.0}),
            recent(1000),
            "its limit of 11 steps would have been reached in about 1 step at its latest pace.",
        ),
        (
            stopped(steps=10, limits={"wall_s": 1200.0}),
            recent(),
            "its limit of 20 m 00 s of time would have been reached in about 10 steps at its latest pace.",
        ),
        (
            stopped(steps=10, limits={"tokens": 1000.0}),
            recent(0, 0),
            "it would have reached no limit at its latest pace.",
        ),
    ],
)
def test_the_limit_that_comes_first_is_named_with_the_steps_to_it(run: Run, latest: Recent, said: str) -> None:
    assert had_it_gone_on(run, latest, NOW) == said


def test_what_was_used_stands_with_its_limits_and_nothing_is_said_of_what_was_not() -> None:
    run = stopped(input_tokens=4000, cost_usd=3.81, limits={"cost_usd": 8.0}, steps=1, actions=21)

    assert used(run, NOW) == ["4k tokens", "$3.81 of $8.00", "1 step", "21 actions", "10 m 00 s"]
