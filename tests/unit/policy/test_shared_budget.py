"""Budgets that several runs share, and how fast they may be spent together."""

from __future__ import annotations

import pytest

from runtime.policy.burn import Burn
from runtime.policy.config import SharedBudget
from runtime.policy.ruling import Level
from runtime.policy.shared_budget import Lately, Spent, shared_rulings
from store.events import Kind
from store.records import Event

SECTION = SharedBudget(cost_usd_per_hour=10.0, tokens_per_minute=1000)


def said(lately: Lately, spent: Spent, now: float, section: SharedBudget = SECTION) -> list[tuple[Level, str]]:
    lately.see(now, spent)
    rulings = shared_rulings(section, "home_budget", "all runs of this home", spent, lately, now)
    return [(ruling.level, ruling.summary) for ruling in rulings]


def test_only_what_is_spent_since_it_was_first_looked_counts() -> None:
    lately = Lately(Spent(cost_usd=500.0, tokens=1e6))

    assert said(lately, Spent(cost_usd=507.0, tokens=1e6), 100.0) == []
    assert said(lately, Spent(cost_usd=508.0, tokens=1e6), 200.0) == [
        (Level.WARN, "$8.00 of $10.00 an hour spent by all runs of this home")
    ]
    assert said(lately, Spent(cost_usd=511.0, tokens=1e6), 300.0) == [
        (Level.PAUSE, "$11.00 of $10.00 an hour spent by all runs of this home")
    ]
    assert said(lately, Spent(cost_usd=511.0, tokens=1e6), 3701.0) == []


def test_a_runtime_that_has_just_started_knows_the_last_hour_from_the_record() -> None:
    events = [Event(n, "r", 0, 1000.0 + n, 1, Kind.USAGE, {"cost_usd": 4.0}) for n in range(1, 3)]
    lately = Lately(Spent(cost_usd=100.0), events)

    assert said(lately, Spent(cost_usd=102.0), 1010.0) == [
        (Level.PAUSE, "$10.00 of $10.00 an hour spent by all runs of this home")
    ]
    assert said(lately, Spent(cost_usd=102.0), 1001.0 + 3600) == []


def test_runs_that_are_forgotten_take_nothing_back_that_was_spent_since() -> None:
    lately = Lately(Spent(tokens=50_000.0))
    said(lately, Spent(tokens=50_700.0), 10.0)

    assert said(lately, Spent(tokens=1_000.0), 20.0) == []
    assert said(lately, Spent(tokens=1_300.0), 30.0) == [
        (Level.PAUSE, "1,000 of 1,000 tokens a minute spent by all runs of this home")
    ]


def test_the_evidence_says_when_it_goes_on() -> None:
    lately = Lately(Spent())
    said(lately, Spent(tokens=600.0), 100.0)
    lately.see(130.0, Spent(tokens=1100.0))
    (ruling,) = shared_rulings(SECTION, "agent_budget", "all runs of x", Spent(tokens=1100.0), lately, 130.0)

    assert ruling.evidence["figures"] == {
        "tokens_per_minute of all runs of x": "1,100 of 1,000 tokens a minute",
        "below it again in": "30 s",
    }


def test_a_section_that_only_warns_holds_nobody() -> None:
    watching = SharedBudget(at_most=Level.WARN, tokens_per_minute=10)

    assert said(Lately(Spent()), Spent(tokens=50.0), 1.0, watching) == [
        (Level.WARN, "50 of 10 tokens a minute spent by all runs of this home")
    ]


@pytest.mark.parametrize(
    ("seen", "now", "spent", "below_at"),
    [
        ([], 0.0, 0.0, 0.0),
        ([(0.0, 5.0)], 1.0, 5.0, 0.0),
        ([(0.0, 12.0)], 1.0, 12.0, 60.0),
        ([(0.0, 12.0)], 60.0, 0.0, 0.0),
        ([(0.0, 6.0), (20.0, 12.0)], 30.0, 12.0, 60.0),
        ([(0.0, 2.0), (20.0, 4.0), (30.0, 14.0)], 30.0, 14.0, 90.0),
        ([(0.0, 2.0), (50.0, 12.0)], 70.0, 10.0, 110.0),
    ],
)
def test_a_window_slides(seen: list[tuple[float, float]], now: float, spent: float, below_at: float) -> None:
    burn = Burn(60.0)
    for at, total in seen:
        burn.see(at, total)

    assert burn.spent(now) == spent
    assert burn.below_at(10.0) == below_at
