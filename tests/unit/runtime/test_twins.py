"""A key names one action: of several calls with the same key one is in flight at a time, and its end decides for all."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest

from runtime.live import PauseOrder
from runtime.policy.clock import Stopwatch
from store.home import Home
from store.states import Status, StopReason
from tests.support.desk import Desk, Peer

KEYED = {"key": "mail-1"}


@pytest.fixture
async def desk(home: Home) -> AsyncIterator[Desk]:
    desk = Desk(home)
    yield desk
    desk.core.journal.close()


async def test_the_second_waits_for_the_first_and_is_answered_with_its_result(desk: Desk) -> None:
    peer, other = Peer(desk), Peer(desk)
    peer.begin("a", **KEYED)
    other.begin("b", **KEYED)
    assert (peer.heard("a"), other.heard("b")) == (["proceed"], ["wait"])

    peer.end("a", "sent")
    assert other.heard("b") == ["wait", "replay"]


async def test_after_a_failure_that_proves_that_nothing_happened_the_next_one_goes(desk: Desk) -> None:
    peer = Peer(desk)
    for ident in ("a", "b", "c"):
        peer.begin(ident, **KEYED)
    peer.say(t="action.end", id="a", ok=False, error={"type": "ConnectionRefusedError", "happened": False})

    assert peer.heard("b") == ["wait", "proceed"]
    assert peer.heard("c") == ["wait"]


async def test_a_call_that_is_withdrawn_makes_room_for_the_next(desk: Desk) -> None:
    peer = Peer(desk)
    peer.begin("a", **KEYED)
    peer.begin("b", **KEYED)
    peer.say(t="action.withdraw", id="a")
    assert peer.heard("b") == ["wait", "proceed"]


@pytest.mark.parametrize(("happened", "verdict"), [(True, "replay"), (False, "proceed")])
async def test_after_a_failure_that_tells_nothing_a_person_decides_for_both(
    desk: Desk, happened: bool, verdict: str
) -> None:
    peer = Peer(desk)
    peer.begin("a", **KEYED)
    peer.begin("b", **KEYED)
    peer.say(t="action.end", id="a", ok=False, error={"type": "TimeoutError", "answered": False})
    assert (desk.status, peer.heard("b")) == (Status.NEEDS_REVIEW, ["wait"])

    desk.review.answer(desk.live, "a", happened, "sent", "ann")
    desk.lifecycle.reviewed(desk.live, "answered", "ann")
    desk.core.flush()
    assert peer.heard("b")[-1] == verdict


async def test_what_a_person_said_happened_is_on_record_for_later_calls_of_the_same_attempt(desk: Desk) -> None:
    peer = Peer(desk)
    peer.begin("a", **KEYED)
    peer.say(t="action.end", id="a", ok=False, error={"type": "TimeoutError", "answered": False})
    desk.review.answer(desk.live, "a", True, "sent", "ann")
    desk.lifecycle.reviewed(desk.live, "answered", "ann")
    peer.begin("b", **KEYED)
    assert peer.heard("b") == ["replay"]


async def test_a_call_within_its_twin_does_not_wait_for_it(desk: Desk) -> None:
    peer = Peer(desk)
    peer.begin("a", **KEYED)
    peer.begin("between", parent="a")
    peer.begin("b", parent="between", **KEYED)
    assert peer.heard("b") == ["proceed"]


async def test_of_two_calls_within_their_twin_one_waits_for_the_other(desk: Desk) -> None:
    peer = Peer(desk)
    peer.begin("a", **KEYED)
    peer.begin("b", parent="a", **KEYED)
    peer.begin("c", parent="a", **KEYED)
    assert (peer.heard("b"), peer.heard("c")) == (["proceed"], ["wait"])
    peer.end("b", "sent")
    assert peer.heard("c") == ["wait", "replay"]


async def test_parents_that_go_round_in_a_circle_hold_up_nothing(desk: Desk) -> None:
    peer = Peer(desk)
    peer.begin("a", **KEYED)
    peer.begin("x", parent="y")
    peer.begin("y", parent="x")
    peer.begin("b", parent="x", **KEYED)
    assert peer.heard("b") == ["wait"]


async def test_other_keys_and_calls_that_are_safe_to_repeat_do_not_wait(desk: Desk) -> None:
    peer = Peer(desk)
    peer.begin("a", **KEYED)
    peer.begin("b", key="mail-2")
    peer.begin("c", key="look", idempotent=True)
    peer.begin("d", key="look", idempotent=True)
    assert [peer.heard(ident) for ident in "bcd"] == [["proceed"]] * 3


async def test_a_pause_is_reached_though_a_call_waits_for_its_twin(desk: Desk) -> None:
    peer = Peer(desk)
    peer.begin("a", **KEYED)
    peer.begin("b", **KEYED)
    desk.lifecycle.ask_pause(desk.live, PauseOrder("ann", StopReason.USER_PAUSED, "by ann"))
    peer.end("a", "sent")
    assert (desk.status, peer.heard("b")) == (Status.PAUSED, ["wait"])

    desk.lifecycle.release(desk.live, "resumed by ann")
    desk.core.flush()
    assert peer.heard("b") == ["wait", "replay"]


async def test_a_twin_whose_process_is_gone_is_in_doubt(desk: Desk) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    dying, other = Peer(desk), Peer(desk)
    dying.hello(child.pid)
    other.hello(os.getpid())
    dying.begin("a", **KEYED)
    other.begin("b", **KEYED)
    desk.gate.look_after(desk.live)
    assert desk.status is Status.RUNNING

    child.communicate()
    dying.lose()
    desk.gate.look_after(desk.live)
    assert desk.status is Status.NEEDS_REVIEW
    desk.review.answer(desk.live, "a", True, "sent", "ann")
    desk.lifecycle.reviewed(desk.live, "answered", "ann")
    desk.core.flush()
    assert other.heard("b") == ["wait", "replay"]


async def test_while_a_call_waits_for_its_twin_time_passes_for_the_run(desk: Desk) -> None:
    peer = Peer(desk)
    clock = Stopwatch(desk.core.run(desk.live))
    desk.rules.say = clock.feed  # type: ignore[assignment]
    peer.begin("a", **KEYED)
    peer.begin("b", **KEYED)
    run = desk.core.run(desk.live)
    assert run.gated == () and run.going_since is not None
    before = clock.seconds(run.going_since)
    assert clock.seconds(run.going_since + 100) - before > 99
