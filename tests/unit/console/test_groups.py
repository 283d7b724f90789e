"""Runs that are one line: by their agent, by the dependency they wait for, by what stopped all of them."""

from __future__ import annotations

from typing import Any

import pytest

from store.records import Run
from store.states import Status, StopReason
from tests.unit.console.test_fleet_model import a_run, model
from tui.console.groups import Common, Group, common_of, tally
from tui.console.lines import text_of
from tui.console.pages.fleet_row import columns_for
from tui.console.pages.group import group_detail, together
from tui.console.pages.group_row import paint_group

CRASH: dict[str, Any] = {"reason": StopReason.AGENT_CRASHED, "why": "out of memory"}


def crashed(name: str, **fields: Any) -> Run:
    return a_run(name, Status.STOPPED, **(CRASH | {"agent": "mailer"} | fields))


@pytest.mark.parametrize(
    ("run", "common"),
    [
        (a_run("r"), None),
        (a_run("r", Status.WAITING, dependency="api"), Common("dependency", "api")),
        (a_run("r", dependency="api"), None),
        (crashed("r"), Common("reason", "out of memory", "AGENT_CRASHED")),
        (crashed("r", why=""), None),
        (crashed("r", reason=StopReason.LOOP_DETECTED), None),
        (a_run("r", Status.PAUSED, reason=StopReason.USER_PAUSED, why="by mira"), None),
        (a_run("r", Status.NEEDS_REVIEW, **CRASH), None),
    ],
)
def test_what_runs_have_in_common(run: Run, common: Common | None) -> None:
    assert common_of(run) == common


def test_four_that_were_stopped_by_one_cause_are_one_line() -> None:
    three = model(*(crashed(name) for name in "abc"))
    four = model(*(crashed(name) for name in "abcd"), a_run("other"))

    assert len(three.keys) == 3
    assert len(four.keys) == 2
    group = four.group_at(0)
    assert group is not None and sorted(group.runs) == ["a", "b", "c", "d"]


def test_grouped_by_agent_the_group_stands_where_its_most_urgent_run_would() -> None:
    fleet = model(
        a_run("a1", agent="alpha"),
        a_run("b1", agent="beta"),
        a_run("b2", Status.NEEDS_REVIEW, agent="beta"),
        a_run("c", Status.PAUSED, agent="gamma", reason=StopReason.USER_PAUSED),
    )

    fleet.group_by_agent(True)

    assert [fleet.runs[key].run if key in fleet.runs else fleet.groups[key].common.name for key in fleet.keys] == [
        "beta",
        "c",
        "a1",
    ]
    assert fleet.next_that_needs_you("a1") == fleet.keys[0]
    fleet.toggle_fold(fleet.keys[0])
    assert fleet.keys[1:3] == ["b2", "b1"]
    assert fleet.next_that_needs_you("a1") == "b2"
    fleet.group_by_agent(False)
    assert fleet.keys == ["b2", "c", "a1", "b1"]


def test_what_shares_no_agent_is_still_folded_by_its_cause() -> None:
    fleet = model(*(crashed(name, agent=name) for name in "abcd"), a_run("x1", agent="x"), a_run("x2", agent="x"))

    fleet.group_by_agent(True)

    assert [fleet.groups[key].common.kind for key in fleet.keys] == ["reason", "agent"]


def test_a_folded_run_that_joins_another_group_is_found_on_its_line() -> None:
    fleet = model(*(a_run(f"{name}{n}", agent=name) for name in "ab" for n in range(3)))
    fleet.group_by_agent(True)
    first, second = fleet.keys

    fleet.update([a_run("a0", agent="b")])
    fleet.settle()

    assert fleet.keys == [first, second]
    assert fleet.index["a0"] == fleet.index[second]


def test_marks_and_targets_of_a_group_are_its_runs() -> None:
    fleet = model(*(crashed(name) for name in "abcd"))

    assert [run.run for run in fleet.members(fleet.keys[0])] == ["a", "b", "c", "d"]
    assert fleet.group_of("c") is fleet.groups[fleet.keys[0]]
    assert fleet.members("a") == []


