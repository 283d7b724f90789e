"""Processes that cannot be ended: nobody is told that they are gone before they are."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator

import pytest

from runtime import process
from runtime.live import Ending, Outcome
from runtime.process import MARKER, Process, start_time
from store.events import Kind
from store.home import Home
from store.states import Status, StopReason
from tests.support.desk import RUN, Desk


@pytest.fixture
async def desk(home: Home) -> AsyncIterator[Desk]:
    desk = Desk(home)
    yield desk
    desk.core.journal.close()


@pytest.fixture
def sleeper(desk: Desk) -> Iterator[subprocess.Popen[bytes]]:
    """The run's process."""
    child = subprocess.Popen(["sleep", "100"], env={**os.environ, MARKER: RUN}, start_new_session=True)
    desk.live.process = Process(child.pid, start_time(child.pid) or 0.0, ours=False)
    yield child
    child.kill()
    child.wait()


async def test_a_kill_that_the_system_refuses_is_said_and_the_run_is_killed_once_its_process_is_gone(
    desk: Desk, sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def may_not(pid: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(process, "STUCK_AFTER_S", 0.05)
    monkeypatch.setattr(process, "STUCK_PAUSE_S", 0.01)
    with monkeypatch.context() as context:
        context.setattr(process.os, "kill", may_not)
        desk.lifecycle.endings.end(desk.live, Ending(Outcome.KILLED, StopReason.USER_KILLED, by="ann"))
        async with asyncio.timeout(20):
            while not desk.live.stuck:
                await asyncio.sleep(0.01)
        warned = desk.core.run(desk.live).warned
        assert warned is not None and f"cannot be ended: process {sleeper.pid} (sleep" in warned.summary
        assert desk.status is Status.KILLING

    os.kill(sleeper.pid, signal.SIGKILL)
    async with asyncio.timeout(20):
        while RUN in desk.core.lives:
            await asyncio.sleep(0.01)
    desk.core.flush()
    assert desk.core.journal.runs[RUN].status is Status.KILLED
    assert desk.kinds().count(Kind.RULING) == 1
