"""The list: order, filter, marks, and that it stands still until it is told to settle."""

from __future__ import annotations

from typing import Any

import pytest

from store.records import Run, Warned
from store.states import Status, StopReason
from tui.console.fleet_model import FleetModel, parse_query
from tui.console.standing import standing, tightest, why


def a_run(name: str, status: Status = Status.RUNNING, **fields: Any) -> Run:
    return Run(
        run=name,
        agent=fields.pop("agent", name),
        goal="",
        created_at=fields.pop("created_at", 0.0),
        status=status,
        **fields,
    )


WARNED = Warned("loop", "warn", "same call ×3", 0.0, 1)


def model(*runs: Run) -> FleetModel:
    fleet = FleetModel()
    fleet.load(runs)
    return fleet


def test_what_needs_a_person_comes_first() -> None:
    fleet = model(
        a_run("killed", Status.KILLED),
        a_run("done", Status.COMPLETED, reason=StopReason.COMPLETED),
        a_run("queued", Status.QUEUED),
        a_run("running"),
        a_run("waiting", Status.WAITING),
        a_run("warned", warned=WARNED),
        a_run("by-hand", Status.PAUSED, reason=StopReason.USER_PAUSED),
        a_run("crashed", Status.STOPPED, reason=StopReason.AGENT_CRASHED),
        a_run("review", Status.NEEDS_REVIEW),
    )

    assert fleet.keys == ["review", "crashed", "warned", "waiting", "by-hand", "running", "queued", "done", "killed"]


def test_the_latest_stop_is_on_top() -> None:
    early = a_run("early", Status.STOPPED, reason=StopReason.TIMEOUT, rested_at=10.0)
    late = a_run("late", Status.STOPPED, reason=StopReason.TIMEOUT, rested_at=20.0)

    assert model(early, late).keys == ["late", "early"]


def test_the_list_stands_still_until_it_settles() -> None:
    fleet = model(a_run("a"), a_run("b"), a_run("c"))

    lines = fleet.update([a_run("c", Status.NEEDS_REVIEW)])

    assert lines == [2]
    assert fleet.keys == ["a", "b", "c"]
    assert fleet.unsettled
    assert fleet.settle()
    assert fleet.keys == ["c", "a", "b"]


def test_a_new_run_is_listed_at_once_below_the_others() -> None:
    fleet = model(a_run("b"))

    lines = fleet.update([a_run("a")])

    assert fleet.keys == ["b", "a"]
    assert lines == [1]
    fleet.settle()
    assert fleet.keys == ["a", "b"]


def test_a_step_does_not_unsettle_the_list() -> None:
    fleet = model(a_run("a"), a_run("b"))

    fleet.update([a_run("a", step=9, cost_usd=3.0)])

    assert not fleet.unsettled


def test_ordering_by_a_column_and_back() -> None:
    fleet = model(a_run("cheap", cost_usd=1.0), a_run("dear", cost_usd=9.0))

    fleet.order_by("cost")
    assert fleet.keys == ["dear", "cheap"]
    fleet.order_by("cost")
    assert fleet.keys == ["cheap", "dear"]


def test_marks_are_bound_to_runs_however_the_list_moves() -> None:
    fleet = model(a_run("a"), a_run("b"))
    fleet.toggle_mark("b")

    fleet.update([a_run("b", Status.NEEDS_REVIEW)])
    fleet.settle()

    assert [run.run for run in fleet.marked()] == ["b"]
    fleet.filter("agent:a")
    assert [run.run for run in fleet.marked()] == ["b"]


def test_next_goes_round_through_what_needs_you() -> None:
    fleet = model(
        a_run("x", Status.NEEDS_REVIEW),
        a_run("y", Status.STOPPED, reason=StopReason.TIMEOUT),
        a_run("z"),
    )

    assert fleet.next_that_needs_you("z") == "x"
    assert fleet.next_that_needs_you("x") == "y"
    assert model(a_run("only")).next_that_needs_you("only") is None


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["crashed", "invoice", "mail"]),
        ("mail", ["mail"]),
        ("status:stopped", ["crashed"]),
        ("status:run", ["invoice"]),
        ("status:needs", ["mail"]),
        ("reason:crash", ["crashed"]),
        ("reason:AGENT_CRASHED", ["crashed"]),
        ("agent:INV", ["invoice"]),
        ("agent:inv status:paused", []),
        ("status:", ["crashed", "invoice", "mail"]),
    ],
)
def test_filters(query: str, names: list[str]) -> None:
    fleet = model(
        a_run("invoice"),
        a_run("mail", Status.NEEDS_REVIEW),
        a_run("crashed", Status.STOPPED, reason=StopReason.AGENT_CRASHED, why="exit code 1"),
    )

    fleet.filter(query)

    assert sorted(fleet.keys) == names


def test_a_colon_in_a_word_is_no_field() -> None:
    assert parse_query("http://x status:paused").words == ("http://x",)


def test_a_run_that_comes_to_match_is_listed_when_the_list_settles() -> None:
    fleet = model(a_run("a"), a_run("b"))
    fleet.filter("status:paused")
    assert fleet.keys == []

    fleet.update([a_run("b", Status.PAUSED)])
    fleet.settle()

    assert fleet.keys == ["b"]


def test_counts_say_how_many_need_a_person() -> None:
    counts = model(
        a_run("a", Status.NEEDS_REVIEW),
        a_run("b", Status.PAUSED, reason=StopReason.LOOP_DETECTED),
        a_run("c"),
        a_run("d", warned=WARNED),
    ).counts

    assert counts == {"needs you": 2, "running": 1, "warned": 1}


def test_every_status_has_a_standing_and_a_reason_to_give() -> None:
    for status in Status:
        for reason in (None, *StopReason):
            run = a_run("r", status, reason=reason)
            assert standing(run).word
            assert isinstance(why(run, 0.0), str)


def test_the_tightest_budget_counts() -> None:
    run = a_run("r", cost_usd=1.0, input_tokens=900, limits={"cost_usd": 10.0, "tokens": 1000.0, "unheard_of": 1.0})

    assert tightest(run, 0.0) == ("tokens", 0.9)
    assert why(run, 0.0) == "90% of its tokens"