def test_the_line_of_a_group_counts_and_sums() -> None:
    runs = [a_run("n", Status.NEEDS_REVIEW, agent="mailer", why="sent?", cost_usd=1.0, input_tokens=500)]
    runs += [a_run(f"r{n}", agent="mailer", cost_usd=0.5, input_tokens=250, last_event_at=90.0 + n) for n in range(3)]
    group = Group("k", Common("agent", "mailer"), tuple(run.run for run in runs), True)

    row = text_of(paint_group(group, runs, columns_for(160), 100.0, at_cursor=True))

    for said in ("mailer ×4", "needs you", "1 needs you, 3 running", "$2.50", "sent?"):
        assert said in row
    assert tally(runs) == [("needs you", 1), ("running", 3)]


def test_a_group_is_marked_as_far_as_its_runs_are() -> None:
    fleet = model(*(crashed(name) for name in "abcd"))
    group = fleet.groups[fleet.keys[0]]

    def lead(marked: int) -> str:
        members = fleet.members(group.key)
        return text_of(paint_group(group, members, columns_for(160), 100.0, at_cursor=True, marked=marked))[0]

    assert [lead(marked) for marked in (0, 1, 4)] == ["▌", "◇", "◆"]


def test_marking_a_group_marks_the_rest_of_it_then_unmarks_all() -> None:
    fleet = model(*(crashed(name) for name in "abcd"))
    fleet.toggle_mark("b")

    fleet.toggle_mark(*"abcd")
    assert fleet.marks == set("abcd")
    fleet.toggle_mark(*"abcd")
    assert fleet.marks == set()


def test_without_a_runtime_nothing_is_claimed_of_live_runs() -> None:
    runs = [a_run(f"live{n}", step=3, sdk=True, pid=1, last_event_at=99.0) for n in range(2)]

    assert together(runs, 100.0).stuck.word == "NO"
    assert together(runs, 100.0, watched=False).stuck.word == "UNKNOWN"


def test_answers_for_many_name_the_worst_word_how_many_and_a_case() -> None:
    runs = [a_run("live1", step=3, sdk=True, pid=1, last_event_at=99.0), crashed("dead01"), crashed("dead02")]

    answers = together(runs, 100.0)

    assert answers.stuck.word == "YES"
    assert answers.stuck.figures.startswith("2 of 3, as dead01: ")
    assert answers.stuck.figures.endswith("The others: 1 NO.")
    assert together(runs[:1], 100.0).stuck.figures.startswith("All 1: live1: ")


def test_of_results_that_were_not_read_nothing_is_said() -> None:
    runs = [a_run("live1", step=9, sdk=True, pid=1, last_event_at=999.0)]
    quiet = [a_run("live2", step=9, sdk=True, pid=1, last_event_at=999.0, progress_at=100.0)]

    assert together(runs, 1000.0).progress.word == "UNKNOWN"
    assert "its results are not looked at here" in together(runs, 1000.0).progress.figures
    assert together(quiet, 1000.0).progress.word == "UNKNOWN"


def test_of_runs_that_waited_together_those_that_went_on_are_not_said_to_wait() -> None:
    runs = [a_run(f"w{n}", Status.WAITING, dependency="shop-api", sdk=True, pid=n) for n in range(4)]
    group = Group("k", Common("dependency", "shop-api"), tuple(run.run for run in runs), True)
    runs[3] = a_run("w3", sdk=True, pid=3, step=2, last_event_at=99.0)

    said = "\n".join(text_of(row) for row in group_detail(group, runs, None, [], 100.0, 120, 20))

    assert "3 of 4 runs wait for shop-api" in said
    assert "All 4 are held" not in said and "3 of 4" in said


def test_of_very_many_the_most_urgent_are_judged_and_that_is_said() -> None:
    answers = together([a_run(f"{n:06x}", step=1, sdk=True, pid=1) for n in range(1001)], 100.0)

    assert answers.stuck.figures.startswith("All of the 1,000 most urgent, as 000000: ")
