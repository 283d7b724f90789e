"""Draws the pictures in docs/pictures from the recorded fleet: `python bench/console_pictures.py`."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple
from unittest import mock

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from store.home import Home  # noqa: E402
from tests.support.console_fleet import FleetMaker, fleet, outage  # noqa: E402
from tests.support.console_shots import frozen  # noqa: E402
from tui.console.app import ConsoleApp  # noqa: E402

FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"


class Picture(NamedTuple):
    """One picture and the way to it."""

    name: str
    select: str
    keys: tuple[str, ...] = ()
    size: tuple[int, int] = (140, 44)
    theme: str = "agentwatch-dark"
    outage: bool = False
    """A dependency is down in this one."""


PICTURES = (
    Picture("console", "3f9a1c", size=(160, 50)),
    Picture("console-light", "3f9a1c", size=(160, 50), theme="agentwatch-light"),
    Picture("console-80x24", "7d10be", size=(80, 24)),
    Picture("why", "3f9a1c", ("w",)),
    Picture("doubt", "7d10be", ("d",)),
    Picture("kill", "3f9a1c", ("x",)),
    Picture("resume", "c41f02", ("r",)),
    Picture("checkpoints", "3f9a1c", ("c",)),
    Picture("inspect", "3f9a1c", ("enter",)),
    Picture("event", "3f9a1c", ("enter", "enter")),
    Picture("in-flight", "7d10be", ("i",)),
    Picture("log", "55aa90", ("l",)),
    Picture("help", "3f9a1c", ("question_mark",)),
    Picture("by-agent", "c41f02", ("a", "enter")),
    Picture("breakers", "a9e1d4", ("b",), outage=True),
    Picture("outage", "a9e1d4", ("g", *"jjjjjjj"), outage=True),
)


def self_contained(svg: str) -> str:
    """The picture without anything that a viewer would have to fetch."""
    svg = re.sub(r"<!-- Generated with Rich.*?-->\s*", "", svg)
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    return svg.replace("Fira Code, monospace", FONTS).replace("font-family: arial", f"font-family: {FONTS}")


async def draw(home: Home, picture: Picture) -> str:
    """One picture as SVG."""
    app = ConsoleApp(home, select=picture.select, ascii_only=False)
    app.state.host = "prod-box"
    async with app.run_test(size=picture.size) as pilot:
        app.theme = picture.theme
        while picture.select not in app.state.windows:
            await pilot.pause(0.05)
        for key in picture.keys:
            await pilot.press(key)
            await pilot.pause(0.3)
        await pilot.pause(0.5)
        app.fleet_screen.second(time.time())
        await pilot.pause(0.2)
        return self_contained(app.export_screenshot(title="agentwatch"))


def main() -> None:
    """Draw all of them, or those that are named."""
    folder = ROOT / "docs" / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    with frozen(), mock.patch("tui.console.state.free_share", lambda place: 0.31):
        for down in (False, True):
            with tempfile.TemporaryDirectory() as scratch:
                home = Home(Path(scratch) / "home")
                maker = FleetMaker(home)
                fleet(maker)
                if down:
                    outage(maker, runs=40)
                lock = home.acquire()
                for picture in PICTURES:
                    if picture.outage == down and (len(sys.argv) == 1 or picture.name in sys.argv[1:]):
                        (folder / f"{picture.name}.svg").write_text(asyncio.run(draw(home, picture)), encoding="utf-8")
                        print(f"docs/pictures/{picture.name}.svg")
                os.close(lock)
                maker.close()


if __name__ == "__main__":
    main()
