"""What the console remembers from one time to the next."""

from __future__ import annotations

from pathlib import Path

from tests.integration.console.conftest import Opener
from tests.support.console_fleet import FleetMaker
from tui.console.settings import Settings, load, save


async def test_theme_order_and_bell_are_remembered(recorded: FleetMaker, open_console: Opener, tmp_path: Path) -> None:
    path = tmp_path / "kept" / "console.json"
    async with open_console(remember=path) as console:
        await console.sees("ticket-mailer")
        console.app.theme = "agentwatch-light"
        await console.press("s")
        await console.sees("Ordered by agent.")
        await console.press("B")
        await console.sees("The bell is off.")

    async with open_console(remember=path) as console:
        await console.sees("AGENT▼")
        assert console.app.theme == "agentwatch-light"
        assert not console.app.rings


def test_what_cannot_be_read_is_as_if_nothing_was_kept(tmp_path: Path) -> None:
    path = tmp_path / "console.json"
    path.write_text('{"theme": 7}')

    assert load(path) == Settings()
    assert load(tmp_path / "nothing") == Settings()


def test_a_folder_that_cannot_be_written_is_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    save(tmp_path / "file" / "console.json", Settings())
