"""Calls that bear the same key: while one of them is in flight the others wait, for its end decides for all."""

from __future__ import annotations

from functools import partial

from runtime import wire
from runtime.breakers import Breakers
from runtime.core import Core
from runtime.identity import of_key, refuse
from runtime.live import LiveRun, Waiting
from runtime.process import is_alive
from runtime.review import Review
from store.events import Kind
from store.records import Action, Json

IN_FLIGHT = "is in flight, so that a call within it would wait for itself"
GONE = wire.Failure(type="its process is gone")


class Twins:
    """Holds calls of one run behind the action whose key they bear."""

    def __init__(self, core: Core, review: Review, breakers: Breakers) -> None:
        self._core = core
        self._review = review
        self._breakers = breakers

    def hold(self, live: LiveRun, call: Waiting, message: wire.ActionBegin) -> bool:
        """Let a call wait for its twin; False if none is in flight."""
        twin = self._twin(live, message)
        if twin is None:
            return False
        if why := of_key(twin, message, self._core.secret, IN_FLIGHT):
            refuse(self._core, live, call, message, why)
            return True
        live.waiting[message.id] = call
        self._breakers.leave(live, message.id, call.dependency)
        if not call.behind:
            why = (
                f"{twin.tool} with the key {message.key!r} is in flight; if this call happens within it, it waits for "
                "itself"
            )
            body: dict[str, Json] = {"id": message.id, "tool": message.tool, "args": message.args, "why": why}
            self._core.record(live, Kind.HELD, body | {"behind": twin.id})
            self._core.after_commit(partial(call.connection.send, wire.verdict(message.id, "wait", why=why)))
        call.behind, call.dependency = twin.id, ""
        return True

    @staticmethod
    def take_due(live: LiveRun) -> list[Waiting]:
        """The calls whose twin has ended, which wait no more: they are to be ruled on again."""
        due = [call for call in live.waiting.values() if call.behind and call.behind not in live.actions]
        for call in due:
            del live.waiting[call.message.id]
        return due

    def look_after(self, live: LiveRun) -> None:
        """Ask a person what became of a twin whose process is gone: nobody else will ever tell."""
        for ident in {call.behind for call in live.waiting.values() if call.behind}:
            doer, action = live.doers.get(ident), live.actions.get(ident)
            if doer is None or doer.open or doer.began is None or action is None or action.in_doubt:
                continue
            if live.ending is None and not is_alive(doer.pid, doer.began):
                self._review.ask_outcome(live, doer, action, GONE)

    def _twin(self, live: LiveRun, message: wire.ActionBegin) -> Action | None:
        if message.key is None:
            return None
        alike = [action for action in live.actions.values() if action.key == message.key and not action.idempotent]
        return next((action for action in alike if not self._within(live, message, action)), None)

    def _within(self, live: LiveRun, message: wire.ActionBegin, twin: Action) -> bool:
        """Whether a call happens within its twin, directly or not, so that the twin cannot end before it."""
        parent = message.parent
        for _ in live.actions:
            action = live.actions.get(parent or "")
            if action is None or action is twin:
                return action is twin
            begin = self._core.journal.event(action.seq)
            parent = begin.body.get("parent") if begin is not None else None
        return False
