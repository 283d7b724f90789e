"""The runtime of a home by command, listings at a terminal and in pipes, and the way into the console."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pexpect
import pyte
import pytest

if TYPE_CHECKING:
    from tests.acceptance.cli.conftest import Shell

PYTHON = sys.executable


def runtime(shell: Shell, *arguments: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [shell.command, "runtime", *arguments], env=shell.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 20
    while (beat := shell.home.beat()) is None or beat.pid != process.pid:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    return process


def screen_of(terminal: pexpect.spawn, columns: int) -> list[str]:
    """What stands on the terminal once the command has ended."""
    terminal.expect(pexpect.EOF)
    screen = pyte.Screen(columns, 30)
    pyte.Stream(screen).feed(terminal.before)
    return [line.rstrip() for line in screen.display]


def test_a_runtime_in_the_foreground_ends_by_stop_or_signal(shell: Shell) -> None:
    process = runtime(shell, "--idle", "0")
    assert "has ended" in shell.call("stop").stdout
    assert process.wait(10) == 0
    process = runtime(shell)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert not shell.home.runtime_alive()


def test_a_second_runtime_is_refused(shell: Shell) -> None:
    first = runtime(shell)
    done = shell.call("runtime", code=2)
    assert (
        done.stderr == f"A runtime already serves {shell.home.root} (process {first.pid}): `agentwatch stop` ends it.\n"
    )
    first.terminate()
    first.wait(10)


def test_an_idle_runtime_leaves(shell: Shell) -> None:
    process = runtime(shell, "--idle", "1s")
    assert process.wait(20) == 0


def test_stop_leaves_what_was_live_resumable(shell: Shell) -> None:
    process = shell.headless("--", PYTHON, "steady.py")
    shell.until("steady", lambda run: run["step"] > 3)
    assert "1 run that went on can be resumed" in shell.call("stop", "--timeout", "5").stdout
    out, _err = process.communicate(timeout=20)
    assert process.returncode == 3, out
    assert not shell.home.runtime_alive()
    [run] = shell.json("ps")
    assert (run["status"], run["parked"], run["resumable"]) == ("paused", True, True)


def test_a_listing_at_a_terminal_fits_it_and_in_a_pipe_is_whole(shell: Shell) -> None:
    goal = "a goal that no screen shows"
    shell.call("run", "--headless", "--goal", goal, "--", PYTHON, "looping.py", code=3)
    for columns in (160, 80, 40):
        lines = screen_of(shell.terminal("ps", columns=columns), columns)
        assert lines[0].startswith("RUN   AGENT")
        assert "looping" in lines[1]
        assert "paused" in lines[1]
        assert lines[2] == ""
    assert "loop: look ×5, same result" in shell.call("ps").stdout


def test_no_colour_where_the_user_wants_none(shell: Shell) -> None:
    shell.call("run", "--headless", "--", PYTHON, "quick.py")
    coloured = shell.terminal("ps")
    coloured.expect(pexpect.EOF)
    assert "\x1b[2m" in coloured.before
    shell.env["NO_COLOR"] = "1"
    sober = shell.terminal("ps")
    sober.expect(pexpect.EOF)
    assert "\x1b[3" not in sober.before
    assert "\x1b[3" not in coloured.before


def test_a_reader_that_leaves_early_is_no_fault(shell: Shell) -> None:
    shell.call("run", "--headless", "--", PYTHON, "looping.py", code=3)
    line = f"{shell.command} events looping | head -n 1; {shell.command} events looping --json | head -n 1"
    done = subprocess.run(["sh", "-c", line], env=shell.env, capture_output=True, text=True, timeout=20, check=False)
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr == ""


def test_following_prints_what_comes_until_the_run_is_over(shell: Shell) -> None:
    process = shell.headless("--", PYTHON, "steady.py")
    shell.until("steady", lambda run: run["step"] > 1)
    follower = subprocess.Popen(
        [shell.command, "events", "steady", "--follow", "--json"], env=shell.env, stdout=subprocess.PIPE, text=True
    )
    (shell.folder / "enough").touch()
    out, _err = follower.communicate(timeout=20)
    process.communicate(timeout=20)
    seqs = [json.loads(line)["seq"] for line in out.splitlines()]
    assert seqs == sorted(set(seqs))
    assert json.loads(out.splitlines()[-1])["body"]["to"] == "completed"
    assert follower.returncode == 0


def test_ctrl_c_leaves_a_follower_quietly(shell: Shell) -> None:
    shell.call("run", "--headless", "--", PYTHON, "looping.py", code=3)
    for listing in ("events", "log"):
        follower = shell.terminal(listing, "looping", "--follow")
        if listing == "events":
            follower.expect("run.status")
        else:
            time.sleep(0.5)
        follower.sendintr()
        follower.expect(pexpect.EOF)
        follower.close()
        assert follower.exitstatus == 130
        assert "Traceback" not in follower.before


@pytest.mark.parametrize("arguments", [("run", "--", PYTHON, "steady.py"), ("attach",)])
def test_the_console_opens_and_leaving_it_stops_nothing(shell: Shell, arguments: tuple[str, ...]) -> None:
    if arguments == ("attach",):
        shell.call("run", "--headless", "--timeout", "0.3s", "--", PYTHON, "steady.py", code=3)
        shell.call("resume", "steady")
    terminal = shell.terminal(*arguments)
    terminal.expect("steady")
    terminal.send("q")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
    run = shell.status("steady", "running")
    assert os.getpgid(shell.json("show", "steady")["pid"])
    shell.until("steady", lambda now: now["step"] > run["step"])
