"""The full screens of the console, one file each."""

from __future__ import annotations

from typing import Any

from textual.screen import Screen


def of_run(action: str, run: str) -> Screen[Any]:
    """The screen that `action` opens about a run; each is loaded when it is first wanted."""
    if action == "why":
        from tui.console.screens.why import WhyScreen

        return WhyScreen(run)
    if action == "checkpoints":
        from tui.console.screens.checkpoints import CheckpointsScreen

        return CheckpointsScreen(run)
    if action == "log":
        from tui.console.screens.log import LogScreen

        return LogScreen(run)
    if action == "in_flight":
        from tui.console.screens.in_flight import InFlightScreen

        return InFlightScreen(run)
    from tui.console.screens.inspect import InspectScreen

    return InspectScreen(run)
