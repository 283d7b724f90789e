"""The budget rule: warned once, held at the limit, and let go on with more."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.policy.config import DEFAULT, Policy
from runtime.policy.judge import Judge
from runtime.policy.ruling import Level
from store.events import Kind
from store.states import StopReason
from tests.unit.policy.story import Story


def with_limits(**limits: float) -> Policy:
    return DEFAULT.with_limits(limits)


def story(**limits: float) -> Story:
    return Story(Judge(with_limits(**limits)))


def spend(told: Story, **used: Any) -> list[Level]:
    return [ruling.level for ruling in told.add(Kind.USAGE, **used)]


def test_without_limits_nothing_is_said() -> None:
    told = Story(Judge(DEFAULT))

    assert spend(told, cost_usd=1e9, input_tokens=10**12) == []


def test_the_operator_is_warned_once_at_four_fifths_and_the_run_is_held_at_the_limit() -> None:
    told = story(cost_usd=1.0)

    said = [spend(told, cost_usd=0.26) for _ in range(6)]

    assert said == [[], [], [], [Level.PAUSE], [], []]
    assert told.rulings[0].reason is StopReason.BUDGET_EXCEEDED
    assert told.rulings[0].evidence["figures"] == {"cost_usd": "$1.04 of $1.00"}


def test_the_warning_comes_before_the_limit() -> None:
    told = story(tokens=100)

    assert spend(told, input_tokens=50, output_tokens=30) == [Level.WARN]
    assert spend(told, input_tokens=5) == []
    assert spend(told, output_tokens=15) == [Level.PAUSE]


def test_cached_tokens_are_counted_apart() -> None:
    told = story(tokens=100)

    assert spend(told, cached_tokens=10_000) == []
    assert spend(story(cached_tokens=100), cached_tokens=100) == [Level.PAUSE]


def test_the_usage_of_an_action_counts() -> None:
    told = story(cost_usd=1.0)

    said = told.end(told.begin("ask"), usage={"cost_usd": 2.0})

    assert [ruling.level for ruling in said] == [Level.PAUSE]


def test_as_many_actions_as_allowed_begin_before_the_run_is_held() -> None:
    told = story(actions=3)
    for n in range(3):
        told.call("t", {"n": n}, n)

    assert told.levels() == [Level.PAUSE]
    assert told.rulings[0].evidence["figures"] == {"actions": "3 of 3"}


def test_as_many_steps_as_allowed_are_finished_before_the_run_is_held() -> None:
    told = story(steps=2)

    told.add(Kind.STEP_BEGIN, n=1, name="one")
    told.add(Kind.STEP_END, n=1, ok=True)
    told.add(Kind.STEP_BEGIN, n=2, name="two")
    assert told.levels() == []
    told.add(Kind.STEP_END, n=2, ok=True)
    assert told.levels() == [Level.PAUSE]


def test_running_time_stands_still_while_the_run_is_paused() -> None:
    told = story(wall_s=100)
    told.tick(50)
    told.status("running", "pausing")
    told.status("pausing", "paused", held=True)
    told.tick(1000)
    told.status("paused", "running")

    assert told.tick(20) == []
    assert [r.level for r in told.tick(15)] == [Level.WARN]
    assert [r.level for r in told.tick(15)] == [Level.PAUSE]
    assert told.rulings[-1].evidence["figures"] == {"wall_s": "1 min 40 s of 1 min 40 s"}


def test_a_granted_budget_raises_the_limit() -> None:
    told = story(cost_usd=1.0)
    spend(told, cost_usd=1.0)
    told.add(Kind.GRANTED, limits={"cost_usd": 2.0}, by="me")
    told.pause_and_resume()

    assert spend(told, cost_usd=0.5) == []
    assert spend(told, cost_usd=0.2) == [Level.WARN]
    assert spend(told, cost_usd=0.3) == [Level.PAUSE]


def test_a_resume_without_more_is_held_again() -> None:
    told = story(cost_usd=1.0)
    spend(told, cost_usd=1.0)

    told.pause_and_resume()

    assert told.levels() == [Level.PAUSE, Level.PAUSE]


def test_a_judge_built_in_the_middle_of_a_run_knows_what_was_spent() -> None:
    before = Story()
    before.add(Kind.USAGE, cost_usd=0.7)
    judge = Judge(with_limits(cost_usd=1.0), before.run)

    before.judge = judge

    assert spend(before, cost_usd=0.2) == [Level.WARN]


def test_a_judge_rebuilt_from_the_journal_counts_nothing_twice_and_repeats_nothing() -> None:
    lived = story(cost_usd=1.0)
    spend(lived, cost_usd=0.85)
    lived.judge = Judge.rebuild(with_limits(cost_usd=1.0), lived.run, lived.events)

    assert spend(lived, cost_usd=0.1) == []
    assert spend(lived, cost_usd=0.1) == [Level.PAUSE]


def test_a_lower_limit_after_a_reload_holds_a_run_that_is_beyond_it() -> None:
    lived = story(cost_usd=10.0)
    spend(lived, cost_usd=5.0)
    lived.judge = Judge.rebuild(with_limits(cost_usd=2.0), lived.run, lived.events)

    assert spend(lived, cost_usd=0.01) == [Level.PAUSE]


def test_small_sums_are_told_with_enough_digits() -> None:
    told = story(cost_usd=0.01)

    spend(told, cost_usd=0.0104)

    assert told.rulings[0].evidence["figures"] == {"cost_usd": "$0.0104 of $0.01"}


# --- how fast

RATES = [
    ("cost_usd_per_hour", 1.0, {"cost_usd": 0.5}, 3600, "$1.00 of $1.00"),
    ("tokens_per_minute", 1000, {"input_tokens": 300, "output_tokens": 200}, 60, "1,000 of 1,000"),
]


@pytest.mark.parametrize(("key", "limit", "used", "window_s", "figure"), RATES)
def test_what_is_spent_too_fast_holds_the_run(
    key: str, limit: float, used: dict[str, float], window_s: float, figure: str
) -> None:
    told = story(**{key: limit})

    assert spend(told, **used) == []
    told.tick(window_s / 2)
    assert spend(told, **used) == [Level.PAUSE]
    ruling = told.rulings[-1]
    assert ruling.reason is StopReason.BUDGET_EXCEEDED
    assert ruling.evidence["figures"][key] == figure
    assert ruling.evidence["figures"]["below it again in"] == {60: "30 s", 3600: "30 min"}[window_s]
    assert ruling.evidence["below_at"] == told.now + window_s / 2


@pytest.mark.parametrize(("key", "limit", "used", "window_s", "figure"), RATES)
def test_the_same_spent_slowly_is_fine(
    key: str, limit: float, used: dict[str, float], window_s: float, figure: str
) -> None:
    told = story(**{key: limit})

    for _ in range(20):
        assert spend(told, **used) == []
        told.tick(window_s)


def test_actions_that_begin_too_fast_hold_the_run_and_are_named() -> None:
    told = story(actions_per_minute=10)
    for n in range(10):
        told.call("t", {"n": n}, n)

    assert told.levels() == [Level.WARN, Level.PAUSE]
    ruling = told.rulings[-1]
    assert ruling.summary == "10 of 10 actions a minute spent"
    begins = [event.seq for event in told.events if event.kind == Kind.ACTION_BEGIN]
    assert set(ruling.evidence["events"]) < set(begins)


def test_the_evidence_names_what_cost_most() -> None:
    told = story(cost_usd_per_hour=10.5)
    for cents in (10, 300, 20, 500, 30, 40, 50, 60, 70):
        spend(told, cost_usd=cents / 100)

    dear = [event.seq for event in told.events if event.kind == Kind.USAGE and event.body["cost_usd"] >= 0.5]
    assert told.rulings[-1].evidence["events"] == dear


def test_a_rate_warns_again_only_after_it_has_been_well_below() -> None:
    told = story(tokens_per_minute=100)
    said = []
    for tokens, after_s in ((30, 0), (55, 40), (27, 21), (55, 40)):
        told.tick(after_s)
        said.append(spend(told, input_tokens=tokens))

    assert said == [[], [Level.WARN], [], [Level.WARN]]


def test_a_run_that_was_held_for_its_pace_goes_on_once_time_has_passed() -> None:
    told = story(tokens_per_minute=100)
    spend(told, input_tokens=100)
    told.pause_and_resume()
    assert told.levels() == [Level.PAUSE, Level.PAUSE], "resumed at once it is held again"

    told.status("running", "pausing")
    told.status("pausing", "paused", held=True)
    told.tick(60)
    told.status("paused", "running")

    assert spend(told, input_tokens=50) == []


def test_a_judge_rebuilt_from_the_journal_knows_how_fast_the_run_spent() -> None:
    lived = story(cost_usd_per_hour=1.0)
    spend(lived, cost_usd=0.7)
    lived.tick(600)
    for n in range(1000):
        lived.add(Kind.TASK, name=f"task {n}")
    lived.judge = Judge.rebuild(with_limits(cost_usd_per_hour=1.0), lived.run, lived.events)

    assert spend(lived, cost_usd=0.3) == [Level.PAUSE]
