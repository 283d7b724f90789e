"""The outcome rule: calls that were reported as successes, and failed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from runtime.policy.config import DEFAULT, Contract, Outcome
from runtime.policy.judge import Judge
from runtime.policy.ruling import Level
from store.records import Json
from store.states import StopReason
from tests.unit.policy.story import Story


def test_a_hidden_failure_is_noted_then_steered_then_paused() -> None:
    told = Story(Judge(DEFAULT))

    for n in range(5):
        told.call("book", {"seat": n}, {"ok": False, "error": "payment declined"})

    assert told.levels("outcome") == [Level.OBSERVE, Level.STEER, Level.PAUSE]
    pause = told.rulings[-1]
    assert pause.reason is StopReason.TOOL_FAILURE
    assert pause.summary == "book ×5: it says ok: false, though it raised no error"
    assert pause.evidence["summary"] == "book was reported as a success 5 times in a row, but it says ok: false."
    assert pause.evidence["figures"]["gave it away"] == "ok: false"
    assert len(pause.evidence["calls"]) == 5


def test_a_failure_that_was_reported_as_one_is_not_hidden() -> None:
    told = Story(Judge(DEFAULT))

    for n in range(5):
        told.call("book", {"seat": n}, error="payment declined")

    assert told.levels("outcome") == []


def test_a_success_in_between_starts_the_row_anew() -> None:
    told = Story(Judge(DEFAULT))

    for n in range(8):
        told.call("book", {"seat": n}, {"ok": False, "error": "payment declined"})
        if n % 2:
            told.call("look", {"seat": n}, {"free": n})

    assert told.levels("outcome") == [Level.OBSERVE]


@pytest.mark.parametrize(
    "answer",
    [
        lambda n: f"2026-11-0{n} 12:0{n}:07 ERROR db: connection refused (attempt {n})",
        lambda n: {"job": n, "status": "error", "error": f"exit {n}", "log": f"/var/log/{n}"},
        lambda n: {"jobs": [{"id": n, "status": "failed", "error": "disk full"}], "total": n},
        lambda n: f"FAILED tests/test_{n}.py::test_a - AssertionError: {n} != 2\n1 failed, {n} passed in 0.1{n}s",
        lambda n: f"src/a{n}.py:{n}: raise ValueError('bad {n}')",
        lambda n: f"main.c:{n}:5: error: unknown type name foo{n}",
        lambda n: f"Error 50{n}: the customer sees a white page after login. Please help.",
        lambda n: [],
        lambda n: {"ok": True, "errors": [], "error": None, "n": n},
    ],
)
def test_different_calls_that_each_bring_an_error_of_their_own_bring_data(answer: Callable[[int], Json]) -> None:
    told = Story(Judge(DEFAULT))
    for n in range(7):
        told.call("look", {"i": n}, answer(n))
    assert Level.STEER not in told.levels()
    assert Level.PAUSE not in told.levels()


def test_different_calls_that_all_bring_the_same_error_fail() -> None:
    told = Story(Judge(DEFAULT))
    for n in range(5):
        told.call("fetch", {"page": n}, "Error: connection refused")
    assert told.levels("outcome") == [Level.OBSERVE, Level.STEER, Level.PAUSE]


def test_a_contract_makes_a_failure_of_what_looks_fine() -> None:
    contracts = {"search": Contract(fails_if="0 hits")}
    told = Story(Judge(replace(DEFAULT, outcome=Outcome(contracts=contracts))))

    for n in range(5):
        told.call("search", {"q": n}, "0 hits")

    assert told.levels("outcome") == [Level.OBSERVE, Level.STEER, Level.PAUSE]


def test_nothing_is_said_of_results_that_are_fine() -> None:
    told = Story(Judge(DEFAULT))

    for n in range(50):
        told.call("get_price", {"n": n}, {"price": 400 + n, "error": None})

    assert told.rulings == []


def test_nothing_from_a_tool_that_always_brought_something_is_worth_a_look() -> None:
    told = Story(Judge(DEFAULT))

    for n in range(8):
        told.call("search", {"q": n}, {"hits": [n], "total": 1})
    for n in range(8, 12):
        told.call("search", {"q": n}, {"hits": [], "total": 0})

    assert told.levels("outcome") == [Level.OBSERVE]
    assert (
        told.rulings[0].summary
        == "search: it brought nothing, after 8 results that brought something, though it raised no error"
    )
    assert told.rulings[0].evidence["figures"]["confidence"] == "suspect"


def test_nothing_from_a_tool_that_often_brings_nothing_is_an_answer() -> None:
    told = Story(Judge(DEFAULT))

    for n in range(40):
        told.call("grep", {"q": n}, "" if n % 5 == 0 else f"line {n}")

    assert told.levels("outcome") == []
