"""The rules speak before an action happens: what they say to its begin, or on its way there, holds for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

import pytest

from runtime.policy.ruling import Level, Ruling
from store.events import Kind
from store.home import Home
from store.records import Event
from store.states import Status, StopReason
from tests.support.desk import RUN, Desk, Peer


def ruling(level: Level) -> Ruling:
    return Ruling("budget", level, "enough", {}, StopReason.BUDGET_EXCEEDED, signature="x")


@pytest.fixture
async def desk(home: Home) -> AsyncIterator[Desk]:
    desk = Desk(home)
    yield desk
    desk.core.journal.close()


async def test_a_begin_that_a_rule_stops_is_answered_stop_and_leaves_no_intent(desk: Desk) -> None:
    def say(event: Event) -> Iterable[Ruling]:
        return [ruling(Level.STOP)] if event.kind == Kind.ACTION_BEGIN else []

    desk.rules.say = say
    peer = Peer(desk)
    peer.begin("a")

    assert peer.heard("a") == ["stop"]
    assert desk.core.journal.actions(RUN) == []
    assert (desk.status, desk.core.run(desk.live).in_flight) == (Status.STOPPING, ())


async def test_a_step_that_a_rule_stops_is_answered_stop(desk: Desk) -> None:
    def say(event: Event) -> Iterable[Ruling]:
        return [ruling(Level.STOP)] if event.kind == Kind.STEP_BEGIN else []

    desk.rules.say = say
    peer = Peer(desk)
    peer.say(t="step.begin", id="s", n=1, name="")

    assert peer.heard("s") == ["stop"]


async def test_a_begin_before_which_a_rule_pauses_its_run_is_held(desk: Desk) -> None:
    desk.core.move(desk.live, Status.WAITING, "a try is due")

    def say(event: Event) -> Iterable[Ruling]:
        return [ruling(Level.PAUSE)] if event.kind == Kind.STATUS and event.body["to"] == Status.RUNNING else []

    desk.rules.say = say
    peer = Peer(desk)
    peer.begin("a", dependency="shop")

    assert peer.heard("a") == ["wait"]
    assert (desk.status, desk.core.journal.actions(RUN)) == (Status.PAUSED, [])
    assert desk.live.permissions == {}


async def test_a_pause_by_the_begin_itself_waits_for_that_action_to_end(desk: Desk) -> None:
    def say(event: Event) -> Iterable[Ruling]:
        return [ruling(Level.PAUSE)] if event.kind == Kind.ACTION_BEGIN else []

    desk.rules.say = say
    peer = Peer(desk)
    peer.begin("a")
    assert (peer.heard("a"), desk.status) == (["proceed"], Status.PAUSING)


async def test_a_rule_that_fails_keeps_nobody_waiting(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    def say(event: Event) -> Iterable[Ruling]:
        raise ZeroDivisionError

    desk.rules.say = say
    peer = Peer(desk)
    peer.begin("a")
    assert peer.heard("a") == ["proceed"]
    assert "the rules of run" in caplog.text
