"""What each screen shows, in each layout, as text.

The expected texts lie in `golden/`.  `UPDATE_GOLDEN=1 pytest tests/integration/console/test_screens.py` writes them anew:
read the difference before you keep it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from textual.command import CommandPalette
from textual.theme import Theme

from store.events import Kind
from store.states import Status
from tests.integration.console.conftest import Console, Opener
from tests.integration.console.test_hostile import hostile_run
from tests.support.console_fleet import FleetMaker, outage
from tests.support.console_shots import screen_colours, screen_text
from tui.console.app import ConsoleApp
from tui.console.themes import DARK, LIGHT

GOLDEN = Path(__file__).parent / "golden"
SMALL, MIDDLE, WIDE, WIDEST = (80, 24), (120, 40), (160, 50), (200, 60)
LAYOUTS = (SMALL, MIDDLE, WIDE)


class Shot(NamedTuple):
    """A way to a screen."""

    name: str
    select: str = "3f9a1c"
    keys: tuple[str, ...] = ()
    sizes: tuple[tuple[int, int], ...] = LAYOUTS


SHOTS = (
    Shot("fleet", sizes=(SMALL, MIDDLE, WIDE, WIDEST, (40, 20))),
    Shot("fleet-doubt", "7d10be"),
    Shot("fleet-outside", "0c7e42"),
    Shot("why-loop", keys=("w",)),
    Shot("why-crash", "55aa90", ("w",)),
    Shot("why-running", "a9e1d4", ("w",)),
    Shot("checkpoints", keys=("c",)),
    Shot("in-flight", "a9e1d4", ("i",)),
    Shot("in-doubt", "7d10be", ("i",)),
    Shot("log", keys=("l",)),
    Shot("inspect", keys=("enter",)),
    Shot("event", keys=("enter", "enter")),
    Shot("help", keys=("question_mark",)),
    Shot("kill", keys=("x",)),
    Shot("kill-many", keys=("space", "space", "x")),
    Shot("resume", keys=("r",)),
    Shot("resume-budget", "c41f02", ("r",)),
    Shot("doubt", "7d10be", ("d",)),
    Shot("fork", keys=("c", "f")),
    Shot("freeze", "0c7e42", ("p",)),
    Shot("leave", keys=("Q",)),
    Shot("by-agent", "c41f02", ("a",)),
    Shot("unfolded", "c41f02", ("a", "right")),
    Shot("filter", keys=("slash", *"status:paused")),
    Shot("palette", keys=("colon",)),
    Shot("palette-search", keys=("colon", *"answer")),
    Shot("pause-many", "a9e1d4", ("space",) * 4 + ("p",)),
    Shot("resume-many", "c41f02", ("space", "space", "r")),
)


def comparable(text: str) -> str:
    """What does not depend on how fast this machine is, or on its name."""
    text = re.sub(r"(tail (?:\[[^]]*\])?●(?:\[[^]]*\])?) \d+\.\d s", r"\1 0.0 s", text)
    text = re.sub(r"Home: \S+", "Home: ~", text)
    host = os.uname().nodename.split(".")[0]
    return (
        re.sub(rf"agentwatch  {re.escape(host)}( *)(?=\s|$)", lambda found: "agentwatch  host" + found[1], text) + "\n"
    )


async def check(console: Console, name: str, look: Callable[[ConsoleApp], str] = screen_text) -> None:
    """The screen comes to look as the golden text says."""

    def now() -> str:
        return comparable(look(console.app))

    path = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        await console.until_quiet()
        await console.until(lambda: console.read)
        await console.until_quiet()
        GOLDEN.mkdir(exist_ok=True)
        path.write_text(now(), encoding="utf-8")
        return
    expected = path.read_text(encoding="utf-8")
    try:
        await console.until(lambda: now() == expected)
    except AssertionError:
        assert now() == expected


@pytest.mark.parametrize(
    ("shot", "size"),
    [(shot, size) for shot in SHOTS for size in shot.sizes],
    ids=lambda value: value.name if isinstance(value, Shot) else "x".join(map(str, value)),
)
async def test_a_screen(
    shot: Shot, size: tuple[int, int], recorded: FleetMaker, open_console: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.console.state.socket.gethostname", lambda: "host")
    async with open_console(size=size, select=shot.select) as console:
        await console.until(lambda: console.selected == shot.select and shot.select in console.app.state.windows)
        await console.press(*shot.keys)
        await check(console, f"{shot.name}-{size[0]}x{size[1]}")


@pytest.mark.parametrize("size", LAYOUTS)
async def test_the_dialog_that_forces_a_pause(
    size: tuple[int, int], recorded: FleetMaker, open_console: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.console.state.socket.gethostname", lambda: "host")
    recorded.clock = recorded.now - 41
    recorded.journal.append(
        "81b3fe", 1, Kind.PAUSE_ASKED, {"by": "mira", "reason": "USER_PAUSED", "waits_for": "crm.update"}
    )
    recorded.move("a9e1d4", Status.PAUSING, "asked by mira", waits_for="Bash pytest")
    recorded.flush()
    async with open_console(size=size, select="a9e1d4") as console:
        await console.until(lambda: "a9e1d4" in console.app.state.windows)
        await console.press("p")
        await check(console, f"force-{size[0]}x{size[1]}")


@pytest.mark.parametrize("size", LAYOUTS)
async def test_the_breakers(
    size: tuple[int, int], maker: FleetMaker, open_console: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.console.state.socket.gethostname", lambda: "host")
    outage(maker)
    maker.beat()
    async with open_console(size=size) as console:
        await console.until(lambda: len(console.app.state.breakers) == 2)
        await check(console, f"outage-{size[0]}x{size[1]}")
        await console.press("b")
        await check(console, f"breakers-{size[0]}x{size[1]}")
        await console.press("o")
        await check(console, f"hold-open-{size[0]}x{size[1]}")


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
@pytest.mark.parametrize(("where", "keys"), [("fleet", ()), ("kill", ("x",))])
async def test_a_theme(
    theme: Theme,
    where: str,
    keys: tuple[str, ...],
    recorded: FleetMaker,
    open_console: Opener,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tui.console.state.socket.gethostname", lambda: "host")
    async with open_console(size=MIDDLE, select="3f9a1c") as console:
        await console.until(lambda: "3f9a1c" in console.app.state.windows)
        console.app.theme = theme.name
        await console.press(*keys)
        await check(console, f"{theme.name}-{where}", screen_colours)


@pytest.mark.parametrize("size", LAYOUTS)
async def test_an_empty_home(
    size: tuple[int, int], maker: FleetMaker, open_console: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.console.state.socket.gethostname", lambda: "host")
    async with open_console(size=size) as console:
        await console.sees("Nothing has run here yet.", "agentwatch run --demo", "agentwatch init")
        await check(console, f"empty-{size[0]}x{size[1]}")


@pytest.mark.parametrize("size", LAYOUTS)
async def test_without_a_runtime(
    size: tuple[int, int], recorded: FleetMaker, open_console: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.console.state.socket.gethostname", lambda: "host")
    async with open_console(size=size, select="3f9a1c", alive=False) as console:
        await console.until(lambda: "3f9a1c" in console.app.state.windows)
        await check(console, f"no-runtime-{size[0]}x{size[1]}")


@pytest.mark.parametrize("size", [(39, 24), (80, 9), (10, 3), (1, 1)])
async def test_too_small_a_terminal_gets_a_sentence(
    size: tuple[int, int], recorded: FleetMaker, open_console: Opener
) -> None:
    async with open_console(size=size) as console:
        await console.until_quiet()
        if size[0] > 20:
            await console.sees("The console needs 40 × 10 cells")


@pytest.mark.parametrize(
    ("key", "shows"),
    [("w", "LOOP_DETECTED"), ("enter", "what happened, and when"), ("x", "[ n  keep it ]"), ("question_mark", "Keys:")],
)
async def test_a_terminal_that_becomes_too_small_takes_no_key_and_gives_back_what_was_open(
    key: str, shows: str, recorded: FleetMaker, open_console: Opener
) -> None:
    async with open_console(size=MIDDLE, select="3f9a1c") as console:
        await console.until(lambda: "3f9a1c" in console.app.state.windows)
        await console.until_quiet()
        before = comparable(console.text)
        await console.press(key)
        await console.sees(shows)
        await console.until_quiet()
        opened = comparable(console.text)
        await console.pilot.resize_terminal(30, 8)
        await console.until(lambda: "The console needs 40 × 10" in " ".join(console.text.split()))
        await console.press("y", "k", "p")
        await console.pilot.resize_terminal(*MIDDLE)
        await console.until(lambda: comparable(console.text) == opened)
        await console.press("escape")
        await console.until(lambda: comparable(console.text) == before)
        assert console.asked == []


async def test_what_was_opened_over_a_terminal_that_is_too_small_stays_when_there_is_room(
    recorded: FleetMaker, open_console: Opener
) -> None:
    async with open_console(size=MIDDLE) as console:
        await console.sees("ticket-mailer")
        await console.until_quiet()
        before = comparable(console.text)
        await console.pilot.resize_terminal(30, 8)
        await console.until(lambda: "The console needs 40 × 10" in " ".join(console.text.split()))
        console.app.fleet_screen.action_help()
        await console.pilot.resize_terminal(*MIDDLE)
        await console.sees("esc closes")
        await console.press("escape")
        await console.until(lambda: comparable(console.text) == before)


@pytest.mark.parametrize("opened_before", [True, False])
async def test_no_palette_is_opened_over_a_terminal_that_is_too_small(
    recorded: FleetMaker, open_console: Opener, opened_before: bool
) -> None:
    async with open_console(size=MIDDLE) as console:
        await console.sees("ticket-mailer")
        if opened_before:
            await console.press("ctrl+p")
            await console.until(lambda: CommandPalette.is_open(console.app))
        await console.pilot.resize_terminal(30, 8)
        await console.until(lambda: "The console needs 40 × 10" in " ".join(console.text.split()))
        screens = list(console.app.screen_stack)
        await console.press("ctrl+p")
        assert console.app.screen_stack == screens


async def test_a_terminal_may_change_its_size(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(size=WIDE) as console:
        await console.sees("ticket-mailer")
        for width, height in ((20, 5), (80, 24), (200, 60), (40, 10), (160, 50)):
            await console.pilot.resize_terminal(width, height)
            await console.pilot.pause()
        await console.sees("ticket-mailer", "COST LIMIT")


@pytest.mark.parametrize("theme", ["agentwatch-dark", "agentwatch-light"])
async def test_a_theme_changes_colours_and_no_word(theme: str, recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(size=MIDDLE, select="3f9a1c") as console:
        await console.sees("LOOP_DETECTED")
        await console.until_quiet()
        before = comparable(console.text)
        console.app.theme = theme
        await console.until_quiet()

        assert comparable(console.text) == before


async def test_ascii_glyphs_leave_nothing_else(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(size=WIDE, select="3f9a1c", ascii_only=True) as console:
        await console.sees("= fix-flaky-ci")
        for key in ("w", "c", "enter", "i"):
            await console.press(key)
            await console.until_quiet()
            assert console.text.isascii(), [c for c in console.text if not c.isascii()]
            await console.press("escape")


async def test_nothing_but_ascii_is_sent_whatever_agents_write(maker: FleetMaker, open_console: Opener) -> None:
    text = "日本 ěščř \u00db31m 👍🏽 ﷽ e\u0301"
    for number in range(3):
        hostile_run(maker, f"abc12{number}", text)
    maker.flush()
    async with open_console(size=(120, 40), ascii_only=True) as console:
        await console.until(lambda: "abc120" in console.app.state.windows)
        for way in ("space", "x", "a", "question_mark", "r", "w", "c", "l", "i", "d", "enter", "colon"):
            await console.press(way)
            await console.until_quiet()
            assert console.text.isascii(), (way, {c for c in console.text if not c.isascii()})
            if len(console.app.screen_stack) > 1:
                await console.press("escape")
