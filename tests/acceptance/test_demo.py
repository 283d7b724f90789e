"""The demo, as somebody sees it who has just installed agentwatch."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from store.home import Home

AGENTWATCH = [sys.executable, "-P", str(Path(__file__).parents[2] / "agentwatch" / "__main__.py")]

ENDS = {
    "indexer": ("completed", "COMPLETED"),
    "looper": ("paused", "LOOP_DETECTED"),
    "spender": ("paused", "BUDGET_EXCEEDED"),
    "crasher": ("completed", "COMPLETED"),
    "mailer": ("needs_review", "AGENT_CRASHED"),
    "slow": ("completed", "COMPLETED"),
    "courier": ("completed", "COMPLETED"),
    "sleeper": ("stopped", "STALLED"),
    "believer": ("paused", "TOOL_FAILURE"),
    "wanderer": ("paused", "NO_PROGRESS"),
}
"""By agent: how each of its runs comes to rest."""

CAUGHT_WITHIN_S = 75
REST_WITHIN_S = 120


class Demo:
    """A demo that was run to its end, asked by the command line."""

    def __init__(self, home: Home) -> None:
        self._command = [*AGENTWATCH, "--home", str(home.root)]
        self.done = self.ask("run", "--demo", "--headless", timeout_s=180)
        self.runs: list[dict[str, Any]] = json.loads(self.ask("ps", "--json").stdout)

    def ask(self, *words: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*self._command, *words], capture_output=True, text=True, timeout=timeout_s)

    def of(self, agent: str) -> list[dict[str, Any]]:
        return [run for run in self.runs if run["agent"] == agent]

    def events(self, run: dict[str, Any]) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = json.loads(self.ask("events", run["run"], "--json").stdout)
        return listed


@pytest.mark.timeout(300)
def test_the_demo_shows_each_end_and_comes_to_rest_by_itself(home: Home) -> None:
    demo = Demo(home)
    try:
        assert demo.done.returncode == 3, demo.done.stdout + demo.done.stderr
        assert {run["agent"]: (run["status"], run["reason"]) for run in demo.runs} == ENDS
        assert len(demo.of("courier")) == 3

        (crasher,), (indexer,), (slow,) = demo.of("crasher"), demo.of("indexer"), demo.of("slow")
        assert (crasher["attempt"], crasher["restarts"]) == (2, 1)
        assert indexer["checkpoint"] is not None
        began, caught = min(map(_started, demo.runs)), [run for run in demo.runs if run is not slow]
        assert max(map(_last, caught)) - began < CAUGHT_WITHIN_S
        assert _last(slow) - began < REST_WITHIN_S

        for courier in demo.of("courier"):
            events = demo.events(courier)
            assert any(
                event["body"].get("dependency") == "warehouse" for event in events if event["kind"] == "run.status"
            )
            failed = [event for event in events if event["kind"] == "action.end" and not event["body"]["ok"]]
            assert len(failed) <= 8, "a storm"
    finally:
        demo.ask("stop", "--timeout", "1s")
        left = [run["agent"] for run in json.loads(demo.ask("ps", "--json").stdout) if run["frozen"]]
    assert left == [], "a demo that was left goes on in memory"


def _started(run: dict[str, Any]) -> float:
    return _seconds(run["started_at"])


def _last(run: dict[str, Any]) -> float:
    return _seconds(run["last_event_at"])


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
