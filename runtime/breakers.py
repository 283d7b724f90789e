"""Circuit breakers of the home: which calls go out to a dependency, and which wait until it is back."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable

import msgspec

from runtime.core import Core
from runtime.live import LiveRun, Permission
from runtime.policy.breaker import Breaker, BreakerState, Failing, Permit
from runtime.policy.fault import fault_of
from store.events import Kind
from store.records import Json

MOST_BREAKERS = 1000
"""That are remembered: a crawler leans on more hosts than anybody looks at."""

ERROR_CHARS = 200
"""Of the last error that a breaker remembers."""

SAVE_EVERY_S = 5.0
"""A breaker that did not change its state is saved this often at most: its window of calls is no more than a hint."""


class Breakers:
    """All breakers of one home, shared by all of its agents."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._breakers: dict[str, Breaker] = {}
        self._users: dict[str, str] = {}
        """By dependency, the longest unused first: the run that leaned on it last."""
        self._queues: dict[str, dict[tuple[LiveRun, str], None]] = {}
        """Held calls by dependency, oldest first: the run and the id of its call."""
        self._dirty: set[str] = set()
        self._saved_at = 0.0
        self.let_out: Callable[[LiveRun, str], None] = lambda live, ident: None
        """Rules again on one held call (set by the gate)."""
        for name, body in core.journal.breakers().items():
            self._put(name, "", msgspec.convert(body, Breaker).reread(core.steady.now()))

    def ask(self, live: LiveRun, ident: str, name: str) -> float | None:
        """Let a call go out (None), or hold it; then when it will be asked about again (seconds since the epoch)."""
        now = self._core.steady.now()
        after, permit = self._breakers.get(name, Breaker()).ask(now, live.policy.breaker)
        if permit is Permit.WAIT:
            self._queues.setdefault(name, {})[live, ident] = None
            return self._core.steady.shown(max(now, after.until))
        self._put(name, live.run, after)
        self.leave(live, ident, name)
        live.permissions[ident] = Permission(name, permit, now)
        return None

    def told(self, live: LiveRun, ident: str, ok: bool | None, tool: str = "", error: Json = None) -> None:
        """A call ended: well, by a failure of the dependency, or (None) in a way that says nothing about it.

        `tool`, `error`: of a failure, as it is recorded.
        """
        permission = live.permissions.pop(ident, None)
        if permission is None:
            return
        name, section = permission.dependency, live.policy.breaker
        before, known = self.state(name), self._breakers.get(name, Breaker())
        if ok is False:
            known = known.noted(self._failing(live, tool, error))
        now = self._core.steady.now()
        after = known.told(now, ok, permission.permit, permission.since, section, random.random())
        self._put(name, live.run, after)
        self._dirty.add(name)
        if self.state(name) is not before or permission.permit is Permit.PROBE:
            self._journal(
                name, "a probe succeeded" if ok else "a probe failed" if before is not BreakerState.CLOSED else ""
            )
        if name in self._queues:
            # After what is being dealt with now: the ended call's own answer comes first.
            asyncio.get_running_loop().call_soon(self._wake, name)

    def _failing(self, live: LiveRun, tool: str, error: Json) -> Failing:
        said = error if isinstance(error, dict) else {}
        words = f"{said.get('type') or 'error'}: {said.get('message') or ''}".rstrip(": ")[:ERROR_CHARS]
        return Failing(self._core.steady.now(), str(fault_of(said)), words, tool, live.run, live.launch.agent)

    def gone(self, live: LiveRun) -> None:
        """A run's processes are gone: none of its calls waits or says anything any more; what they said is saved."""
        for ident in list(live.permissions):
            self.told(live, ident, None)
        for name, queue in list(self._queues.items()):
            for held in [held for held in queue if held[0] is live]:
                self.leave(*held, name)
        self._save_changed()

    def leave(self, live: LiveRun, ident: str, name: str) -> None:
        """A call is held by this breaker no more."""
        queue = self._queues.get(name)
        if queue is not None:
            queue.pop((live, ident), None)
            if not queue:
                del self._queues[name]

    def state(self, name: str) -> BreakerState:
        """The state of a breaker, now."""
        return self._breakers.get(name, Breaker()).state(self._core.steady.now())

    def is_open(self, name: str) -> bool:
        """Whether it is the breaker that says when the next call goes out."""
        return self.state(name) is not BreakerState.CLOSED

    def tick(self) -> None:
        """Let probes go out whose time has come, and save what changed."""
        now = self._core.steady.now()
        for name in list(self._queues):
            if self.state(name) is not BreakerState.OPEN:
                self._wake(name)
        if self._dirty and now - self._saved_at >= SAVE_EVERY_S:
            self._saved_at = now
            self._save_changed()

    def _wake(self, name: str) -> None:
        """Ask again for held calls, oldest first, until one has to wait."""
        for live, ident in list(self._queues.get(name, ())):
            gone = ident not in live.waiting
            if gone or live.pause is not None or live.ending is not None or self._core.run(live).at_rest:
                # What waits is ruled on again when its run goes on: nobody else's call waits for that.
                self.leave(live, ident, name)
                continue
            self.let_out(live, ident)
            if (live, ident) in self._queues.get(name, ()):
                return

    # --- an operator

    def order(self, name: str, what: str, who: str) -> str | None:
        """`try`, `open` or `reset` a breaker; what was done, or None if there is no such breaker."""
        breaker = self._breakers.get(name)
        if breaker is None:
            return None
        if what == "try":
            after, done = breaker.tried(), "the next call goes out as a probe"
        elif what == "open":
            after, done = breaker.held(self._core.steady.now()), "held open until it is reset"
        else:
            after, done = Breaker(), "closed; its calls go out"
        self._breakers[name] = after
        self._journal(name, f"{what} by {who}")
        self._wake(name)
        return done

    # --- how many there are

    def _put(self, name: str, run: str, breaker: Breaker) -> None:
        self._breakers[name] = breaker
        self._users.pop(name, None)
        self._users[name] = run
        while len(self._breakers) > MOST_BREAKERS and self._forget_one(name):
            pass

    def _forget_one(self, kept: str) -> bool:
        """Forget what the run that leans on most of all used longest ago; False if there is nothing to be forgotten."""
        (greedy, _), *_ = Counter(self._users.values()).most_common(1)
        for name, run in self._users.items():
            if run == greedy and name != kept and name not in self._queues and not self._breakers[name].held_open:
                del self._breakers[name], self._users[name]
                self._dirty.discard(name)
                self._core.journal.drop_breaker(name)
                self._core.schedule_flush()
                return True
        return False

    # --- the record

    def _journal(self, name: str, why: str) -> None:
        breaker = self._recorded(name)
        failed = sum(not ok for _, ok in breaker.recent)
        body: dict[str, Json] = {"name": name, "state": self.state(name), "why": why}
        body |= {"until": breaker.until, "failed": failed, "calls": len(breaker.recent)}
        body["held"] = len(self._queues.get(name, ()))
        if breaker.kinds:
            body["kinds"] = dict(breaker.kinds)
            body["last_error"] = msgspec.to_builtins(breaker.last_error)
        self._core.record_home(Kind.BREAKER, body)
        self._save(name)

    def _save_changed(self) -> None:
        for name in self._dirty:
            self._save(name)
        self._dirty.clear()

    def _save(self, name: str) -> None:
        self._core.journal.put_breaker(name, msgspec.to_builtins(self._recorded(name)))
        self._core.schedule_flush()

    def _recorded(self, name: str) -> Breaker:
        """A breaker as the record holds it: by the wall clock."""
        return self._breakers[name].later(self._core.steady.shown(0.0))
