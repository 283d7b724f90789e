"""The loop rule: repeated calls with repeated results, and what is none of that."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from runtime.policy.calls import Call, Calls
from runtime.policy.config import DEFAULT, Progress
from runtime.policy.judge import Judge
from runtime.policy.loop import Past
from runtime.policy.ruling import Level, Ruling
from store.events import Kind
from store.records import Event
from store.states import StopReason
from tests.unit.policy.story import Story

ALONE = replace(DEFAULT, progress=Progress(at_most=Level.OBSERVE))
"""The loop rule without the progress rule beside it, which would pause long cycles first."""


def story() -> Story:
    return Story(Judge(ALONE))


def last(told: Story) -> Ruling:
    return next(ruling for ruling in reversed(told.rulings) if ruling.rule == "loop")


def loop_after(told: Story, calls: list[tuple[str, Any, Any]]) -> list[list[Level]]:
    return [[r.level for r in told.call(tool, args, result) if r.rule == "loop"] for tool, args, result in calls]


def test_the_third_equal_call_steers_and_the_fifth_pauses() -> None:
    assert loop_after(story(), [("test", {"f": 1}, "1 failed")] * 7) == [
        [], [], [Level.STEER], [], [Level.PAUSE], [], [],
    ]  # fmt: skip


def test_a_cycle_of_two_steers_at_its_third_round_and_pauses_at_its_fourth() -> None:
    levels = loop_after(story(), [("read", {"p": "a"}, "x"), ("ls", {}, "y")] * 5)

    assert levels[5] == [Level.STEER]
    assert levels[7] == [Level.PAUSE]
    assert sum(map(len, levels)) == 2


@given(st.integers(2, 6))
def test_cycles_of_up_to_six_calls_are_found(period: int) -> None:
    levels = loop_after(story(), [(f"t{n}", {}, "same") for n in range(period)] * 4)

    assert [level for said in levels for level in said] == [Level.STEER, Level.PAUSE]
    assert levels[-1] == [Level.PAUSE]


def test_a_cycle_of_seven_calls_is_not_looked_for() -> None:
    assert not any(loop_after(story(), [(f"t{n}", {}, "same") for n in range(7)] * 6))


def test_a_result_that_changes_is_no_loop() -> None:
    assert not any(loop_after(story(), [("count", {}, n) for n in range(20)]))


def test_the_order_of_arguments_does_not_hide_a_loop() -> None:
    told = story()

    loop_after(told, [("get", {"a": 1, "b": 2}, 0), ("get", {"b": 2, "a": 1}, 0), ("get", {"a": 1, "b": 2}, 0)])

    assert told.levels("loop") == [Level.STEER]


def test_equal_failures_are_a_loop_like_equal_results() -> None:
    told = story()

    for _ in range(5):
        told.call("fetch", {"u": 1}, error="404 not found")

    assert told.levels("loop") == [Level.STEER, Level.PAUSE]
    assert last(told).summary == "fetch ×5, same failure"


def test_polls_never_count() -> None:
    told = story()

    for _ in range(20):
        told.call("status", {}, "pending", poll=True)

    assert told.levels("loop") == []


def test_retries_that_the_supervisor_ordered_are_one_call() -> None:
    told = story()
    first = told.begin("fetch", {"u": 1})
    told.end(first, error="503")

    for _ in range(9):
        again = told.begin("fetch", {"u": 1}, retry_of=first)
        told.end(again, error="503")
        first = again

    assert told.levels("loop") == []


def test_sub_agents_side_by_side_are_not_one_loop() -> None:
    told = story()

    for n in range(5):
        told.call("read", {"p": "notes"}, "text", parent=f"agent-{n}")

    assert told.levels("loop") == []


def test_a_loop_within_one_sub_agent_is_found_among_others() -> None:
    told = story()

    for n in range(5):
        told.call("read", {"p": n}, n, parent="busy")
        told.call("read", {"p": "notes"}, "text", parent="stuck")

    assert told.levels("loop") == [Level.STEER, Level.PAUSE]


def test_an_action_still_in_flight_does_not_count() -> None:
    told = story()

    for _ in range(5):
        told.begin("read", {"p": "a"})

    assert told.levels("loop") == []


def test_a_pause_carries_its_reason_and_the_calls_side_by_side() -> None:
    told = story()

    loop_after(told, [("run_tests", {"path": "t"}, "1 failed")] * 5)

    pause = last(told)
    assert pause.reason is StopReason.LOOP_DETECTED
    assert pause.summary == "run_tests ×5, same result"
    assert pause.evidence["summary"].endswith(".")
    assert [call["tool"] for call in pause.evidence["calls"]] == ["run_tests"] * 5
    assert pause.evidence["calls"][0]["args"] == {"path": "t"}
    assert pause.evidence["events"] == [e.seq for e in told.events if e.kind == Kind.ACTION_END]


def test_the_model_is_told_what_it_did_and_what_to_do() -> None:
    told = story()

    loop_after(told, [("ls", {}, "a")] * 3)

    assert "ls 3 times in a row" in told.rulings[0].note


def test_long_texts_in_the_evidence_are_cut_and_the_cut_is_marked() -> None:
    told = story()

    loop_after(told, [("cat", {"path": "p" * 5000}, {"lines": ["l" * 5000] * 500})] * 3)

    call = told.rulings[0].evidence["calls"][0]
    assert "more characters" in call["args"]["path"]
    assert len(str(call)) < 20_000


def test_after_a_resume_the_same_loop_needs_twice_as_much() -> None:
    told = story()
    loop_after(told, [("ls", {}, "a")] * 5)
    told.pause_and_resume()

    levels = loop_after(told, [("ls", {}, "a")] * 10)

    assert [n for n, said in enumerate(levels, 1) if said] == [6, 10]


def test_after_a_resume_another_loop_needs_no_more_than_before() -> None:
    told = story()
    loop_after(told, [("ls", {}, "a")] * 5)
    told.pause_and_resume()

    levels = loop_after(told, [("pwd", {}, "/")] * 5)

    assert [n for n, said in enumerate(levels, 1) if said] == [3, 5]


def test_an_accepted_repetition_is_silent_for_the_rest_of_the_run() -> None:
    told = story()
    loop_after(told, [("ls", {}, "a")] * 5)
    told.add(Kind.ACCEPTED, signature=last(told).signature, by="me")
    told.pause_and_resume()

    assert not any(loop_after(told, [("ls", {}, "a")] * 50))
    assert any(loop_after(told, [("pwd", {}, "/")] * 5))


def test_a_cycle_is_the_same_wherever_it_is_entered() -> None:
    first, second = story(), story()

    loop_after(first, [("a", {}, 1), ("b", {}, 2)] * 3)
    loop_after(second, [("b", {}, 2), ("a", {}, 1)] * 3)

    assert first.rulings[0].signature == second.rulings[0].signature


CALL = st.tuples(st.sampled_from(["ls", "cat"]), st.integers(0, 1), st.sampled_from(["x", "y"]))


@given(st.lists(CALL, max_size=60), st.integers(0, 60))
def test_a_judge_rebuilt_from_the_journal_rules_as_the_one_that_lived(calls: list[Any], at: int) -> None:
    lived = story()
    loop_after(lived, [(tool, {"n": n}, result) for tool, n, result in calls[:at]])
    history = list(lived.events)
    rebuilt = Judge.rebuild(ALONE, lived.run, history)

    loop_after(lived, [(tool, {"n": n}, result) for tool, n, result in calls[at:]])

    said_before = len([event for event in history if event.kind == Kind.RULING])
    again = [ruling for event in lived.events[len(history) :] for ruling in rebuilt.feed(event)]
    assert again == lived.rulings[said_before:]


@given(st.lists(CALL, max_size=80))
def test_nothing_is_paused_that_was_not_steered_first(calls: list[Any]) -> None:
    told = story()

    loop_after(told, [(tool, {"n": n}, result) for tool, n, result in calls])

    for index, ruling in enumerate(told.rulings):
        if ruling.level is Level.PAUSE:
            assert any(before.level is Level.STEER for before in told.rulings[:index])


# --- what is equal though it looks different, and different though it looks equal


def test_times_ids_durations_and_scratch_places_do_not_hide_a_loop() -> None:
    told = story()

    for n in range(5):
        told.call(
            "test", {"t": 1}, f"2024-05-0{n + 1}T10:00:0{n}Z 1 failed in 0.{n}1s, log in /tmp/run-{n}/out, 0x7f{n}ab0"
        )

    assert told.levels("loop") == [Level.STEER, Level.PAUSE]


def test_a_count_that_changes_is_no_loop() -> None:
    told = story()

    for n in range(9):
        told.call("test", {"t": 1}, f"{9 - n} failed")

    assert told.levels("loop") == []


def test_a_mutation_between_two_identical_reads_is_no_loop() -> None:
    told = story()

    for n in range(6):
        told.call("read", {"p": "a"}, "text")
        told.call("write", {"p": "a", "text": n}, "ok")

    assert told.levels("loop") == []


def test_calls_that_come_far_apart_with_no_model_between_them_are_polls() -> None:
    told = story()

    for _ in range(9):
        told.call("status", {}, "building")
        told.now += 90

    assert told.levels("loop") == []


def test_calls_that_come_far_apart_because_the_model_is_slow_are_a_loop() -> None:
    told = story()

    for _ in range(5):
        told.call("status", {}, "building")
        told.now += 90
        told.add(Kind.USAGE, input_tokens=10)

    assert told.levels("loop") == [Level.STEER, Level.PAUSE]


def test_the_same_error_with_varied_arguments_steers_and_never_pauses() -> None:
    told = story()

    for n in range(30):
        told.call("patch", {"text": f"try {n}"}, error=f"hunk {n} does not apply to 'main.c'")

    assert told.levels("loop") == [Level.STEER]
    assert last(told).summary == "patch fails the same way ×5"


def test_different_errors_are_no_repetition() -> None:
    told = story()

    for word in ("red", "green", "blue", "white", "black", "brown", "pink"):
        told.call("patch", {"text": word}, error=f"{word} is not allowed here")

    assert told.levels("loop") == []


def test_arguments_that_advance_are_no_repetition_even_where_each_fails() -> None:
    told = story()

    for n in range(12):
        told.call("stat", {"path": f"/data/{n}", "follow": True}, error="no such file")

    assert told.levels("loop") == []


def rounds_by_looking(keys: list[str], longest: int) -> tuple[int, int] | None:
    for period in range(1, longest + 1):
        matched = 0
        while matched + period < len(keys) and keys[-1 - matched] == keys[-1 - matched - period]:
            matched += 1
        if matched >= period:
            return period, matched // period + 1
    return None


@given(st.lists(st.sampled_from("abc<"), max_size=60))
def test_rounds_are_counted_as_calls_come(story: list[str]) -> None:
    past, keys = Past(6), []
    for seq, key in enumerate(story):
        if key == "<":
            if keys:
                past.take_back()
                keys.pop()
        else:
            past.add(key, call(seq))
            keys.append(key)
        found = past.rounds() if keys else None
        assert (found and (found.period, found.times)) == rounds_by_looking(keys, 6)


def call(seq: int) -> Call:
    calls = Calls()
    begin = {"id": "a", "tool": "t", "args": {"text": "x" * 50_000}}
    calls.feed(Event(seq, "r", 0, 0.0, 1, Kind.ACTION_BEGIN, begin))
    ended = calls.feed(Event(seq, "r", 0, 0.0, 1, Kind.ACTION_END, {"id": "a", "ok": True, "result": ["y" * 50_000]}))
    assert ended is not None
    return ended


def test_of_a_large_call_only_what_is_shown_is_remembered() -> None:
    assert len(msgspec.json.encode(call(1))) < 3000
