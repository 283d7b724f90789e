"""What one process says to the runtime: questions and their answers, and ends that are kept until acknowledged.

Threads share one connection.  Whoever waits for an answer reads for all until its own has come, so a lone thread pays
one send and one receive; event loops watch the socket themselves.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from itertools import count

from agentwatch._errors import Stopped
from agentwatch._link import TICK_S, Broken, Link
from agentwatch._spool import spool
from agentwatch._wire import VERSION, frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future
    from typing import Any

    from agentwatch._loops import Watch
    from agentwatch._settings import Settings

_GREETING_S = 10.0
"""How long a runtime that took the connection may take for its welcome."""
_FIRST_PAUSE_S = 0.01
_LONGEST_PAUSE_S = 0.5
_EXIT_S = 5.0
"""How long a process that ends waits for its last acknowledgements before it writes them to the spool."""
_MOST_QUEUED = 10_000
_REFUSALS = 3


class Question:
    """A request whose final answer is awaited."""

    __slots__ = ("answer", "frame", "future", "loop")

    def __init__(self, asked: bytes) -> None:
        self.frame = asked
        """What is sent again after a reconnect; empty for an end, which is kept elsewhere."""
        self.answer: dict[str, Any] | None = None
        self.loop: AbstractEventLoop | None = None
        self.future: Future[None] | None = None


class Client:
    """This process's side of the protocol; thread-safe."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.welcome: dict[str, Any] = {}
        """The latest answer to a hello that asked for the checkpoint's state, else the latest at all."""
        self.goal = ""
        """What the agent itself calls its goal, for a run that was started without one."""
        self.step = 0
        """Number of the step that began last."""
        self.reset()

    @property
    def redact_key(self) -> str:
        """What the marks of redacted arguments are made with; the same in every attempt of the run."""
        return str(self.welcome.get("redact_key") or self.settings.run)

    def reset(self) -> None:
        """Begin anew, without a connection: at first, and in a forked child."""
        self.notes: deque[str] = deque(maxlen=100)
        self.stopped: tuple[str, str] | None = None
        """Reason and message, once this process was told to stop."""
        self.last_end = ""
        """Id of the action whose end was told last."""
        self._prefix = f"{os.getpid()}-{os.urandom(3).hex()}-"
        self._count = count(1)
        self._lock = threading.RLock()
        self._turn = threading.Condition(self._lock)
        self._link: Link | None = None
        self._reader = 0
        self._connecting = False
        self._lost_at = 0.0
        self._over: tuple[str, str] | None = None
        self._refused = 0
        self._ask_state = False
        self._finalized = False
        self._questions: dict[str, Question] = {}
        self._ends: dict[str, bytes] = {}
        self._queued: deque[bytes] = deque(maxlen=_MOST_QUEUED)
        self._watches: dict[AbstractEventLoop, Watch] = {}

    def forked(self) -> None:
        """Let go of the parent's connection, in its child."""
        link, watches = self._link, list(self._watches.values())
        self.reset()
        for watch in watches:
            watch.discard()
        if link is not None:
            link.abandon()

    # --- speaking

    def new_id(self) -> str:
        """An id that no other request of the attempt has."""
        return self._prefix + str(next(self._count))

    def tell(self, said: bytes, *, block: bool = True) -> None:
        """Say what nothing is answered to; while nobody is there it waits for its turn."""
        link = self._link
        if link is None or not self._send(link, said, block=block):
            self._queued.append(said)

    def end(self, ident: str, said: bytes, *, block: bool = True) -> None:
        """Say how something ended, without waiting for the acknowledgement."""
        self._post(ident, said, None, kept=True, block=block)

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
        import asyncio

        question = Question(b"" if kept else said)
        question.loop = asyncio.get_running_loop()
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
                    question.answer = _stop(*self._over)
                return
            if kept:
                self._ends[ident] = said
            if question is not None:
                self._questions[ident] = question
            link = self._link
        if link is not None:
            self._send(link, said, block=block)
        elif not block or question is None:
            self._connect_aside()

    def _send(self, link: Link, said: bytes, *, block: bool) -> bool:
        try:
            if not link.send(said, block=block):
                for watch in list(self._watches.values()):
                    watch.call(watch.drain, link)
        except OSError:
            self._lose(link)
            return False
        return True

    # --- listening

    def _read_for(self, question: Question) -> None:
        """Read once, connect, or wait while another thread does."""
        me = threading.get_ident()
        with self._turn:
            if question.answer is not None:
                return
            # A signal handler may ask while its own thread is reading: then nobody else can.
            if self._connecting or self._reader not in (0, me):
                self._turn.wait(TICK_S)
                return
            link, before = self._link, self._reader
            if link is None:
                self._connecting = True
            else:
                self._reader = me
        if link is None:
            self._connect()
            return
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
            with self._turn:
                self._reader = before
                for message in messages:
                    self._take(message)
                self._turn.notify_all()

    def _readable(self, link: Link) -> None:
        """An event loop found something to read."""
        with self._turn:
            if self._reader or link is not self._link:
                return
            try:
                messages = link.receive(block=False)
            except OSError:
                self._lose(link)
                return
            for message in messages:
                self._take(message)
            self._turn.notify_all()

    def _take(self, message: dict[str, Any]) -> None:
        kind, ident = message.get("t"), str(message.get("id"))
        if kind == "verdict":
            if message.get("note"):
                self.notes.append(str(message["note"]))
            if message.get("verdict") == "wait":
                return
            if message.get("verdict") == "stop":
                self.stopped = str(message.get("reason")), str(message.get("message") or "")
        elif kind == "ended":
            self._ends.pop(ident, None)
        elif kind == "fenced":
            self._give_up("FENCED", str(message.get("message")))
        elif kind == "error":
            self._refused += 1
            if self._refused >= _REFUSALS:
                self._give_up("REFUSED", str(message.get("message")))
        if kind in ("verdict", "ended", "saved"):
            self._refused = 0
            question = self._questions.pop(ident, None)
            if question is not None:
                self._answer(question, message)

    def _answer(self, question: Question, message: dict[str, Any]) -> None:
        question.answer = message
        if question.loop is not None and question.loop in self._watches:
            self._watches[question.loop].call(_wake, question.future)

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
        import asyncio

        self._ask_state = self._ask_state or state
        loop = asyncio.get_running_loop()
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

    def _lose(self, link: Link) -> None:
        """This connection is of no use any more."""
        with self._turn:
            if link is not self._link:
                return
            self._link = None
            self._lost_at = time.monotonic()
            watches, needed = list(self._watches.values()), bool(self._ends or self._questions)
            self._turn.notify_all()
        for watch in watches:
            watch.renew(None)
        link.close()
        if needed:
            self._connect_aside()

    def _connect_aside(self) -> None:
        """Connect in a thread of its own: nobody here may block, or nobody is waiting."""
        with self._lock:
            if self._connecting or self._link is not None or self._over is not None:
                return
            self._connecting = True
        try:
            threading.Thread(target=self._connect, name="agentwatch-connect", daemon=True).start()
        except RuntimeError:
            # The interpreter is shutting down: what is left goes out, or to the spool, at its exit.
            self._connecting = False

    def _connect(self) -> None:
        """Connect, trying until the grace time is over; the caller has set `_connecting`."""
        pause = _FIRST_PAUSE_S
        try:
            self._lost_at = self._lost_at or time.monotonic()
            while not self._try_once():
                left = self._lost_at + self.settings.grace_s - time.monotonic()
                if left <= 0:
                    self._give_up("RUNTIME_LOST", f"no runtime answered for {self.settings.grace_s:g} s")
                    return
                time.sleep(min(pause, left))
                pause = min(2 * pause, _LONGEST_PAUSE_S)
        finally:
            with self._turn:
                self._connecting = False
                self._turn.notify_all()

    def _try_once(self) -> bool:
        """Connect and say hello once; True if that is settled, one way or the other."""
        link: Link | None = None
        state = self._ask_state
        try:
            link = Link(self.settings.socket)
            welcome, rest = self._greet(link, state)
            if welcome.get("t") == "welcome":
                self._adopt(link, welcome, rest, state)
                return True
        except OSError:
            if link is not None:
                link.close()
            return False
        link.close()
        reason = "FENCED" if welcome.get("t") == "fenced" else "REFUSED"
        self._give_up(reason, str(welcome.get("message")))
        return True

    def _greet(self, link: Link, state: bool) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        from agentwatch import __version__

        hello = {
            "t": "hello",
            "v": VERSION,
            "run": self.settings.run,
            "attempt": self.settings.attempt,
            "token": self.settings.token,
            "pid": os.getpid(),
            "sdk": f"python {__version__}",
            "state": state,
        }
        if self.goal:
            hello["goal"] = self.goal
        if self.settings.leader():
            hello["parent"] = self.settings.leader()
        link.send(frame(hello))
        deadline = time.monotonic() + _GREETING_S
        while time.monotonic() < deadline:
            messages = link.receive()
            if messages:
                return messages[0], messages[1:]
        raise Broken("the runtime did not answer")

    def _adopt(self, link: Link, welcome: dict[str, Any], rest: list[dict[str, Any]], state: bool) -> None:
        """Say again what was not acknowledged, ends first, and make this the connection.  Raises `OSError`."""
        with self._turn:
            for said in self._ends.values():
                link.send(said)
            while self._queued:
                link.send(self._queued[0])
                self._queued.popleft()
            for ident, question in list(self._questions.items()):
                if question.frame:
                    link.send(question.frame)
                elif ident not in self._ends:
                    self._answer(self._questions.pop(ident), welcome)
            if state or not self.welcome:
                self.welcome = welcome
                self.step = max(self.step, int((welcome.get("checkpoint") or {}).get("step") or 0))
            self._ask_state = self._ask_state and not state
            self._lost_at = 0.0
            self.notes.extend(str(note) for note in welcome.get("advice") or ())
            self._link = link
            for message in rest:
                self._take(message)
            for watch in self._watches.values():
                watch.renew(link)
            self._turn.notify_all()
        self._close_with_multiprocessing()

    # --- the end

    def _give_up(self, reason: str, message: str) -> None:
        """Nobody will rule on this process's actions any more: put down what is known and let it end."""
        with self._turn:
            if self._over is not None:
                return
            self._over = self.stopped = reason, message
            saved = spool(self.settings.spool, self.settings.attempt, self._ends.values())
            link, self._link = self._link, None
            for question in self._questions.values():
                self._answer(question, _stop(reason, message))
            self._questions.clear()
            self._turn.notify_all()
            lost = "" if saved else f"; {len(self._ends)} results could not be written down"
            self._ends.clear()
        if link is not None:
            link.close()
        print(f"agentwatch: this process must end ({reason}): {message}{lost}", file=sys.stderr)

    def close(self) -> None:
        """At the process's exit: wait a moment for what is not acknowledged yet, then put it down."""
        question = Question(b"")
        deadline = time.monotonic() + _EXIT_S
        try:
            while self._ends and self._over is None and time.monotonic() < deadline:
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

    def _close_with_multiprocessing(self) -> None:
        """Processes of `multiprocessing` end without calling what `atexit` knows."""
        util = sys.modules.get("multiprocessing.util")
        if util is not None and not self._finalized:
            self._finalized = True
            util.Finalize(None, self.close, exitpriority=0)


def _stop(reason: str, message: str) -> dict[str, Any]:
    """A stop verdict of our own making."""
    return {"t": "verdict", "verdict": "stop", "reason": reason, "message": message}


def _wake(future: Future[None]) -> None:
    if not future.done():
        future.set_result(None)
