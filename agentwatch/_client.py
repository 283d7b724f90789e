"""What one process says to the runtime: questions and their answers, and ends that are kept until acknowledged.

Threads share one connection.  Whoever waits for an answer reads for all until its own has come, so a lone thread pays
one send and one receive; event loops watch the socket themselves.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time

from agentwatch._connection import Connection, Question, stop
from agentwatch._errors import Stopped
from agentwatch._link import TICK_S, Link
from agentwatch._spool import spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from typing import Any

_EXIT_S = 5.0
"""How long a process that ends waits for its last acknowledgements before it writes them to the spool."""


class Client(Connection):
    """This process's side of the protocol; thread-safe."""

    # --- speaking

    def new_id(self) -> str:
        """An id that no other request of the attempt has."""
        return self._prefix + str(next(self._count))

    def tell(self, said: bytes, *, block: bool = True) -> None:
        """Say what nothing is answered to; while nobody is there it waits for its turn."""
        while True:
            with self._lock:
                link = self._link
                if link is None:
                    self._queued.append(said)
                    return
            if self._send(link, said, block=block):
                return

    def end(self, ident: str, said: bytes, *, block: bool = True) -> None:
        """Say how something ended, without waiting for the acknowledgement."""
        self._post(ident, said, None, kept=True, block=block)
        if self._closed:
            self.close()

    def ask(self, ident: str, said: bytes, *, kept: bool = False) -> dict[str, Any]:
        """Say something and wait for the final answer to it."""
        question = Question(b"" if kept else said)
        self._post(ident, said, question, kept=kept, block=True)
        try:
            while question.answer is None:
                self._read_for(question)
        except BaseException:
            self._questions.pop(ident, None)
            raise
        return question.answer

    async def ask_async(self, ident: str, said: bytes, *, kept: bool = False) -> dict[str, Any]:
        """The same without blocking the event loop."""
        if self._closed:
            return self.ask(ident, said, kept=kept)
        from agentwatch._loops import running

        question = Question(b"" if kept else said)
        question.loop = running()
        question.future = question.loop.create_future()
        self._watch(question.loop)
        self._post(ident, said, question, kept=kept, block=False)
        try:
            if question.answer is None:
                await question.future
        except BaseException:
            self._questions.pop(ident, None)
            raise
        assert question.answer is not None
        return question.answer

    def _post(self, ident: str, said: bytes, question: Question | None, *, kept: bool, block: bool) -> None:
        with self._lock:
            if self._over is not None:
                if kept:
                    spool(self.settings.spool, self.settings.attempt, [said])
                if question is not None:
                    question.answer = stop(*self._over)
                return
            if kept:
                self._ends[ident] = said
                self._close_with_multiprocessing()
            if question is not None:
                self._questions[ident] = question
            link = self._link
        if link is not None:
            self._send(link, said, block=block)
        elif not block or question is None:
            self._connect_aside()

    def _send(self, link: Link, said: bytes, *, block: bool) -> bool:
        try:
            if link.send(said):
                return True
            if block:
                self._make_room(link)
            for watch in list(self._watches.values()):
                watch.call(watch.drain, link)
        except OSError:
            self._lose(link)
            return False
        except BaseException:
            # Half a frame may have gone out; the next connection brings all that matters.
            self._lose(link)
            raise
        return True

    def _make_room(self, link: Link, until: float = float("inf")) -> None:
        """Send what is left, reading meanwhile.  Raises `OSError`."""
        while not link.flush() and link is self._link and time.monotonic() < until:
            if link.await_room():
                self._readable(link)

    # --- listening

    def _read_for(self, question: Question) -> None:
        """Read once, connect, or wait while another thread does."""
        me = threading.get_ident()
        with self._lock:
            if question.answer is not None:
                return
            # A signal handler may ask while its own thread is reading: then nobody else can.
            sleep = self._connecting or self._reader not in (0, me)
            link, before = self._link, self._reader
            if sleep:
                self._sleepers[question] = question.bell
            elif link is None:
                self._connecting = True
            else:
                self._reader = me
        if sleep:
            question.bell.acquire(timeout=TICK_S)
            with self._lock:
                self._sleepers.pop(question, None)
        elif link is None:
            self._connect()
        else:
            self._read(link, question, before)

    def _read(self, link: Link, question: Question, before: int) -> None:
        messages: list[dict[str, Any]] = []
        try:
            messages = link.receive()
        except OSError:
            self._lose(link)
        except BaseException:
            # What was read may be lost with it; the next connection brings it again.
            self._lose(link)
            raise
        finally:
            with self._lock:
                self._reader = before
                for message in messages:
                    self._take(message)
                if not before and (question.answer is not None or link is not self._link):
                    self._wake_reader()

    def _readable(self, link: Link) -> None:
        """An event loop found something to read."""
        with self._lock:
            if self._reader or link is not self._link:
                return
            try:
                messages = link.receive(block=False)
            except OSError:
                self._lose(link)
                return
            for message in messages:
                self._take(message)

    def _watch(self, loop: AbstractEventLoop) -> None:
        watch = self._watches.get(loop)
        if watch is None:
            from agentwatch._loops import Watch

            with self._lock:
                for other in [other for other in self._watches if other.is_closed()]:
                    self._watches.pop(other).detach()
                watch = self._watches[loop] = Watch(loop, self._readable)
        watch.attach(self._link)

    # --- connecting

    def connect(self, *, state: bool = False) -> None:
        """Make sure of a connection, a new one if the checkpoint's `state` is asked for.  Raises `Stopped`."""
        self._ask_state = self._ask_state or state
        question = Question(b"")
        while not self._ready():
            self._read_for(question)

    async def connect_async(self, *, state: bool = False) -> None:
        """The same without blocking the event loop."""
        if self._closed:
            self.connect(state=state)
            return
        from agentwatch._loops import running

        loop = running()
        self._ask_state = self._ask_state or state
        self._watch(loop)
        while not self._ready():
            question = Question(b"")
            question.loop, question.future = loop, loop.create_future()
            with self._lock:
                if self._link is not None or self._over is not None:
                    continue
                self._questions[self.new_id()] = question
            self._connect_aside()
            await question.future
        self._watch(loop)

    def _ready(self) -> bool:
        """Whether there is a connection; one that was made without the state, if that is asked for, is dropped."""
        with self._lock:
            if self._over is not None:
                raise Stopped(*self._over)
            link, stale = self._link, self._ask_state
        if link is not None and stale:
            self._lose(link)
        return link is not None and not stale

    def close(self) -> None:
        """At the process's exit: wait a moment for what is not acknowledged yet, then put it down."""
        self._closed = True
        question = Question(b"")
        deadline = time.monotonic() + _EXIT_S
        try:
            link = self._link
            if link is not None:
                with contextlib.suppress(OSError):
                    self._make_room(link, deadline)
            while self._unsaid() and self._over is None and time.monotonic() < deadline:
                if self._link is not None or self._connecting:
                    self._read_for(question)
                elif not self._try_once():
                    break
        finally:
            with self._lock:
                spool(self.settings.spool, self.settings.attempt, self._ends.values())
                self._ends.clear()
                link, self._link = self._link, None
            if link is not None:
                link.close()

    def _unsaid(self) -> bool:
        return bool(self._ends or (self._queued and self._link is None))

    def _close_with_multiprocessing(self) -> None:
        """Processes of `multiprocessing` end without calling what `atexit` knows."""
        util = sys.modules.get("multiprocessing.util")
        if util is not None and not self._finalized:
            self._finalized = True
            util.Finalize(None, self.close, exitpriority=0)
