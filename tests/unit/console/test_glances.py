"""Which runs of the list are read, and that nothing is missed meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from store.errors import StoreError
from store.events import Kind
from store.home import Home
from store.records import Event, Run
from tui.console.glances import KEPT, Glances
from tui.console.recent import WINDOW_MOST
from tui.console.state import State, Window


def a_run(name: str, steps: int = 3) -> Run:
    return Run(run=name, agent="a", goal="", created_at=0.0, steps=steps, last_seq=steps)


def step(name: str, seq: int) -> Event:
    return Event(seq, name, seq - 1, float(seq), 1, Kind.STEP_BEGIN, {"n": seq})


class Record:
    """Answers with so many steps as the head says, and writes down what it was asked."""

    def __init__(self, during: Callable[[], None] = lambda: None, error: Exception | None = None) -> None:
        self.asked: list[int] = []
        self.during, self.error = during, error

    async def events_of(self, head: int, limit: int) -> list[Event]:
        self.asked.append(head)
        self.during()
        if self.error is not None:
            raise self.error
        return [step("a1", seq) for seq in range(1, head + 1)]


def steps_of(glances: Glances, name: str) -> int:
    recent = glances.recent(name)
    return -1 if recent is None else len(recent.since_per_step)


async def test_what_comes_while_a_run_is_read_is_taken_in_once() -> None:
    glances = Glances()
    record = Record(during=lambda: glances.take([step("a1", 3), step("a1", 4), step("b2", 5)]))

    await glances.read(a_run("a1"), record.events_of)
    glances.take([step("a1", 6)])

    assert steps_of(glances, "a1") == 5
    assert steps_of(glances, "b2") == -1


async def test_each_run_in_sight_is_read_once_and_one_without_steps_not_at_all() -> None:
    glances, record, told = Glances(), Record(), list[str]()
    in_sight = [a_run("a1"), a_run("b2", steps=0), a_run("c3", steps=5)]

    for _ in range(2):
        await glances.catch_up(lambda: in_sight, record.events_of, told.append)

    assert record.asked == [3, 5]
    assert told == ["a1", "c3"]


async def test_reading_ends_where_the_list_has_scrolled_on() -> None:
    glances, record = Glances(), Record()
    seen = [[a_run("a1"), a_run("b2", 4)], [a_run("c3", 5)], []]

    await glances.catch_up(lambda: seen.pop(0), record.events_of, lambda run: None)

    assert record.asked == [3, 5]


async def test_only_so_many_are_held_and_what_is_in_sight_stays() -> None:
    glances, record = Glances(), Record()
    await glances.read(a_run("first"), record.events_of)
    for number in range(2 * KEPT):
        glances.missing([a_run("first")])
        await glances.read(a_run(f"r{number}"), record.events_of)

    assert len(glances) == KEPT
    assert glances.recent("first") is not None
    assert glances.recent("r0") is None


async def test_more_runs_in_sight_than_are_held_are_not_read_for_ever() -> None:
    glances, record = Glances(), Record()
    in_sight = [a_run(f"r{number}") for number in range(KEPT + 20)]

    await asyncio.wait_for(glances.catch_up(lambda: in_sight, record.events_of, lambda run: None), 20)

    assert len(record.asked) == KEPT


async def test_one_that_has_grown_beyond_measure_is_read_anew_and_shown_meanwhile() -> None:
    glances, record = Glances(), Record()
    await glances.read(a_run("a1"), record.events_of)
    glances.take([step("a1", seq) for seq in range(4, WINDOW_MOST + 10)])

    assert steps_of(glances, "a1") == WINDOW_MOST + 9
    assert glances.missing([a_run("a1")]) == a_run("a1")

    await glances.read(a_run("a1"), record.events_of)

    assert steps_of(glances, "a1") == 3
    assert glances.missing([a_run("a1")]) is None


async def test_what_was_read_before_the_record_was_read_anew_is_not_kept() -> None:
    glances = Glances()

    await glances.read(a_run("a1"), Record(during=glances.clear).events_of)

    assert glances.recent("a1") is None


async def test_one_that_cannot_be_read_stays_without_bars_and_is_not_tried_for_ever() -> None:
    glances, record = Glances(), Record(error=StoreError("The disk is gone."))

    await glances.catch_up(lambda: [a_run("a1")], record.events_of, lambda run: None)

    assert record.asked == [3]
    assert steps_of(glances, "a1") == 0


async def test_one_that_grows_out_of_sight_is_forgotten_until_it_is_in_sight_again() -> None:
    glances, record = Glances(), Record()
    await glances.read(a_run("a1"), record.events_of)
    for seq in range(4, 4 + 2 * WINDOW_MOST):
        glances.take([step("a1", seq)])

    assert glances.recent("a1") is None
    assert glances.missing([a_run("a1")]) is not None


@pytest.mark.parametrize("windowed", [True, False])
async def test_the_list_tells_what_the_detail_tells(home: Home, windowed: bool) -> None:
    state = State(home)
    await state.glances.read(a_run("a1"), Record().events_of)
    if windowed:
        state.windows["a1"] = Window([step("a1", seq) for seq in range(1, 8)])

    recent = state.recent("a1")

    assert recent is not None
    assert len(recent.since_per_step) == (7 if windowed else 3)
