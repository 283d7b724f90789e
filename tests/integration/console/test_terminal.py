"""The console in a real pseudo-terminal, as a person starts it."""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pexpect
import psutil
import pyte
import pytest

from store.home import Home
from tests.integration.console.test_hostile import hostile_run
from tests.support.console_fleet import FleetMaker, fleet

ROOT = Path(__file__).parents[3]
PROGRAM = (
    "import sys; from pathlib import Path; from store.home import Home; from tui.console.app import run_console; "
    "sys.exit(run_console(Home(Path(sys.argv[1]))))"
)


class Terminal:
    """A child in a pseudo-terminal, with what it painted and what it sent."""

    def __init__(self, home: Home, columns: int, rows: int, **environ: str) -> None:
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.sent = b""
        given = {"TERM": "xterm-256color", "LANG": "C.UTF-8", "AGENTWATCH_CONSOLE": str(home.root / "console.json")}
        inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        self.child = pexpect.spawn(
            sys.executable,
            ["-c", PROGRAM, str(home.root)],
            dimensions=(rows, columns),
            env=inherited | given | environ,
            cwd=str(ROOT),
        )

    @property
    def text(self) -> str:
        return "\n".join(self.screen.display)

    def sees(self, *fragments: str, within_s: float = 20.0) -> None:
        deadline = time.monotonic() + within_s
        while not all(fragment in self.text for fragment in fragments):
            assert time.monotonic() < deadline, self.text
            if select.select([self.child.child_fd], [], [], 0.05)[0]:
                chunk = os.read(self.child.child_fd, 65536)
                self.sent += chunk
                self.stream.feed(chunk)

    def leave(self) -> int:
        self.child.send("q")
        self.child.expect(pexpect.EOF, timeout=15)
        self.child.close()
        return int(self.child.exitstatus)


@pytest.fixture
def recorded_now(home: Home) -> Iterator[Home]:
    """The recorded fleet as of this moment."""
    maker = FleetMaker(home, now=time.time())
    fleet(maker)
    hostile_run(maker, "bad001", "\x1b]0;owned\x07\x1b[31mred\x9b5mx \x1b]52;c;cm0gLXJm\x07 \u202egnirts")
    maker.close()
    yield home


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (160, 50)])
def test_it_opens_acts_and_leaves_the_terminal_as_it_was(recorded_now: Home, columns: int, rows: int) -> None:
    terminal = Terminal(recorded_now, columns, rows)
    terminal.sees("AGENT", "needs you", "not running")
    terminal.child.send("w")
    terminal.sees("the calls, compared")
    terminal.child.send("\x1b")
    terminal.sees("STATUS")

    assert terminal.leave() == 0
    assert b"\x1b[?1049l" in terminal.sent + (terminal.child.before or b"")
    for attack in (b"\x1b]0;owned", b"\x1b]52;c;cm0g", b"\x9b5m", "\u202e".encode()):
        assert attack not in terminal.sent


def test_colours_can_be_turned_off(recorded_now: Home) -> None:
    terminal = Terminal(recorded_now, 100, 30, NO_COLOR="1")
    terminal.sees("AGENT", "needs you")

    colours = {cell.fg for row in terminal.screen.buffer.values() for cell in row.values()} - {"default"}
    assert all(len({fg[:2], fg[2:4], fg[4:]}) == 1 for fg in colours if len(fg) == 6), colours
    assert terminal.leave() == 0


def test_a_console_that_is_killed_harms_nothing(recorded_now: Home) -> None:
    before = recorded_now.journal.stat().st_size
    terminal = Terminal(recorded_now, 80, 24)
    terminal.sees("AGENT")
    psutil.Process(terminal.child.pid).kill()
    terminal.child.close(force=True)

    again = Terminal(recorded_now, 80, 24)
    again.sees("AGENT", "needs you")
    assert again.leave() == 0
    assert recorded_now.journal.stat().st_size == before
