"""The agent, the runtime or both die when the agent stands at one point of the protocol."""

from __future__ import annotations

import pytest

from tests.support.crash_points import ORDER
from tests.support.crash_shares import spread
from tests.support.crash_world import CrashWorld, is_sound

NTH = {"hello": 1, "welcome": 1, "complete": 1, "completion": 1, "checkpoint": 2, "saved": 2}
"""Which passing of a point is struck: the fourth item, which follows a success that no checkpoint covers yet."""
VICTIMS = ("agent", "runtime", "both")


@pytest.mark.parametrize(("client", "point", "victim"), spread(["sdk", "raw"], ORDER, VICTIMS))
async def test_nothing_is_lost_or_done_twice_when_at_a_point_somebody_dies(
    crash: CrashWorld, client: str, point: str, victim: str
) -> None:
    run = await crash.send_items(raw=client == "raw", point=point, nth=NTH.get(point.split()[0], 4), victim=victim)
    await crash.struck(run)
    await crash.bring_to_an_end(run)
    await crash.check(run, items=6)
    crash.kill_runtime()
    assert is_sound(crash.home.journal)
