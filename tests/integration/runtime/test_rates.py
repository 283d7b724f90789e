"""Budgets that limit how fast money goes: held, refused, and let go once time has passed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import time

from store.states import StopReason
from tests.support.world import DEADLINE_S, World

BURNS = """
raw = Raw()
for n in range(1, 100000):
    raw.step(n)
    raw.say(t='usage', input_tokens=100)
    time.sleep(0.02)
"""


async def test_a_run_that_burns_too_fast_is_held_and_resumed_with_more(world: World) -> None:
    run = await world.start(BURNS, policy="[budget]\ntokens_per_minute = 1000\n")
    held = await world.rest(run)
    assert held.reason is StopReason.BUDGET_EXCEEDED
    assert held.why == "1,000 of 1,000 tokens a minute spent"
    assert "below it again in" in held.evidence["figures"]

    refused = await world.ask("resume", run)
    assert not refused.applied
    assert "--budget tokens_per_minute=2000, or resume it in " in refused.message

    assert (await world.ask("resume", run, limits={"tokens_per_minute": 1e9})).applied
    await world.until(run, lambda now: now.tokens > 1500)


def let_pass(world: World, seconds: float) -> None:
    """Make everything on record so much older."""
    with contextlib.closing(sqlite3.connect(world.home.journal)) as db, db:
        db.execute("UPDATE events SET at = at - ?", (seconds,))
        for run, body in db.execute("SELECT run, body FROM runs").fetchall():
            told = json.loads(body)
            told["evidence"]["below_at"] -= seconds
            db.execute("UPDATE runs SET body = ? WHERE run = ?", (json.dumps(told), run))


async def test_a_run_that_burned_too_fast_is_resumed_as_it_is_once_time_has_passed(world: World) -> None:
    saves = BURNS.replace("raw = Raw()", "raw = Raw()\nraw.checkpoint('c', {'n': 0})")
    run = await world.start(saves, policy="[budget]\ntokens_per_minute = 1000\n")
    held = await world.rest(run)
    assert (await world.ask("stop_runtime", timeout_s=0.0)).applied
    deadline = time.monotonic() + DEADLINE_S
    while world.home.runtime_alive():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    let_pass(world, 61)

    assert (await world.ask("resume", run)).applied
    await world.until(run, lambda now: now.tokens > held.tokens)


async def test_runs_that_burn_too_fast_together_are_held_until_time_has_passed(world: World) -> None:
    policy = "[home_budget]\ntokens_per_minute = 2000\n"
    less_alone = BURNS.replace("input_tokens=100", "input_tokens=100 if n <= 15 else 0")
    runs = [await world.start(less_alone, policy=policy, agent=f"burner-{n}") for n in range(2)]
    spent = [await world.rest(run) for run in runs]
    assert {run.reason for run in spent} == {StopReason.BUDGET_EXCEEDED}
    assert max(run.tokens for run in spent) < 2000 <= sum(run.tokens for run in spent)
    refused = await world.ask("resume", runs[0])
    assert not refused.applied
    assert "raise [home_budget] in the policy of burner-0 first, or resume it in " in refused.message


async def test_a_new_runtime_knows_how_fast_its_runs_spent(world: World) -> None:
    run = await world.start(BURNS, policy="[home_budget]\ntokens_per_minute = 2000\n")
    await world.rest(run)
    world.kill_runtime()
    deadline = time.monotonic() + DEADLINE_S
    while "is being ended" in (refused := await world.ask("resume", run)).message:
        assert time.monotonic() < deadline
    assert not refused.applied
    assert "or resume it in " in refused.message
