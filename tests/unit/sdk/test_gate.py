"""A tool's call goes through the gate: asked for first, done only if allowed, its end told."""

from __future__ import annotations

import threading
import time

import pytest

import agentwatch
from tests.unit.sdk.fake_runtime import PROCEED, SILENCE, WAIT, FakeRuntime, stop


def test_a_tool_is_asked_for_before_it_runs_and_its_end_is_told(runtime: FakeRuntime) -> None:
    seen: list[str] = []

    @agentwatch.tool
    def send_mail(to: str, text: str = "hello") -> str:
        seen.extend(message["t"] for message in runtime.said)
        return f"sent to {to}"

    assert send_mail("ann") == "sent to ann"

    assert seen == ["hello", "action.begin"]
    (begin,) = runtime.of("action.begin")
    assert begin["tool"] == "send_mail"
    assert begin["args"] == {"to": "ann", "text": "hello"}
    assert begin["idempotent"] is False
    (end,) = runtime.wait_for(lambda: runtime.of("action.end"))
    assert (end["id"], end["ok"], end["result"]) == (begin["id"], True, "sent to ann")
    assert end["duration_s"] >= 0


def test_what_is_declared_of_a_tool_goes_with_the_call(runtime: FakeRuntime) -> None:
    @agentwatch.tool(
        name="mail",
        key="m-{n}",
        dependency="smtp",
        idempotent=True,
        replay=True,
        poll=True,
        timeout_s=3,
        check_hint="?",
    )
    def send_mail(n: int) -> None: ...

    send_mail(7)

    (begin,) = runtime.of("action.begin")
    expected = {"tool": "mail", "key": "m-7", "dependency": "smtp", "idempotent": True, "replay": True, "poll": True}
    expected |= {"timeout_s": 3, "check_hint": "?"}
    assert expected == {name: begin[name] for name in expected}


def test_a_call_waits_until_the_final_verdict(runtime: FakeRuntime) -> None:
    runtime.answer("action.begin", WAIT, WAIT)
    done = threading.Event()

    @agentwatch.tool
    def act() -> None:
        done.set()

    thread = threading.Thread(target=act)
    thread.start()
    begin = runtime.wait_for(lambda: runtime.of("action.begin"))[0]
    assert not done.wait(0.1)

    runtime.send(PROCEED | {"id": begin["id"]})

    assert done.wait(5)
    thread.join()


def test_a_replayed_call_returns_the_recorded_result_and_does_nothing(runtime: FakeRuntime) -> None:
    runtime.answer("action.begin", {"t": "verdict", "verdict": "replay", "result": {"sent": 1}})

    @agentwatch.tool
    def act() -> None:
        pytest.fail("it was done again")

    assert act() == {"sent": 1}  # type: ignore[func-returns-value]
    assert runtime.of("action.end") == []


def test_a_stopped_call_is_not_done(runtime: FakeRuntime) -> None:
    runtime.answer("action.begin", stop("BUDGET_EXCEEDED", "5 of 5 $"))

    @agentwatch.tool
    def act() -> None:
        pytest.fail("it was done")

    with pytest.raises(agentwatch.Stopped) as told:
        act()
    assert told.value.reason == "BUDGET_EXCEEDED"
    assert isinstance(told.value, BaseException) and not isinstance(told.value, Exception)


def test_a_failed_call_raises_its_own_exception_when_it_is_not_to_be_tried_again(runtime: FakeRuntime) -> None:
    @agentwatch.tool
    def act() -> None:
        raise ValueError("no such ticket")

    with pytest.raises(ValueError, match="no such ticket"):
        act()

    (end,) = runtime.of("action.end")
    assert end["ok"] is False
    assert end["error"] == {"type": "ValueError", "message": "no such ticket", "classes": ["builtins.ValueError"]}


