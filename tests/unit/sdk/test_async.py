"""The same gate from `async def` code: waiting blocks no event loop."""

from __future__ import annotations

import asyncio
import threading

import pytest

import agentwatch
from tests.unit.sdk.fake_runtime import DROP, PROCEED, WAIT, FakeRuntime, stop


@agentwatch.tool
async def act(n: int = 0) -> int:
    await asyncio.sleep(0)
    return n


async def test_an_async_tool_goes_through_the_gate(runtime: FakeRuntime) -> None:
    assert await act(3) == 3

    await asyncio.to_thread(runtime.wait_for, lambda: runtime.of("action.end"))
    assert [message["t"] for message in runtime.said] == ["hello", "action.begin", "action.end"]
    assert runtime.of("action.begin")[0]["args"] == {"n": 3}


async def test_waiting_at_the_gate_blocks_neither_the_loop_nor_other_calls(runtime: FakeRuntime) -> None:
    runtime.answer("action.begin", WAIT)
    async with agentwatch.start():
        held = asyncio.create_task(act(1))
        await asyncio.sleep(0.05)
        assert await act(2) == 2
        assert not held.done()

        runtime.send(PROCEED | {"id": runtime.of("action.begin")[0]["id"]})

        assert await asyncio.wait_for(held, 5) == 1


async def test_checkpoint_and_completion_are_awaited(runtime: FakeRuntime) -> None:
    async with agentwatch.start(goal="all of it") as run:
        async with run.step("one") as step:
            run.usage(input_tokens=5, cost_usd=0.1)
            run.progress("labelled", done=1, of=2)
        await run.checkpoint({"next": 1}, label="first")
        await run.complete({"labelled": 2})

    assert step.n == 1
    assert runtime.of("checkpoint")[0]["state"] == {"next": 1}
    assert [m["result"] for m in runtime.of("complete")] == [{"labelled": 2}]


async def test_many_tasks_share_the_connection(runtime: FakeRuntime) -> None:
    assert await asyncio.gather(*(act(n) for n in range(50))) == list(range(50))

    assert len(runtime.of("hello")) == 1
    assert len({message["id"] for message in runtime.of("action.begin")}) == 50


async def test_a_broken_connection_is_made_again_without_blocking_the_loop(runtime: FakeRuntime) -> None:
    runtime.answer("action.begin", DROP)
    async with asyncio.timeout(20):
        assert await act(4) == 4

    first, second = runtime.of("action.begin")
    assert first["id"] == second["id"]


async def test_a_cancelled_wait_withdraws_the_call(runtime: FakeRuntime) -> None:
    runtime.answer("action.begin", WAIT)
    task = asyncio.create_task(act())
    await asyncio.to_thread(runtime.wait_for, lambda: runtime.of("action.begin"))

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(runtime.wait_for, lambda: runtime.of("action.withdraw"))
    assert runtime.of("action.withdraw")[0]["id"] == runtime.of("action.begin")[0]["id"]
    assert runtime.of("action.end") == []


async def test_an_action_that_is_cancelled_ends_in_doubt(runtime: FakeRuntime) -> None:
    begun = asyncio.Event()

    @agentwatch.tool
    async def forever() -> None:
        begun.set()
        await asyncio.sleep(60)

    task = asyncio.create_task(forever())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    end = (await asyncio.to_thread(runtime.wait_for, lambda: runtime.of("action.end")))[0]
    assert (end["ok"], end["error"]["type"]) == (False, "CancelledError")
    assert "happened" not in end["error"]


async def test_an_async_tool_is_tried_again_when_the_runtime_says_so(runtime: FakeRuntime) -> None:
    runtime.answer("action.end", {"t": "ended", "retry_after_s": 0.01})
    tries: list[int] = []

    @agentwatch.tool
    async def flaky() -> int:
        tries.append(1)
        if len(tries) == 1:
            raise TimeoutError("no answer")
        return len(tries)

    assert await flaky() == 2


async def test_a_block_is_an_action_too(runtime: FakeRuntime) -> None:
    async with agentwatch.start() as run, run.action("send", {"to": "ann"}, key="ann") as action:
        action.result = "sent"

    (begin,), (end,) = runtime.of("action.begin"), runtime.of("action.end")
    assert (begin["tool"], begin["args"], begin["key"]) == ("send", {"to": "ann"}, "ann")
    assert end["result"] == "sent"


def test_a_stop_in_one_of_several_tasks_ends_the_loop_quietly(runtime: FakeRuntime) -> None:
    runtime.answer("action.begin:act", stop("USER_PAUSED"))

    async def agent() -> None:
        async with agentwatch.start(), asyncio.TaskGroup() as group:
            group.create_task(act())
            group.create_task(asyncio.sleep(60))

    with pytest.raises(agentwatch.Stopped) as told:
        asyncio.run(agent())

    assert told.value.reason == "USER_PAUSED"
    assert runtime.of("fail") == runtime.of("complete") == []


def test_several_event_loops_one_after_the_other_and_side_by_side(runtime: FakeRuntime) -> None:
    results: list[int] = []

    def loop(n: int) -> None:
        results.append(asyncio.run(act(n)))

    loop(1)
    threads = [threading.Thread(target=loop, args=(n,)) for n in range(2, 8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    loop(8)

    assert sorted(results) == list(range(1, 9))


async def test_sync_tools_in_the_loop_s_thread_and_in_others_work_beside_async_ones(runtime: FakeRuntime) -> None:
    @agentwatch.tool
    def plain(n: int) -> int:
        return n

    async with agentwatch.start():
        waiting = [asyncio.create_task(act(n)) for n in range(5)]
        await asyncio.sleep(0)
        assert plain(10) == 10
        assert await asyncio.to_thread(plain, 11) == 11
        assert await asyncio.gather(*waiting) == [0, 1, 2, 3, 4]


async def test_more_calls_at_once_than_the_socket_has_room_for(runtime: FakeRuntime) -> None:
    assert await asyncio.gather(*(act(n) for n in range(3000))) == list(range(3000))

    await asyncio.to_thread(runtime.wait_for, lambda: len(runtime.of("action.end")) == 3000)
