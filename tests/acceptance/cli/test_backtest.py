"""`backtest` by the installed command: a bar at a terminal, several processes for much input, and runs of a home."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pexpect
import pytest

from tui.cli.judging import ALONE_BELOW_BYTES

if TYPE_CHECKING:
    from tests.acceptance.cli.conftest import Shell

PYTHON = sys.executable


@pytest.fixture
def traces(shell: Shell) -> Shell:
    """A file that is large enough for several processes: every second run of it loops."""
    with (shell.folder / "many.jsonl").open("w") as file:
        for number in range(80):
            steps = [
                {"i": n, "tool": "look", "args": {"where": n * (number % 2)}, "result": f"{n * (number % 2)} " * 60}
                for n in range(40)
            ]
            file.write(json.dumps({"id": f"t{number}", "success": number % 2 == 1, "steps": steps}) + "\n")
    assert (shell.folder / "many.jsonl").stat().st_size > ALONE_BELOW_BYTES
    return shell


def test_much_input_is_judged_by_the_installed_command(traces: Shell) -> None:
    done = traces.call("backtest", "many.jsonl", "--verdicts", "out.jsonl")
    assert done.stderr == "many.jsonl: 80 runs\n"
    assert "80 runs: 40 ended well, 40 badly." in done.stdout
    assert "Stopped: 40 (LOOP_DETECTED 40)." in done.stdout
    verdicts = [json.loads(line) for line in (traces.folder / "out.jsonl").read_text().splitlines()]
    assert [one["id"] for one in verdicts] == [f"t{number}" for number in range(80)]
    assert {one["stop_step"] for one in verdicts[::2]} == {4}


def test_a_person_sees_how_far_it_is(traces: Shell) -> None:
    terminal = traces.terminal("backtest", "many.jsonl", columns=120)
    terminal.expect("judging")
    terminal.expect("Stopped: 40")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0


def test_what_a_home_recorded_is_judged_as_it_was_live(shell: Shell) -> None:
    shell.call("run", "--headless", "--", PYTHON, "looping.py", code=3)
    shell.call("run", "--headless", "--", PYTHON, "quick.py")
    runs = {run["source"]: run for run in shell.json("backtest")["runs"]}
    assert (runs["looping"]["reason"], runs["looping"]["rule"]) == ("LOOP_DETECTED", "loop")
    assert runs["looping"]["stop_step"] == shell.json("ps")[0]["step"] - 1
    assert (runs["quick"]["success"], runs["quick"]["stop_step"]) == (True, None)
