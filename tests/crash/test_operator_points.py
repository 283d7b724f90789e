"""The agent, the runtime or both die while an operator's pause or resume is under way."""

from __future__ import annotations

from typing import Any

import pytest

from store.states import Status
from tests.support.crash_shares import spread
from tests.support.crash_world import CrashWorld

VICTIMS = ("agent", "runtime", "both")


@pytest.mark.parametrize("victim", VICTIMS)
async def test_somebody_dies_while_a_pause_waits_for_the_action_to_end(crash: CrashWorld, victim: str) -> None:
    run = await crash.staying_agent()
    await crash.ask("pause", run)
    await crash.until(run, lambda now: now.status is Status.PAUSING)
    await crash.strike(victim, run)
    crash.go(run)
    await crash.supervisor.ensure_runtime()
    rested = await crash.rest(run)
    assert rested.status is (Status.PAUSED if victim == "runtime" else Status.NEEDS_REVIEW)
    assert rested.held == (victim == "runtime")
    await crash.bring_to_an_end(run)
    await crash.check(run, items=6)


@pytest.mark.parametrize("victim", VICTIMS)
async def test_somebody_dies_while_an_agent_is_held_and_it_stays_paused(crash: CrashWorld, victim: str) -> None:
    run = await crash.held_agent()
    before = (await crash.run(run)).pid
    await crash.strike(victim, run)
    await crash.supervisor.ensure_runtime()
    paused = await crash.until(run, lambda now: now.held == (victim == "runtime") and now.status is Status.PAUSED)
    assert paused.pid == (before if victim == "runtime" else None)
    await crash.bring_to_an_end(run)
    await crash.check(run, items=6)


async def test_the_runtime_dies_while_an_agent_is_parked_and_it_stays_parked(crash: CrashWorld) -> None:
    run = await crash.held_agent()
    await crash.ask("pause", run, park=True)
    await crash.until(run, lambda now: now.parked)
    crash.kill_runtime()
    await crash.supervisor.ensure_runtime()
    assert (await crash.run(run)).parked
    await crash.bring_to_an_end(run)
    await crash.check(run, items=6)


AROUND_A_PAUSE: dict[str, dict[str, Any]] = {
    "asked": {"what": "commit", "kind": "pause.asked"},
    "held": {"what": "commit", "kind": "run.status", "to": "paused"},
}


@pytest.mark.parametrize(("point", "at", "victim"), spread(tuple(AROUND_A_PAUSE), ["before", "after"], VICTIMS))
async def test_somebody_dies_around_a_commit_of_a_pause(crash: CrashWorld, point: str, at: str, victim: str) -> None:
    await crash.faulty_runtime(**AROUND_A_PAUSE[point], at=at, victim=victim)
    run = await crash.staying_agent()
    await crash.insist("pause", run)
    if point == "held":
        await crash.until(run, lambda now: now.status is Status.PAUSING)
    else:
        await crash.struck()
    crash.go(run)
    await crash.struck()
    if victim != "agent":
        await crash.runtime_gone()
    await crash.supervisor.ensure_runtime()
    rested = await crash.rest(run)
    if victim == "runtime":
        assert (rested.status, rested.held) == (Status.PAUSED, True)
    assert rested.status in (Status.PAUSED, Status.NEEDS_REVIEW, Status.STOPPED)
    await crash.bring_to_an_end(run)
    await crash.check(run, items=6)


@pytest.mark.parametrize("at", ["before", "after"])
@pytest.mark.parametrize("nth", [1, 2])
async def test_the_runtime_dies_while_a_forced_pause_ends_the_process(crash: CrashWorld, at: str, nth: int) -> None:
    await crash.faulty_runtime(what="signal", nth=nth, at=at, victim="runtime")
    run = await crash.staying_agent()
    await crash.insist("pause", run, force=True, attempt=1)
    await crash.struck()
    await crash.runtime_gone()
    crash.go(run)
    await crash.bring_to_an_end(run)
    await crash.check(run, items=6)


RESUMING: dict[str, dict[str, Any]] = {
    "released": {"what": "commit", "kind": "run.status", "to": "running"},
    "starting": {"what": "commit", "kind": "run.status", "to": "starting"},
    "spawn": {"what": "spawn"},
    "attempt": {"what": "commit", "kind": "attempt.started"},
    "hello": {"what": "commit", "kind": "agent.hello"},
}


