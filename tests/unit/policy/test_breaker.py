"""The circuit breaker, with a virtual clock and seeded chance."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.policy.breaker import Breaker, BreakerState, Permit
from runtime.policy.config import Breaking

SECTION = Breaking()


def ended(breaker: Breaker, now: float, *oks: bool) -> Breaker:
    for ok in oks:
        breaker = breaker.told(now, ok, Permit.GO, now, SECTION, 0.0)
    return breaker


def opened() -> Breaker:
    return ended(Breaker(), 0.0, *[False] * 5)


def probed(breaker: Breaker, now: float, ok: bool | None) -> Breaker:
    breaker, permit = breaker.ask(now, SECTION)
    assert permit is Permit.PROBE
    return breaker.told(now, ok, permit, now, SECTION, 0.0)


def test_it_opens_at_half_of_at_least_five_calls() -> None:
    assert ended(Breaker(), 0.0, False, False, False, False).state(0) is BreakerState.CLOSED
    assert ended(Breaker(), 0.0, True, True, True, False, False).state(0) is BreakerState.CLOSED
    assert ended(Breaker(), 0.0, True, True, False, False, False).state(0) is BreakerState.OPEN


def test_calls_of_long_ago_do_not_count() -> None:
    breaker = ended(Breaker(), 0.0, False, False, False, False)

    assert ended(breaker, 301.0, False).state(301) is BreakerState.CLOSED


def test_failures_that_are_not_the_dependency_s_do_not_count() -> None:
    breaker = Breaker()
    for _ in range(50):
        breaker = breaker.told(0.0, None, Permit.GO, 0.0, SECTION, 0.0)

    assert breaker.state(0) is BreakerState.CLOSED


def test_while_it_is_open_everyone_waits() -> None:
    assert opened().ask(29.9, SECTION)[1] is Permit.WAIT


def test_half_open_lets_one_probe_through_at_a_time() -> None:
    breaker, first = opened().ask(30.0, SECTION)
    breaker, second = breaker.ask(30.0, SECTION)

    assert (first, second) == (Permit.PROBE, Permit.WAIT)


def test_a_probe_that_never_answers_does_not_block_the_next_for_ever() -> None:
    breaker, _ = opened().ask(30.0, SECTION)

    assert breaker.ask(30.0 + SECTION.probe_s, SECTION)[1] is Permit.PROBE


def test_two_good_probes_of_three_close_it() -> None:
    breaker = probed(probed(probed(opened(), 30, True), 31, False), 32, True)

    assert breaker.state(32) is BreakerState.CLOSED


def test_two_bad_probes_open_it_again_for_twice_as_long() -> None:
    breaker = probed(probed(opened(), 30, False), 31, False)

    assert breaker.state(31 + 59) is BreakerState.OPEN
    assert breaker.state(31 + 60) is BreakerState.HALF_OPEN


def test_it_never_stays_open_longer_than_ten_minutes() -> None:
    breaker, now = opened(), 0.0
    for _ in range(40):
        now = breaker.until
        breaker = probed(probed(breaker, now, False), now, False)
        assert breaker.until - now <= SECTION.longest_open_s


def test_after_it_closed_calls_go_out_in_a_ramp() -> None:
    breaker, widths = probed(probed(opened(), 30, True), 30, True), []
    while breaker.ramp:
        out = 0
        while True:
            breaker, permit = breaker.ask(31, SECTION)
            if permit is not Permit.GO:
                break
            out += 1
        widths.append(out)
        breaker = ended(breaker, 31, *[True] * out)

    assert widths == [1, 2, 4, 8, 16, 32]


def test_a_failure_within_the_ramp_opens_it_at_once() -> None:
    breaker = probed(probed(opened(), 30, True), 30, True)

    assert ended(breaker.ask(31, SECTION)[0], 31, False).state(31) is BreakerState.OPEN


def test_an_operator_can_try_now_hold_it_open_and_reset_it() -> None:
    assert opened().tried().ask(1.0, SECTION)[1] is Permit.PROBE
    assert Breaker().held(0.0).ask(10**6, SECTION)[1] is Permit.WAIT
    assert Breaker().held(0.0).tried().ask(1.0, SECTION)[1] is Permit.PROBE
    assert Breaker().tried().ask(1.0, SECTION)[1] is Permit.GO


STEPS = st.lists(st.tuples(st.sampled_from(["ask", "good", "bad", "lost"]), st.floats(0, 100)), max_size=200)


@given(STEPS, st.randoms(use_true_random=False))
def test_never_more_than_one_young_probe_is_out(steps: list[tuple[str, float]], dice: random.Random) -> None:
    breaker, now = Breaker(), 0.0
    out: list[tuple[Permit, float]] = []
    for what, later_s in steps:
        now += later_s
        if what == "ask":
            breaker, permit = breaker.ask(now, SECTION)
            if permit is not Permit.WAIT:
                out.append((permit, now))
        elif out:
            permit, since = out.pop(dice.randrange(len(out)))
            ok = {"good": True, "bad": False, "lost": None}[what]
            breaker = breaker.told(now, ok, permit, since, SECTION, dice.random())
        if breaker.state(now) is BreakerState.HALF_OPEN:
            young = [began for permit, began in out if permit is Permit.PROBE and now - began < SECTION.probe_s]
            assert len(young) <= 1


def test_a_probe_that_ends_late_does_not_let_another_one_out_beside_its_successor() -> None:
    late, permit = opened().ask(30.0, SECTION)
    assert permit is Permit.PROBE
    both_out, permit = late.ask(90.0, SECTION)
    assert permit is Permit.PROBE
    for ok in (True, None):
        after = both_out.told(90.0, ok, Permit.PROBE, 30.0, SECTION, 0.0)
        assert after.ask(90.0, SECTION)[1] is Permit.WAIT
    assert both_out.told(90.0, True, Permit.PROBE, 90.0, SECTION, 0.0).ask(90.0, SECTION)[1] is Permit.PROBE


@pytest.mark.parametrize("seed", range(5))
def test_forty_agents_on_one_dead_dependency_make_the_probes_of_one_breaker_and_no_storm(seed: int) -> None:
    dice = random.Random(seed)
    breaker, calls_after_opening = Breaker(), 0
    for second in range(3600):
        for _ in range(40):
            was_open = breaker.opened_at is not None
            breaker, permit = breaker.ask(second, SECTION)
            if permit is not Permit.WAIT:
                calls_after_opening += was_open
                breaker = breaker.told(second, False, permit, second, SECTION, dice.random())

    assert calls_after_opening < 30

    back_at = breaker.until + 1
    done = 0
    while done < 1000:
        breaker, permit = breaker.ask(back_at, SECTION)
        assert permit is not Permit.WAIT
        breaker = breaker.told(back_at, True, permit, back_at, SECTION, 0.0)
        done += 1
    assert breaker.opens == 0
