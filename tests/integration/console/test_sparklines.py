"""Spend against progress in the list: read for what is in sight, kept up to date by the record."""

from __future__ import annotations

from store.events import Kind
from tests.integration.console.conftest import Console, Opener
from tests.support.console_fleet import FleetMaker, working

WRITER, DOUBT = "81b3fe", "7d10be"
FLAT = "▁▁▁▁▁▁▁▁"


def row(console: Console, run: str) -> str:
    return next((line for line in console.text.splitlines() if f" {run} " in line), "")


def spin(maker: FleetMaker, run: str, steps: int) -> None:
    """Let a run make the same call again and again."""
    first = maker.journal.runs[run].step + 1
    maker.clock = maker.now
    for n in range(first, first + steps):
        maker.journal.append(run, 1, Kind.STEP_BEGIN, {"n": n, "name": ""})
        begun = {"id": f"s{n}", "tool": "crm.get", "args": {}, "idempotent": True, "poll": False, "step": n}
        maker.journal.append(run, 1, Kind.ACTION_BEGIN, begun)
        maker.journal.append(
            run, 1, Kind.ACTION_END, {"id": f"s{n}", "tool": "crm.get", "ok": True, "result": 1, "step": n}
        )
        maker.journal.append(run, 1, Kind.USAGE, {"input_tokens": 4000, "output_tokens": 0, "cost_usd": 0.01})
    maker.flush()


async def test_the_bars_of_a_run_rise_as_it_spends_and_brings_nothing_new(
    recorded: FleetMaker, open_console: Opener
) -> None:
    async with open_console(size=(160, 50)) as console:
        await console.until(lambda: FLAT in row(console, WRITER))

        spin(recorded, WRITER, 12)

        await console.until(lambda: "██████" in row(console, WRITER))
        assert console.selected == DOUBT
        assert WRITER not in console.app.state.windows


async def test_only_what_is_in_sight_is_read_and_what_comes_into_sight_is(
    maker: FleetMaker, open_console: Opener
) -> None:
    for number in range(60):
        run, agent = f"{number:06x}", f"agent-{number:02}"
        working(
            maker, run, agent, "", steps=9, of=20, noun="page", tool="get", cost=0.5, limit=None, in_tool=None, ago=300
        )
    maker.flush()
    async with open_console(size=(160, 50)) as console:
        await console.until(lambda: FLAT in row(console, "000000") and console.read)
        state = console.app.state
        assert state.recent(f"{59:06x}") is None
        assert len(state.glances) == len(console.app.fleet_screen.table.visible_lines()) < 40

        await console.press("G")

        await console.until(lambda: FLAT in row(console, f"{59:06x}"))


async def test_a_list_too_narrow_for_the_bars_reads_nothing(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(size=(120, 40)) as console:
        await console.sees("crm-writer")
        await console.until_quiet()
        assert len(console.app.state.glances) == 0

        await console.pilot.resize_terminal(160, 50)

        await console.until(lambda: FLAT in row(console, WRITER))


async def test_the_list_says_why_it_cannot_be_ordered_by_them(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(size=(160, 50)) as console:
        await console.sees("SINCE NEW")
        y, line = next((y, line) for y, line in enumerate(console.text.splitlines()) if "SINCE NEW" in line)
        await console.pilot.click(offset=(line.index("SINCE NEW") + 2, y))

        await console.sees("The list has no order by since new")
