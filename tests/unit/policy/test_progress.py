"""The progress rule: what counts as news, and what comes of calls without any."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from runtime.policy.config import DEFAULT, Loop, Progress
from runtime.policy.evidence import MOST_CALLS
from runtime.policy.judge import Judge
from runtime.policy.progress import MOST_STALE
from runtime.policy.ruling import Level
from store.events import Kind
from store.states import StopReason
from tests.unit.policy.story import Story

ALONE = replace(DEFAULT, loop=Loop(at_most=Level.OBSERVE))
"""The progress rule without the loop rule beside it."""


def story() -> Story:
    return Story(Judge(ALONE))


def wander(told: Story, count: int) -> None:
    """Make calls whose results are all known already, in no order that a cycle could be seen in."""
    known = [("ls", "a"), ("cat", "b"), ("pwd", "c"), ("env", "d")]
    order = [0, 1, 0, 2, 3, 1, 1, 2, 0, 3, 2, 2, 1, 3, 0, 0, 3, 1, 2, 0, 1, 3, 3, 2]
    for n in range(count):
        tool, result = known[order[n % len(order)]]
        told.call(tool, {}, result)


def known_ground(told: Story) -> None:
    for tool, result in (("ls", "a"), ("cat", "b"), ("pwd", "c"), ("env", "d")):
        told.call(tool, {}, result)


def test_two_steers_that_nothing_new_follows_pause_the_run() -> None:
    told = story()
    known_ground(told)

    wander(told, 7)
    assert told.levels("progress") == []
    wander(told, 5)

    assert told.levels("progress") == [Level.STEER, Level.STEER, Level.PAUSE]
    assert told.rulings[-1].reason is StopReason.NO_PROGRESS
    assert told.rulings[-1].summary == "nothing new in 12 calls"


def test_calls_without_news_are_counted_however_few_of_them_are_remembered() -> None:
    told = Story(Judge(replace(ALONE, progress=Progress(steer_after=2 * MOST_STALE))))
    known_ground(told)
    wander(told, 2 * MOST_STALE)

    assert told.rulings[-1].summary == f"nothing new in {2 * MOST_STALE} calls"
    assert len(told.rulings[-1].evidence["calls"]) == MOST_CALLS


def test_a_result_that_was_never_seen_starts_the_count_anew() -> None:
    told = story()
    known_ground(told)

    for n in range(6):
        wander(told, 7)
        told.call("read", {"n": n}, f"page {n}")

    assert told.levels("progress") == []


def test_news_after_a_steer_means_that_it_was_heeded() -> None:
    told = story()
    known_ground(told)
    wander(told, 9)
    told.call("read", {}, "new")

    wander(told, 9)

    assert told.levels("progress") == [Level.STEER, Level.STEER]


def test_an_error_already_known_is_no_news_whatever_the_arguments() -> None:
    told = story()

    for n in range(13):
        told.call("patch", {"try": n}, error=f"hunk {n} does not apply")

    assert told.levels("progress") == [Level.STEER, Level.STEER, Level.PAUSE]


def test_writing_many_different_things_with_equal_answers_is_progress() -> None:
    told = story()

    for n in range(60):
        told.call("send_reply", {"ticket": n}, "sent")

    assert told.rulings == []


def test_falling_error_counts_are_progress() -> None:
    told = story()

    for n in range(20):
        told.call("run_tests", {"try": n}, error=f"{40 - n} tests failed")

    assert told.levels("progress") == []


def test_rising_figures_of_done_are_progress_and_standing_ones_are_not() -> None:
    told = story()
    known_ground(told)
    for done in (1, 2, 3, 4):
        wander(told, 5)
        told.add(Kind.PROGRESS, label="labelled", done=done, of=40)
    assert told.levels("progress") == []

    for _ in range(4):
        wander(told, 3)
        told.add(Kind.PROGRESS, label="labelled", done=4, of=40)

    assert told.levels("progress") == [Level.STEER, Level.STEER, Level.PAUSE]


def test_a_resume_starts_the_count_anew() -> None:
    told = story()
    known_ground(told)
    wander(told, 11)

    told.pause_and_resume()
    wander(told, 7)

    assert told.levels("progress") == [Level.STEER, Level.STEER]


def test_a_steer_of_another_rule_counts_as_one() -> None:
    told = Story(Judge(DEFAULT))
    told.call("pwd", {}, "/")
    for _ in range(3):
        told.call("ls", {}, "a")
    assert [(r.rule, r.level) for r in told.rulings] == [("loop", Level.STEER)]

    for tool, result in (("pwd", "/"), ("ls", "a"), ("ls", "a"), ("pwd", "/")):
        told.call(tool, {}, result)

    assert [(r.rule, r.level) for r in told.rulings[1:]] == [("progress", Level.STEER), ("progress", Level.PAUSE)]


def test_calls_of_an_accepted_repetition_are_never_held_against_the_run() -> None:
    told = Story(Judge(DEFAULT))
    for _ in range(5):
        told.call("tick", {}, "ok")
    told.add(Kind.ACCEPTED, signature=told.rulings[-1].signature, by="me")
    told.pause_and_resume()
    said = len(told.rulings)

    for _ in range(50):
        told.call("tick", {}, "ok")

    assert told.rulings[said:] == []


def test_sub_agents_that_read_the_same_are_all_told_something_new() -> None:
    told = story()

    for n in range(30):
        told.call("read", {"p": "notes"}, "text", parent=f"agent-{n}")

    assert told.rulings == []


def test_the_evidence_says_what_was_spent_since_the_last_news() -> None:
    told = story()
    known_ground(told)
    for _ in range(12):
        told.add(Kind.USAGE, input_tokens=100, output_tokens=10, cost_usd=0.01)
        told.call("ls", {}, "a")

    figures = told.rulings[-1].evidence["figures"]

    assert figures["tokens since"] == "1,320"
    assert figures["dollars since"] == "$0.12"
    assert figures["last news"] == "env"


CALL = st.tuples(st.sampled_from(["ls", "cat", "env"]), st.integers(0, 1), st.sampled_from(["x", "y"]), st.booleans())


def act(told: Story, calls: list[Any]) -> None:
    for tool, n, result, ok in calls:
        told.call(tool, {"n": n}, result, **({} if ok else {"error": f"{result} was not found"}))


@given(st.lists(CALL, max_size=60), st.integers(0, 60))
def test_a_judge_rebuilt_from_the_journal_rules_as_the_one_that_lived(calls: list[Any], at: int) -> None:
    lived = Story(Judge(DEFAULT))
    act(lived, calls[:at])
    history = list(lived.events)
    rebuilt = Judge.rebuild(DEFAULT, lived.run, history)

    act(lived, calls[at:])

    said_before = len([event for event in history if event.kind == Kind.RULING])
    again = [ruling for event in lived.events[len(history) :] for ruling in rebuilt.feed(event)]
    assert [(r.rule, r.level, r.signature) for r in again] == [
        (r.rule, r.level, r.signature) for r in lived.rulings[said_before:]
    ]


def test_retries_that_the_supervisor_ordered_are_no_lack_of_progress() -> None:
    told = story()
    known_ground(told)
    before = "c4"

    for n in range(30):
        name = told.begin("fetch", {"url": "u"}, id=f"r{n}", retry_of=before)
        told.end(name, error="503")
        before = name

    assert told.levels("progress") == []
