"""Whose a process is: by its session, its parents, and the marker in its environment."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from runtime import process_table
from runtime.process import MARKER, Process, members, start_time

SPAWNS = """
import os, subprocess, sys, time
clean = {name: value for name, value in os.environ.items() if name != "AGENTWATCH_RUN"}
subprocess.Popen(["sleep", "100"], env=clean)
subprocess.Popen(["sleep", "101"], env=clean, start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execvp("sleep", ["sleep", "102"])
    os._exit(0)
os.wait()
print("ready", flush=True)
time.sleep(100)
"""


@pytest.fixture
def leader() -> Iterator[Process]:
    environment = {**os.environ, MARKER: "table-run", "PADDING": "x" * 20_000}
    child = subprocess.Popen(
        [sys.executable, "-c", SPAWNS], env=environment, stdout=subprocess.PIPE, start_new_session=True
    )
    assert child.stdout is not None
    child.stdout.readline()
    yield Process(child.pid, start_time(child.pid) or 0.0, ours=True)
    while pids := members("table-run", Process(child.pid, start_time(child.pid) or 0.0, ours=True)):
        for pid in pids:
            os.kill(pid, 9)
        child.poll()
        time.sleep(0.01)
    child.communicate()


@pytest.mark.parametrize("by", ["proc", "psutil"])
def test_a_tree_is_found_whatever_its_processes_did_to_leave_it(
    leader: Process, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_table, "ON_LINUX", by == "proc" and sys.platform.startswith("linux"))
    deadline = time.monotonic() + 20
    while sys.platform.startswith("linux") and told(members("table-run", leader)) != {b"-c", b"100", b"101", b"102"}:
        # The one that was forked twice may not have become `sleep` yet.
        assert time.monotonic() < deadline, told(members("table-run", leader))
        time.sleep(0.01)
    assert os.getpid() not in members("table-run", leader)


def told(pids: Iterable[int]) -> set[bytes]:
    """The second word of each process's command line."""
    return {Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[1] for pid in pids}


def test_a_process_that_has_ended_but_was_not_collected_is_none(leader: Process) -> None:
    child = subprocess.Popen(["true"], env={MARKER: "table-run", "PATH": os.environ["PATH"]})
    while child.pid in {row.pid for row in process_table.processes()}:
        time.sleep(0.01)
    assert child.pid not in members("table-run", leader)
    child.wait()


def test_a_marker_counts_only_as_a_whole(leader: Process) -> None:
    assert process_table.bears(leader.pid, MARKER, "table-run")
    assert not process_table.bears(leader.pid, MARKER, "table")
    assert not process_table.bears(leader.pid, "RUN", "table-run")
