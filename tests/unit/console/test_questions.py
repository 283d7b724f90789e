"""What is said before many runs are killed."""

from __future__ import annotations

import pytest

from store.records import Run
from store.states import Status
from tui.console.lines import text_of
from tui.console.pages.questions import kill_many

REST, GOING = Status.PAUSED, Status.RUNNING


@pytest.mark.parametrize(
    ("statuses", "instead"),
    [
        ((REST, REST), "They cost nothing at rest."),
        ((REST, GOING), "p would pause the 1 that go on instead: they cost nothing while paused."),
        ((GOING, GOING), "p would pause them instead: they cost nothing while paused."),
    ],
)
def test_a_pause_is_offered_for_what_goes_on_alone(statuses: tuple[Status, ...], instead: str) -> None:
    runs = [Run(f"r{n}", "mailer", "", 0.0, status=status) for n, status in enumerate(statuses)]

    assert instead in [text_of(row) for row in kill_many(runs, 0.0, 84)]