def test_a_failed_call_is_tried_again_when_the_runtime_says_so(runtime: FakeRuntime) -> None:
    runtime.answer("action.end", {"t": "ended", "retry_after_s": 0.05})
    calls: list[float] = []

    @agentwatch.tool
    def act() -> str:
        calls.append(time.monotonic())
        if len(calls) == 1:
            raise ConnectionRefusedError("nobody listens")
        return "done"

    assert act() == "done"

    first, second = runtime.of("action.begin")
    assert second["retry_of"] == first["id"] != second["id"]
    assert calls[1] - calls[0] >= 0.05
    assert "builtins.ConnectionRefusedError" in runtime.of("action.end")[0]["error"]["classes"]


def test_a_call_that_the_runtime_gives_up_on_raises_tool_failed(runtime: FakeRuntime) -> None:
    runtime.answer("action.end", {"t": "ended", "retry_after_s": None, "message": "tried 3 times"})

    @agentwatch.tool
    def act() -> None:
        raise OSError("down")

    with pytest.raises(agentwatch.ToolFailed, match="tried 3 times") as told:
        act()
    assert isinstance(told.value.__cause__, OSError)


def test_a_call_within_a_call_names_its_parent(runtime: FakeRuntime) -> None:
    @agentwatch.tool
    def inner() -> None: ...

    @agentwatch.tool
    def outer() -> None:
        inner()

    outer()
    inner()

    begins = runtime.of("action.begin")
    assert [begin["tool"] for begin in begins] == ["outer", "inner", "inner"]
    assert [begin.get("parent") for begin in begins] == [None, begins[0]["id"], None]


def test_an_interrupted_wait_withdraws_the_call(runtime: FakeRuntime) -> None:
    import signal

    runtime.answer("action.begin", SILENCE)

    @agentwatch.tool
    def act() -> None:
        pytest.fail("it was done")

    def interrupt() -> None:
        runtime.wait_for(lambda: runtime.of("action.begin"))
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        act()

    (withdrawn,) = runtime.wait_for(lambda: runtime.of("action.withdraw"))
    # The connection is given up with the wait: the call may be said once more on the next one, never as another call.
    assert {begin["id"] for begin in runtime.of("action.begin")} == {withdrawn["id"]}


def test_an_action_that_is_interrupted_ends_without_saying_whether_it_happened(runtime: FakeRuntime) -> None:
    @agentwatch.tool
    def act() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        act()

    (end,) = runtime.wait_for(lambda: runtime.of("action.end"))
    assert end["ok"] is False
    assert end["error"]["type"] == "KeyboardInterrupt"
    assert "happened" not in end["error"]


def test_a_signal_handler_may_take_a_checkpoint_while_its_thread_waits_at_the_gate(runtime: FakeRuntime) -> None:
    import signal

    runtime.answer("action.begin", WAIT)

    @agentwatch.tool
    def act() -> str:
        return "done"

    def from_outside() -> None:
        begin = runtime.wait_for(lambda: runtime.of("action.begin"))[0]
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
        runtime.wait_for(lambda: runtime.of("checkpoint"))
        time.sleep(0.1)
        runtime.send(PROCEED | {"id": begin["id"]})

    with agentwatch.start() as run:
        before = signal.signal(signal.SIGUSR1, lambda *_: run.checkpoint({"late": True}))
        threading.Thread(target=from_outside).start()
        assert act() == "done"
        signal.signal(signal.SIGUSR1, before)
    assert runtime.of("checkpoint")[0]["state"] == {"late": True}


def test_a_block_is_no_success_while_its_result_is_still_to_come(runtime: FakeRuntime) -> None:
    numbers = (n for n in (1, 2))

    with (
        agentwatch.start() as run,
        pytest.raises(TypeError, match="the result of count has not finished"),
        run.action("count") as action,
    ):
        action.result = numbers

    runtime.wait_for(lambda: runtime.of("action.end"))
    assert [(end["ok"], end["error"]["answered"]) for end in runtime.of("action.end")] == [(False, False)]
