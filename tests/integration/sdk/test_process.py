"""An agent as a process: how it ends, what it leaves behind, and what its children do."""

from __future__ import annotations

import json
import signal

import pytest

from tests.integration.sdk.conftest import Launch
from tests.unit.sdk.fake_runtime import SILENCE, FakeRuntime, stop

LOOP = """
    import agentwatch, time

    @agentwatch.tool
    def act(n):
        return n

    with agentwatch.start() as run:
        for n in range(5):
            act(n)
"""


def test_an_agent_that_is_told_to_stop_exits_with_75_and_no_traceback(runtime: FakeRuntime, launch: Launch) -> None:
    runtime.answer("action.begin", stop("USER_KILLED"))

    out, err = (process := launch(LOOP)).communicate(timeout=20)

    assert (process.returncode, out, err) == (75, "", "")


@pytest.mark.parametrize(
    "source",
    [
        """
        import asyncio, agentwatch

        @agentwatch.tool
        async def act():
            pass

        async def agent():
            async with agentwatch.start():
                await asyncio.gather(act(), asyncio.sleep(60))

        asyncio.run(agent())
        """,
        """
        import threading, agentwatch

        @agentwatch.tool
        def act():
            pass

        with agentwatch.start() as run:
            thread = threading.Thread(target=act)
            thread.start()
            thread.join()
        """,
        """
        from concurrent.futures import ThreadPoolExecutor
        import agentwatch

        @agentwatch.tool
        def act():
            pass

        with agentwatch.start(), ThreadPoolExecutor() as pool:
            pool.submit(act).result()
        """,
    ],
)
def test_asyncio_and_threads_end_as_quietly(runtime: FakeRuntime, launch: Launch, source: str) -> None:
    runtime.answer("action.begin", stop("BUDGET_EXCEEDED"))

    out, err = (process := launch(source)).communicate(timeout=20)

    assert (process.returncode, out, err) == (75, "", "")
    assert runtime.of("complete") == runtime.of("fail") == []


def test_an_agent_that_nobody_supervises_any_more_says_so_in_one_line(runtime: FakeRuntime, launch: Launch) -> None:
    runtime.answer("action.begin", SILENCE)
    process = launch(LOOP, grace_s=0.3)
    runtime.wait_for(lambda: runtime.of("action.begin"))
    runtime.die()

    _, err = process.communicate(timeout=20)

    assert process.returncode == 75
    assert err == "agentwatch: this process must end (RUNTIME_LOST): no runtime answered for 0.3 s\n"


def test_a_supervised_process_that_finds_nobody_does_nothing(runtime: FakeRuntime, launch: Launch) -> None:
    runtime.die()
    source = """
        import agentwatch

        @agentwatch.tool
        def act():
            print("done anyway")

        act()
    """
    out, _ = (process := launch(source, grace_s=0.3)).communicate(timeout=20)

    assert (process.returncode, out) == (75, "")


def test_a_tool_outside_any_block_is_supervised_and_its_end_arrives(runtime: FakeRuntime, launch: Launch) -> None:
    source = """
        import agentwatch

        @agentwatch.tool
        def act():
            return 1

        act()
    """
    process = launch(source)
    assert process.wait(20) == 0

    assert [message["t"] for message in runtime.said] == ["hello", "action.begin", "action.end"]


def test_at_its_exit_a_process_waits_for_acknowledgements_and_writes_down_what_got_none(
    runtime: FakeRuntime, launch: Launch
) -> None:
    source = """
        import agentwatch

        @agentwatch.tool
        def act():
            return "it happened"

        act()
        print("gone", flush=True)
    """
    runtime.answer("action.end", SILENCE)
    process = launch(source)
    runtime.wait_for(lambda: runtime.of("action.end"))
    runtime.die()

    assert process.wait(20) == 0
    (file,) = runtime.spool.glob("2-*.jsonl")
    assert [json.loads(line)["result"] for line in file.read_text().splitlines()] == ["it happened"]


