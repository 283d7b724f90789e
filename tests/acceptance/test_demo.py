"""The demo, as somebody sees it who has just installed agentwatch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from store.home import Home

AGENTWATCH = [sys.executable, "-P", str(Path(__file__).parents[2] / "agentwatch" / "__main__.py")]


@pytest.mark.timeout(240)
def test_the_demo_shows_each_end_and_comes_to_rest_by_itself(home: Home) -> None:
    command = [*AGENTWATCH, "--home", str(home.root)]
    done = subprocess.run([*command, "run", "--demo", "--headless"], capture_output=True, text=True, timeout=180)
    listed = subprocess.run([*command, "ps", "--json"], capture_output=True, text=True, timeout=30)
    subprocess.run([*command, "stop", "--timeout", "1s"], capture_output=True, timeout=60)
    assert done.returncode == 3, done.stdout + done.stderr
    runs = {run["agent"]: run for run in json.loads(listed.stdout)}
    ends = {agent: (run["status"], run["reason"]) for agent, run in runs.items()}
    assert ends["indexer"] == ("completed", "COMPLETED")
    assert ends["looper"] == ("paused", "LOOP_DETECTED")
    assert ends["spender"] == ("paused", "BUDGET_EXCEEDED")
    assert ends["crasher"] == ("completed", "COMPLETED")
    assert ends["slow"] == ("completed", "COMPLETED")
    assert (runs["crasher"]["attempt"], runs["crasher"]["restarts"]) == (2, 1)
    assert runs["indexer"]["checkpoint"] is not None
