"""Threads and forked children of an agent go through the gate side by side."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import agentwatch
from tests.unit.sdk.fake_runtime import PROCEED, WAIT, FakeRuntime, stop


@agentwatch.tool
def act(n: int) -> int:
    return n


def test_a_thread_that_waits_holds_up_no_other(runtime: FakeRuntime) -> None:
    runtime.answer("action.begin", WAIT)
    results: list[int] = []
    held = threading.Thread(target=lambda: results.append(act(1)))
    held.start()
    begin = runtime.wait_for(lambda: runtime.of("action.begin"))[0]

    for n in range(2, 10):
        assert act(n) == n
    assert results == []

    runtime.send(PROCEED | {"id": begin["id"]})
    held.join(5)
    assert results == [1]


def test_many_threads_share_one_connection(runtime: FakeRuntime) -> None:
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(act, range(300))) == list(range(300))

    assert len(runtime.of("hello")) == 1
    runtime.wait_for(lambda: len(runtime.of("action.end")) == 300)
    assert len({begin["id"] for begin in runtime.of("action.begin")}) == 300


def test_threads_survive_a_broken_connection(runtime: FakeRuntime) -> None:
    for _ in range(5):
        runtime.answer("action.begin:act", "drop")
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(act, range(100))) == list(range(100))

    runtime.wait_for(lambda: {end["result"] for end in runtime.of("action.end")} == set(range(100)))


def test_a_stop_reaches_the_thread_that_asked(runtime: FakeRuntime) -> None:
    runtime.answer("action.begin", stop("TIMEOUT"))
    raised: list[BaseException] = []

    def work() -> None:
        try:
            act(1)
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(5)

    assert [type(error) for error in raised] == [agentwatch.Stopped]


def test_a_forked_child_has_a_connection_of_its_own_and_the_parent_keeps_its(runtime: FakeRuntime) -> None:
    with agentwatch.start() as run:
        act(1)
        child = os.fork()
        if child == 0:
            try:
                act(2)
                with run.step("in the child"):
                    os._exit(7 if act(3) == 3 else 8)
            finally:
                os._exit(9)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        act(4)

    begins = runtime.of("action.begin")
    assert [begin["args"]["n"] for begin in begins] == [1, 2, 3, 4]
    assert begins[0]["connection"] == begins[3]["connection"] != begins[1]["connection"] == begins[2]["connection"]
    assert len({begin["id"] for begin in begins}) == 4
    hello = runtime.of("hello")[1]
    assert (hello["pid"], hello["parent"]) == (child, os.getpid())
    assert len(runtime.of("complete")) == 1


def test_a_child_forked_while_other_threads_wait_is_not_stuck(runtime: FakeRuntime) -> None:
    runtime.answer("action.begin", WAIT)
    held = threading.Thread(target=act, args=(1,))
    held.start()
    begin = runtime.wait_for(lambda: runtime.of("action.begin"))[0]

    child = os.fork()
    if child == 0:
        try:
            os._exit(7 if act(2) == 2 else 8)
        finally:
            os._exit(9)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    runtime.send_to_first(PROCEED | {"id": begin["id"]})
    held.join(5)
    assert not held.is_alive()


def test_a_child_that_leaves_the_block_does_not_end_the_run(runtime: FakeRuntime) -> None:
    child = 0
    with agentwatch.start():
        child = os.fork()
    if child == 0:
        os._exit(7)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert len(runtime.of("complete")) == 1
