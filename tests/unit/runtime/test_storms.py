"""Storms: a fleet that leans on one dependency, simulated with a virtual clock and seeded chance.

The breakers and retries are the runtime's own; agents, dependency and time are made up.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from runtime import breakers as breakers_module
from runtime import retries as retries_module
from runtime import wire
from runtime.breakers import Breakers
from runtime.live import LiveRun
from runtime.policy.breaker import BreakerState
from runtime.policy.config import DEFAULT, Policy, Retry
from runtime.policy.judge import Judge
from runtime.policy.retry import Again
from runtime.retries import Retries
from runtime.steady import Steady
from store.launch import Launch
from store.records import Action, Run
from store.states import Status

TICK_S = 0.5
SERVICE = "api"


class Silent:
    """A journal that forgets."""

    def breakers(self) -> dict[str, Any]:
        return {}

    def drop_breaker(self, name: str) -> None:
        pass

    def put_breaker(self, name: str, body: dict[str, Any]) -> None:
        pass


class Clockwork:
    """What breakers and retries need of the runtime's core, with a clock of its own."""

    def __init__(self) -> None:
        self.time = 0.0
        self.steady = Steady(lambda: self.time, lambda: self.time)
        self.journal = Silent()
        self.told: list[tuple[float, str]] = []

    def record_home(self, kind: str, body: dict[str, Any]) -> None:
        self.told.append((self.time, str(body["state"])))

    def run(self, live: LiveRun) -> Run:
        return Run(live.run, "a", "g", 0.0, status=Status.WAITING)

    def schedule_flush(self) -> None:
        pass


class Fleet:
    """Agents that make call after call to one dependency, which is down at times."""

    def __init__(
        self, dice: random.Random, down: list[tuple[float, float]], *, agents: int, calls: int, policy: Policy = DEFAULT
    ) -> None:
        self.core = Clockwork()
        self.breakers = Breakers(self.core)  # type: ignore[arg-type]
        self.retries = Retries(self.core)  # type: ignore[arg-type]
        self.breakers.let_out = self._let_out
        self.dice, self.down = dice, down
        self.hits: list[tuple[float, bool]] = []
        """When a call arrived, and whether the dependency was up."""
        self.out: set[str] = set()
        self.most_out: list[tuple[float, int]] = []
        self.given_up: list[float] = []
        self.finished: dict[str, float] = {}
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._messages: dict[str, wire.ActionBegin] = {}
        self.lives = [
            LiveRun(f"r{n}", Launch(f"r{n}", "a", "g", (), "", {}), policy, Judge(policy)) for n in range(agents)
        ]
        for live in self.lives:
            self.later(dice.uniform(0, 2), lambda live=live: self._call(live, calls))  # type: ignore[misc]

    def later(self, delay_s: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self.core.time + delay_s, next(self._numbers), what))

    def is_up(self) -> bool:
        return not any(begin <= self.core.time < end for begin, end in self.down)

    async def play(self, until_s: float) -> None:
        """Let the time pass, as fast as it can."""
        self.later(TICK_S, self._tick)
        while self._due and self._due[0][0] <= until_s and len(self.finished) < len(self.lives):
            self.core.time, _, what = heapq.heappop(self._due)
            what()
            await asyncio.sleep(0)  # Breakers wake waiting calls in the loop's next turn.

    def _tick(self) -> None:
        self.breakers.tick()
        self.later(TICK_S, self._tick)

    def _call(self, live: LiveRun, left: int) -> None:
        if not left:
            self.finished[live.run] = self.core.time
            return
        ident = f"{live.run}-{left}-{next(self._numbers)}"
        self._begin(live, wire.ActionBegin(id=ident, tool="fetch", args={}, dependency=SERVICE, idempotent=True), left)

    def _begin(self, live: LiveRun, message: wire.ActionBegin, left: int) -> None:
        if live.run in self.finished:
            return
        self._messages[message.id] = message
        if self.breakers.ask(live, message.id, SERVICE) is not None:
            live.waiting[message.id] = left  # type: ignore[assignment]
            return
        self.retries.began(live, message)
        self.out.add(message.id)
        self.most_out.append((self.core.time, len(self.out)))
        up = self.is_up()
        self.hits.append((self.core.time, up))
        self.later(self.dice.uniform(0.05, 0.4), lambda: self._end(live, message, left, up and self.is_up()))

    def _let_out(self, live: LiveRun, ident: str) -> None:
        self._begin(live, self._messages[ident], live.waiting.pop(ident))  # type: ignore[arg-type]

    def _end(self, live: LiveRun, message: wire.ActionBegin, left: int, ok: bool) -> None:
        if message.id not in self.out:
            return
        self.out.discard(message.id)
        self.breakers.told(live, message.id, ok)
        if ok:
            self.retries.succeeded(live, message.id)
            self.later(self.dice.uniform(0.1, 1.0), lambda: self._call(live, left - 1))
            return
        action = Action(live.run, message.id, 1, "fetch", {}, "", None, True, 0.0, None, None, 0)
        failure = wire.Failure("HTTPError", "503 Service Unavailable", status=503)
        ruled = self.retries.failed(live, action, failure, self.breakers.is_open)
        if isinstance(ruled, Again):
            again = replace(message, id=f"{message.id}'", retry_of=message.id)
            self.later(ruled.after_s, lambda: self._begin(live, again, left))
        else:
            self.given_up.append(self.core.time)
            self.later(60.0, lambda: self._call(live, left))  # An operator resumes it.

    def killed(self, live: LiveRun) -> None:
        """Its processes are gone, in the middle of whatever they did."""
        self.out -= {ident for ident in self.out if ident.startswith(f"{live.run}-")}
        live.waiting.clear()
        self.breakers.gone(live)
        self.finished[live.run] = self.core.time


