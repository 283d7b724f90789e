"""Ends of actions: what succeeded is kept so that it is not done again, what failed is ruled on."""

from __future__ import annotations

from functools import partial

import msgspec

from runtime import wire
from runtime.breakers import Breakers
from runtime.connection import Connection
from runtime.core import Core
from runtime.lifecycle import Lifecycle
from runtime.live import LiveRun, PauseOrder, Waiting
from runtime.policy.retry import Again, Over
from runtime.retries import Retries, dependency_failed, limit_evidence
from runtime.review import Review, nobody_knows
from store.events import Kind
from store.records import Action, Json
from store.states import Status


class Ends:
    """Clears intents."""

    def __init__(self, core: Core, lifecycle: Lifecycle, review: Review, breakers: Breakers, retries: Retries) -> None:
        self._core = core
        self._lifecycle = lifecycle
        self._review = review
        self._breakers = breakers
        self._retries = retries

    def clear(self, live: LiveRun, ident: str, kind: Kind, body: dict[str, Json], raw: bytes | None = None) -> None:
        """Clear an intent that did not succeed or need not be kept."""
        self._breakers.told(live, ident, None)
        live.cleared(ident)
        self._core.journal.drop_action(live.run, ident)
        self._core.record(live, kind, body, raw)

    def action_end(self, live: LiveRun, connection: Connection, message: wire.ActionEnd, raw: bytes) -> None:
        action = live.actions.get(message.id)
        if action is None and message.id in live.answers:
            self._core.after_commit(partial(connection.send, live.answers[message.id]))
            return
        if action is not None and nobody_knows(action, message):
            assert message.error is not None
            if live.ending is not None:
                # Nobody can be asked any more while the process ends: its intent stays open, and is in doubt then.
                connection.send(wire.frame("ended", id=message.id, retry_after_s=None))
                return
            self._review.ask_outcome(live, connection, action, message.error)
            return
        if action is not None:
            self.record_end(live, action, message, raw)
        if action is not None and not message.ok:
            self._failed(live, Waiting(connection, message, raw), action, message)
        else:
            self._retries.succeeded(live, message.id)
            self._core.after_commit(partial(connection.send, wire.frame("ended", id=message.id, retry_after_s=None)))
        self._lifecycle.reach_pause(live)

    def _failed(self, live: LiveRun, call: Waiting, action: Action, message: wire.ActionEnd) -> None:
        """Say when a failed action is to be tried again, or that it is over."""
        if not message.retry:
            live.tries.pop(message.id, None)
        ruled = self._retries.failed(live, action, message.error, self._breakers.is_open)
        if isinstance(ruled, Over) and ruled.exhausted and live.ending is None:
            # Its answer waits with the run: an operator who lets it go on lets it try again.
            reason, why, evidence = limit_evidence(action, message.error, ruled)
            live.waiting[message.id] = call
            self._lifecycle.ask_pause(live, PauseOrder("retry", reason, why, evidence))
            return
        after_s = ruled.after_s if isinstance(ruled, Again) else None
        answer = wire.frame("ended", id=message.id, retry_after_s=after_s)
        self._core.after_commit(partial(call.connection.send, answer))
        if after_s is not None and self._core.run(live).status is Status.RUNNING and not live.actions:
            self._core.move(
                live, Status.WAITING, f"{action.tool} failed and is tried again",
                why=f"{action.tool} failed, tried again", waits_for="its next try", due_at=self._core.now() + after_s,
            )  # fmt: skip

    def record_end(self, live: LiveRun, action: Action, message: wire.ActionEnd, raw: bytes) -> None:
        """Record how an action ended: a success that must not be done again is kept, any other end clears it."""
        step = self._core.run(live).step
        raw = raw.rstrip()[:-1] + b"," + msgspec.json.encode({"tool": action.tool, "step": step})[1:]
        body = msgspec.json.decode(raw)
        went_well = True if message.ok else dependency_failed(message.error)
        self._breakers.told(live, action.id, went_well, action.tool, body.get("error"))
        if not message.ok or action.idempotent:
            live.ended(action.id, self._core.journal.next_seq)
            self.clear(live, action.id, Kind.ACTION_END, body, raw)
            return
        ended = msgspec.structs.replace(
            action,
            ended_at=self._core.now(),
            result=message.result,
            form=message.form,
            unavailable=bool(message.result_unavailable),
            seq=self._core.journal.next_seq,
        )
        live.cleared(action.id)
        if ended.key is not None:
            live.keyed[ended.key] = ended
        live.ended(action.id, ended.seq)
        if body.get("result") != message.result:
            # A secret was taken out of it: what is left is not what the agent would have to be given again.
            ended = msgspec.structs.replace(ended, result=body.get("result"), unavailable=True)
        self._core.journal.put_action(ended)
        self._core.record(live, Kind.ACTION_END, body, raw)

    def withdraw(self, live: LiveRun, connection: Connection, message: wire.ActionWithdraw) -> None:
        live.waiting.pop(message.id, None)
        live.tries.pop(message.id, None)
        if live.questions.pop(message.id, None) is not None:
            self._review.moot(live)
        if message.id in live.actions:
            self.clear(live, message.id, Kind.ACTION_WITHDRAWN, {"id": message.id, "cause": "cancelled by the agent"})
        self._core.after_commit(partial(connection.send, wire.frame("ended", id=message.id, retry_after_s=None)))
        self._lifecycle.reach_pause(live)
