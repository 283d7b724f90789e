"""Being woken when a file is written, where the system can do that."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

IN_MODIFY = 0x2
"""Of inotify(7): the file was written."""


def _watched(file: Path) -> int:
    """A descriptor that can be read once the file was written; -1 where there is none to be had."""
    if not sys.platform.startswith("linux"):
        return -1
    import ctypes

    try:
        libc = ctypes.CDLL(None)
        descriptor = int(libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        if descriptor >= 0 and libc.inotify_add_watch(descriptor, os.fsencode(file), IN_MODIFY) < 0:
            os.close(descriptor)
            return -1
    except (OSError, AttributeError):
        return -1
    return descriptor


class Watch:
    """A file, and whether it is written; one that cannot be watched never tells."""

    def __init__(self, file: Path) -> None:
        self._descriptor = _watched(file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.works:
            os.close(self._descriptor)
            self._descriptor = -1

    @property
    def works(self) -> bool:
        """The system has agreed to tell.  It may still not: of what others write over a network, for one."""
        return self._descriptor >= 0

    def written(self) -> bool:
        """Whether the file was written since this was asked last."""
        try:
            return self.works and bool(os.read(self._descriptor, 65536))
        except BlockingIOError:
            return False

    async def wait(self, timeout_s: float) -> None:
        """Wait until `written` has something to tell, or for so long."""
        loop = asyncio.get_running_loop()
        told = asyncio.Event()
        loop.add_reader(self._descriptor, told.set)
        try:
            async with asyncio.timeout(timeout_s):
                await told.wait()
        except TimeoutError:
            pass
        finally:
            loop.remove_reader(self._descriptor)
