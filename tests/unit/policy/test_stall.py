"""The stall rule: silence on three clocks, with a virtual clock."""

from __future__ import annotations

import random

import pytest
from msgspec.structs import replace

from runtime.policy.config import DEFAULT, Stall
from runtime.policy.judge import Judge
from runtime.policy.ruling import Level
from store.events import Kind
from store.states import StopReason
from tests.unit.policy.story import Story


def story() -> Story:
    return Story(Judge(DEFAULT))


def wait(told: Story, seconds: float) -> list[tuple[float, Level]]:
    """Let the clock tick every ten seconds."""
    began = told.now
    said = []
    while told.now - began < seconds:
        said += [(told.now - began, ruling.level) for ruling in told.tick(10) if ruling.rule == "stall"]
    return said


def test_silence_between_actions_warns_at_five_minutes_and_pauses_at_twenty() -> None:
    told = story()
    told.call("ls")

    assert wait(told, 3600) == [(300.0, Level.WARN), (1200.0, Level.PAUSE)]
    assert told.rulings[-1].reason is StopReason.STALLED
    assert told.rulings[-1].summary == "no sign of life for 20 min, waits for its model"


def test_silence_within_an_action_names_the_tool() -> None:
    told = story()
    told.begin("fetch")

    assert wait(told, 3600) == [(300.0, Level.WARN), (1200.0, Level.PAUSE)]
    assert told.rulings[-1].summary == "no sign of life for 20 min, in fetch"


def stalled() -> Story:
    """A run that is on its way to a pause that it does not reach."""
    told = story()
    told.call("ls")
    wait(told, 1200)
    told.status("running", "pausing")
    return told


def test_what_is_silent_and_reaches_no_safe_point_is_ended() -> None:
    told = stalled()

    assert wait(told, 600) == [(60.0, Level.STOP)]
    assert told.rulings[-1].reason is StopReason.STALLED
    assert told.rulings[-1].summary == "no sign of life for 21 min, and no safe point"


def test_what_stirs_on_its_way_to_a_pause_has_more_time() -> None:
    told = stalled()
    wait(told, 50)
    told.add(Kind.OUTPUT, bytes=1, line=".")

    assert wait(told, 50) == []
    assert wait(told, 20) == [(10.0, Level.STOP)]


def test_a_call_in_flight_is_never_ended_for_its_silence() -> None:
    told = story()
    told.begin("train")
    wait(told, 1200)
    told.status("running", "pausing")

    assert wait(told, 7200) == []


def test_a_pause_that_was_reached_is_left_alone() -> None:
    told = stalled()
    told.status("pausing", "paused", held=True)

    assert wait(told, 7200) == []


def test_a_declared_timeout_replaces_the_clock() -> None:
    told = story()
    told.begin("train", timeout_s=86_400)

    assert wait(told, 7200) == []


def test_an_agent_that_never_spoke_with_us_is_warned_of_but_not_paused() -> None:
    told = story()
    told.add(Kind.OUTPUT, bytes=10, line="compiling")

    assert wait(told, 7200) == [(300.0, Level.WARN)]


def test_every_sign_of_life_starts_the_clock_anew() -> None:
    told = story()
    told.call("ls")

    for _ in range(20):
        assert wait(told, 290) == []
        told.add(Kind.OUTPUT, bytes=1, line=".")


def test_no_time_passes_while_the_supervisor_makes_the_run_wait() -> None:
    told = story()
    told.call("ls")
    told.status("running", "waiting", waits_for="the breaker of api")
    assert wait(told, 7200) == []
    told.status("waiting", "running")
    told.add(Kind.HELD, id="x", tool="mail", why="back-off")

    assert wait(told, 7200) == []


def test_clocks_can_be_set_apart_and_turned_off() -> None:
    quick = Stall(tool_warn_s=20, tool_pause_s=40, model_pause_s=None)
    told = Story(Judge(replace(DEFAULT, stall=quick)))
    told.begin("fetch", id="a")
    assert wait(told, 100) == [(20.0, Level.WARN), (40.0, Level.PAUSE)]
    told.end("a")

    assert wait(told, 7200) == [(300.0, Level.WARN)]


@pytest.mark.parametrize("seed", range(8))
def test_a_run_that_stirs_at_random_is_paused_exactly_where_it_stays_silent_too_long(seed: int) -> None:
    dice = random.Random(seed)
    told = story()
    told.call("ls")
    for _ in range(40):
        gap_s = dice.choice([5, 30, 120, 280, 290])
        assert wait(told, gap_s) == []
        told.call("ls", {"n": dice.random()}, dice.random())

    assert wait(told, 1300) == [(300.0, Level.WARN), (1200.0, Level.PAUSE)]
