"""The block around a whole run: what entering it finds out, and what leaving it tells."""

from __future__ import annotations

import os

from agentwatch import _given, _wire
from agentwatch._errors import Stopped, stop_within
from agentwatch._run import AsyncRun, Run
from agentwatch._session import current

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentwatch._client import Client


class Start:
    """A run about to be entered, by `with` or by `async with`."""

    _open = 0
    """Blocks of this process that are open: only the outermost speaks for the run."""

    def __init__(self, goal: str | None) -> None:
        self._goal = "" if goal is None else _wire.text(_given.words(goal))
        self._client: Client | None = None
        self._run: Run | AsyncRun | None = None
        self._speaks = False
        self._pid = 0

    def __enter__(self) -> Run:
        self._client = current()
        if self._client is not None:
            self._lead(self._client)
            self._client.connect(state=True)
        run = self._run = Run(self._client, self._goal)
        self._opened()
        return run

    async def __aenter__(self) -> AsyncRun:
        self._client = current()
        if self._client is not None:
            self._lead(self._client)
            await self._client.connect_async(state=True)
        run = self._run = AsyncRun(self._client, self._goal)
        self._opened()
        return run

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        words = self._last_words(error)
        assert isinstance(self._run, Run)
        if words is not None and words[0]:
            self._run._say_failed(*words)
        elif words is not None:
            self._run.complete()

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        words = self._last_words(error)
        assert isinstance(self._run, AsyncRun)
        if words is not None and words[0]:
            await self._run._say_failed(*words)
        elif words is not None:
            await self._run.complete()

    def _lead(self, client: Client) -> None:
        """A child process of the agent, and a block within a block, take part in the run but do not end it."""
        self._speaks = Start._open == 0 and not client.settings.leader()
        if self._speaks:
            client.goal = self._goal
            client.settings.lead()

    def _opened(self) -> None:
        Start._open += 1
        self._pid = os.getpid()

    def _last_words(self, error: BaseException | None) -> tuple[str, str] | None:
        """What is to be said at the end: None for nothing, ("", "") for complete, else why it failed and the type.

        Raises `Stopped` where the process must end and something else is leaving the block.
        """
        if self._pid == os.getpid():
            Start._open -= 1
        client = self._client
        if client is None:
            return None
        told = stop_within(error)
        if told is None and client.stopped is not None:
            if error is not None and not isinstance(error, Exception):
                # Another task was stopped, and the event loop cancels this one: that unwinds as well.
                return None
            told = Stopped(*client.stopped)
        if told is not None:
            if told is not error:
                raise told from None
            return None
        if not self._speaks or self._pid != os.getpid() or (self._run is not None and self._run._ended):
            return None
        if error is None:
            return "", ""
        why, kind = _given.words(error), type(error)
        if issubclass(kind, SystemExit):
            code = error.code  # type: ignore[attr-defined]
            if code in (None, 0):
                return "", ""
            why = f"exit status {_given.words(code)}"
        return why or kind.__name__, kind.__name__


def start(goal: str | None = "") -> Start:
    """Take part in the run that this process was started for, as a `with` or an `async with` block.

    Leaving the block completes the run; an exception that leaves it fails it.  Without a supervisor everything works,
    and nothing is recorded.
    """
    return Start(goal)
