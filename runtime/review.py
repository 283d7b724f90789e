"""Questions that only a person can answer while the agent waits: is this the same action, did that one happen?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from runtime import wire
from runtime.connection import Connection
from runtime.core import Core
from runtime.live import LiveRun, Question, Waiting, remember
from runtime.policy.fault import unanswered
from store.events import Kind
from store.records import Action, Json, Run
from store.states import Status, StopReason


def nobody_knows(action: Action, end: wire.ActionEnd) -> bool:
    """Whether an end leaves its action in doubt: not safe to repeat, and it may have happened."""
    return not end.ok and not action.idempotent and unanswered(wire.told(end.error))


def diverges(live: LiveRun, run: Run, message: wire.ActionBegin) -> list[Action]:
    """Recorded successes that this call may be a new wording of: they were expected again, and it matches none.

    Only where the run's actions never overlapped does their order say anything.  Where arguments are opaque nothing
    else does, so a person is asked all the same.
    """
    if message.key is not None or not message.recorded or message.id in live.allowed:
        return []
    before = [action for action in live.replayable if action.tool == message.tool]
    if run.overlapped and not message.opaque:
        return [action for action in before if not action.digest]
    return before


class Review:
    """Holds a live run until its questions are answered."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.over: Callable[[LiveRun, str, str], None] = lambda live, cause, who: None
        """Lets a live run go on (set by the gate)."""

    def ask_divergence(self, live: LiveRun, call: Waiting, message: wire.ActionBegin, before: list[Action]) -> None:
        """Hold a call that differs from what was done before the crash."""
        tool = message.tool
        evidence: dict[str, Json] = {
            "summary": f"{tool} succeeded with other arguments after the checkpoint that this attempt began from. "
            "Either the agent words the same action anew, or it is another one.",
            "calls": [
                {"event": before[0].seq, "tool": tool, "args": before[0].args, "result": before[0].result},
                {"tool": tool, "args": message.args, "result": None},
            ],
        }
        question = Question(call, before[0], f"{tool}: the same action in other words, or another one?")
        self._ask(live, message.id, question, evidence)

    def ask_unavailable(self, live: LiveRun, call: Waiting, message: wire.ActionBegin, before: Action) -> None:
        """Hold a call that already succeeded, whose result was not recorded."""
        evidence: dict[str, Json] = {
            "summary": f"{message.tool} already succeeded, but its result is not on record as it was: it was no JSON, "
            "too large, or held a secret.",
            "calls": [{"event": before.seq, "tool": before.tool, "args": before.args, "result": "unavailable"}],
        }
        question = Question(call, before, f"{message.tool} already happened, its result is not on record")
        self._ask(live, message.id, question, evidence)

    def ask_outcome(self, live: LiveRun, connection: Connection, action: Action, failure: wire.Failure) -> None:
        """Hold a run whose action failed in a way that does not say whether it happened."""
        doubtful = msgspec.structs.replace(action, in_doubt=True)
        live.actions[action.id] = doubtful
        self._core.journal.put_action(doubtful)
        said = f"{failure.type}: {failure.message}" if failure.message else failure.type
        shown: dict[str, Json] = {
            "id": action.id,
            "tool": action.tool,
            "args": action.args,
            "began_at": action.began_at,
        }
        self._core.record(live, Kind.DOUBT, shown | {"error": said})
        evidence = {"summary": f"{action.tool} got no answer ({said}): it may have happened.", "in_doubt": [shown]}
        question = Question(connection, action, f"{action.tool} in doubt: did it happen?")
        self._ask(live, action.id, question, evidence, StopReason.TOOL_FAILURE)

    def _ask(
        self,
        live: LiveRun,
        ident: str,
        question: Question,
        evidence: dict[str, Json],
        reason: StopReason | None = None,
    ) -> None:
        core = self._core
        live.questions[ident] = question
        if isinstance(question.asker, Waiting):
            message = question.asker.message
            body: dict[str, Json] = {"id": ident, "why": question.why}
            if isinstance(message, wire.ActionBegin):
                body |= {"tool": message.tool, "args": message.args, "question": True}
            core.record(live, Kind.HELD, body)
            send = question.asker.connection.send
            core.after_commit(partial(send, wire.verdict(ident, "wait", why=question.why)))
        if core.run(live).status is not Status.NEEDS_REVIEW:
            core.move(
                live, Status.NEEDS_REVIEW, "only a person can say",
                reason=reason, why=question.why, evidence=evidence,
            )  # fmt: skip

    def answer(self, live: LiveRun, ident: str, happened: bool, result: Json, who: str) -> None:
        """Take a person's answer to one question and let that call go.

        Whoever asked whether an action happened may be gone: it hears the answer if it comes again.
        """
        question = live.questions.pop(ident, None)
        about = question.about if question is not None else live.actions[ident]
        body: dict[str, Json] = {"id": ident, "tool": about.tool, "outcome": "done" if happened else "retry"}
        body |= {"result": result, "by": who}
        if question is not None and isinstance(question.asker, Waiting):
            self._answer_begin(live, ident, question, happened, body)
        else:
            asker = question.asker if question is not None else None
            self._answer_end(live, about, asker if isinstance(asker, Connection) else None, happened, body)

    @staticmethod
    def open_questions(live: LiveRun) -> set[str]:
        """Actions that a person has yet to say something about."""
        return {*live.questions, *(action.id for action in live.actions.values() if action.in_doubt)}

    def moot(self, live: LiveRun) -> None:
        """Let a live run go on if nothing is left that a person could answer: its askers are gone."""
        if live.ending is None and self._core.run(live).status is Status.NEEDS_REVIEW and not self.open_questions(live):
            self.over(live, "nobody asks any more", "an operator")

    def _answer_begin(
        self, live: LiveRun, ident: str, question: Question, happened: bool, body: dict[str, Json]
    ) -> None:
        assert isinstance(question.asker, Waiting)
        event = self._core.record(live, Kind.RESOLVED, body)
        if not happened:
            live.allowed.add(ident)
            live.waiting[ident] = question.asker
            return
        if question.about in live.replayable:
            live.replayable.remove(question.about)
        result = body["result"] if body["result"] is not None else question.about.result
        live.ended(ident, event.seq)
        remember(live.replayed, ident, msgspec.structs.replace(question.about, result=result))
        self._core.journal.put_replay(question.about, self._core.run(live).attempt, event.seq)
        answer = wire.replayed(ident, result, question.about.form)
        self._core.after_commit(partial(question.asker.connection.send, answer))

    def _answer_end(
        self, live: LiveRun, about: Action, asker: Connection | None, happened: bool, body: dict[str, Json]
    ) -> None:
        core, ident = self._core, about.id
        action = live.cleared(ident) or about
        event = core.record(live, Kind.RESOLVED, body)
        kept = core.journal.resolve(action, happened, body["result"], event.seq, event.at, heard=asker is not None)
        if kept is not None:
            live.ended(ident, event.seq)
            if kept.key is not None:
                live.keyed[kept.key] = kept
            answer = wire.frame("ended", id=ident, retry_after_s=None, happened=True, result=body["result"])
        else:
            answer = wire.frame("ended", id=ident, retry_after_s=0)
        live.answers[ident] = answer
        if asker is not None:
            core.after_commit(partial(asker.send, answer))
