"""Pausing, resuming, resolving and killing, by command and at a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pexpect
import pytest

if TYPE_CHECKING:
    from tests.acceptance.cli.conftest import Shell

PYTHON = sys.executable


@pytest.fixture
def paused(shell: Shell) -> Shell:
    """A run of `steady`, paused by its time limit and held."""
    shell.call("run", "--headless", "--timeout", "0.5s", "--", PYTHON, "steady.py", code=3)
    return shell


@pytest.fixture
def doubtful(shell: Shell) -> str:
    """An action in doubt: its process was killed in the middle of it."""
    shell.call("run", "--headless", "--", PYTHON, "dying.py", code=3)
    [action] = shell.json("show", "dying")["actions_in_flight"]
    assert action["in_doubt"]
    return str(action["id"])


def test_a_paused_run_goes_on_where_it_was_and_completes(paused: Shell) -> None:
    held = paused.json("show", "steady")
    assert (held["status"], held["held"]) == ("paused", True)
    assert "resumed" in paused.call("resume", "steady").stdout
    paused.until("steady", lambda run: run["step"] > held["step"])
    (paused.folder / "enough").touch()
    assert paused.status("steady", "completed")["attempt"] == 1


def test_a_parked_run_goes_on_from_its_checkpoint_in_a_new_attempt(paused: Shell) -> None:
    paused.call("pause", "steady", "--park")
    parked = paused.until("steady", lambda run: run["parked"])
    assert paused.json("show", "steady")["pid"] is None
    (paused.folder / "enough").touch()
    paused.call("resume", "steady", "--from", str(parked["checkpoint"]["number"]))
    assert paused.status("steady", "completed")["attempt"] == 2


def test_resume_all_resumes_what_the_end_of_the_runtime_interrupted_and_nothing_else(paused: Shell) -> None:
    paused.call("run", "--headless", "--", PYTHON, "dying.py", code=3)
    (paused.folder / "going.py").write_text((paused.folder / "steady.py").read_text())
    terminal = paused.terminal("run", "--headless", "--", PYTHON, "going.py")
    paused.until("going", lambda run: run["status"] == "running" and run["step"] > 2)
    paused.call("stop")
    terminal.expect(pexpect.EOF)
    done = paused.call("resume", "--all")
    assert done.stdout.count("resumed in a new attempt") == 1
    assert "Not interrupted, so left alone: 1 USER_PAUSED, 1 waiting for an answer." in done.stdout
    (paused.folder / "enough").touch()
    assert paused.status("going", "completed")["attempt"] == 2
    assert paused.json("show", "steady")["status"] == "paused"
    assert "Nothing to resume" in paused.call("resume", "--all").stdout


def test_resume_wants_runs_or_all_of_them(shell: Shell) -> None:
    for wrong in (("resume",), ("resume", "--all", "steady"), ("resume", "--all", "--from", "3")):
        assert shell.call(*wrong, code=2).stderr.count("\n") == 1


def test_what_is_refused_exits_3_with_the_reason(paused: Shell) -> None:
    done = paused.call("pause", "steady", code=3)
    assert done.stdout == ""
    assert "refused. steady is paused already" in done.stderr
    assert "has no checkpoint 9999" in paused.call("resume", "steady", "--from", "9999", code=3).stderr
    [answer] = paused.json("pause", "steady", code=3)
    assert (answer["agent"], answer["applied"]) == ("steady", False)


def test_an_action_that_happened_is_not_done_again(shell: Shell, doubtful: str) -> None:
    assert "resolve" in shell.call("show", "dying").stdout
    shell.call("resolve", "dying", doubtful, "--done", "--result", '"sent by hand"')
    assert shell.status("dying", "completed")["attempt"] == 2


def test_an_action_that_did_not_happen_is_done_again(shell: Shell, doubtful: str) -> None:
    (shell.folder / "mended").touch()
    shell.call("resolve", "dying", doubtful[:6], "--retry")
    assert shell.status("dying", "completed")["attempt"] == 2


def test_a_run_in_doubt_is_not_resumed(shell: Shell, doubtful: str) -> None:
    assert "needs an answer first" in shell.call("resume", "dying", code=3).stderr


def test_kill_asks_and_keeps_the_run_unless_told_yes(paused: Shell) -> None:
    for answer in ("\r", "n\r", "\x04"):
        terminal = paused.terminal("kill", "steady")
        terminal.expect("This cannot be undone")
        terminal.expect(r"Kill\? \[y/N\]")
        terminal.send(answer)
        terminal.expect("Nothing was killed")
        terminal.expect(pexpect.EOF)
        terminal.close()
        assert terminal.exitstatus == 3
    assert paused.json("ps")[0]["status"] == "paused"
    terminal = paused.terminal("kill", "steady")
    terminal.expect(r"Kill\? \[y/N\]")
    terminal.send("y\r")
    terminal.expect("killing|killed")
    terminal.expect(pexpect.EOF)
    paused.status("steady", "killed")


def test_many_runs_are_killed_only_by_their_number(shell: Shell) -> None:
    shell.call("run", "--headless", "--timeout", "1s", "--count", "5", "--", PYTHON, "steady.py", code=3)
    runs = [run["run"] for run in shell.json("ps")]
    terminal = shell.terminal("kill", *runs)
    terminal.expect("Type 5 to kill them")
    terminal.send("y\r")
    terminal.expect("Nothing was killed")
    terminal = shell.terminal("kill", *runs)
    terminal.expect("Type 5 to kill them")
    terminal.send("5\r")
    terminal.expect(pexpect.EOF)
    for run in runs:
        shell.call("show", run)
    assert {run["status"] for run in shell.json("ps")} <= {"killed", "killing"}


def test_a_killed_run_is_gone_for_good(paused: Shell) -> None:
    assert paused.call("kill", "steady", code=2).stderr.startswith("kill asks first")
    paused.call("kill", "steady", "--yes")
    killed = paused.status("steady", "killed")
    assert (killed["resumable"], killed["checkpoint"], killed["reason"]) == (False, None, "USER_KILLED")
    assert paused.json("checkpoints", "steady") == []
    assert "can never be resumed" in paused.call("resume", "steady", code=3).stderr
    assert "killed already" in paused.call("kill", "steady", "--yes", code=3).stderr


def test_resume_starts_a_runtime_where_there_is_none(paused: Shell) -> None:
    assert "has ended" in paused.call("stop").stdout
    assert paused.json("ps")[0]["parked"]
    assert paused.call("pause", "steady", code=2).stderr.startswith("No runtime is running in ")
    (paused.folder / "enough").touch()
    paused.call("resume", "steady")
    paused.status("steady", "completed")


def test_parking_what_has_no_checkpoint_asks_at_a_terminal_and_needs_yes_elsewhere(shell: Shell) -> None:
    steady = (shell.folder / "steady.py").read_text()
    (shell.folder / "fresh.py").write_text(steady.replace('run.checkpoint({"n": n})', "pass"))
    shell.call("run", "--headless", "--timeout", "0.5s", "--", PYTHON, "fresh.py", code=3)
    held = shell.until("fresh", lambda run: run["held"])
    assert held["parks_at"] is None
    assert "stays held: no checkpoint, parking would lose" in shell.call("show", "fresh").stdout.replace("\n", " ")

    refused = shell.call("pause", "fresh", "--park", code=2)
    assert "would begin again from step 1" in refused.stderr and "--yes" in refused.stderr
    terminal = shell.terminal("pause", "fresh", "--park")
    terminal.expect("End the process all the same")
    terminal.sendline("n")
    terminal.expect(pexpect.EOF)
    assert shell.until("fresh", lambda run: run["status"] == "paused")["held"]

    shell.call("pause", "fresh", "--park", "--yes")
    shell.until("fresh", lambda run: run["parked"])
