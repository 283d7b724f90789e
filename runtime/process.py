"""Processes of agents: started in a group of their own, told apart by pid, start time and boot, ended as a tree."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
import psutil

from runtime.process_table import bears, processes

MARKER = "AGENTWATCH_RUN"
"""The variable whose value names the run a process belongs to."""
START_TIME_TOLERANCE_S = 0.05
_PR_SET_CHILD_SUBREAPER = 36
COMMAND_CHARS = 60
"""Of a process's command, where it is named in a line."""
STUCK_AFTER_S = 10.0
"""What lives on for so long after SIGKILL can only be waited for: it is another user's, or sleeps in the kernel."""
STUCK_PAUSE_S = 5.0


class Process(msgspec.Struct, frozen=True):
    """The main process of an attempt, which leads its own session and group."""

    pid: int
    started_at: float
    """As `start_time` tells it; with the boot it tells this process from a later one with its pid."""
    ours: bool
    """Whether it is a child of this runtime, so that its exit status will be known."""


@functools.cache
def boot_id() -> str:
    """Names this boot of the machine: pids mean nothing after another one."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return str(int(psutil.boot_time()))


def become_subreaper() -> bool:
    """Let orphans of agents become children of this process (Linux, prctl(2)); False where that is not to be had."""
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def spawn(
    argv: Iterable[str], cwd: str, env: dict[str, str], umask: int, log: Path
) -> tuple[subprocess.Popen[bytes], Process]:
    """Start an agent: own session, no input, output appended to `log`.  Raises `OSError`."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        child = subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
            umask=umask,
        )
    finally:
        os.close(descriptor)
    return child, Process(child.pid, start_time(child.pid) or 0.0, ours=True)


def start_time(pid: int) -> float | None:
    """When the process began, or None if there is none.

    On Linux in seconds since the boot (proc(5), field 22 of stat), which no change of the clock moves; elsewhere in
    seconds since the epoch.
    """
    if sys.platform.startswith("linux"):
        try:
            # The name before the last parenthesis may hold anything.
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
            return int(fields[19]) / os.sysconf("SC_CLK_TCK")
        except (OSError, IndexError):
            return None
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return None


def is_alive(pid: int, started_at: float) -> bool:
    """Whether this very process lives; a zombie does not."""
    now = start_time(pid)
    return now is not None and abs(now - started_at) <= START_TIME_TOLERANCE_S and not _is_zombie(pid)


def members(run: str, leader: Process | None) -> list[int]:
    """Every live process of a run: the leader's session, its descendants, and whoever bears the run's marker."""
    leads = leader.pid if leader is not None and _same_or_gone(leader) else None
    found: set[int] = set()
    children: dict[int, list[int]] = {}
    for row in processes():
        if row.pid != os.getpid():
            children.setdefault(row.parent, []).append(row.pid)
            if row.session == leads or bears(row.pid, MARKER, run):
                found.add(row.pid)
    unseen = list(found)
    while unseen:
        more = [pid for pid in children.get(unseen.pop(), ()) if pid not in found]
        found.update(more)
        unseen += more
    return sorted(found)


def commands(run: str, leader: Process | None) -> list[str]:
    """Every live process of a run by its id and its command."""
    told = []
    for pid in members(run, leader):
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            told.append(f"{pid} ({' '.join(process.cmdline())[:COMMAND_CHARS] or process.name()})")
    return told


def _same_or_gone(leader: Process) -> bool:
    now = start_time(leader.pid)
    return now is None or abs(now - leader.started_at) <= START_TIME_TOLERANCE_S


def _is_zombie(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return True


async def end_tree(run: str, leader: Process | None, *, grace_s: float, stuck: Callable[[list[str]], None]) -> None:
    """End every process of a run and return when none is left.

    With a grace time they are asked first (SIGTERM, and SIGCONT so that a frozen one can hear it).  `stuck` is told
    once which ones SIGKILL does not end.
    """
    if grace_s > 0:
        await _signal(run, leader, signal.SIGTERM)
        await _signal(run, leader, signal.SIGCONT)
        deadline = time.monotonic() + grace_s
        while time.monotonic() < deadline:
            if not await asyncio.to_thread(members, run, leader):
                return
            await asyncio.sleep(0.05)
    pause, began, told = 0.01, time.monotonic(), False
    while await _signal(run, leader, signal.SIGKILL):
        if not told and time.monotonic() - began >= STUCK_AFTER_S:
            told = True
            stuck(await asyncio.to_thread(_described, run, leader))
        await asyncio.sleep(STUCK_PAUSE_S if told else pause)
        pause = min(0.5, pause * 2)


def _described(run: str, leader: Process | None) -> list[str]:
    """Every live process of a run as a person tells them apart."""
    told = []
    for pid in members(run, leader):
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            told.append(f"{pid} ({process.name()}, of {process.username()})")
    return told


async def _signal(run: str, leader: Process | None, number: signal.Signals) -> int:
    """Send a signal to every process of a run; how many there were."""
    pids = await asyncio.to_thread(members, run, leader)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
    return len(pids)


def freeze(run: str, leader: Process, frozen: bool) -> int:
    """Stop or continue every process of a run (SIGSTOP, SIGCONT); how many there were."""
    pids = members(run, leader)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGSTOP if frozen else signal.SIGCONT)
    return len(pids)
