"""What is completed: all that a run began is waited for, and what is cut off is named."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.acceptance.cli.conftest import Shell

PYTHON = sys.executable

SILENT = """
import pathlib, time
pathlib.Path("began").touch()
while not pathlib.Path("enough").exists():
    time.sleep(0.02)
pathlib.Path("finished").touch()
"""
SPEAKING = """
import pathlib, sys, time, agentwatch
with agentwatch.start() as run:
    pathlib.Path("began").touch()
    while not pathlib.Path("enough").exists():
        time.sleep(0.02)
    run.step("last").__enter__()
    pathlib.Path("finished").touch()
"""


def _starter(shell: Shell, worker: str, linger_s: float = 60, last: str = "exit 0") -> None:
    """An agent whose command puts its worker into the background."""
    (shell.folder / "worker.py").write_text(worker)
    wait = "until [ -e began ]; do sleep 0.02; done"
    (shell.folder / "start.sh").write_text(f"{PYTHON} worker.py >/dev/null 2>&1 &\n{wait}\n{last}\n")
    (shell.folder / "agentwatch.toml").write_text(
        f"[agents.start]\ncommand = 'sh start.sh'\n[policy.timeout]\nlinger_s = {linger_s}\n"
    )


def _go_on(run: dict[str, Any]) -> bool:
    return "goes on" in run["why"]


def test_a_command_that_merely_exits_0_is_not_said_to_have_said_anything(shell: Shell) -> None:
    out = shell.call("run", "--headless", "--", "true").stdout
    assert "completed, 0 steps" in out
    assert "exited with 0" in out
    [run] = shell.json("ps")
    assert (run["status"], run["why"]) == ("completed", "exited with 0")
    told = shell.call("show", run["run"]).stdout + shell.call("events", run["run"]).stdout
    assert "exited with 0" in told
    assert "said" not in told.replace("nothing was said", "")


def test_a_silent_worker_in_the_background_ends_by_itself_within_linger_s_while_the_screen_says_so(
    shell: Shell,
) -> None:
    _starter(shell, SILENT)
    process = shell.headless("start")
    run = shell.until("start", _go_on)
    assert run["why"] == "exited with 0; 1 process goes on"
    assert "exited with 0; 1 process goes on" in shell.call("ps").stdout
    assert "exited with 0; 1 process goes on" in shell.call("show", "start").stdout
    (shell.folder / "enough").touch()
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0, out
    assert "1 process goes on" in out
    assert (shell.folder / "finished").exists()
    assert shell.json("ps")[0]["why"] == "exited with 0"


def test_what_is_ended_after_linger_s_is_named(shell: Shell) -> None:
    _starter(shell, SILENT, linger_s=0.5)
    out = shell.call("run", "--headless", "start").stdout
    assert not (shell.folder / "finished").exists()
    [run] = shell.json("ps")
    assert run["status"] == "completed"
    assert run["why"].startswith("exited with 0; 1 process that went on was ended: ")
    assert "worker.py" in run["why"]
    assert "1 process that went on was ended" in out


def test_a_worker_that_speaks_is_waited_for_however_short_linger_s_is(shell: Shell) -> None:
    _starter(shell, SPEAKING.replace('while not pathlib.Path("enough").exists()', "for _ in range(150)"), linger_s=0.2)
    shell.call("run", "--headless", "start")
    assert (shell.folder / "finished").exists()
    assert "ended" not in shell.json("ps")[0]["why"]


def test_the_first_worker_that_completes_ends_no_other(shell: Shell) -> None:
    (shell.folder / "first.py").write_text("import agentwatch\nwith agentwatch.start():\n    pass\n")
    _starter(shell, SPEAKING, linger_s=0.2, last=f"{PYTHON} first.py; touch first; wait")
    process = shell.headless("start")
    shell.file("first")
    run = shell.status("start", "running")
    assert [event["kind"] for event in shell.json("events", run["run"])].count("complete") == 1
    (shell.folder / "enough").touch()
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0, out
    assert (shell.folder / "finished").exists()


def test_work_after_the_block_goes_on_and_is_named_if_it_is_cut_off(shell: Shell) -> None:
    (shell.folder / "late.py").write_text(f"import agentwatch\nwith agentwatch.start():\n    pass\n{SILENT}")
    (shell.folder / "agentwatch.toml").write_text(
        "[agents.late]\ncommand = '{python} late.py'\n[policy.timeout]\nlinger_s = 1\n"
    )
    shell.call("run", "--headless", "late")
    [run] = shell.json("ps")
    assert run["status"] == "completed"
    assert run["why"].startswith("said that it is complete; 1 process that went on was ended: ")
    assert not (shell.folder / "finished").exists()


def test_what_lingers_is_killed_when_asked(shell: Shell) -> None:
    _starter(shell, SILENT)
    process = shell.headless("start")
    run = shell.until("start", _go_on)
    shell.call("kill", "--yes", run["run"])
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 3, out
    assert shell.json("ps")[0]["status"] == "killed"


def test_what_lingers_is_paused_and_then_has_its_time_again(shell: Shell) -> None:
    _starter(shell, SILENT, linger_s=3)
    process = shell.headless("start")
    run = shell.until("start", _go_on)
    shell.call("pause", run["run"])
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 3, out
    assert shell.status("start", "paused")["frozen"]
    (shell.folder / "enough").touch()
    shell.call("resume", run["run"])
    shell.status("start", "completed")
    assert (shell.folder / "finished").exists()


def test_a_successor_goes_on_waiting_for_what_lingers(shell: Shell) -> None:
    _starter(shell, SILENT)
    process = shell.headless("start")
    shell.until("start", _go_on)
    shell.kill_runtime()
    shell.read_until(process, "taken over by a new runtime")
    (shell.folder / "enough").touch()
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0, out
    assert (shell.folder / "finished").exists()
    assert shell.json("ps")[0]["why"] == "exited with 0"


def test_a_worker_that_dies_in_the_middle_of_a_call_is_not_waited_for(shell: Shell) -> None:
    worker = """
import os, pathlib, agentwatch
@agentwatch.tool(idempotent=True)
def look():
    pathlib.Path("began").touch()
    while not pathlib.Path("enough").exists():
        pass
    os.kill(os.getpid(), 9)
with agentwatch.start() as run:
    with run.step("look"):
        look()
"""
    _starter(shell, worker)
    process = shell.headless("start")
    shell.until("start", _go_on)
    (shell.folder / "enough").touch()
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0, out


def test_a_worker_that_speaks_is_paused_at_its_gate_though_its_starter_is_gone(shell: Shell) -> None:
    worker = """
import pathlib, time, agentwatch
with agentwatch.start() as run:
    pathlib.Path("began").touch()
    n = 0
    while not pathlib.Path("enough").exists():
        n += 1
        with run.step(f"beat {n}"):
            time.sleep(0.02)
    pathlib.Path("finished").touch()
"""
    _starter(shell, worker, linger_s=0.2)
    process = shell.headless("start")
    run = shell.until("start", _go_on)
    shell.call("pause", run["run"])
    process.communicate(timeout=30)
    assert shell.status("start", "paused")["held"]
    (shell.folder / "enough").touch()
    shell.call("resume", run["run"])
    shell.status("start", "completed")
    assert (shell.folder / "finished").exists()
