"""The connection that is kept up: lost, it is made again, and what was not acknowledged is said again, ends first."""

from __future__ import annotations

import os
import sys
import threading
import time
from _thread import allocate_lock
from collections import deque
from itertools import count

from agentwatch import __version__
from agentwatch._link import Broken, Link
from agentwatch._spool import spool
from agentwatch._wire import VERSION, frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _thread import LockType as Lock
    from asyncio import AbstractEventLoop, Future
    from typing import Any

    from agentwatch._loops import Watch
    from agentwatch._settings import Settings

_GREETING_S = 10.0
"""How long a runtime that took the connection may take for its welcome."""
_FIRST_PAUSE_S = 0.01
_LONGEST_PAUSE_S = 0.5
_MOST_QUEUED = 10_000
_REFUSALS = 3
_OF_AN_ACTION = b'{"t":"action.'
"""How ends of actions begin; `complete` and `fail`, the other kept frames, must come after everything else."""


class Question:
    """A request whose final answer is awaited."""

    __slots__ = ("answer", "bell", "frame", "future", "loop")

    def __init__(self, asked: bytes) -> None:
        self.frame = asked
        """What is sent again after a reconnect; empty for an end, which is kept elsewhere."""
        self.answer: dict[str, Any] | None = None
        self.bell = allocate_lock()
        """Held, save when its sleeping thread is to look again."""
        self.bell.acquire()
        self.loop: AbstractEventLoop | None = None
        self.future: Future[None] | None = None


class Connection:
    """What is open between this process and the runtime: questions, ends, and the link that carries them."""

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
        self.handed_over: dict[str, int] = {}
        """Keys of calls that go on after their tool returned, with the thread that has to bring them to their end."""
        self.last_end = ""
        """Id of the action whose end was told, or whose result was replayed, last."""
        self._prefix = f"{os.getpid()}-{os.urandom(3).hex()}-"
        self._count = count(1)
        self._lock = threading.RLock()
        self._sleepers: dict[Question, Lock] = {}
        """Questions whose threads wait while another one reads or connects, oldest first."""
        self._link: Link | None = None
        self._reader = 0
        self._connecting = False
        self._lost_at = 0.0
        self._over: tuple[str, str] | None = None
        self._refused = 0
        self._ask_state = False
        self._finalized = False
        self._closed = False
        """The process is about to end: what is said from now on is waited for at once."""
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

    # --- what the runtime says

    def _take(self, message: dict[str, Any]) -> None:
        kind, ident = message.get("t"), str(message.get("id"))
        if kind == "verdict":
            if message.get("note"):
                self.notes.append(str(message["note"]))
            if message.get("verdict") == "wait":
                return
            if message.get("verdict") == "stop" and message.get("refused") is not True:
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
        _ring(question.bell)
        if question.loop is not None and question.loop in self._watches:
            self._watches[question.loop].call(_wake, question.future)

    def _wake_reader(self) -> None:
        """Let a sleeping thread read in place of the one that leaves."""
        bell = next(iter(self._sleepers.values()), None)
        if bell is not None:
            _ring(bell)

    def _wake_all(self) -> None:
        for bell in list(self._sleepers.values()):
            _ring(bell)

    # --- connecting

    def _lose(self, link: Link) -> None:
        """This connection is of no use any more."""
        with self._lock:
            if link is not self._link:
                return
            self._link = None
            self._lost_at = time.monotonic()
            watches, needed = list(self._watches.values()), bool(self._ends or self._questions)
            self._wake_all()
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
            if self._closed:
                # The interpreter is shutting down, where a new thread may never run: who asks connects by itself.
                return
            self._connecting = True
        try:
            threading.Thread(target=self._connect, name="agentwatch-connect", daemon=True).start()
        except RuntimeError:
            # No thread is to be had: what is left goes out, or to the spool, at the exit.
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
            with self._lock:
                self._connecting = False
                self._wake_all()

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
        came = link.drain()
        deadline = time.monotonic() + _GREETING_S
        while time.monotonic() < deadline:
            if came:
                return came[0], came[1:]
            came = link.receive()
        raise Broken("the runtime did not answer")

    def _adopt(self, link: Link, welcome: dict[str, Any], rest: list[dict[str, Any]], state: bool) -> None:
        """Say again what was not acknowledged, ends first, and make this the connection.  Raises `OSError`."""
        with self._lock:
            ends, queued = list(self._ends.values()), list(self._queued)
            for said in (
                *(said for said in ends if said.startswith(_OF_AN_ACTION)),
                *queued,
                *(said for said in ends if not said.startswith(_OF_AN_ACTION)),
                *(question.frame for question in self._questions.values() if question.frame),
            ):
                link.send(said)
            rest += link.drain()
            for _ in queued:
                self._queued.popleft()
            for ident, question in list(self._questions.items()):
                if not question.frame and ident not in self._ends:
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
            self._wake_all()

    # --- the end

    def _give_up(self, reason: str, message: str) -> None:
        """Nobody will rule on this process's actions any more: put down what is known and let it end."""
        with self._lock:
            if self._over is not None:
                return
            self._over = self.stopped = reason, message
            saved = spool(self.settings.spool, self.settings.attempt, self._ends.values())
            link, self._link = self._link, None
            lost = "" if saved else f"; {len(self._ends)} results could not be written down"
            self._ends.clear()
            # Said before anybody is woken: the process may be gone right after.
            print(f"agentwatch: this process must end ({reason}): {message}{lost}\n", end="", file=sys.stderr)
            for question in self._questions.values():
                self._answer(question, stop(reason, message))
            self._questions.clear()
            self._wake_all()
        if link is not None:
            link.close()


def stop(reason: str, message: str) -> dict[str, Any]:
    """A stop verdict of our own making."""
    return {"t": "verdict", "verdict": "stop", "reason": reason, "message": message}


def _ring(bell: Lock) -> None:
    """Wake the thread that sleeps on it; under the connection's lock, so that no two ring at once."""
    if bell.locked():
        bell.release()


def _wake(future: Future[None]) -> None:
    if not future.done():
        future.set_result(None)
