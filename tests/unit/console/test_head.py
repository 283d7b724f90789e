"""The top of the screens, in terminals of any width."""

from __future__ import annotations

import time

import pytest

from store.home import Home
from store.records import Run
from store.states import Status
from tui.console.lines import text_of
from tui.console.pages.head import fleet_head, messages, page_head
from tui.console.state import Earlier, Note, State

NOW = 10_000.0
SIZES = ((60, 20), (80, 24), (120, 40))


def a_state(home: Home, *statuses: Status) -> State:
    state = State(home, runtime_alive=True, runtime_age_s=0.1, heard_at=time.monotonic())
    state.model.load(Run(f"a{n}", "mailer", "", NOW, status=status) for n, status in enumerate(statuses))
    return state


def head_of(state: State, size: tuple[int, int]) -> str:
    return "\n".join(text_of(row) for row in fleet_head(state, NOW, *size))


@pytest.mark.parametrize("size", SIZES)
def test_a_console_that_lags_says_so_however_small_it_is(home: Home, size: tuple[int, int]) -> None:
    state = a_state(home, Status.RUNNING)
    assert "behind" not in head_of(state, size)

    state.heard_at -= 30

    assert "tail ▲ 30 s behind" in head_of(state, size)
    assert "tail ▲ 30 s behind" in text_of(page_head(state, ["log"], NOW, size[0])[0])


@pytest.mark.parametrize("width", range(60, 161))
def test_where_one_is_stands_apart_from_how_fresh_it_is(home: Home, width: int) -> None:
    said = text_of(page_head(a_state(home, Status.RUNNING), ["ticket-mailer 7d10be", "log"], NOW, width)[0])

    assert "log   " in said


@pytest.mark.parametrize("size", SIZES)
def test_every_run_is_counted(home: Home, size: tuple[int, int]) -> None:
    said = head_of(a_state(home, Status.STARTING, Status.RUNNING, Status.PAUSING, Status.KILLING), size)

    assert "2 running" in said and "1 pausing" in said and "1 killing" in said


def test_the_dollars_of_a_small_head_are_those_of_today(home: Home) -> None:
    state = a_state(home, Status.RUNNING)
    state.model.cost_usd, state.earlier = 90.0, Earlier(sure=86.0)

    assert "$4.00 today" in head_of(state, (80, 24))
    assert "$90" not in head_of(state, (80, 24))


REFUSAL = "fix-flaky-ci 3f9a1c is running: only what is paused or stopped can be resumed, and this one is neither."


def test_a_refusal_is_read_to_its_end_in_a_small_terminal() -> None:
    notes = [Note(NOW - 2, REFUSAL, "warn"), Note(NOW - 9, "mailer completed")]

    rows = [text_of(row) for row in messages(notes, NOW, 60, 3)]

    assert len(rows) == 3 and max(map(len, rows)) <= 60
    assert " ".join(" ".join(rows).split()[1:]) == REFUSAL
    assert len(messages(notes, NOW + 60, 60, 3)) == 1


def test_a_message_that_is_far_too_long_is_cut_with_a_mark() -> None:
    rows = messages([Note(NOW, "no " * 200, "needs")], NOW, 60, 3)

    assert len(rows) == 3 and text_of(rows[-1]).endswith("…")


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 160])
def test_the_head_of_a_page_says_which_page_it_is(home: Home, width: int) -> None:
    state = a_state(home, Status.RUNNING)
    state.disk_free, state.policy_version = 0.31, 7

    said = text_of(page_head(state, ["fix-flaky-ci 3f9a1c", "checkpoints"], NOW, width)[0])

    assert "›  checkpoints" in said and "runtime ●" in said
