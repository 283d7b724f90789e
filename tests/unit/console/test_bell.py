"""When the bell rings, as a table of situations."""

from __future__ import annotations

from store.records import Run
from store.states import Status, StopReason
from tui.console.bell import Bell


def run(name: str, status: Status, why: str = "", reason: StopReason | None = None) -> Run:
    return Run(run=name, agent="a", goal="", created_at=0.0, status=status, why=why, reason=reason)


def test_what_goes_on_by_itself_never_rings() -> None:
    bell = Bell()

    assert not bell.hear([run("a", Status.RUNNING), run("b", Status.WAITING), run("c", Status.COMPLETED)])
    assert not bell.hear([run("a", Status.PAUSED, "by mira", StopReason.USER_PAUSED)])


def test_one_cause_rings_once_for_all_its_runs() -> None:
    bell = Bell()

    assert bell.hear([run("a", Status.STOPPED, "out of memory", StopReason.AGENT_CRASHED)])
    assert not bell.hear([run("b", Status.STOPPED, "out of memory", StopReason.AGENT_CRASHED)])
    assert bell.hear([run("c", Status.PAUSED, "$5.00 of $5.00 spent", StopReason.BUDGET_EXCEEDED)])


def test_a_run_that_changes_while_it_needs_somebody_does_not_ring_again() -> None:
    bell = Bell()
    bell.hear([run("a", Status.NEEDS_REVIEW, "one action in doubt")])

    assert not bell.hear([run("a", Status.NEEDS_REVIEW, "another action in doubt")])


def test_a_run_that_was_helped_rings_when_it_needs_somebody_anew() -> None:
    bell = Bell()
    paused = run("a", Status.PAUSED, "same call", StopReason.LOOP_DETECTED)
    assert bell.hear([paused])
    bell.hear([run("a", Status.RUNNING)])

    assert bell.hear([paused])
