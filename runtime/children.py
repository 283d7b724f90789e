"""Ends of processes: main processes of attempts, started here or taken over, and orphans that became ours."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from functools import partial

from runtime.core import Core
from runtime.live import Exit, LiveRun
from runtime.process import is_alive

POLL_S = 0.05
"""Where the system cannot tell (no pidfd_open(2)): how often it is looked."""


class Children:
    """Notices at once when a main process ends, and leaves no zombie behind."""

    def __init__(self, core: Core, exited: Callable[[LiveRun], None]) -> None:
        self._core = core
        self._exited = exited

    def watch(self, live: LiveRun) -> None:
        """Notice the end of the run's main process."""
        assert live.process is not None
        if live.exit is not None:
            return  # A runtime before this one saw it.
        if hasattr(os, "pidfd_open"):
            with contextlib.suppress(OSError):
                live.process_descriptor = os.pidfd_open(live.process.pid)
                asyncio.get_running_loop().add_reader(live.process_descriptor, self._look, live)
                return
        self._core.later(live, POLL_S, partial(self._poll, live))

    def unwatch(self, live: LiveRun) -> None:
        """Stop looking at the run's main process."""
        if live.process_descriptor >= 0:
            asyncio.get_running_loop().remove_reader(live.process_descriptor)
            os.close(live.process_descriptor)
            live.process_descriptor = -1

    def reap(self) -> None:
        """Collect every child that ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for live in list(self._core.lives.values()):
                if live.child is not None and live.child.pid == pid and live.exit is None:
                    self._collected(live, os.waitstatus_to_exitcode(status))

    def _look(self, live: LiveRun) -> None:
        if live.child is not None:
            self.reap()
        elif live.exit is None:
            self._gone(live, Exit())

    def _poll(self, live: LiveRun) -> None:
        if live.process is None or live.exit is not None:
            return
        if live.child is not None:
            self.reap()
        elif not is_alive(live.process.pid, live.process.started_at):
            self._gone(live, Exit())
        if live.exit is None:
            self._core.later(live, POLL_S, partial(self._poll, live))

    def _collected(self, live: LiveRun, code: int) -> None:
        assert live.child is not None
        live.child.returncode = code
        self._gone(live, Exit(signal=_signal_name(-code)) if code < 0 else Exit(code=code))

    def _gone(self, live: LiveRun, how: Exit) -> None:
        live.exit = how
        self.unwatch(live)
        self._exited(live)


def _signal_name(number: int) -> str:
    try:
        return f"{number} ({signal.Signals(number).name})"
    except ValueError:
        return str(number)
