"""A tool that has returned and not finished is not a success: its action ends when what it returned ends."""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.acceptance.cli.conftest import Shell

WAYS = """
import asyncio, concurrent.futures, functools, os, agentwatch

async def work(n):
    await asyncio.sleep(0.01)
    if n == "bad":
        raise LookupError("not there")
    if n == "die":
        os.kill(os.getpid(), 9)
    with open("ledger", "a") as ledger:
        ledger.write(f"{n}\\n")
    return f"done {n}"

def wrapped(function):
    @functools.wraps(function)
    def inner(*args):
        return function(*args)
    return inner

class Awaitable:
    def __init__(self, n): self.n = n
    def __await__(self): return work(self.n).__await__()
    async def __aenter__(self): return await work(self.n)
    async def __aexit__(self, *error): return None

class Callable:
    async def __call__(self, n): return await work(n)

class Hidden:
    def __call__(self, n): return work(n)

WAYS = {
    "lambda": lambda n: work(n),
    "decorated": wrapped(work),
    "partial": functools.partial(work),
    "hidden_partial": functools.partial(Hidden()),
    "callable": Callable(),
    "hidden": Hidden(),
    "object": lambda n: Awaitable(n),
    "task": lambda n: asyncio.ensure_future(work(n)),
    "thread_future": lambda n: asyncio.run_coroutine_threadsafe(work(n), LOOP),
}
TOOLS = {name: agentwatch.tool(name, **TRAITS)(way) for name, way in WAYS.items()}

async def call(name, n):
    global LOOP
    LOOP = asyncio.get_running_loop()
    result = TOOLS[name](n)
    if isinstance(result, concurrent.futures.Future):
        result = asyncio.wrap_future(result)
    return await result
"""
NAMES = ("lambda", "decorated", "partial", "hidden_partial", "callable", "hidden", "object", "task", "thread_future")


def run(shell: Shell, source: str, *, code: int = 0, traits: str = "{}") -> dict[str, Any]:
    (shell.folder / "odd.py").write_text(f"TRAITS = {traits}\n{WAYS}\n{textwrap.dedent(source)}")
    shell.call("run", "--headless", "--timeout", "60s", "--", sys.executable, "odd.py", code=code)
    return look(shell)


def look(shell: Shell) -> dict[str, Any]:
    [ended] = shell.json("ps")
    events = [(event["kind"], event["body"]) for event in shell.json("events", ended["run"])]
    return {**ended, "log": shell.call("log", ended["run"]).stdout, "events": events}


def ends(ended: dict[str, Any]) -> list[dict[str, Any]]:
    return [body for kind, body in ended["events"] if kind == "action.end"]


def test_whatever_is_awaited_ends_its_action_with_its_own_result_or_exception(shell: Shell) -> None:
    source = """
    async def agent():
        async with agentwatch.start():
            for name in TOOLS:
                assert await call(name, 1) == "done 1"
                try:
                    await call(name, "bad")
                except LookupError:
                    continue
                raise AssertionError(name)
    asyncio.run(agent())
    """
    ended = run(shell, source)

    assert ended["status"] == "completed", ended["log"]
    told = [(end["tool"], end["ok"], end.get("result"), end.get("error", {}).get("type")) for end in ends(ended)]
    assert told == [end for name in NAMES for end in ((name, True, "done 1", None), (name, False, None, "LookupError"))]


@pytest.mark.parametrize("name", NAMES)
def test_a_process_that_dies_while_it_is_awaited_leaves_a_doubt(shell: Shell, name: str) -> None:
    ended = run(shell, f"asyncio.run(call({name!r}, 'die'))", code=3)

    assert ended["status"] == "needs_review"
    assert ends(ended) == []


