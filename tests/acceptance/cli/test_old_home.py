"""A home that an earlier version made opens, shows and goes on: what was promised then is kept now."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.acceptance.cli.conftest import DEADLINE_S, Shell

OLD = Path(__file__).parents[2] / "support" / "old_home"

AT_REST = {
    "broken": ("stopped", "AGENT_CRASHED"),
    "counting": ("completed", "COMPLETED"),
    "crashing": ("stopped", "AGENT_CRASHED"),
    "doubtful-done": ("needs_review", "AGENT_CRASHED"),
    "doubtful-retry": ("needs_review", "AGENT_CRASHED"),
    "ended": ("killed", "USER_KILLED"),
    "failing": ("stopped", "AGENT_FAILED"),
    "held": ("paused", "USER_PAUSED"),
    "leaning": ("paused", "USER_PAUSED"),
    "looping": ("paused", "LOOP_DETECTED"),
    "parked": ("paused", "USER_PAUSED"),
    "plain": ("completed", "COMPLETED"),
    "restarting": ("completed", "COMPLETED"),
    "spending": ("paused", "BUDGET_EXCEEDED"),
}


@pytest.fixture
def old(shell: Shell) -> Shell:
    """The old home, as if it had been copied to this machine."""
    shell.home.create()

    def here(text: str) -> str:
        marks = {"@FOLDER@": shell.folder, "@PYTHON@": sys.executable, "@HOME@": shell.home.root}
        for mark, path in marks.items():
            text = text.replace(mark, str(path))
        return text

    for path in (shell.home.journal, shell.home.control):
        database = sqlite3.connect(path)
        database.executescript(here((OLD / f"{path.stem}.sql").read_text(encoding="utf-8")))
        database.close()
        path.chmod(0o600)
    for kept in (OLD / "launch").iterdir():
        launch = json.loads(here(kept.read_text(encoding="utf-8")))
        launch["env"] = {"PATH": os.environ["PATH"]}
        written = shell.home.launches / kept.name
        written.write_text(json.dumps(launch), encoding="utf-8")
        written.chmod(0o600)
    shell.home.secret.write_bytes(bytes.fromhex((OLD / "digest.key").read_text(encoding="ascii").strip()))
    shell.home.secret.chmod(0o600)
    for name in ("agents.py", "agentwatch.toml", "ledger"):
        shutil.copy(OLD / name, shell.folder)
    return shell


def ledger(shell: Shell, agent: str) -> Counter[str]:
    """What an agent really did, and how often."""
    lines = (shell.folder / "ledger").read_text(encoding="utf-8").splitlines()
    return Counter(line.split(" ", 1)[1] for line in lines if line.split(" ", 1)[0] == agent)


def resume(shell: Shell, *arguments: str) -> None:
    """Resume as a person does who is told to wait a moment: what the old runtime left is put right first."""
    deadline = time.monotonic() + DEADLINE_S
    while (done := shell.call("resume", *arguments, code=None)).returncode:
        assert "in a moment" in done.stderr, done.stderr
        assert time.monotonic() < deadline, done.stderr
        time.sleep(0.1)


def test_an_old_home_is_shown_as_it_was_left(old: Shell) -> None:
    runs = old.json("ps")
    assert len(runs) == 16
    for run in runs:
        if run["agent"] in AT_REST:
            assert (run["status"], run["reason"]) == AT_REST[run["agent"]], run
        shown = old.json("show", run["run"])
        assert shown["status"] == run["status"]
        old.call("show", run["run"])
        assert old.json("events", run["run"])
        listed = old.json("checkpoints", run["run"])
        # A kill removes them.
        assert bool(listed) is (run["checkpoint"] is not None), listed
    old.call("ps")
    assert '"n": 3' in old.call("checkpoints", "held", "3").stdout
    assert [q["tool"] for q in old.json("show", "doubtful-done")["questions"]] == ["send"]
    forks = [run for run in runs if run["agent"] == "counting" and old.json("show", run["run"])["forked_from"]]
    assert len(forks) == 1
    old.call("breakers")
    assert "bad" not in [found["grade"] for found in old.json("doctor")]


def test_the_run_that_the_old_runtime_left_behind_goes_on(old: Shell) -> None:
    old.call("restart")
    run = old.status("lost", "stopped")
    assert run["reason"] == "RUNTIME_LOST"
    (old.folder / "enough").touch()
    old.call("resume", "--all")
    old.status("lost", "completed")
    assert ledger(old, "lost") == {"send a": 1, "send b": 1}


def test_recorded_successes_of_an_old_run_are_replayed(old: Shell) -> None:
    resume(old, "crashing")
    old.status("crashing", "completed")
    assert ledger(old, "crashing") == {"send a": 1, "send b": 1, "send c": 1, "pay 7": 1}


def test_an_old_run_goes_back_to_a_checkpoint_and_repeats_nothing(old: Shell) -> None:
    resume(old, "--from", "1", "--budget", "cost_usd=10", "spending")
    old.status("spending", "completed")
    assert ledger(old, "spending") == {f"send {n}": 1 for n in range(4)}


def test_doubts_of_an_old_run_are_answered(old: Shell) -> None:
    (old.folder / "mended").touch()
    for agent, answer in (("doubtful-done", ["--done", "--result", '"sent to b"']), ("doubtful-retry", ["--retry"])):
        (question,) = old.json("show", agent)["questions"]
        old.call("resolve", agent, str(question["id"]), *answer)
        if old.status(agent, "completed", "paused", "stopped")["status"] != "completed":
            resume(old, agent)
        old.status(agent, "completed")
    assert ledger(old, "doubtful-done") == {"send a": 1, "told sent to b": 1}
    assert ledger(old, "doubtful-retry") == {"send a": 1, "send b": 1, "told sent to b": 1}


@pytest.mark.parametrize(
    ("agent", "options"),
    [
        ("held", []),
        ("parked", []),
        ("failing", []),
        ("broken", []),
        ("looping", ["--accept"]),
        ("spending", ["--budget", "cost_usd=10"]),
        ("leaning", []),
    ],
)
def test_what_came_to_rest_in_an_old_home_is_resumed(old: Shell, agent: str, options: list[str]) -> None:
    for name in ("enough", "mended", "up"):
        (old.folder / name).touch()
    if agent == "leaning":
        old.call("restart")
        old.call("breaker", "shop", "--reset")
    resume(old, *options, agent)
    old.status(agent, "completed")
    if agent == "spending":
        assert ledger(old, agent) == {f"send {n}": 1 for n in range(4)}


def test_what_is_final_in_an_old_home_stays_final(old: Shell) -> None:
    for agent in ("ended", "restarting", "plain"):
        old.call("resume", agent, code=3)
        assert old.status(agent, "killed", "completed")["status"] == AT_REST[agent][0]


def test_an_old_run_is_forked(old: Shell) -> None:
    before = {run["run"] for run in old.json("ps")}
    origin = next(run["run"] for run in old.json("ps") if run["agent"] == "counting" and run["checkpoints"] >= 3)
    old.call("fork", origin, "--from", "1")
    run = old.until("counting", lambda run: run["run"] not in before and run["status"] == "completed")
    assert old.json("show", run["run"])["forked_from"]


def test_an_old_home_is_pruned(old: Shell) -> None:
    old.call("prune", "--older-than", "0s")
    left = {run["agent"] for run in old.json("ps")}
    assert not left & {"counting", "plain", "ended"}
    assert {"held", "crashing", "doubtful-done"} <= left
    assert old.json("events", "held")
