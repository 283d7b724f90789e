"""A fleet of ten agents under random kills: of an agent, of the runtime, of both; and under operators."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections import Counter
from collections.abc import Sequence

import pytest

from store.errors import AgentwatchError
from store.events import Kind
from store.records import Event
from store.states import Status
from tests.support.crash_world import CrashWorld, is_sound

FLEET = ("plain", "plain", "plain", "keyed", "keyed", "together", "together", "raw", "raw", "raw")
VICTIMS = ("agent", "runtime", "both")
PAUSES: dict[str, dict[str, bool]] = {"hold": {}, "park": {"park": True}, "force": {"force": True}}
MOVES = ("kill", "kill", "restart", *PAUSES)


@pytest.mark.parametrize(
    ("seed", "kills"),
    [
        pytest.param(1, 20, marks=pytest.mark.timeout(400)),
        pytest.param(2, 300, marks=[pytest.mark.rare, pytest.mark.timeout(3600)]),
    ],
)
async def test_a_fleet_loses_nothing_and_does_nothing_twice_under_random_kills(
    crash: CrashWorld, seed: int, kills: int
) -> None:
    dice = random.Random(seed)
    runs = await start_fleet(crash, FLEET, every=3)
    try:
        struck: Counter[str] = Counter()
        async with crash.nursing(*runs):
            for _ in range(kills):
                await asyncio.sleep(dice.uniform(0.0, 0.4))
                struck += await strike(crash, dice.choice(VICTIMS), dice.choice(runs))
        items, _ = await finish(crash, runs)
    except BaseException as error:
        error.add_note(f"seed {seed}, {kills} kills")
        raise
    attempts = sum(len({line.split()[1] for line in crash.lines(f"ledger-{run}")}) for run in runs)
    print(f"seed {seed}: {dict(struck)} killed, {items} items of each run sent once, in {attempts} attempts")


@pytest.mark.parametrize(
    ("seed", "moves"),
    [
        pytest.param(17, 25, marks=pytest.mark.timeout(400)),
        pytest.param(4, 300, marks=[pytest.mark.rare, pytest.mark.timeout(3600)]),
    ],
)
async def test_a_fleet_does_nothing_twice_though_operators_pause_it_go_back_and_restart_while_things_die(
    crash: CrashWorld, seed: int, moves: int
) -> None:
    dice = random.Random(seed)
    runs = await start_fleet(crash, ("plain", "plain", "keyed", "together", "raw", "raw"), every=2, restarts=True)
    crash.goes_back = random.Random(seed)
    try:
        made: Counter[str] = Counter()
        async with crash.nursing(*runs):
            for _ in range(moves):
                await asyncio.sleep(dice.uniform(0.0, 0.4))
                made += await move(crash, dice.choice(MOVES), dice.choice(runs), dice.choice(VICTIMS))
        crash.goes_back = None
        items, events = await finish(crash, runs)
        went_back = sum(
            event.kind == Kind.STATUS and event.body["to"] == Status.STARTING and bool(event.body.get("went_back"))
            for event in events
        )
        assert went_back, "no run ever went back"
    except BaseException as error:
        error.add_note(f"seed {seed}, {moves} moves")
        raise
    print(f"seed {seed}: {dict(made)}, went back {went_back} times, {items} items of each run sent once")


async def start_fleet(crash: CrashWorld, styles: Sequence[str], *, every: int, restarts: bool = False) -> list[str]:
    """Start a sender of each style; with `restarts` the nth may be restarted n times by its own policy."""
    return [
        await crash.send_items(
            raw=style == "raw", style=style, items=0, every=every, pace_s=0.01, agent=f"{style}-{place}",
            restart=place if restarts else 0,
        )
        for place, style in enumerate(styles)
    ]  # fmt: skip


async def finish(crash: CrashWorld, runs: Sequence[str]) -> tuple[int, list[Event]]:
    """Bring every run to its end and hold the record to its word: how many items each sent, and all events."""
    items = 30 + 3 * (max(len(crash.lines(f"ledger-{run}")) for run in runs) // 3)
    (crash.folder / "enough.new").write_text(str(items), "ascii")
    (crash.folder / "enough.new").rename(crash.folder / "enough")
    await crash.bring_to_an_end(*runs, deadline_s=600.0)
    events = [event for run in runs for event in await crash.check(run, items=items)]
    crash.kill_runtime()
    assert is_sound(crash.home.journal)
    return items, events


async def move(crash: CrashWorld, kind: str, run: str, victim: str) -> Counter[str]:
    """Do one thing to a run or the runtime, whatever comes of it."""
    if kind == "kill":
        return await strike(crash, victim, run)
    with contextlib.suppress(AgentwatchError):
        if kind == "restart":
            await crash.ask("stop_runtime", timeout_s=leaving_s(victim))
        else:
            await crash.ask("pause", run, **PAUSES[kind])
    return Counter({kind: 1})


def leaving_s(victim: str) -> float:
    """How long a leaving runtime waits for safe points: not at all, or for a while."""
    return 0.0 if victim == "both" else 2.0


async def strike(crash: CrashWorld, victim: str, run: str) -> Counter[str]:
    """Kill whoever is to die once all of them live, and count them."""
    while True:
        runtime, agent = crash.runtime_pid(), await crash.agent_pid(run)
        if runtime is not None and agent is not None:
            break
        await asyncio.sleep(0.005)
    pids = {"agent": [agent], "runtime": [runtime], "both": [runtime, agent]}[victim]
    killed: Counter[str] = Counter()
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
            killed["runtime" if pid == runtime else "agent"] += 1
        except ProcessLookupError:
            killed["ended before"] += 1
    return killed
