"""The block around a run: what an agent finds when it enters, and what leaving it tells."""

from __future__ import annotations

import os
from typing import Any

import pytest

import agentwatch
from tests.unit.sdk.fake_runtime import PROCEED, WAIT, FakeRuntime, stop


def test_a_new_attempt_finds_its_checkpoint_what_is_in_flight_and_the_advice(runtime: FakeRuntime) -> None:
    flight = [{"id": "1-a-1", "tool": "send", "args": {"to": "ann"}}]
    runtime.welcome = {
        "goal": "the operator's words",
        "checkpoint": {"number": 3, "step": 12, "label": None},
        "state": {"next": 13},
        "in_flight": flight,
        "advice": ["try the other file"],
    }
    with agentwatch.start(goal="the agent's words") as run:
        assert (run.attempt, run.state, run.in_flight, run.goal) == (2, {"next": 13}, flight, "the operator's words")
        assert run.advice() == ["try the other file"]
        assert run.advice() == []
        with run.step("thirteen") as step:
            assert step.n == 13

    assert runtime.of("hello")[0]["goal"] == "the agent's words"
    assert runtime.of("step.begin")[0]["n"] == 13


def test_a_step_waits_for_its_verdict_and_tells_how_it_ended(runtime: FakeRuntime) -> None:
    runtime.answer("step.begin", WAIT, PROCEED)
    with agentwatch.start() as run:
        with run.step("good"):
            pass
        with pytest.raises(ValueError, match="bad luck"), run.step("bad"):
            raise ValueError("bad luck")

    good, bad = runtime.wait_for(lambda: runtime.of("step.end"))
    assert (good["n"], good["ok"]) == (1, True)
    assert (bad["n"], bad["ok"]) == (2, False)
    assert bad["error"] == {"type": "ValueError", "message": "bad luck", "classes": ["builtins.ValueError"]}


def test_advice_comes_with_a_verdict(runtime: FakeRuntime) -> None:
    runtime.answer("step.begin", PROCEED | {"note": "you repeat yourself"})
    with agentwatch.start() as run:
        with run.step():
            pass
        assert run.advice() == ["you repeat yourself"]


def test_task_usage_and_progress_are_told(runtime: FakeRuntime) -> None:
    with agentwatch.start() as run:
        run.task("label tickets")
        run.usage(input_tokens=900, output_tokens=80, cached_tokens=7, cost_usd=0.004, model="m")
        run.progress("labelled", done=3, of=40)

    assert runtime.of("task")[0]["name"] == "label tickets"
    spent = {"input_tokens": 900, "output_tokens": 80, "cached_tokens": 7, "cost_usd": 0.004, "model": "m"}
    assert spent.items() <= runtime.of("usage")[0].items()
    assert {"label": "labelled", "done": 3, "of": 40}.items() <= runtime.of("progress")[0].items()


def test_a_checkpoint_covers_the_last_end_before_it(runtime: FakeRuntime) -> None:
    act = agentwatch.tool(lambda: None)
    with agentwatch.start() as run:
        run.checkpoint({"n": 0})
        act()
        act()
        run.checkpoint({"n": 2}, label="two")

    first, second = runtime.of("checkpoint")
    assert "covers" not in first
    assert second["covers"] == runtime.of("action.begin")[1]["id"]
    assert (second["state"], second["label"]) == ({"n": 2}, "two")


@pytest.mark.parametrize("state", [{1, 2}, float("nan"), object()])
def test_a_state_that_is_not_json_is_the_caller_s_mistake(runtime: FakeRuntime, state: Any) -> None:
    with agentwatch.start() as run, pytest.raises(TypeError, match="must be JSON"):
        run.checkpoint(state)


def test_a_state_that_is_too_large_is_the_caller_s_mistake(runtime: FakeRuntime) -> None:
    with agentwatch.start() as run, pytest.raises(ValueError, match="4 MiB"):
        run.checkpoint("x" * 5_000_000)


def test_leaving_the_block_completes_the_run(runtime: FakeRuntime) -> None:
    with agentwatch.start():
        pass

    assert len(runtime.of("complete")) == 1


def test_an_exception_that_leaves_the_block_fails_the_run(runtime: FakeRuntime) -> None:
    with pytest.raises(ZeroDivisionError), agentwatch.start():
        1 / 0  # noqa: B018

    (failed,) = runtime.of("fail")
    assert (failed["message"], failed["type"]) == ("division by zero", "ZeroDivisionError")
    assert runtime.of("complete") == []


