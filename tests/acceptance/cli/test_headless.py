"""`run --headless`: lines, exit codes, signals, time limits, and a runtime that dies."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.acceptance.cli.conftest import Shell

PYTHON = sys.executable


def ended(process: subprocess.Popen[str], code: int) -> str:
    out, err = process.communicate(timeout=30)
    assert "Traceback" not in err
    assert process.returncode == code, f"exit {process.returncode}\n{out}\n{err}"
    return out


def test_a_run_that_completes_exits_0(shell: Shell) -> None:
    out = shell.call("run", "--headless", "--", PYTHON, "quick.py").stdout.splitlines()
    assert re.fullmatch(r"\d\d:\d\d:\d\d quick [0-9a-f]{4} started, no limit", out[0])
    assert re.search(r"quick [0-9a-f]{4} completed, 3 steps, \$0\.03, ", out[-2])
    assert out[-1].endswith("result: 1 completed. Exit 0.")


def test_a_run_that_loops_exits_3_and_says_where_to_look_and_how_to_go_on(shell: Shell) -> None:
    out = shell.call("run", "--headless", "--", PYTHON, "looping.py", code=3).stdout.splitlines()
    assert any(" PAUSED by rule: loop" in line for line in out)
    assert "result: 0 completed, 1 paused. Exit 3.  Look: agentwatch show " in out[-1]
    assert re.search(r'Go on: agentwatch resume [0-9a-f]{4} --note "…"$', out[-1])
    shown = shell.call("show", "looping").stdout
    assert "LOOP_DETECTED" in shown
    assert shown.count("look under the sofa → nothing there") >= 3


def test_a_command_that_fails_exits_3(shell: Shell) -> None:
    out = shell.call("run", "--headless", "--", PYTHON, "-c", "raise SystemExit(7)", code=3).stdout
    assert "result: 0 completed, 1 stopped. Exit 3." in out
    [run] = shell.json("ps")
    assert (run["status"], run["reason"], run["resumable"]) == ("stopped", "AGENT_CRASHED", True)


def test_several_runs_are_told_apart_and_summed_up(shell: Shell) -> None:
    (shell.folder / "agentwatch.toml").write_text(
        "[agents.good]\ncommand = '{python} quick.py'\ncount = 2\n[agents.bad]\ncommand = ['{python}', '-c', '1/0']\n"
    )
    out = shell.call("run", "--headless", "good", "bad", code=3).stdout
    assert "result: 2 completed, 1 stopped. Exit 3." in out
    assert len({run["run"] for run in shell.json("ps")}) == 3


def test_each_change_is_one_object_for_programs(shell: Shell) -> None:
    lines = [
        json.loads(line)
        for line in shell.call("run", "--headless", "--json", "--", PYTHON, "quick.py").stdout.splitlines()
    ]
    assert [line["kind"] for line in lines[:-1]] == ["change"] * (len(lines) - 1)
    assert (lines[0]["what"], lines[0]["agent"]) == ("started", "quick")
    assert [line["step"] for line in lines if line.get("what") == "step"][:1] == [1]
    assert lines[-2]["status"] == "completed"
    result = lines[-1]
    assert (result["kind"], result["exit"], result["counts"]) == ("result", 0, {"completed": 1})
    assert [run["status"] for run in result["runs"]] == ["completed"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_pauses_the_runs_first(shell: Shell, number: signal.Signals) -> None:
    process = shell.headless("--", PYTHON, "steady.py")
    shell.until("steady", lambda run: run["step"] > 3)
    process.send_signal(number)
    out = ended(process, 3)
    assert f"{number.name}: pausing at the next safe point" in out
    assert re.search(
        r"result: 0 completed, 1 paused\. Exit 3\.  Look: .*  Go on: agentwatch resume [0-9a-f]{4}$", out.strip()
    )
    [run] = shell.json("ps")
    assert (run["status"], run["reason"]) == ("paused", "USER_PAUSED")


def test_a_signal_parks_at_its_safe_point_what_has_a_checkpoint(shell: Shell) -> None:
    process = shell.headless("--", PYTHON, "steady.py")
    shell.until("steady", lambda run: run["step"] > 3)
    process.send_signal(signal.SIGTERM)
    assert "parked" in ended(process, 3)
    parked = shell.status("steady", "paused")
    assert not parked["held"]


def test_after_a_signal_what_reaches_no_safe_point_and_has_no_checkpoint_is_frozen(shell: Shell) -> None:
    process = shell.headless("--grace", "20s", "--", PYTHON, "stuck.py")
    shell.file("waiting")
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGTERM)  # Within a second: the same.
    out = ended(process, 3)
    assert out.count("pausing at the next safe point") == 1
    assert "frozen" in out
    assert re.search(r"Go on: agentwatch resume [0-9a-f]{4}$", out.strip())
    frozen = shell.json("show", "stuck")
    assert (frozen["frozen"], frozen["in_flight"], frozen["pid"] is not None) == (True, 1, True)


def test_after_a_signal_what_reaches_no_safe_point_and_has_a_checkpoint_is_parked(shell: Shell) -> None:
    stuck = shell.folder / "stuck.py"
    stuck.write_text(
        stuck.read_text().replace('with run.step("wait")', 'run.checkpoint({})\n    with run.step("wait")')
    )
    process = shell.headless("--grace", "20s", "--", PYTHON, "stuck.py")
    shell.file("waiting")
    process.send_signal(signal.SIGINT)
    out = ended(process, 3)
    assert "parking what has a checkpoint" in out
    assert "needs you" in out
    assert "Answer: agentwatch resolve " in out


def test_a_signal_is_obeyed_within_the_grace_time_even_where_the_runtime_does_not_answer(shell: Shell) -> None:
    process = shell.headless("--grace", "3s", "--", PYTHON, "steady.py")
    shell.until("steady", lambda run: run["step"] > 3)
    with shell.frozen_runtime():
        process.send_signal(signal.SIGTERM)
        out = ended(process, 130)
    assert "the grace time is over: leaving" in out
    assert "left to the runtime" in out
    assert "result: 0 completed, 1 running. Exit 130." in out


def test_a_later_signal_leaves_at_once(shell: Shell) -> None:
    process = shell.headless("--grace", "10m", "--", PYTHON, "stuck.py")
    shell.file("waiting")
    process.send_signal(signal.SIGTERM)
    shell.until("stuck", lambda run: run["status"] == "pausing")
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(1.1)
        process.send_signal(signal.SIGTERM)
    out = ended(process, 130)
    assert "SIGTERM again: leaving" in out
    assert "result: 0 completed, 1 pausing. Exit 130." in out
    assert re.search(r"Go on: agentwatch resume [0-9a-f]{4}$", out.strip())


def test_a_time_limit_pauses_the_runs(shell: Shell) -> None:
    out = shell.call("run", "--headless", "--timeout", "1s", "--", PYTHON, "steady.py", code=3).stdout
    assert "--timeout is over: pausing at the next safe point" in out
    assert shell.json("ps")[0]["status"] == "paused"


def test_a_runtime_that_dies_is_followed_by_another(shell: Shell) -> None:
    process = shell.headless("--", PYTHON, "steady.py")
    shell.until("steady", lambda run: run["step"] > 3)
    shell.kill_runtime()
    shell.until("steady", lambda run: run["step"] > 3 and shell.home.runtime_alive())
    before = shell.json("ps")[0]["step"]
    shell.until("steady", lambda run: run["step"] > before + 3)
    (shell.folder / "enough").touch()
    out = ended(process, 0)
    assert "the runtime is gone: starting another one" in out
    assert "taken over by a new runtime" in out
    assert "result: 1 completed. Exit 0." in out


def test_if_active_skips_or_resumes_an_unfinished_run(shell: Shell) -> None:
    (shell.folder / "agentwatch.toml").write_text("[agents.steady]\ncommand = '{python} steady.py'\n")
    shell.call("run", "--headless", "--timeout", "1s", "steady", code=3)
    skipped = shell.call("run", "--headless", "--if-active", "skip", "steady").stdout
    assert "is paused: no other run of it was started" in skipped
    (shell.folder / "enough").touch()
    resumed = shell.call("run", "--headless", "--if-active", "resume", "steady").stdout
    assert "result: 1 completed. Exit 0." in resumed
    assert len(shell.json("ps")) == 1
    assert "result: 1 completed" in shell.call("run", "--headless", "--if-active", "skip", "steady").stdout
    assert len(shell.json("ps")) == 2


def test_if_active_follows_a_run_that_waits_for_an_answer_no_further_than_it_goes(shell: Shell) -> None:
    (shell.folder / "agentwatch.toml").write_text("[agents.dying]\ncommand = '{python} dying.py'\n")
    shell.call("run", "--headless", "dying", code=3)
    out = shell.call("run", "--headless", "--if-active", "resume", "dying", code=3).stdout
    assert "result: 0 completed, 1 needs you. Exit 3." in out
    assert len(shell.json("ps")) == 1


def test_a_run_that_may_not_be_resumed_as_it_is_exits_3(shell: Shell) -> None:
    (shell.folder / "agentwatch.toml").write_text(
        "[agents.quick]\ncommand = '{python} quick.py'\n[policy.budget]\ncost_usd = 0.01\n"
    )
    out = shell.call("run", "--headless", "quick", code=3).stdout
    assert re.search(r"Go on: agentwatch resume [0-9a-f]{4} --budget cost_usd=0\.02", out)
    done = shell.call("run", "--headless", "--if-active", "resume", "quick", code=3)
    assert "refused. quick has spent its budget" in done.stderr
    assert done.stdout.endswith("result: 0 completed. Exit 3.\n")


def test_the_callers_environment_and_folder_reach_the_agent(shell: Shell) -> None:
    shell.env["COLOUR"] = "teal"
    shell.call("run", "--headless", "--", PYTHON, "-c", "import os; print(os.environ['COLOUR'], os.getcwd())")
    assert shell.call("log", shell.json("ps")[0]["run"]).stdout == f"teal {Path(shell.folder).resolve()}\n"


def test_a_starter_written_by_init_runs(shell: Shell) -> None:
    shell.call("init")
    agent = shell.folder / "hello_agent.py"
    agent.write_text(agent.read_text().replace("time.sleep(0.5)", "time.sleep(0)"))
    out = shell.call("run", "--headless", "hello").stdout
    assert "started, limits $5.00" in out
    assert "result: 1 completed. Exit 0." in out
