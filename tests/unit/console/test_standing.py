"""What is said of a run at a glance, and what it has used of its limits."""

from __future__ import annotations

from typing import Any

import pytest

from store.records import Pending, Run
from store.states import Status, StopReason
from tui.console.standing import spent, tightest, why

NOW = 10_000.0


def a_run(status: Status, **fields: Any) -> Run:
    return Run("3f9a1c", "mailer", "", NOW - 7200, status=status, started_at=NOW - 7200, **fields)


def test_of_a_limit_of_time_only_the_time_is_used_in_which_it_went() -> None:
    run = a_run(Status.RUNNING, going_s=300, going_since=NOW - 60, limits={"wall_s": 3600})

    assert spent(run, "wall_s", NOW) == 360
    assert tightest(run, NOW) == ("wall_s", 0.1)


def test_while_it_waits_no_time_is_used() -> None:
    assert spent(a_run(Status.WAITING, going_s=300), "wall_s", NOW) == 300


def test_a_wait_does_not_end_at_a_time_that_is_past() -> None:
    run = a_run(Status.WAITING, why="429 from erp", due_at=NOW)

    assert why(run, NOW - 10).startswith("until ") and why(run, NOW + 10).startswith("due ")


WHYS = (
    (a_run(Status.WAITING, why="429 from erp.internal", due_at=NOW + 39), "until "),
    (a_run(Status.NEEDS_REVIEW, in_flight=(Pending("a", "send_email", NOW - 9, False),)), "did send_email happen"),
    (a_run(Status.PAUSING, waits_for="send_email to end"), "waits for send_email"),
    (a_run(Status.PAUSED, reason=StopReason.BUDGET_EXCEEDED, why="$5.00 of $5.00 spent"), "$5.00 of $5.00 spent"),
    (a_run(Status.STOPPED, reason=StopReason.AGENT_CRASHED, why="KeyError: 'hunks'"), "crashed: KeyError"),
    (a_run(Status.PAUSED, reason=StopReason.LOOP_DETECTED, why="Bash ×5, same result"), "loop: Bash ×5"),
)


@pytest.mark.parametrize(("run", "first"), WHYS, ids=lambda told: getattr(told, "status", None))
def test_where_there_is_little_room_what_matters_is_not_what_is_cut(run: Run, first: str) -> None:
    assert why(run, NOW).startswith(first) and len(first) <= 21


def test_steps_are_counted_over_all_attempts_once_they_are_done() -> None:
    assert spent(a_run(Status.RUNNING, attempt=2, step=4, steps=20), "steps", NOW) == 19
