"""Draws the pictures in docs/pictures from the recorded fleet: `python bench/console_pictures.py`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple, get_args
from unittest import mock

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from store.home import Home  # noqa: E402
from tests.support.console_fleet import FleetMaker, fleet, outage  # noqa: E402
from tests.support.console_shots import frozen  # noqa: E402
from tui.console.app import ConsoleApp  # noqa: E402

FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"


Scene = Literal["fleet", "outage", "asleep", "empty"]
"""The recorded fleet; the same with a dependency that is down, or with no runtime; a home in which nothing has run."""


class Picture(NamedTuple):
    """One picture and the way to it."""

    name: str
    select: str = ""
    keys: tuple[str, ...] = ()
    size: tuple[int, int] = (140, 44)
    theme: str = "agentwatch-dark"
    scene: Scene = "fleet"


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
    Picture("breakers", "a9e1d4", ("b",), scene="outage"),
    Picture("outage", "a9e1d4", ("g", *"jjjjjjj"), scene="outage"),
    Picture("palette", "3f9a1c", ("colon",)),
    Picture("fork", "3f9a1c", ("c", "f")),
    Picture("freeze", "0c7e42", ("p",)),
    Picture("no-runtime", "3f9a1c", size=(120, 40), scene="asleep"),
    Picture("empty", size=(120, 24), scene="empty"),
)


def self_contained(svg: str) -> str:
    """The picture without anything that a viewer would have to fetch."""
    svg = re.sub(r"<!-- Generated with Rich.*?-->\s*", "", svg)
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    return svg.replace("Fira Code, monospace", FONTS).replace("font-family: arial", f"font-family: {FONTS}")


async def draw(home: Home, picture: Picture) -> str:
    """One picture as SVG."""
    app = ConsoleApp(home, select=picture.select or None, ascii_only=False)
    app.state.host = "prod-box"
    async with app.run_test(size=picture.size) as pilot:
        app.theme = picture.theme
        while picture.select and picture.select not in app.state.windows:
            await pilot.pause(0.05)
        for key in picture.keys:
            await pilot.press(key)
            await pilot.pause(0.3)
        await pilot.pause(0.5)
        app.fleet_screen.second(time.time())
        await pilot.pause(0.2)
        return self_contained(app.export_screenshot(title="agentwatch"))


@contextlib.contextmanager
def scene(name: Scene) -> Iterator[Home]:
    """A home in which this is to be seen."""
    with tempfile.TemporaryDirectory() as scratch, mock.patch.dict(os.environ, HOME=scratch):
        home = Home(Path(scratch, ".local/state/agentwatch"))
        maker = FleetMaker(home)
        if name != "empty":
            fleet(maker)
        if name == "outage":
            outage(maker, runs=40)
        lock = home.acquire() if name != "asleep" else None
        yield home
        if lock is not None:
            os.close(lock)
        maker.close()


def main() -> None:
    """Draw all of them, or those that are named."""
    folder = ROOT / "docs" / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [picture for picture in PICTURES if len(sys.argv) == 1 or picture.name in sys.argv[1:]]
    with frozen(), mock.patch("tui.console.state.free_share", lambda place: 0.31):
        for name in get_args(Scene):
            with scene(name) as home:
                for picture in wanted:
                    if picture.scene == name:
                        (folder / f"{picture.name}.svg").write_text(asyncio.run(draw(home, picture)), encoding="utf-8")
                        print(f"docs/pictures/{picture.name}.svg")


if __name__ == "__main__":
    main()
