"""What the terminal shows after many small updates is what it shows after a whole one."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pyte
import pytest
from textual._compositor import CompositorUpdate
from textual.app import App
from textual.driver import Driver
from textual.events import Resize
from textual.geometry import Size
from textual.scrollbar import ScrollBar

from store.events import Kind
from tests.integration.console.conftest import Console, Opener
from tests.support.console_fleet import FleetMaker
from tui.console.cells import ChangedCells
from tui.console.repainting import RepaintingApp
from tui.console.screens.fleet import FleetScreen
from tui.console.themes import DARK, LIGHT

SIZES = ((160, 50), (80, 24), (120, 31), (30, 8), (41, 17))
KEYS = (
    *("j", "k", "j", "k", "pagedown", "pageup", "G", "g", "space", "a", "s", "enter", "w", "c", "i", "l", "b", "d"),
    *("r", "x", "p", "question_mark", "colon", "slash", "tab", "escape", "escape", "escape", "escape", "ctrl+l"),
)
NAMES = ("indexing 1 of 9", "漢字を読む", "한국어 메일", "✅ done", "🚀 launch", "…", "a", "x" * 200, "e\u0301te\u0301")


class Emulated:
    """A terminal that is sent what a console without one would send."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self._resize((160, 50))

    def _resize(self, size: tuple[int, int]) -> None:
        self.size = size
        self._screen, self._stream = blank(size)

    def take(self, app: App[Any], update: object) -> None:
        """Show an update of an application."""
        if not isinstance(update, CompositorUpdate) or app._batch_count:
            return
        assert isinstance(update, ChangedCells)
        if app.size != self.size:
            # At once, as a terminal is: what is still sent for the size before ends at the new edges.
            self._resize((app.size.width, app.size.height))
        self.sent.append(update.render_segments(app.console))
        self._stream.feed(self.sent[-1])

    @property
    def cells(self) -> list[list[pyte.screens.Char]]:
        return cells_of(self._screen)


def blank(size: tuple[int, int]) -> tuple[pyte.Screen, pyte.Stream]:
    screen = pyte.Screen(*size)
    stream = pyte.Stream(screen)
    stream.feed("\x1b[?7l")  # no wrapping at the edge, as Textual asks its terminals
    return screen, stream


def cells_of(screen: pyte.Screen) -> list[list[pyte.screens.Char]]:
    return [[screen.buffer[y][x] for x in range(screen.columns)] for y in range(screen.lines)]


def painted_whole(app: App[Any]) -> list[list[pyte.screens.Char]]:
    """Every cell of a terminal to which Textual itself has sent all of the screen."""
    screen, stream = blank((app.size.width, app.size.height))
    compositor = app.screen._compositor
    due = compositor._dirty_regions.copy()
    update = compositor.render_update(full=True, screen_stack=app._background_screens)
    # What was to be painted next is still to be painted.
    compositor._dirty_regions |= due
    assert isinstance(update, CompositorUpdate)
    stream.feed(update.render_segments(app.console))
    return cells_of(screen)


@pytest.fixture
def terminal() -> Iterator[Emulated]:
    emulated = Emulated()
    with mock.patch.object(App, "_display", lambda app, screen, update: emulated.take(app, update)):
        yield emulated


async def do_something(console: Console, maker: FleetMaker, chance: random.Random) -> None:
    """What may happen to a console: agents work, a person presses keys, the terminal or the theme changes."""
    what = chance.random()
    if what < 0.5:
        run = chance.choice(list(maker.journal.runs))
        for name in chance.sample(NAMES, chance.randint(1, 3)):
            maker.journal.append(run, 1, Kind.TASK, {"name": name})
        maker.journal.flush()
    elif what < 0.9:
        await console.press(chance.choice(KEYS))
    elif what < 0.96:
        await console.pilot.resize_terminal(*chance.choice(SIZES))
    else:
        console.app.theme = chance.choice((DARK.name, LIGHT.name))


@pytest.mark.parametrize(("seed", "ascii_only"), [(1, False), (2, False), (3, True)])
async def test_many_small_updates_show_what_a_whole_one_shows(
    open_console: Opener,
    recorded: FleetMaker,
    terminal: Emulated,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    ascii_only: bool,
) -> None:
    monkeypatch.setattr(ScrollBar, "renderer", ScrollBar.renderer)  # which a console in ASCII replaces
    chance = random.Random(seed)
    async with open_console(ascii_only=ascii_only) as console:
        await console.sees("AGENT")
        for _ in range(60):
            await do_something(console, recorded, chance)
            await console.until(lambda: terminal.cells == painted_whole(console.app))


async def test_a_change_of_one_line_sends_little(
    open_console: Opener, recorded: FleetMaker, terminal: Emulated
) -> None:
    async with open_console() as console:
        await console.sees("AGENT")
        await console.until_quiet()
        run = next(run for run in recorded.journal.runs if run != console.selected)
        terminal.sent.clear()
        recorded.journal.append(run, 1, Kind.TASK, {"name": "T1"})
        recorded.journal.flush()
        await console.until_quiet()
        assert len("".join(terminal.sent)) < 1000


async def test_the_whole_screen_is_sent_when_a_person_asks_for_it(
    open_console: Opener, recorded: FleetMaker, terminal: Emulated
) -> None:
    async with open_console() as console:
        await console.sees("AGENT")
        await console.until_quiet()
        terminal._stream.feed("\x1b[2J\x1b[HBroadcast message: the machine goes down")
        await console.press("j")
        assert terminal.cells != painted_whole(console.app)

        await console.press("ctrl+l")
        await console.until(lambda: terminal.cells == painted_whole(console.app))


async def test_a_terminal_that_was_of_another_size_for_a_moment_is_painted_again(
    open_console: Opener, recorded: FleetMaker, terminal: Emulated
) -> None:
    async with open_console() as console:
        await console.sees("AGENT")
        await console.until_quiet()
        terminal._stream.feed("\x1b[2J")
        await console.pilot.resize_terminal(160, 50)
        await console.until(lambda: terminal.cells == painted_whole(console.app))


async def test_a_terminal_is_painted_again_where_the_layout_for_its_size_in_between_was_never_shown(
    open_console: Opener, recorded: FleetMaker, terminal: Emulated
) -> None:
    async with open_console() as console:
        await console.sees("AGENT")
        await console.until_quiet()
        terminal._stream.feed("\x1b[2J")
        with mock.patch.object(FleetScreen, "size", Size(80, 24)):
            RepaintingApp.on_resize(console.app, Resize(console.app.size, console.app.size))
        console.app.screen.refresh(layout=True)
        await console.until(lambda: terminal.cells == painted_whole(console.app))


async def test_the_whole_screen_is_sent_when_a_console_that_was_suspended_goes_on(
    open_console: Opener, recorded: FleetMaker, terminal: Emulated
) -> None:
    async with open_console() as console:
        await console.sees("AGENT")
        await console.until_quiet()
        terminal._stream.feed("\x1b[2J")
        console.app.post_message(Driver.SignalResume())
        await console.until(lambda: terminal.cells == painted_whole(console.app))