@pytest.fixture(params=range(6))
def dice(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> random.Random:
    seeded = random.Random(request.param)
    monkeypatch.setattr(breakers_module, "random", seeded)
    monkeypatch.setattr(retries_module, "random", seeded)
    return seeded


async def test_forty_agents_on_a_dead_dependency_make_no_storm_and_none_is_given_up(dice: random.Random) -> None:
    fleet = Fleet(dice, [(30, 1230)], agents=40, calls=100)
    await fleet.play(3000)

    while_down = [at for at, up in fleet.hits if not up]
    # What was out or due when it went down, then two probes each time it half-opens: 30 s, doubled up to ten minutes.
    assert len(while_down) < 80
    assert sum(at > 40 for at in while_down) <= 2 * 8
    assert fleet.given_up == []
    assert len(fleet.finished) == 40


async def test_while_it_is_down_one_probe_is_out_at_a_time(dice: random.Random) -> None:
    fleet = Fleet(dice, [(30, 630)], agents=40, calls=60)
    await fleet.play(600)

    assert max(out for at, out in fleet.most_out if at > 45) == 1


async def test_after_it_closed_the_held_calls_go_out_in_a_ramp(dice: random.Random) -> None:
    fleet = Fleet(dice, [(30, 100)], agents=40, calls=60)
    await fleet.play(900)

    closed_at = next(at for at, state in fleet.core.told if state == BreakerState.CLOSED and at > 40)
    ramp = [(at - closed_at, out) for at, out in fleet.most_out if at >= closed_at]
    # Each width is doubled only once as many calls went well, of which one takes 0.05 s at least.
    for after_s, out in ramp:
        assert out <= 2 ** (1 + after_s / 0.05)
    assert max(out for after_s, out in ramp if after_s < 0.04) <= 2
    assert len(fleet.finished) == 40


async def test_nobody_waits_for_ever_once_it_is_back(dice: random.Random) -> None:
    down = sorted((begin, begin + dice.uniform(5, 400)) for begin in (dice.uniform(0, 3000) for _ in range(6)))
    fleet = Fleet(dice, down, agents=25, calls=80)
    back_at = max(end for _, end in down)
    await fleet.play(back_at + 900)

    assert len(fleet.finished) == 25
    assert max(fleet.finished.values()) < back_at + 600 + 200


async def test_agents_that_die_with_their_calls_hold_up_nobody(dice: random.Random) -> None:
    fleet = Fleet(dice, [(10, 300)], agents=20, calls=40)
    for live in fleet.lives[:12]:
        fleet.later(dice.uniform(5, 900), lambda live=live: fleet.killed(live))  # type: ignore[misc]
    await fleet.play(2400)

    assert len(fleet.finished) == 20


@pytest.mark.parametrize("down_from", [0, 60])
async def test_one_agent_alone_waits_out_a_dependency_that_is_down_for_minutes(
    dice: random.Random, down_from: float
) -> None:
    fleet = Fleet(dice, [(down_from, down_from + 900)], agents=1, calls=100)
    await fleet.play(3000)

    assert fleet.given_up == []
    assert len(fleet.finished) == 1
    assert sum(not up for _, up in fleet.hits) < 25


async def test_a_dependency_that_is_never_back_is_given_up_after_the_longest_wait(dice: random.Random) -> None:
    policy = replace(DEFAULT, retry=Retry(max_wait_s=600))
    fleet = Fleet(dice, [(0, 10**9)], agents=5, calls=1, policy=policy)
    await fleet.play(3000)

    assert fleet.given_up
    assert min(fleet.given_up) > 250