def test_what_was_told_before_a_sudden_death_has_arrived(runtime: FakeRuntime, launch: Launch) -> None:
    source = """
        import agentwatch, os, signal

        @agentwatch.tool
        def act():
            return 1

        act()
        os.kill(os.getpid(), signal.SIGKILL)
    """
    assert launch(source).wait(20) == -signal.SIGKILL

    assert runtime.wait_for(lambda: runtime.of("action.end"))[0]["ok"] is True


def test_children_take_part_by_themselves(runtime: FakeRuntime, launch: Launch) -> None:
    source = """
        import multiprocessing, subprocess, sys, agentwatch

        @agentwatch.tool
        def act(n):
            return n

        CHILD = "import agentwatch\\nwith agentwatch.start() as run:\\n    run.task('in the child')"

        if __name__ == "__main__":
            with agentwatch.start() as run:
                act(0)
                subprocess.run([sys.executable, "-c", CHILD], check=True)
                with multiprocessing.get_context("fork").Pool(2) as pool:
                    assert sorted(pool.map(act, range(1, 7))) == list(range(1, 7))
                    pool.close()
                    pool.join()
    """
    process = launch(source)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")

    assert len(runtime.of("complete")) == 1
    hellos = runtime.of("hello")
    assert hellos[0]["pid"] == process.pid and "parent" not in hellos[0]
    assert all(hello["parent"] == process.pid for hello in hellos[1:])
    assert len(hellos) >= 3
    runtime.wait_for(lambda: len(runtime.of("action.end")) == 7)
    assert len({begin["id"] for begin in runtime.of("action.begin")}) == 7


@pytest.mark.parametrize("call", ["act(self.name)", "asyncio.run(act_async(self.name))"])
def test_a_tool_that_is_called_while_the_interpreter_ends_works(
    runtime: FakeRuntime, launch: Launch, call: str
) -> None:
    source = f"""
        import asyncio, atexit, agentwatch

        @agentwatch.tool
        def act(n):
            print(n, flush=True)

        @agentwatch.tool
        async def act_async(n):
            print(n, flush=True)

        class Resource:
            def __init__(self, name):
                self.name = name
            def __del__(self):
                {call}

        atexit.register(act, "at the exit")
        held = Resource("as it is deleted")
        asyncio.run(act_async("at first"))
    """
    out, err = (process := launch(source)).communicate(timeout=30)

    assert (process.returncode, err) == (0, "")
    assert out.splitlines() == ["at first", "at the exit", "as it is deleted"]
    assert [end["ok"] for end in runtime.of("action.end")] == [True, True, True]


def test_a_thread_that_goes_on_while_the_interpreter_ends_hangs_nothing(runtime: FakeRuntime, launch: Launch) -> None:
    source = """
        import threading, agentwatch

        @agentwatch.tool
        def act():
            pass

        def go_on():
            while True:
                act()
                begun.set()

        begun = threading.Event()
        threading.Thread(target=go_on, daemon=True).start()
        begun.wait()
    """
    _, err = (process := launch(source)).communicate(timeout=30)

    assert (process.returncode, err) == (0, "")


def test_what_python_shares_out_stays_the_agents(runtime: FakeRuntime, launch: Launch) -> None:
    source = """
        import signal, sys, threading

        seen = []
        sys.excepthook = lambda kind, error, trace: print(kind.__name__, flush=True)
        threading.excepthook = lambda args: print(args.exc_type.__name__, flush=True)
        before = [signal.getsignal(number) for number in signal.valid_signals()]
        import agentwatch

        @agentwatch.tool(idempotent=True)
        def act(error):
            raise errors[error]

        errors = [KeyboardInterrupt(), GeneratorExit(), SystemExit(3)]
        for number, error in enumerate(errors):
            try:
                act(number)
            except BaseException as caught:
                assert caught is error
        assert before == [signal.getsignal(number) for number in signal.valid_signals()]
        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start()
        thread.join()
        raise LookupError
    """
    out, err = (process := launch(source)).communicate(timeout=30)

    assert (process.returncode, out, err) == (1, "ZeroDivisionError\nLookupError\n", "")
    assert [end["error"]["answered"] for end in runtime.of("action.end")] == 3 * [False]
