"""A runtime that is replaced under its agents, and a home that is looked at and pruned."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import psutil

from tests.acceptance.cli.test_home import runtime

if TYPE_CHECKING:
    from tests.acceptance.cli.conftest import Shell

PYTHON = sys.executable


def test_restart_replaces_the_runtime_and_no_agent_notices(shell: Shell) -> None:
    process = shell.headless("--", PYTHON, "steady.py")
    before = shell.until("steady", lambda run: run["step"] > 3)
    pid = shell.json("show", "steady")["pid"]
    said = shell.json("restart")
    assert (said["taken_over"], said["ended"]) == ([before["run"]], [])
    beat = shell.home.beat()
    assert beat is not None
    assert said["new"] == beat.pid != said["old"]
    shell.until("steady", lambda run: run["step"] > before["step"] + 20)
    shown = shell.json("show", "steady")
    assert (shown["pid"], shown["attempt"]) == (pid, 1)
    (shell.folder / "enough").touch()
    out, _err = process.communicate(timeout=30)
    assert "result: 1 completed" in out


def test_restart_keeps_how_long_a_runtime_stays_and_starts_one_where_there_is_none(shell: Shell) -> None:
    assert "No runtime was running: one has been started" in shell.call("restart").stdout
    shell.call("stop")
    first = runtime(shell, "--idle", "12345")
    assert "The runtime was replaced" in shell.call("restart").stdout
    first.wait(10)
    beat = shell.home.beat()
    assert beat is not None
    assert "12345" in psutil.Process(beat.pid).cmdline()


def test_a_home_is_looked_at_and_pruned(shell: Shell) -> None:
    shell.call("run", "--headless", "--", PYTHON, "quick.py")
    assert "sign of life" in shell.call("doctor").stdout
    assert "nothing is pruned under it" in shell.call("prune", "--older-than", "0s", code=2).stderr
    shell.call("stop")
    assert "Forgot 1 run with " in shell.call("prune", "--older-than", "0s").stdout
    assert shell.json("ps") == []
    shell.call("run", "--headless", "--", PYTHON, "quick.py")
    assert [run["status"] for run in shell.json("ps")] == ["completed"]
