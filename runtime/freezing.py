"""Processes that know no gate, stopped and continued by signals, in a thread: every process there is is looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from runtime.core import log
from runtime.live import LiveRun
from runtime.process import freeze


class Freezing:
    """Brings the processes of runs to stand still or go on, as was last asked for."""

    def __init__(self, frozen: Callable[[LiveRun], None]) -> None:
        self._frozen = frozen
        """Told once the processes of a run stand still."""

    def ask(self, live: LiveRun, still: bool) -> None:
        """Let the processes of a run stand still, or go on."""
        live.still = still
        if live.freezing is None:
            live.freezing = asyncio.get_running_loop().create_task(self._carry_out(live))

    async def _carry_out(self, live: LiveRun) -> None:
        done = None
        try:
            while live.process is not None and done is not live.still:
                done = live.still
                await asyncio.to_thread(freeze, live.run, live.process, done)
        except Exception as error:
            log.exception("stopping or continuing run %s: %s", live.run, error)
            done = None
        live.freezing = None
        if done and live.process is not None:
            self._frozen(live)