def test_an_agent_may_say_itself_how_it_ended(runtime: FakeRuntime) -> None:
    with agentwatch.start() as run:
        run.fail("no such dataset")

    assert [message["message"] for message in runtime.of("fail")] == ["no such dataset"]
    assert runtime.of("complete") == []


@pytest.mark.parametrize(("status", "kind"), [(0, "complete"), (None, "complete"), (3, "fail"), ("no key", "fail")])
def test_sys_exit_in_the_block_ends_the_run_by_its_status(runtime: FakeRuntime, status: Any, kind: str) -> None:
    with pytest.raises(SystemExit), agentwatch.start():
        raise SystemExit(status)

    assert len(runtime.of(kind)) == 1


def test_a_run_that_was_told_to_stop_says_neither_complete_nor_fail(runtime: FakeRuntime) -> None:
    runtime.answer("step.begin", stop("USER_KILLED"))
    with pytest.raises(agentwatch.Stopped), agentwatch.start() as run, run.step("one"):
        pytest.fail("it went on")

    assert runtime.of("complete") == runtime.of("fail") == runtime.of("step.end") == []


def test_an_agent_that_swallows_the_stop_ends_all_the_same(runtime: FakeRuntime) -> None:
    runtime.answer("checkpoint", stop("LOOP_DETECTED"))
    with pytest.raises(agentwatch.Stopped) as told, agentwatch.start() as run:
        try:
            run.checkpoint({})
        except BaseException:
            raise ValueError("hidden") from None

    assert told.value.reason == "LOOP_DETECTED"
    assert runtime.of("complete") == runtime.of("fail") == []


def test_a_stop_among_a_group_of_exceptions_ends_the_run_quietly(runtime: FakeRuntime) -> None:
    with pytest.raises(agentwatch.Stopped), agentwatch.start():
        raise BaseExceptionGroup("tasks", [ValueError(), BaseExceptionGroup("more", [agentwatch.Stopped("TIMEOUT")])])


def test_only_the_outermost_block_speaks_for_the_run(runtime: FakeRuntime) -> None:
    with agentwatch.start():
        with agentwatch.start() as inner:
            inner.task("part of it")
        assert runtime.of("complete") == []
    assert len(runtime.of("complete")) == 1


def test_a_child_process_takes_part_but_does_not_end_the_run(
    runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTWATCH_PARENT", "r1/2/1")
    with agentwatch.start():
        pass

    assert runtime.of("complete") == []
    assert runtime.of("hello")[0]["parent"] == 1


@pytest.mark.parametrize("leftover", ["r0/2/1", "r1/1/1", "nonsense"])
def test_the_mark_of_another_run_makes_no_child(
    runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch, leftover: str
) -> None:
    monkeypatch.setenv("AGENTWATCH_PARENT", leftover)
    with agentwatch.start():
        pass

    assert len(runtime.of("complete")) == 1
    assert os.environ["AGENTWATCH_PARENT"] == f"r1/2/{os.getpid()}"


def test_a_block_s_result_is_told_and_its_failure_raised(runtime: FakeRuntime) -> None:
    with agentwatch.start() as run:
        with run.action("post", {"to": "ann"}, key="k{1}", idempotent=True) as action:
            action.result = [1, 2]
        with pytest.raises(ValueError, match="no"), run.action("post", {}):
            raise ValueError("no")

    good, bad = runtime.of("action.end")
    assert good["result"] == [1, 2]
    assert bad["error"]["message"] == "no"
    assert runtime.of("action.begin")[0]["key"] == "k{1}"


def test_a_block_whose_action_already_happened_is_not_entered(runtime: FakeRuntime) -> None:
    runtime.answer("action.begin", {"t": "verdict", "verdict": "replay", "result": "sent"})
    with agentwatch.start() as run:
        with pytest.raises(agentwatch.Replayed) as told, run.action("post", {}):
            pytest.fail("it was done again")
        assert told.value.result == "sent"
    assert runtime.of("action.end") == []


def test_a_block_tells_when_its_failure_may_be_tried_again(runtime: FakeRuntime) -> None:
    runtime.answer("action.end", {"t": "ended", "retry_after_s": 1.5})
    with agentwatch.start() as run:
        block = run.action("post", {})
        with pytest.raises(TimeoutError), block:
            raise TimeoutError
        assert block.retry_after_s == 1.5


def test_a_tool_before_the_block_does_not_hide_the_state_from_it(runtime: FakeRuntime) -> None:
    runtime.welcome = {"state": {"next": 4}, "checkpoint": {"number": 1, "step": 4, "label": None}}
    agentwatch.tool(lambda: None)()
    with agentwatch.start() as run:
        assert run.state == {"next": 4}
    assert len({message["id"] for message in runtime.of("action.end")}) == 1
