"""The last resort for what could not be delivered: a file that the next runtime reads."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def spool(folder: str, attempt: int, frames: Iterable[bytes]) -> bool:
    """Append frames to this process's spool file; True once they are on the disk."""
    data = b"".join(frames)
    if not data:
        return True
    if not folder:
        return False
    path = f"{folder}/{attempt}-{os.getpid()}.jsonl"
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)  # noqa: PTH103 (pathlib costs every agent its import)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            while data:
                data = data[os.write(file, data) :]
            os.fsync(file)
        finally:
            os.close(file)
        _sync_folder(folder)
    except OSError:
        return False
    return True


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
