"""Without a supervisor everything works, and nothing is recorded."""

from __future__ import annotations

import pytest

import agentwatch


@pytest.mark.usefixtures("alone")
def test_an_agent_runs_without_a_supervisor() -> None:
    @agentwatch.tool(key="k-{n}", redact=["text"])
    def act(n: int, text: str = "") -> int:
        return n + 1

    with agentwatch.start(goal="a goal") as run:
        assert (run.attempt, run.state, run.in_flight, run.goal) == (1, None, [], "a goal")
        with run.step("one"):
            assert act(1) == 2
        run.task("t")
        run.usage(input_tokens=1)
        run.progress("p", done=1, of=2)
        run.checkpoint({"next": 1})
        assert run.state is None
        assert run.advice() == []
        with run.action("block", {"x": 1}) as action:
            action.result = 1
        run.complete({"done": True})


@pytest.mark.usefixtures("alone")
async def test_an_async_agent_runs_without_a_supervisor() -> None:
    @agentwatch.tool
    async def act() -> int:
        return 1

    async with agentwatch.start() as run:
        async with run.step("one"):
            assert await act() == 1
        await run.checkpoint([1])
        async with run.action("block"):
            pass
        await run.fail("why")


@pytest.mark.usefixtures("alone")
def test_mistakes_show_without_a_supervisor_too() -> None:
    with agentwatch.start() as run, pytest.raises(TypeError, match="must be JSON"):
        run.checkpoint({"when": object()})
    with pytest.raises(ZeroDivisionError), agentwatch.start():
        1 / 0  # noqa: B018