@pytest.mark.parametrize(("point", "at", "victim"), spread(tuple(RESUMING), ["before", "after"], VICTIMS))
async def test_somebody_dies_while_a_paused_run_is_resumed(crash: CrashWorld, point: str, at: str, victim: str) -> None:
    run = await crash.held_agent()
    if point != "released":
        await crash.ask("pause", run, park=True)
        await crash.until(run, lambda now: now.parked)
    crash.kill_runtime()
    await crash.faulty_runtime(**RESUMING[point], at=at, victim=victim)
    await crash.insist("resume", run)
    await crash.struck()
    if victim != "agent":
        await crash.runtime_gone()
    await crash.bring_to_an_end(run)
    await crash.check(run, items=6)


GOES_BACK = """
raw = Raw(state=True)
begin = (raw.welcome["state"] or {"next": 0})["next"]
note(HERE / "began", str(begin))
for n in range(begin, 3):
    raw.checkpoint(f"c{n}", {"next": n + 1})
if raw.welcome["attempt"] == 1:
    raw.step(9)
raw.complete()
"""

GOING_BACK: dict[str, dict[str, Any]] = {
    "stopping": {"what": "commit", "kind": "run.status", "to": "stopping"},
    "signal": {"what": "signal"},
    "starting": {"what": "commit", "kind": "run.status", "to": "starting", "nth": 2},
}


@pytest.mark.parametrize(
    ("point", "at"), [("stopping", "after"), ("signal", "before"), ("signal", "after"), ("starting", "before")]
)
async def test_the_runtime_dies_while_a_held_run_is_resumed_from_an_older_checkpoint(
    crash: CrashWorld, point: str, at: str
) -> None:
    await crash.faulty_runtime(**GOING_BACK[point], at=at, victim="runtime")
    run = await crash.start(GOES_BACK.replace("raw.step(9)", "wait_for(HERE / 'go')\n    raw.step(9)"))
    await crash.until(run, lambda now: now.checkpoints == 3)
    await crash.ask("pause", run)
    crash.touch("go")
    await crash.until(run, lambda now: now.held)
    await crash.insist("resume", run, checkpoint=1)
    await crash.struck()
    await crash.runtime_gone()
    await crash.supervisor.ensure_runtime()
    await crash.until(run, lambda now: now.attempt == 2 and now.status is Status.COMPLETED)
    assert crash.lines("began") == ["0", "1"]


async def test_an_agent_without_the_sdk_goes_on_though_the_runtime_that_resumed_it_dies(crash: CrashWorld) -> None:
    await crash.faulty_runtime(what="commit", kind="run.status", to="running", nth=2, at="after", victim="runtime")
    run = await crash.start(argv=("sh", "-c", "while :; do echo tick; sleep 0.02; done"))
    await crash.until(run, lambda now: now.status is Status.RUNNING)
    await crash.ask("pause", run)
    await crash.until(run, lambda now: now.frozen)
    size = len(crash.log(run))
    await crash.insist("resume", run)
    await crash.struck()
    await crash.runtime_gone()
    await crash.supervisor.ensure_runtime()
    await crash.until(run, lambda now: now.status is Status.RUNNING and len(crash.log(run)) > size)


@pytest.mark.parametrize("point", ["starting", "spawn", "attempt"])
async def test_a_note_reaches_the_model_once_though_the_runtime_that_was_told_it_dies(
    crash: CrashWorld, point: str
) -> None:
    run = await crash.start(
        """
raw = Raw()
for text in raw.welcome["advice"]:
    note(HERE / "heard", text)
if raw.welcome["attempt"] == 1:
    raw.ask(t="fail", id="f", message="stop here")
else:
    raw.complete()
"""
    )
    await crash.rest(run)
    crash.kill_runtime()
    await crash.faulty_runtime(**RESUMING[point], at="after", victim="both" if point == "attempt" else "runtime")
    await crash.insist("resume", run, note="look elsewhere")
    await crash.struck()
    await crash.runtime_gone()
    await crash.bring_to_an_end(run)
    assert crash.lines("heard") == ["look elsewhere"]
