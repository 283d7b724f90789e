"""Which keys can work, as one table."""

from __future__ import annotations

import pytest

from store.records import Run
from store.states import Status, StopReason
from tui.console.can import refusal

S = Status
WORKS = {
    "pause": {S.STARTING, S.RUNNING, S.WAITING, S.PAUSING, S.NEEDS_REVIEW},
    "resume": {S.PAUSED, S.STOPPED, S.PAUSING},
    "kill": set(S) - {S.COMPLETED, S.KILLED, S.KILLING},
    "doubt": {S.NEEDS_REVIEW},
    "why": set(S),
    "log": set(S),
}


@pytest.mark.parametrize("action", WORKS)
@pytest.mark.parametrize("status", list(Status))
def test_a_key_works_or_says_why_not(action: str, status: Status) -> None:
    run = Run(run="3f9a1c22", agent="mailer", goal="", created_at=0.0, status=status)

    said = refusal(action, run)

    assert (said == "") == (status in WORKS[action])
    if said:
        assert "mailer 3f9a1c" in said and said.endswith((".", ")."))


def test_what_is_held_can_be_parked_and_what_is_parked_cannot() -> None:
    held = Run(run="r", agent="a", goal="", created_at=0.0, status=S.PAUSED, held=True)
    parked = Run(run="r", agent="a", goal="", created_at=0.0, status=S.PAUSED)

    assert refusal("pause", held) == ""
    assert refusal("pause", parked) == "a r is paused already (parked)."


def test_a_pause_that_waits_for_an_answer_is_not_asked_for_again() -> None:
    run = Run(run="r", agent="a", goal="", created_at=0.0, status=S.NEEDS_REVIEW, pause_asked=True)

    assert refusal("pause", run) == "a r will be paused once its question is answered: press d."


def test_only_a_loop_can_be_accepted() -> None:
    run = Run(run="r", agent="a", goal="", created_at=0.0, status=S.PAUSED, reason=StopReason.BUDGET_EXCEEDED)

    assert refusal("accept", run) == "a r was not stopped for a repetition."


def test_a_fork_needs_a_checkpoint_and_a_run_that_was_not_killed() -> None:
    run = Run(run="r", agent="a", goal="", created_at=0.0, status=S.RUNNING, checkpoints=2)

    assert refusal("fork", run) == ""
    assert "read-only" in refusal("fork", run, read_only=True)
    assert "no checkpoints yet" in refusal("fork", Run(run="r", agent="a", goal="", created_at=0.0))
    assert "was killed" in refusal("fork", Run(run="r", agent="a", goal="", created_at=0.0, status=S.KILLED))


def test_nothing_acts_read_only_and_everything_can_be_looked_at() -> None:
    run = Run(run="r", agent="a", goal="", created_at=0.0, status=S.RUNNING)

    assert "read-only" in refusal("pause", run, read_only=True)
    assert refusal("why", run, read_only=True) == ""
    assert refusal("why", None) == "No run is selected."
