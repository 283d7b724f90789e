"""Every process of this machine, with what tells whose it is."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import NamedTuple

import psutil

CHUNK_BYTES = 8192
"""As much as most files of proc(5) hold."""
ON_LINUX = sys.platform.startswith("linux")


class Row(NamedTuple):
    """One process that lives."""

    pid: int
    parent: int
    session: int


def processes() -> Iterator[Row]:
    """Yield every process but zombies."""
    if not ON_LINUX:
        yield from _told_by_psutil()
        return
    # Read here, since psutil takes several times as long, and whoever ends a process tree looks again and again.
    for name in os.listdir("/proc"):  # noqa: PTH208 (names alone are wanted)
        if name.isdigit():
            # The name before the last parenthesis may hold anything; then come state, parent, group and session.
            told = _read(f"/proc/{name}/stat").rpartition(b")")[2].split(None, 4)
            if told and told[0] not in (b"Z", b"X"):
                yield Row(int(name), int(told[1]), int(told[3]))


def bears(pid: int, variable: str, value: str) -> bool:
    """Whether a process was started with this variable in its environment, as far as that may be looked at."""
    if ON_LINUX:
        return f"\0{variable}={value}\0".encode() in b"\0" + _read(f"/proc/{pid}/environ")
    try:
        return psutil.Process(pid).environ().get(variable) == value
    except (psutil.Error, OSError):
        return False


def _read(path: str) -> bytes:
    """What a file of proc(5) holds; nothing where its process is gone or another user's."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        read = os.read(descriptor, CHUNK_BYTES)
        while read and len(read) % CHUNK_BYTES == 0 and (more := os.read(descriptor, CHUNK_BYTES)):
            read += more
    except OSError:
        return b""
    finally:
        os.close(descriptor)
    return read


def _told_by_psutil() -> Iterator[Row]:
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE:
                yield Row(process.pid, process.ppid(), os.getsid(process.pid))
        except (psutil.Error, OSError):
            continue
