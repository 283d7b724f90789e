"""The agent, the runtime or both die while a kill is under way: it is finished, and for good."""

from __future__ import annotations

from typing import Any

import pytest

from store.events import Kind
from store.states import Status
from tests.support.crash_shares import spread
from tests.support.crash_world import CrashWorld

KILLING: dict[str, dict[str, Any]] = {
    "asked": {"what": "commit", "kind": "run.status", "to": "killing"},
    "signal": {"what": "signal"},
    "killed": {"what": "commit", "kind": "run.status", "to": "killed"},
}


@pytest.mark.parametrize(
    ("where", "point", "at", "victim"),
    spread(["acting", "held"], tuple(KILLING), ["before", "after"], ["agent", "runtime", "both"]),
)
async def test_somebody_dies_while_a_kill_is_under_way_and_the_run_is_killed_for_good(
    crash: CrashWorld, where: str, point: str, at: str, victim: str
) -> None:
    await crash.faulty_runtime(**KILLING[point], at=at, victim=victim)
    run = await (crash.staying_agent() if where == "acting" else crash.held_agent())
    pid = (await crash.run(run)).pid
    assert pid is not None
    await crash.insist("kill", run)
    await crash.struck()
    if victim != "agent":
        await crash.runtime_gone()
    await crash.supervisor.ensure_runtime()
    killed = await crash.until(run, lambda now: now.status is Status.KILLED)
    assert killed.checkpoint is None and killed.in_flight == ()
    events = await crash.check(run)
    if where == "acting":
        assert [event.body["tool"] for event in events if event.kind == Kind.DOUBT] == ["send"]
        assert [doubt["tool"] for doubt in killed.evidence["in_doubt"]] == ["send"]
    await crash.until_gone(pid)
    assert not (await crash.ask("resume", run)).applied
    async with await crash.supervisor.reader() as reader:
        assert (await reader.checkpoints(run), await reader.actions(run)) == ([], [])
    assert not crash.home.launch(run).exists()


@pytest.mark.parametrize("at", ["before", "after"])
async def test_a_kill_of_a_run_without_a_process_is_finished_by_the_successor(crash: CrashWorld, at: str) -> None:
    run = await crash.held_agent()
    await crash.ask("pause", run, park=True)
    await crash.until(run, lambda now: now.parked)
    crash.kill_runtime()
    await crash.faulty_runtime(what="commit", kind="run.status", to="killed", at=at, victim="runtime")
    await crash.insist("kill", run)
    await crash.struck()
    await crash.runtime_gone()
    await crash.supervisor.ensure_runtime()
    await crash.until(run, lambda now: now.status is Status.KILLED)
    await crash.check(run)
    assert not crash.home.launch(run).exists()
