"""What is said of the whole fleet."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from store.events import Kind
from store.home import Beat, Home
from store.records import Event, Run
from tests.support.console_fleet import NOW
from tests.support.console_shots import frozen
from tui.console.state import State, Today, Window, free_share

HOUR = 3600.0
MIDNIGHT = NOW - NOW % 86_400


def run(created: float, last: float, cost: float) -> Run:
    return Run(run=str(created), agent="a", goal="", created_at=created, last_event_at=last, cost_usd=cost)


def state_of(home: Home, *runs: Run) -> State:
    state = State(home)
    with frozen():
        state.load(runs)
    return state


def test_what_began_today_is_of_today_and_what_ended_yesterday_is_not(home: Home) -> None:
    state = state_of(home, run(MIDNIGHT + 5, NOW, 2.0), run(MIDNIGHT - HOUR, MIDNIGHT - 60, 4.0))

    assert state.today == Today(2.0, 2.0)


def test_a_run_over_midnight_leaves_a_range(home: Home) -> None:
    state = state_of(home, run(MIDNIGHT + 5, NOW, 2.0), run(MIDNIGHT - HOUR, NOW, 4.0))

    assert state.today == Today(2.0, 6.0)


def test_what_is_spent_is_of_today_at_once(home: Home) -> None:
    state = state_of(home, run(MIDNIGHT + 5, NOW, 2.0), run(MIDNIGHT - HOUR, MIDNIGHT - 60, 4.0))
    state.model.update([run(MIDNIGHT + 5, NOW, 2.5), run(MIDNIGHT + 9, NOW, 1.0)])

    assert state.today == Today(3.5, 3.5)


def test_nothing_is_spent_an_hour_once_nothing_was_spent_for_a_minute(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = State(home)
    for second in range(200):
        monkeypatch.setattr(time, "monotonic", lambda second=second: float(second))
        state.model.cost_usd = 0.01 * min(second, 100)
        state.sample()
        if second == 130:
            assert (state.rates.cost_h or 0) > 0

    assert state.rates.cost_h == 0


def test_tokens_a_minute_are_those_of_the_last_minute(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    state = State(home)
    for second in range(200):
        monkeypatch.setattr(time, "monotonic", lambda second=second: float(second))
        state.model.tokens = 100 * min(second, 100)
        state.sample()
        if second == 20:
            assert state.rates.tokens_min is None
        if second == 100:
            assert state.rates.tokens_min == pytest.approx(6000)

    assert state.rates.tokens_min == 0


def test_a_pace_is_known_where_nothing_was_measured_for_a_while(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    state = State(home)
    for second in (*range(40), 140):
        monkeypatch.setattr(time, "monotonic", lambda second=second: float(second))
        state.model.tokens = 100 * second
        state.sample()

    assert state.rates.tokens_min == pytest.approx(6000)


def test_what_pruned_runs_had_cost_is_not_taken_from_today(home: Home) -> None:
    old, new = run(MIDNIGHT - HOUR, MIDNIGHT - 60, 400.0), run(MIDNIGHT + 5, NOW, 2.0)
    state = state_of(home, old, new)
    with frozen():
        state.load([new])

    assert state.today == Today(2.0, 2.0)


def test_what_came_or_went_with_runs_is_no_part_of_the_pace(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    state = State(home)
    old = run(MIDNIGHT - HOUR, MIDNIGHT - 60, 400.0)
    for second in range(200):
        monkeypatch.setattr(time, "monotonic", lambda second=second: float(second))
        new = run(MIDNIGHT + 5, NOW, 0.01 * second)
        if second in (1, 100):
            state.load([old, new] if second == 1 else [new])
        state.model.update([new])
        state.sample()
        assert state.rates.cost_h is None or state.rates.cost_h == pytest.approx(36)

    assert state.rates.cost_h is not None


def test_a_place_that_is_not_there_has_no_free_share(tmp_path: Path) -> None:
    assert free_share(tmp_path / "nothing") is None
    assert 0 <= (free_share(tmp_path) or 0) <= 1


def test_what_happens_while_a_window_is_read_is_in_it(home: Home) -> None:
    state = State(home)
    events = [Event(seq, "a1", seq - 1, NOW, 1, Kind.STEP_BEGIN, {"n": seq}) for seq in range(1, 8)]
    state.reading = {"a1": []}
    state.take(events[3:6])
    state.keep("a1", Window(events[:5]))
    state.take(events[6:])

    assert [event.seq for event in state.window("a1").events] == [1, 2, 3, 4, 5, 6, 7]


def test_a_silent_runtime_looks_silent_though_the_clock_was_turned_back(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.create()
    home.write_beat(Beat(pid=4000, version="0.1.0", started_at=NOW - 9000, at=NOW))
    state = State(home)
    monkeypatch.setattr(Home, "runtime_alive", lambda self: True)
    for monotonic in (100.0, 160.0):
        monkeypatch.setattr(time, "monotonic", lambda monotonic=monotonic: monotonic)
        with frozen(NOW - 3600):
            state.look_at_runtime()

    assert state.runtime_age_s == 60
