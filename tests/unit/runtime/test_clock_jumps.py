"""The wall clock is set by hours: no breaker opens, closes or waits because of that, and no wait is over."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from runtime.breakers import Breakers
from runtime.policy.breaker import BreakerState
from runtime.policy.config import DEFAULT, Policy, Timeout
from runtime.policy.judge import Judge
from runtime.policy.ruling import Ruling
from runtime.steady import Steady
from store.events import Kind
from store.home import Home
from store.states import Status, StopReason
from tests.support.desk import RUN, Desk, Peer

HOURS_S = 6 * 3600.0
SHOP = {"dependency": "shop", "idempotent": True}
DOWN = {"type": "ConnectionRefusedError", "message": "connection refused"}


class Clock:
    def __init__(self) -> None:
        self.wall, self.monotonic = 1_000_000_000.0, 50.0

    def passes(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds

    def steady(self) -> Steady:
        return Steady(lambda: self.wall, lambda: self.monotonic)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def desk(home: Home, clock: Clock) -> AsyncIterator[Desk]:
    desk = Desk(home, wall=lambda: clock.wall)
    desk.core.steady = clock.steady()
    yield desk
    desk.core.journal.close()


def judged(desk: Desk, clock: Clock, policy: Policy) -> list[Ruling]:
    """What the rules say to the clock now, as the runtime asks them."""
    if not isinstance(desk.live.judge, Judge):
        desk.live.judge = Judge(policy, desk.core.run(desk.live))
    desk.core.look_at_clock()
    return desk.live.judge.tick(clock.wall)


def fail(peer: Peer, times: int = 5, *, after: int = 0) -> None:
    for n in range(after, after + times):
        peer.begin(f"f{n}", **SHOP)
        peer.say(t="action.end", id=f"f{n}", ok=False, error=DOWN)


@pytest.mark.parametrize("jump_s", [HOURS_S, -HOURS_S])
async def test_an_open_breaker_half_opens_when_its_time_has_passed_whatever_the_clock_shows(
    desk: Desk, clock: Clock, jump_s: float
) -> None:
    peer = Peer(desk)
    fail(peer)
    assert desk.breakers.state("shop") is BreakerState.OPEN
    clock.wall += jump_s
    peer.begin("held", **SHOP)
    desk.breakers.tick()
    assert peer.heard("held") == ["wait"]

    clock.passes(31)
    desk.breakers.tick()
    desk.core.flush()
    assert peer.heard("held") == ["wait", "proceed"]


async def test_failures_of_now_open_a_breaker_though_the_clock_was_set_between_them(desk: Desk, clock: Clock) -> None:
    peer = Peer(desk)
    fail(peer, 3)
    clock.wall += HOURS_S
    fail(peer, 3, after=3)
    assert desk.breakers.state("shop") is BreakerState.OPEN


async def test_people_are_told_by_the_wall_clock_when_it_is_tried_again(desk: Desk, clock: Clock) -> None:
    peer = Peer(desk)
    fail(peer)
    clock.wall += HOURS_S
    peer.begin("held", **SHOP)
    answers = [json.loads(line) for line in bytes(peer.transport.written).splitlines()]
    (held,) = (answer for answer in answers if answer.get("id") == "held")
    assert 0 < held["until"] - clock.wall <= 30


async def test_a_held_call_has_not_waited_for_hours_because_the_clock_was_set(desk: Desk, clock: Clock) -> None:
    peer = Peer(desk)
    fail(peer)
    peer.begin("held", **SHOP)
    clock.wall += HOURS_S
    desk.lifecycle.waited_too_long(desk.live)
    assert desk.status is Status.WAITING

    clock.passes(desk.live.policy.retry.max_wait_s + 1)
    desk.lifecycle.waited_too_long(desk.live)
    assert desk.status is Status.PAUSED


async def test_a_failed_call_is_not_given_up_because_the_clock_was_set(desk: Desk, clock: Clock) -> None:
    peer = Peer(desk)
    peer.begin("a", **SHOP)
    clock.wall += HOURS_S
    peer.say(t="action.end", id="a", ok=False, error=DOWN)
    (ended,) = [json.loads(line) for line in bytes(peer.transport.written).splitlines()][1:]
    assert ended["retry_after_s"] is not None


async def test_a_runtime_that_begins_after_the_clock_was_set_back_waits_no_longer_than_was_due(
    desk: Desk, clock: Clock
) -> None:
    fail(Peer(desk))
    desk.core.flush()
    clock.wall -= HOURS_S
    desk.core.steady = clock.steady()
    successor = Breakers(desk.core)
    assert successor.state("shop") is BreakerState.OPEN
    clock.passes(31)
    assert successor.state("shop") is BreakerState.HALF_OPEN
    assert RUN in desk.core.lives


HOUR = replace(DEFAULT, timeout=Timeout(run_s=3600.0))


@pytest.mark.parametrize("jump_s", [HOURS_S, -HOURS_S])
@pytest.mark.parametrize("speaks", [True, False])
async def test_a_run_has_the_time_that_it_is_allowed_whatever_the_clock_shows(
    desk: Desk, clock: Clock, jump_s: float, speaks: bool
) -> None:
    peer = Peer(desk)
    judged(desk, clock, HOUR)
    clock.passes(100)
    peer.say(t="step.begin", id="s1", n=1)
    clock.wall += jump_s
    if speaks:
        peer.say(t="step.begin", id="s2", n=2)
        assert peer.heard("s2") == ["proceed"]
    assert judged(desk, clock, HOUR) == []
    assert desk.core.run(desk.live).going_s <= 101

    for _ in range(11):
        clock.passes(299)
        peer.say(t="progress", label="going on")
        assert judged(desk, clock, HOUR) == []
    clock.passes(212)
    assert [ruling.reason for ruling in judged(desk, clock, HOUR)] == [StopReason.TIMEOUT]


@pytest.mark.parametrize("jump_s", [HOURS_S, -HOURS_S])
async def test_silence_is_measured_by_what_passed(desk: Desk, clock: Clock, jump_s: float) -> None:
    peer = Peer(desk)
    judged(desk, clock, DEFAULT)
    peer.begin("a")
    clock.wall += jump_s
    assert judged(desk, clock, DEFAULT) == []
    clock.passes(DEFAULT.stall.tool_pause_s or 0.0)
    assert [ruling.reason for ruling in judged(desk, clock, DEFAULT)] == [StopReason.STALLED]


async def test_a_jump_is_told_once_in_the_record_of_each_run(desk: Desk, clock: Clock) -> None:
    clock.wall += HOURS_S
    for _ in range(3):
        desk.core.look_at_clock()
    desk.core.flush()
    told = [event for event in desk.core.journal.events_of(RUN, 100) if event.kind == Kind.RULING]
    assert [(event.body["rule"], event.body["by_s"]) for event in told] == [("clock", HOURS_S)]
    assert "6 h ahead" in told[0].body["summary"]
