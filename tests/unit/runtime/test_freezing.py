"""Processes are stopped and continued by signals without holding up the loop, and end as was last asked for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from runtime import freezing
from runtime.live import PauseOrder
from runtime.process import Process
from store.events import Kind
from store.home import Home
from store.states import Status, StopReason
from tests.support.desk import Desk

ORDER = PauseOrder("ann", StopReason.USER_PAUSED, "by ann")


class Signals:
    """Takes its time, as looking at every process of a machine does."""

    def __init__(self) -> None:
        self.sent: list[bool] = []
        self.go_on = threading.Event()

    def __call__(self, run: str, leader: Process, still: bool) -> int:
        assert threading.current_thread() is not threading.main_thread()
        assert self.go_on.wait(10)
        self.sent.append(still)
        return 1


@pytest.fixture
async def desk(home: Home, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    desk = Desk(home, sdk=False)
    desk.live.process = Process(1, 0.0, ours=False)
    desk.live.spawned_at = -100.0
    yield desk
    desk.core.journal.close()


@pytest.fixture
def signals(monkeypatch: pytest.MonkeyPatch) -> Signals:
    signals = Signals()
    monkeypatch.setattr(freezing, "freeze", signals)
    return signals


async def done(desk: Desk) -> None:
    async with asyncio.timeout(10):
        while desk.live.freezing is not None:
            await asyncio.sleep(0.001)


async def test_a_silent_agent_is_paused_once_its_processes_stand_still(desk: Desk, signals: Signals) -> None:
    desk.lifecycle.ask_pause(desk.live, ORDER)
    await desk.turn()
    assert desk.status is Status.PAUSING
    signals.go_on.set()
    await done(desk)
    assert (desk.status, desk.core.run(desk.live).frozen, signals.sent) == (Status.PAUSED, True, [True])

    desk.lifecycle.release(desk.live, "resumed by ann")
    desk.core.flush()
    await done(desk)
    assert (desk.status, signals.sent) == (Status.RUNNING, [True, False])


async def test_a_pause_taken_back_while_signals_are_on_their_way_leaves_the_agent_running(
    desk: Desk, signals: Signals
) -> None:
    desk.lifecycle.ask_pause(desk.live, ORDER)
    await desk.turn()
    desk.lifecycle.release(desk.live, "resumed by ann")
    desk.core.flush()
    signals.go_on.set()
    await done(desk)
    assert (desk.status, signals.sent) == (Status.RUNNING, [True, False])
    assert desk.kinds().count(Kind.PAUSE_ASKED) == 1