def test_what_has_happened_is_replayed_in_the_form_in_which_it_came(shell: Shell) -> None:
    source = """
    async def agent():
        async with agentwatch.start() as run:
            for name in TOOLS:
                assert await call(name, 1) == "done 1", name
            if run.attempt == 1:
                os._exit(1)
    asyncio.run(agent())
    """
    ended = run(shell, source, code=3)
    assert ended["status"] == "stopped"

    shell.call("resume", ended["run"])
    shell.status("odd", "completed", "stopped", "needs_review", "paused")

    ended = look(shell)
    replayed = [body["tool"] for kind, body in ended["events"] if kind == "gate.replayed"]
    assert replayed == list(NAMES), ended["log"]


def test_a_failure_that_proves_that_nothing_happened_is_tried_again(shell: Shell) -> None:
    source = """
    tries = []
    async def refused():
        tries.append(1)
        if len(tries) < 3:
            raise ConnectionRefusedError(111, "refused")
        return "at last"
    act = agentwatch.tool("act")(lambda: refused())
    async def agent():
        async with agentwatch.start():
            assert await act() == "at last"
    asyncio.run(agent())
    """
    ended = run(shell, source)

    assert [end["ok"] for end in ends(ended)] == [False, False, True], ended["log"]


def test_what_is_cancelled_or_dropped_is_told_as_unanswered(shell: Shell) -> None:
    source = """
    import gc, warnings
    warnings.simplefilter("ignore")
    async def agent():
        async with agentwatch.start() as run:
            task = TOOLS["task"](1)
            task.cancel()
            await asyncio.wait([task])
            TOOLS["lambda"](2)
            TOOLS["object"](3)
            gc.collect()
    asyncio.run(agent())
    """
    ended = run(shell, source, traits="{'idempotent': True}")

    assert [(end["ok"], end["error"]["answered"]) for end in ends(ended)] == 3 * [(False, False)], ended["log"]


GENERATORS = """
def numbers(n):
    got = yield 1
    yield got or 2
    if n == "bad":
        raise LookupError("not there")
    if n == "die":
        os.kill(os.getpid(), 9)
    return n
async def numbers_async(n):
    for number in numbers(n):
        yield number
act = agentwatch.tool("act", **TRAITS)(lambda n: numbers(n))
act_async = agentwatch.tool("act_async", **TRAITS)(lambda n: numbers_async(n))
async def drain(n):
    return [number async for number in act_async(n)]
"""


def test_a_generator_ends_its_action_when_it_is_exhausted_or_closed(shell: Shell) -> None:
    source = (
        GENERATORS
        + """
with agentwatch.start() as run:
    assert list(act(1)) == [1, 2] and asyncio.run(drain(1)) == [1, 2]
    sending = act(2)
    assert (next(sending), sending.send(7)) == (1, 7)
    sending.close()
    for way in (lambda: list(act("bad")), lambda: asyncio.run(drain("bad"))):
        try:
            way()
        except LookupError:
            continue
        raise AssertionError
"""
    )
    ended = run(shell, source)

    assert ended["status"] == "completed", ended["log"]
    assert [end["ok"] for end in ends(ended)] == [True, True, True, False, False]


@pytest.mark.parametrize("way", ["list(act('die'))", "asyncio.run(drain('die'))"])
def test_a_generator_that_dies_half_way_is_a_doubt(shell: Shell, way: str) -> None:
    ended = run(shell, GENERATORS + way, code=3)

    assert (ended["status"], ends(ended)) == ("needs_review", [])


def test_a_call_that_would_wait_for_what_its_own_thread_has_not_finished_is_refused_at_once(shell: Shell) -> None:
    source = """
    async def agent():
        async with agentwatch.start():
            first = TOOLS["lambda"](1)
            try:
                TOOLS["lambda"](1)
            except RuntimeError as error:
                print(error)
            assert await first == await TOOLS["lambda"](1) == "done 1"
    asyncio.run(agent())
    """
    ended = run(shell, source, traits="{'key': 'k'}")

    assert "the call of lambda with the key 'k' has not finished" in ended["log"]
    assert [end["ok"] for end in ends(ended)] == [True]
