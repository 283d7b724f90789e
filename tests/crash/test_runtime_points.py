"""The agent, the runtime or both die when the runtime stands before or after one of its commits, or in between."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.crash_shares import spread
from tests.support.crash_world import CrashWorld, is_sound

POINTS: dict[str, dict[str, Any]] = {
    "start": {"what": "commit", "kind": "run.created"},
    "spawn": {"what": "spawn"},
    "attempt": {"what": "commit", "kind": "attempt.started"},
    "hello": {"what": "commit", "kind": "agent.hello"},
    "step": {"what": "commit", "kind": "step.begin", "nth": 4},
    "intent": {"what": "commit", "kind": "action.begin", "nth": 7},
    "end": {"what": "commit", "kind": "action.end", "nth": 7},
    "checkpoint": {"what": "commit", "kind": "checkpoint", "nth": 2},
    "complete": {"what": "commit", "kind": "complete"},
    "attempt's end": {"what": "commit", "kind": "attempt.ended"},
    "completion": {"what": "commit", "kind": "run.status", "to": "completed"},
}
"""The intent and the end are those of the fourth item: each item is two actions."""


MATRIX = spread(tuple(POINTS), ["before", "while", "after"], ["agent", "runtime", "both"])


@pytest.mark.parametrize(("point", "at", "victim"), [each for each in MATRIX if each.values[:2] != ("spawn", "while")])
async def test_nothing_is_lost_or_done_twice_when_around_a_commit_somebody_dies(
    crash: CrashWorld, point: str, at: str, victim: str
) -> None:
    await crash.faulty_runtime(**POINTS[point], at=at, victim=victim)
    run = await crash.send_items()
    await crash.struck()
    if victim != "agent":
        await crash.runtime_gone()
    await crash.bring_to_an_end(run)
    await crash.check(run, items=6)
    crash.kill_runtime()
    assert is_sound(crash.home.journal)
