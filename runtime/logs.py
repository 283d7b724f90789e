"""Log files of agents: how much they grew, their last lines, and a cap on their size."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

LOG_CAP_BYTES = 32 * 1024 * 1024
TAIL_BYTES = 16 * 1024


def size(path: Path) -> int:
    """Bytes in the log; 0 if there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def tail(path: Path, lines: int = 20, *, began: int = 0) -> list[str]:
    """The last lines of a log from byte `began` on, each cut at 2,000 characters."""
    try:
        with path.open("rb") as file:
            file.seek(max(began, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    return [line[:2000] for line in text.splitlines()[-lines:]]


def cap(path: Path, limit_bytes: int = LOG_CAP_BYTES) -> bool:
    """Move what an oversized log holds into `<name>.1` and empty it; True if that was done.

    Agents append (O_APPEND), so they go on at the new end; what they write during the copy may be lost.
    """
    if size(path) <= limit_bytes:
        return False
    shutil.copyfile(path, path.with_name(path.name + ".1"))
    os.truncate(path, 0)
    return True
