"""Event loops: asyncio's, and what builds on it, work; another is named in one sentence."""

from __future__ import annotations

import pytest

from tests.integration.sdk.conftest import Launch
from tests.unit.sdk.fake_runtime import FakeRuntime

AGENT = """
    import agentwatch

    @agentwatch.tool
    async def act(n):
        return n

    @agentwatch.tool
    def plain(n):
        return n

    async def inner(n):
        if n == "bad":
            raise ConnectionRefusedError("its own")
        return n

    hidden = agentwatch.tool("hidden")(lambda n: inner(n))

    async def agent():
        async with agentwatch.start() as run:
            async with run.step("one"):
                assert (plain(1), await hidden(2), await act(3)) == (1, 2, 3)
"""
FOREIGN = """
    async def foreign():
        with agentwatch.start() as run:
            with run.step("one"):
                assert (plain(1), await hidden(2)) == (1, 2)
            try:
                await hidden("bad")
            except ConnectionRefusedError as error:
                assert str(error) == "its own"
            await act(3)

    foreign().send(None)
"""


@pytest.mark.parametrize(
    "loop",
    [
        "import asyncio; asyncio.run(agent())",
        "import uvloop; uvloop.run(agent())",
        "import anyio; anyio.run(agent)",
    ],
)
def test_asyncio_and_what_builds_on_it_work(runtime: FakeRuntime, launch: Launch, loop: str) -> None:
    _, err = (process := launch(AGENT + f"    {loop}")).communicate(timeout=30)

    assert (process.returncode, err) == (0, "")
    assert [end["result"] for end in runtime.of("action.end")] == [1, 2, 3]


def test_another_event_loop_is_named_at_once_and_masks_no_error(runtime: FakeRuntime, launch: Launch) -> None:
    _, err = (process := launch(AGENT + FOREIGN)).communicate(timeout=30)

    assert process.returncode == 1
    assert err.splitlines()[-1].startswith(
        "RuntimeError: agentwatch waits in event loops of asyncio, and none runs here"
    )
    assert [end["ok"] for end in runtime.of("action.end")] == [True, True, False]
