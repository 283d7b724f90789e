"""The promises and the claims of the README: each names the tests that show it, and some are shown here."""

from __future__ import annotations

import ast
import contextlib
import re
import sqlite3
import sys
import time
from pathlib import Path

import psutil
import pytest

from store.states import StopReason
from tests.acceptance.cli.conftest import DEADLINE_S, Shell

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "docs" / "promises.md", ROOT / "README.md"]
NOTE = re.compile(r"^\[\^(\w+)\]: ((?:.+\n?)(?:    .+\n?)*)", re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def notes(page: Path) -> dict[str, str]:
    """The footnotes of a page, by name."""
    return dict(NOTE.findall(page.read_text(encoding="utf-8")))


def claims(page: Path) -> list[str]:
    """Each promise, each line of a list, each row about modes, of the sections that claim something."""
    text = page.read_text(encoding="utf-8")
    found = []
    for section in re.split(r"^(?=#+ )", text, flags=re.MULTILINE):
        if section.startswith(("# What is promised", "## `NORMAL`", "## What is not", "## Secrets", "## What you can")):
            found += re.findall(r"^- .+(?:\n  .+)*", section, re.MULTILINE)
            found += [
                row for row in re.findall(r"^\|.+\|$", section, re.MULTILINE) if not re.match(r"\| ?(-|\|| what)", row)
            ]
            found += re.findall(r"^Together: .+\n?.*", section, re.MULTILINE)
    return [claim for claim in found if not re.fullmatch(r"[| -]+", claim) and claim != "| | promise |"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_claim_names_what_shows_it(page: Path) -> None:
    found = claims(page)
    assert len(found) >= 6
    bare = [claim for claim in found if not re.search(r"\[\^\w+\](?!:)", claim)]
    assert not bare, bare


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_test_that_a_page_names_exists(page: Path) -> None:
    said = notes(page)
    text = page.read_text(encoding="utf-8")
    assert set(re.findall(r"\[\^(\w+)\](?!:)", text)) == set(said)
    for name, note in said.items():
        tests = TEST.findall(note)
        assert tests or note.startswith("Not tested: "), f"[^{name}] names no test"
        for path, function in tests:
            tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
            there = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
            assert function.startswith("test_"), function
            assert function in there, f"[^{name}]: {path} has no {function}"


def test_the_readme_names_every_reason_to_stop() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    line = re.search(r"\*\*Every stop has a reason\*\*: ([^*]+), each with its evidence", text)
    assert line is not None
    assert set(re.split(r",\s+", line[1])) == {str(reason) for reason in StopReason}


def test_an_agent_that_dies_after_its_own_complete_is_completed(shell: Shell) -> None:
    (shell.folder / "hasty.py").write_text(
        "import os, threading, time, agentwatch\n"
        "@agentwatch.tool()\n"
        "def send():\n"
        "    begun.set()\n"
        "    time.sleep(60)\n"
        "begun = threading.Event()\n"
        "with agentwatch.start(goal='Say that it is done') as run:\n"
        "    threading.Thread(target=send, daemon=True).start()\n"
        "    begun.wait()\n"
        "    run.complete('done')\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    shell.call("run", "--headless", "--", sys.executable, "hasty.py")
    assert shell.status("hasty", "completed")["reason"] == "COMPLETED"


def test_checkpoints_keys_and_logs_are_kept_as_they_are(shell: Shell) -> None:
    secret = "ghp_" + "a1B2c3D4e5F6" * 3
    (shell.folder / "telling.py").write_text(
        "import agentwatch\n"
        "@agentwatch.tool(key='{token}')\n"
        "def use(token): return 1\n"
        "with agentwatch.start(goal='Tell') as run:\n"
        f"    use('{secret}')\n"
        f"    run.checkpoint({{'token': '{secret}'}})\n"
        f"    print('{secret}', flush=True)\n"
    )
    shell.call("run", "--headless", "--", sys.executable, "telling.py")
    assert secret in shell.call("checkpoints", "telling", "1").stdout
    assert secret in shell.call("log", "telling").stdout
    with contextlib.closing(sqlite3.connect(f"file:{shell.home.journal}?mode=ro", uri=True)) as journal:
        assert journal.execute("SELECT key FROM actions WHERE tool = 'use'").fetchall() == [(secret,)]
    assert not [event for event in shell.json("events", "telling") if secret in str(event)]
    assert (shell.home.log(shell.json("show", "telling")["run"]).stat().st_mode & 0o077) == 0


def test_a_launch_file_goes_when_its_run_is_killed_or_pruned(shell: Shell) -> None:
    shell.call("run", "--headless", "--", sys.executable, "quick.py")
    shell.call("run", "--headless", "--", sys.executable, "looping.py", code=3)
    quick, looping = shell.status("quick", "completed")["run"], shell.status("looping", "paused")["run"]
    assert shell.home.launch(quick).exists()
    shell.call("kill", "--yes", looping)
    shell.status("looping", "killed")
    assert not shell.home.launch(looping).exists()
    shell.call("stop")
    shell.call("prune", "--older-than", "0s")
    assert not shell.home.launch(quick).exists()


def test_a_note_reaches_the_agent_as_it_was_typed(shell: Shell) -> None:
    secret = "ghp_" + "a1B2c3D4e5F6" * 3
    (shell.folder / "asking.py").write_text(
        "import agentwatch\n"
        "with agentwatch.start(goal='Ask') as run:\n"
        "    if run.attempt == 1: raise RuntimeError('I need the token')\n"
        "    print(run.advice(), flush=True)\n"
    )
    shell.call("run", "--headless", "--", sys.executable, "asking.py", code=3)
    shell.call("resume", "--note", secret, "asking")
    shell.status("asking", "completed")
    assert secret in shell.call("log", "asking").stdout
    assert secret not in shell.call("events", "asking").stdout


def test_what_a_command_leaves_behind_is_ended_with_it(shell: Shell) -> None:
    shell.call("run", "--headless", "--", "sh", "-c", "sleep 300 & echo $! > left")
    assert shell.status("sh", "completed")["reason"] == "COMPLETED"
    left = int((shell.folder / "left").read_text())
    deadline = time.monotonic() + DEADLINE_S
    with contextlib.suppress(psutil.NoSuchProcess):
        while psutil.Process(left).status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_what_is_on_record_for_a_key_answers_every_call_with_it(shell: Shell) -> None:
    (shell.folder / "paying.py").write_text(
        "import agentwatch\n"
        "@agentwatch.tool(key='order-{n}')\n"
        "def pay(n, amount): return f'paid {amount}'\n"
        "with agentwatch.start(goal='Pay') as run:\n"
        "    if run.attempt == 1:\n"
        "        pay(1, 5)\n"
        "        raise RuntimeError('the model was cut off')\n"
        "    print(pay(1, 6), flush=True)\n"
    )
    shell.call("run", "--headless", "--", sys.executable, "paying.py", code=3)
    shell.call("resume", "paying")
    shell.status("paying", "completed")
    assert "paid 5" in shell.call("log", "paying").stdout
