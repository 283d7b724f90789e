"""The gate: what an agent says is recorded, and each external action is ruled on before it happens."""

from __future__ import annotations

import asyncio
import hashlib
from functools import partial

import msgspec

from runtime import wire
from runtime.breakers import Breakers
from runtime.checkpoints import save
from runtime.connection import Connection
from runtime.core import Core, log
from runtime.ends import Ends
from runtime.identity import equal_args, refusal, refuse
from runtime.lifecycle import Lifecycle
from runtime.live import LiveRun, Waiting, remember
from runtime.policy.canonical import call_digest
from runtime.policy.dependency import dependency_of
from runtime.process import start_time
from runtime.retries import Retries
from runtime.review import Review, diverges, nobody_knows
from runtime.twins import Twins
from store.events import Kind
from store.records import Action, Json
from store.states import Status, StopReason

ASK_AGAIN_S = 5.0
"""How long a run stays in review for a question whose asker is gone and has not come back."""


MOST_CONNECTIONS = 250
"""Of one run: a process has one, and what a system lets this process have open is for all runs."""
GOAL_CHARS = 4000
"""Of an agent's goal in its own words that are recorded."""


class Gate:
    """Listens to the connections of every run (`runtime.connection.Listener`)."""

    def __init__(self, core: Core, lifecycle: Lifecycle, review: Review, breakers: Breakers) -> None:
        self._core = core
        self._lifecycle = lifecycle
        self._review = review
        self._breakers = breakers
        self._retries = Retries(core)
        self._twins = Twins(core, review, breakers)
        self._ends = Ends(core, lifecycle, review, breakers, self._retries)
        breakers.let_out = self._let_out_again
        lifecycle.endings.let_go = self.let_go
        review.over = lifecycle.reviewed

    # --- connections

    def received(self, connection: Connection, message: wire.Message, raw: bytes) -> None:
        """Deal with one frame."""
        if isinstance(message, wire.Hello):
            self._hello(connection, message, raw)
            return
        live = self._core.lives.get(connection.run or "")
        if live is None or connection not in live.connections:
            connection.refuse("this attempt is over")
            return
        live.heard_at = asyncio.get_running_loop().time()
        self._take(live, connection, message, raw)

    def closed(self, connection: Connection) -> None:
        """Forget a connection and what waited on it."""
        live = self._core.lives.get(connection.run or "")
        if live is not None:
            live.connections.discard(connection)
            for ident in [ident for ident, held in live.waiting.items() if held.connection is connection]:
                del live.waiting[ident]
            for ident, question in list(live.questions.items()):
                asker = question.asker
                if (asker.connection if isinstance(asker, Waiting) else asker) is connection:
                    # A child's crash, or a break: the call is asked about again if it comes again.
                    del live.questions[ident]
                    self.await_asker(live)

    def await_asker(self, live: LiveRun) -> None:
        """A run in review goes on if what it was asked about does not come again."""
        self._core.later(live, ASK_AGAIN_S, partial(self._review.moot, live))

    def _take(self, live: LiveRun, connection: Connection, message: wire.Message, raw: bytes) -> None:
        """Go on with the message as it is, of which `raw` alone, without its secrets, is recorded."""
        if not isinstance(message, wire.Checkpoint):
            raw = self._core.clean(live.run, raw)
        match message:
            case wire.ActionBegin() | wire.StepBegin() | wire.Checkpoint() if why := live.crowded(len(raw)):
                log.warning("run %s, process %s is cut off: %s", live.run, connection.pid, why)
                connection.refuse(why)
            case wire.ActionBegin() | wire.StepBegin():
                self._begin(live, Waiting(connection, message, raw))
            case wire.ActionEnd():
                self._ends.action_end(live, connection, message, raw)
                self._rule_on_twins(live)
            case wire.ActionWithdraw():
                self._ends.withdraw(live, connection, message)
                self._rule_on_twins(live)
            case wire.Checkpoint():
                self._checkpoint(live, connection, message, raw)
            case wire.Complete() | wire.Fail():
                self._said_end(live, connection, message, raw)
            case wire.StepEnd():
                self._note(live, Kind.STEP_END, raw)
            case wire.Task():
                self._note(live, Kind.TASK, raw)
            case wire.UsageAdded():
                self._note(live, Kind.USAGE, raw)
            case wire.Progress():
                self._note(live, Kind.PROGRESS, raw)
            case wire.Hello():
                connection.refuse("a connection says hello once")

    def _note(self, live: LiveRun, kind: Kind, raw: bytes) -> None:
        self._core.record(live, kind, msgspec.json.decode(raw), raw)

    # --- hello

    def _hello(self, connection: Connection, message: wire.Hello, raw: bytes) -> None:
        live = self._core.lives.get(message.run)
        if connection.run is not None:
            connection.refuse("a connection says hello once")
            return
        if message.v != wire.VERSION:
            connection.refuse(f"this runtime speaks version {wire.VERSION} of the protocol, not {message.v}")
            return
        token = hashlib.sha256(message.token.encode("utf-8", "surrogatepass")).hexdigest()
        if live is None or token != live.token or message.attempt != self._core.run(live).attempt:
            connection.send(wire.frame("fenced", message="this attempt is over: another one may have taken its place"))
            connection.close()
            return
        if len(live.connections) >= MOST_CONNECTIONS:
            log.warning("run %s, process %s: one connection too many", live.run, message.pid)
            connection.refuse(f"the run has {MOST_CONNECTIONS} connections already")
            return
        connection.run, connection.pid = message.run, message.pid
        connection.began = start_time(message.pid)
        live.connections.add(connection)
        self._core.record(live, Kind.HELLO, {"pid": message.pid, "sdk": message.sdk, "goal": message.goal[:GOAL_CHARS]})
        self._lifecycle.shown_life(live, "its first word came")
        self._core.after_commit(partial(connection.send, self._welcome(live, message)))

    def _welcome(self, live: LiveRun, message: wire.Hello) -> bytes:
        run = self._core.run(live)
        found = self._core.journal.checkpoint(live.run, live.checkpoint) if live.checkpoint is not None else None
        ref = found.ref if found else None
        notes, live.notes = live.notes, []
        for note in notes:
            self._core.record(live, Kind.ADVICE, {"note": note, "by": "resume"})
        return wire.frame(
            "welcome",
            v=wire.VERSION,
            run=live.run,
            attempt=run.attempt,
            goal=live.launch.goal or run.goal,
            checkpoint={"number": ref.number, "step": ref.step, "label": ref.label} if ref else None,
            state=found.state if found and message.state else None,
            in_flight=[{"id": a.id, "tool": a.tool, "args": a.args} for a in live.in_the_middle],
            advice=notes,
            redact_key=self._core.redact_key(live.run),
        )

    # --- begins

    def _begin(self, live: LiveRun, call: Waiting) -> None:
        message = call.message
        if live.ending is not None:
            call.connection.send(self._stop_verdict(live, message.id))
            return
        if isinstance(message, wire.ActionBegin) and (
            why := refusal(live, call, message, self._core.secret, self._core.run(live).attempt)
        ):
            refuse(self._core, live, call, message, why)
            return
        if (
            isinstance(message, wire.ActionBegin)
            and message.id not in live.actions
            and (self._twins.hold(live, call, message) or self._known(live, call, message))
        ):
            return
        if self._closed_for_now(live):
            self._hold(live, call)
            return
        self._proceed(live, call)

    def take_spooled_end(self, live: LiveRun, message: wire.ActionEnd, raw: bytes) -> None:
        """Record an end that a dead process could only write down."""
        action = live.actions.get(message.id)
        if action is not None and not nobody_knows(action, message):
            self._ends.record_end(live, action, message, raw)

    def _hold(self, live: LiveRun, call: Waiting) -> None:
        message = call.message
        if isinstance(message, wire.ActionBegin) and message.id in live.actions:
            # Sent again because its verdict was never read: it may not proceed now, so its intent is withdrawn.
            self._ends.clear(live, message.id, Kind.ACTION_WITHDRAWN, {"id": message.id, "cause": "not begun"})
        why = live.pause.why if live.pause else self._core.run(live).why
        body: dict[str, Json] = {"id": message.id, "why": why}
        if isinstance(message, wire.ActionBegin):
            body |= {"tool": message.tool, "args": message.args}
        live.waiting[message.id] = call
        self._core.record(live, Kind.HELD, body)
        self._core.after_commit(partial(call.connection.send, wire.verdict(message.id, "wait", why=why)))
        self._lifecycle.reach_pause(live)

    def _proceed(self, live: LiveRun, call: Waiting) -> None:
        message = call.message
        self._lifecycle.shown_life(live, "its first call came")
        if isinstance(message, wire.StepBegin):
            if message.id != live.step_id:
                live.step_id = message.id
                self._note(live, Kind.STEP_BEGIN, call.raw)
        elif isinstance(message, wire.ActionBegin) and message.id not in live.actions:
            if not self._let_out(live, call, message):
                return
            self._go_on(live)
            if self._ruled_out(live, call):
                return
            self._intend(live, call.connection, message, call.raw)
        if live.ending is not None:
            self._take_back(live, call)
            return
        fields: dict[str, Json] = {}
        if live.notes:
            fields["note"] = "\n".join(live.notes)
            self._core.record(live, Kind.ADVICE, {"note": fields["note"], "by": "rule"})
            live.notes = []
        self._core.after_commit(partial(call.connection.send, wire.verdict(message.id, "proceed", **fields)))

    def _ruled_out(self, live: LiveRun, call: Waiting) -> bool:
        """Stop or hold a call if the rules ended or paused its run while it was on its way."""
        if live.ending is None and not self._closed_for_now(live):
            return False
        self._breakers.told(live, call.message.id, None)
        self._begin(live, call)
        return True

    def _take_back(self, live: LiveRun, call: Waiting) -> None:
        """Stop a call because of which a rule ended its run: the commit that allowed it holds no intent."""
        ident = call.message.id
        if ident in live.actions:
            live.tries.pop(ident, None)
            self._ends.clear(live, ident, Kind.ACTION_WITHDRAWN, {"id": ident, "cause": "not begun"})
        self._core.after_commit(partial(call.connection.send, self._stop_verdict(live, ident)))

    def _let_out(self, live: LiveRun, call: Waiting, message: wire.ActionBegin) -> bool:
        """Ask the breaker of what a call leans on; False if the call is held until that is back."""
        name = dependency_of(message.dependency, message.args)
        until = self._breakers.ask(live, message.id, name) if name is not None else None
        if name is None or until is None:
            return True
        live.waiting[message.id] = call
        if not call.dependency:
            call.dependency, call.since = name, self._core.steady.now()
            why = f"{name} is down"
            body: dict[str, Json] = {"id": message.id, "tool": message.tool, "args": message.args, "why": why}
            self._core.record(live, Kind.HELD, body | {"until": until, "dependency": name})
            answer = wire.verdict(message.id, "wait", why=why, until=until)
            self._core.after_commit(partial(call.connection.send, answer))
        run = self._core.run(live)
        if run.status is Status.WAITING and run.dependency != name:
            self._go_on(live)
        if self._core.run(live).status is Status.RUNNING and not live.actions:
            self._core.move(
                live, Status.WAITING, f"{name} is down",
                why=f"{name} is down", waits_for=f"{name} to come back", due_at=until, dependency=name,
            )  # fmt: skip
        return False

    def _go_on(self, live: LiveRun) -> None:
        if self._core.run(live).status is Status.WAITING:
            self._core.move(live, Status.RUNNING, "it goes on")

    def _rule_on_twins(self, live: LiveRun) -> None:
        if not self._closed_for_now(live):  # Else they are ruled on when the run goes on.
            for call in self._twins.take_due(live):
                self._begin(live, call)

    def look_after(self, live: LiveRun) -> None:
        """What is to be looked at now and then, though nothing came."""
        self._twins.look_after(live)

    def _let_out_again(self, live: LiveRun, ident: str) -> None:
        call = live.waiting.pop(ident)
        self._begin(live, call)

    def _intend(self, live: LiveRun, connection: Connection, message: wire.ActionBegin, raw: bytes) -> None:
        run, body = self._core.run(live), msgspec.json.decode(raw)
        action = Action(
            run=live.run,
            id=message.id,
            attempt=run.attempt,
            tool=message.tool,
            args=body["args"],
            digest=""
            if message.opaque or not message.recorded
            else call_digest(self._core.secret, message.tool, message.args),
            key=message.key,
            idempotent=not message.recorded,
            began_at=self._core.now(),
            ended_at=None,
            result=None,
            seq=self._core.journal.next_seq,
            check_hint=message.check_hint,
        )
        live.actions[action.id] = action
        live.doers[action.id] = connection
        self._retries.began(live, message)
        self._core.journal.put_action(action)
        self._core.record(live, Kind.ACTION_BEGIN, body, raw)

    def _closed_for_now(self, live: LiveRun) -> bool:
        return live.pause is not None or self._core.run(live).status in (Status.PAUSED, Status.NEEDS_REVIEW)

    def _known(self, live: LiveRun, call: Waiting, message: wire.ActionBegin) -> bool:
        """Deal with a call that is on record, or looks like one that is; False if it is simply new."""
        if message.id in live.replayed:
            self._answer_replay(call, message.id, live.replayed[message.id])
            return True
        recorded = live.keyed.get(message.key) if message.key is not None else None
        if recorded is None and message.key is None and message.recorded and not message.opaque and live.replayable:
            digest = call_digest(self._core.secret, message.tool, message.args)
            recorded = next((a for a in live.replayable if a.digest == digest), None)
        if message.id in live.allowed:
            return False
        if recorded is None:
            before = diverges(live, self._core.run(live), message)
            if before:
                self._review.ask_divergence(live, call, message, before)
            return bool(before)
        if recorded.unavailable:
            self._review.ask_unavailable(live, call, message, recorded)
            return True
        if recorded in live.replayable:
            live.replayable.remove(recorded)
        self._replay(live, call, message, recorded)
        return True

    def _replay(self, live: LiveRun, call: Waiting, message: wire.ActionBegin, recorded: Action) -> None:
        remember(live.replayed, message.id, recorded)
        live.tries.pop(message.retry_of or "", None)
        body: dict[str, Json] = {"id": message.id, "tool": message.tool, "args": message.args, "of": recorded.id}
        if not equal_args(recorded, message, self._core.secret):
            body["differs"] = True
            body["args_before"] = recorded.args
        event = self._core.record(live, Kind.REPLAYED, body)
        live.ended(message.id, event.seq)
        self._core.journal.put_replay(recorded, self._core.run(live).attempt, event.seq)
        self._answer_replay(call, message.id, recorded)

    def _answer_replay(self, call: Waiting, ident: str, recorded: Action) -> None:
        answer = wire.replayed(ident, recorded.result, recorded.form)
        self._core.after_commit(partial(call.connection.send, answer))

    def _stop_verdict(self, live: LiveRun, ident: str) -> bytes:
        ending = live.ending
        reason = ending.reason if ending and ending.reason else StopReason.USER_PAUSED
        return wire.verdict(ident, "stop", reason=reason, message=ending.why if ending else "")

    def let_go(self, live: LiveRun) -> None:
        """Rule again on every call that waits, under what holds now."""
        calls, live.waiting = list(live.waiting.values()), {}
        for call in calls:
            if live.ending is not None:
                call.connection.send(self._stop_verdict(live, call.message.id))
            elif isinstance(call.message, wire.ActionEnd):
                again = wire.frame("ended", id=call.message.id, retry_after_s=0)
                self._core.after_commit(partial(call.connection.send, again))
            elif isinstance(call.message, wire.Checkpoint):
                number = live.saved.get(call.message.id, 0)
                saved = wire.frame("saved", id=call.message.id, number=number)
                self._core.after_commit(partial(call.connection.send, saved))
            else:
                call.dependency, call.behind = "", ""
                self._begin(live, call)

    # --- checkpoints and the agent's own end

    def _checkpoint(self, live: LiveRun, connection: Connection, message: wire.Checkpoint, raw: bytes) -> None:
        if live.ending is not None:
            connection.send(self._stop_verdict(live, message.id))
            return
        number = live.saved.get(message.id)
        if number is None:
            number = save(self._core, live, message)
        if self._closed_for_now(live):
            self._hold(live, Waiting(connection, message, raw))
            return
        self._core.after_commit(partial(connection.send, wire.frame("saved", id=message.id, number=number)))

    def _said_end(self, live: LiveRun, connection: Connection, message: wire.Complete | wire.Fail, raw: bytes) -> None:
        connection.said_end = True
        self.take_said_end(live, message, raw, connection.pid)
        if self._core.run(live).said in ("complete", "fail"):
            self._lifecycle.endings.linger(live)
        self._core.after_commit(partial(connection.send, wire.frame("ended", id=message.id, retry_after_s=None)))

    def take_said_end(self, live: LiveRun, message: wire.Complete | wire.Fail, raw: bytes, pid: int) -> None:
        """Record that a process is done: what the main one says first holds, for others as long as none gave up."""
        body, said = msgspec.json.decode(raw), self._core.run(live).said
        kind = Kind.COMPLETE if isinstance(message, wire.Complete) else Kind.FAIL
        if live.process is not None and live.process.pid == pid:
            if said not in ("complete", "fail"):
                self._core.record(live, kind, body, raw)
        elif said in ("", "part"):
            self._core.record(live, kind, body | {"child": True})
