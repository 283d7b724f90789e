"""What the page of a run's reason says in the room there is."""

from __future__ import annotations

from typing import Any

import pytest

from store.records import Run
from store.states import Status, StopReason
from tui.console.lines import text_of
from tui.console.pages.why import why_page
from tui.console.state import Window
from tui.console.verdict import judge

NOW = 10_000.0


def page(width: int, **fields: Any) -> str:
    run = Run("3f9a1c", "mailer", "", NOW - 60, status=Status.PAUSED, rested_at=NOW - 9, held=True, step=21, **fields)
    window = Window([])
    return "\n".join(text_of(row) for row in why_page(run, window, judge(run, window.recent, NOW), NOW, width))


@pytest.mark.parametrize("width", [80, 120, 160])
def test_what_a_key_would_do_is_said_whole(width: int) -> None:
    said = " ".join(page(width, reason=StopReason.LOOP_DETECTED).split())

    assert "The same may then be repeated twice as often before it is paused again." in said


def test_a_budget_is_called_by_its_word() -> None:
    said = page(120, reason=StopReason.BUDGET_EXCEEDED, evidence={"figures": {"cost_usd": "$1.17 of $1.00"}})

    assert "money $1.17 of $1.00" in said and "cost_usd" not in said
