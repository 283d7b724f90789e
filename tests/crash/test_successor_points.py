"""A successor dies while it puts right what its predecessor left, and the next one does."""

from __future__ import annotations

from typing import Any

import pytest

from store.events import Kind
from store.states import Status
from tests.support.crash_shares import spread
from tests.support.crash_world import CrashWorld

RECOVERY: dict[str, dict[str, Any]] = {
    "first word": {"what": "commit", "kind": "runtime.started"},
    "signal": {"what": "signal"},
    "doubt": {"what": "commit", "kind": "action.doubt"},
    "review": {"what": "commit", "kind": "run.status", "to": "needs_review"},
    "answer": {"what": "commit", "kind": "action.resolved"},
    "next start": {"what": "commit", "kind": "run.status", "to": "starting"},
    "next spawn": {"what": "spawn"},
    "next attempt": {"what": "commit", "kind": "attempt.started"},
    "replay": {"what": "commit", "kind": "gate.replayed"},
}


@pytest.mark.parametrize(("point", "at"), spread(tuple(RECOVERY), ["before", "after"]))
async def test_a_successor_that_dies_while_it_puts_things_right_leaves_them_to_the_next(
    crash: CrashWorld, point: str, at: str
) -> None:
    run = await crash.send_items(point="action has happened", nth=4, victim="both")
    await crash.struck(run)
    await crash.runtime_gone()
    await crash.faulty_runtime(**RECOVERY[point], at=at, victim="runtime")
    await crash.bring_to_an_end(run)
    assert (crash.folder / "struck").exists()
    await crash.check(run, items=6)


@pytest.mark.parametrize("at", ["before", "after"])
async def test_a_successor_that_dies_while_it_takes_over_a_live_agent_leaves_it_to_the_next(
    crash: CrashWorld, at: str
) -> None:
    run = await crash.send_items(point="verdict is read", nth=4, victim="runtime")
    await crash.struck(run)
    await crash.faulty_runtime(what="commit", kind="attempt.started", at=at, victim="runtime")
    await crash.runtime_gone()
    await crash.bring_to_an_end(run)
    await crash.check(run, items=6)
    assert len(crash.lines(f"ledger-{run}")) == 6


async def test_an_answer_is_never_recorded_without_what_follows_from_it(crash: CrashWorld) -> None:
    run = await crash.send_items(point="action has happened", nth=4, victim="agent")
    review = await crash.rest(run)
    crash.kill_runtime()
    await crash.faulty_runtime(what="commit", kind="action.resolved", at="after", victim="runtime")
    await crash.insist("resolve", run, attempt=1, action=review.in_flight[0].id, outcome="done", result="sent 3")
    await crash.runtime_gone()
    await crash.supervisor.ensure_runtime()
    assert (await crash.until(run, lambda now: now.at_rest and now.attempt == 2)).status is Status.COMPLETED


async def test_two_answers_in_one_breath_are_both_heard(crash: CrashWorld) -> None:
    run = await crash.start(
        "raw = Raw()\nif raw.welcome['attempt'] == 1:\n    for n in 'ab':\n        raw.begin(n, 'send', {'n': n})\n    os.abort()\nraw.complete()"
    )
    assert len((await crash.rest(run)).in_flight) == 2
    for action in "ab":
        await crash.insist("resolve", run, attempt=1, action=action, outcome="retry")
    assert (await crash.until(run, lambda now: now.at_rest and now.attempt == 2)).status is Status.COMPLETED


@pytest.mark.parametrize("kind", ["run.created", "run.status"])
async def test_a_start_whose_runtime_died_after_the_commit_is_answered_as_applied(crash: CrashWorld, kind: str) -> None:
    await crash.faulty_runtime(what="commit", kind=kind, at="after", victim="runtime")
    run = await crash.send_items()
    await crash.runtime_gone()
    await crash.bring_to_an_end(run)
    (answer,) = [event for event in await crash.check(run, items=6) if event.kind == Kind.COMMAND]
    assert answer.body["applied"]


@pytest.mark.parametrize("at", ["before", "after"])
async def test_a_resume_from_an_older_checkpoint_survives_the_runtimes_death(crash: CrashWorld, at: str) -> None:
    run = await crash.start(
        """
raw = Raw(state=True)
note(HERE / "began", json.dumps(raw.welcome["state"]))
if raw.welcome["state"] is None:
    for n in range(3):
        raw.checkpoint(f"c{n}", n)
    raw.ask(t="fail", id="f", message="enough")
    sys.exit()
wait_for(HERE / "go")
raw.complete()
"""
    )
    await crash.rest(run)
    crash.kill_runtime()
    await crash.faulty_runtime(what="spawn", at=at, victim="runtime")
    await crash.insist("resume", run, checkpoint=2)
    await crash.runtime_gone()
    crash.touch("go")
    await crash.bring_to_an_end(run)
    assert set(crash.lines("began")) == {"null", "1"}


async def test_an_answer_while_a_live_agent_reconnects_starts_no_second_attempt(crash: CrashWorld) -> None:
    run = await crash.start(
        """
raw = Raw()
raw.begin("a", "send", {"n": 1})
raw.say(t="action.end", id="a", ok=False, error={"type": "TimeoutError", "message": "no answer"})
wait_for(HERE / "go")
"""
    )
    before = await crash.rest(run)
    crash.kill_runtime()
    await crash.supervisor.ensure_runtime()
    await crash.ask("resolve", run, action="a", outcome="retry")
    now = await crash.run(run)
    assert (now.attempt, now.pid) == (1, before.pid)
