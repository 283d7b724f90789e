"""Measures the story of a run of 100,000 events in the console: `python bench/console_story.py [EVENTS]`."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from store.events import Kind  # noqa: E402
from store.home import Home  # noqa: E402
from tests.support.console_fleet import FleetMaker  # noqa: E402
from tui.console.app import ConsoleApp  # noqa: E402
from tui.console.screens.inspect import InspectScreen, StoryView  # noqa: E402

KEYS = ("pageup", "pageup", "up", "end", "pageup", "down", "home", "pagedown", "end", "home", "end")


def record(maker: FleetMaker, count: int) -> None:
    """One run of `count` events."""
    script = maker.script("abc123", "long-runner", "Run on", 90_000)
    script.start()
    for n in range(1, count // 4 + 1):
        script.step(n, f"page {n}", 1).act("Read", {"page": n}, f"text {n}", 1, idempotent=True).use(900, 0.001)
    maker.flush()


async def pressed(pilot: Any, keys: tuple[str, ...]) -> dict[str, float]:
    """For each key the longest time until it was painted, in milliseconds."""
    took: dict[str, float] = {}
    for key in keys:
        began = time.perf_counter()
        await pilot.press(key)
        took[key] = max(took.get(key, 0.0), (time.perf_counter() - began) * 1000)
    return took


async def measure(home: Home, maker: FleetMaker) -> None:
    """Open the story, read it back to its first event, move about in it while it grows."""
    app = ConsoleApp(home, ascii_only=False)
    async with app.run_test(size=(160, 50)) as pilot:
        while "abc123" not in app.state.windows:
            await pilot.pause(0.05)
        began = time.perf_counter()
        await pilot.press("enter")
        screen = app.screen
        assert isinstance(screen, InspectScreen)
        while not len(screen._scroll):
            await pilot.pause()
        print(f"inspect opened after       {(time.perf_counter() - began) * 1000:6.0f} ms")
        began = time.perf_counter()
        # Not pressed: the pilot would wait until all is read.
        screen.query_one("#page", StoryView).action_edge(-1)
        await asyncio.sleep(0)
        slowest = 0.0
        while screen._scroll.before:
            turn = time.perf_counter()
            await asyncio.sleep(0.001)
            slowest = max(slowest, time.perf_counter() - turn)
        print(f"first event reached after  {time.perf_counter() - began:6.2f} s, {screen._scroll.read:,} events read")
        print(f"longest stop meanwhile     {slowest * 1000:6.0f} ms")
        await pilot.pause()
        for key, took in (await pressed(pilot, KEYS)).items():
            print(f"{key:<8} painted within    {took:6.0f} ms")
        maker.clock = maker.now
        spent = time.process_time()
        for n in range(100):
            maker.journal.append("abc123", 1, Kind.STEP_BEGIN, {"n": 10**6 + n, "name": "more"})
            maker.flush()
            await pilot.pause(0.02)
        await pilot.pause(0.3)
        print(f"CPU for 100 later events   {(time.process_time() - spent) * 10:6.1f} ms each, the journal's included")
        print(f"memory                     {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024:6} MB")


def main() -> None:
    """Record the run, then measure."""
    with tempfile.TemporaryDirectory() as scratch:
        home = Home(Path(scratch) / "home")
        maker = FleetMaker(home, time.time())
        record(maker, int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
        lock = home.acquire()
        asyncio.run(measure(home, maker))
        os.close(lock)
        maker.close()


if __name__ == "__main__":
    main()
