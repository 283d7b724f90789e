"""A console over a recorded fleet, driven without a terminal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from unittest import mock

import pytest
from textual.pilot import Pilot

from store.home import Home
from store.records import Answer, Json
from tests.support.console_fleet import FleetMaker, fleet
from tests.support.console_shots import frozen, screen_text
from tui.console.app import ConsoleApp
from tui.supervisor import NoAnswer, Supervisor


class Recorder(Supervisor):
    """A supervisor that writes down what it is asked, and answers as it is told."""

    def __init__(self, home: Home) -> None:
        super().__init__(home)
        self.asked: list[tuple[str, str, int | None, dict[str, Json]]] = []
        self.refuses = ""
        self.silent = False
        self.started = False

    async def ensure_runtime(self, *, timeout_s: float = 15.0) -> bool:
        self.started = True
        return True

    async def submit(
        self, kind: str, run: str = "", *, attempt: int | None = None, timeout_s: float = 15.0, **args: Json
    ) -> Answer:
        self.asked.append((kind, run, attempt, args))
        if self.silent:
            raise NoAnswer("The runtime has not answered within 15 s.")
        return Answer(len(self.asked), not self.refuses, self.refuses or "done", 0)


class Hand:
    """The monotonic time at which keys are pressed: it passes only when a test says so."""

    at = 1000.0

    def __call__(self) -> float:
        return self.at


class Console:
    """An open console and what a person could do with it."""

    def __init__(self, app: ConsoleApp, pilot: Pilot[Any], supervisor: Recorder, hand: Hand) -> None:
        self.app, self.pilot, self.supervisor = app, pilot, supervisor
        self.hand = hand

    @property
    def text(self) -> str:
        return screen_text(self.app)

    @property
    def asked(self) -> list[tuple[str, str, int | None, dict[str, Json]]]:
        return self.supervisor.asked

    @property
    def selected(self) -> str | None:
        return self.app.fleet_screen.table.selected

    async def press(self, *keys: str) -> None:
        """Press keys one after another, each after what the one before brought was read."""
        for key in keys:
            self.hand.at += 1.0
            await self.pilot.press(key)
            await self.pilot.pause()

    async def mash_on(self, *keys: str) -> None:
        """Press keys at the moment of the one before."""
        for key in keys:
            await self.pilot.press(key)
            await self.pilot.pause()

    async def until(self, true: Callable[[], bool], within_s: float = 8.0) -> None:
        """Wait until something is so, with a deadline."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within_s
        while not true():
            assert loop.time() < deadline, self.text
            await self.pilot.pause()
            await asyncio.sleep(0.01)

    async def sees(self, *fragments: str, within_s: float = 8.0) -> None:
        """Wait until all of it is on the screen."""
        await self.until(lambda: all(fragment in self.text for fragment in fragments), within_s)

    @property
    def read(self) -> bool:
        """Whether every line on the screen has its sparkline, as far as there is one."""
        fleet = self.app.fleet_screen
        return self.app.state.glances.missing(fleet.table.in_sight()) is None

    async def until_quiet(self) -> None:
        """Wait until the screen has not changed for a moment."""
        loop = asyncio.get_running_loop()
        before, since, deadline = "", loop.time(), loop.time() + 8
        while loop.time() - since < 0.4 and loop.time() < deadline:
            await self.pilot.pause()
            await asyncio.sleep(0.02)
            if (now := self.text) != before:
                before, since = now, loop.time()


Opener = Callable[..., AbstractAsyncContextManager[Console]]


@pytest.fixture
def open_console(home: Home) -> Opener:
    """Opens a console on the home: `async with open_console(size=(80, 24)) as console`."""

    @asynccontextmanager
    async def opened(
        *, size: tuple[int, int] = (160, 50), alive: bool = True, **options: Any
    ) -> AsyncIterator[Console]:
        home.create()
        lock = home.acquire() if alive else None
        supervisor = Recorder(home)
        hand = Hand()
        app = ConsoleApp(home, supervisor=supervisor, clock=hand, **({"ascii_only": False} | options))
        try:
            # How full this machine's disk is must not be part of a golden text.
            with mock.patch("tui.console.state.free_share", lambda place: 0.31):
                async with app.run_test(size=size) as pilot:
                    yield Console(app, pilot, supervisor, hand)
        finally:
            if lock is not None:
                import os

                os.close(lock)

    return opened


@pytest.fixture
def still() -> Iterator[None]:
    """The clock stands still at the moment of the recorded fleet."""
    with frozen():
        yield


@pytest.fixture
def maker(home: Home, still: None) -> Iterator[FleetMaker]:
    """An empty journal, open for writing."""
    maker = FleetMaker(home)
    yield maker
    maker.close()


@pytest.fixture
def recorded(maker: FleetMaker) -> FleetMaker:
    """The recorded fleet: every situation at once."""
    fleet(maker)
    return maker
