"""The life of a run's process: started, ruled on, paused at a safe point, let go again."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Iterable
from functools import partial

from msgspec.structs import replace

from runtime import logs
from runtime.core import Core
from runtime.endings import Endings
from runtime.freezing import Freezing
from runtime.lineage import Lineage
from runtime.live import Ending, LiveRun, Outcome, PauseOrder
from runtime.policy.config import Policy
from runtime.policy.judge import Judge
from runtime.policy.load import load
from runtime.policy.ruling import Level, Ruling
from runtime.process import Process, boot_id, spawn
from runtime.sdk_path import with_sdk
from store.events import Kind
from store.journal import Attempt
from store.launch import Launch, read_launch
from store.records import Action, Event, Json
from store.states import Status, StopReason

MOST_NOTES = 100
"""For a model that has asked for nothing for long."""
HELLO_WAIT_S = 3.0
"""A process that has said nothing for so long is taken for one without the SDK."""


class Lifecycle:
    """Everything that changes a live run's status."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.endings = Endings(core, self.start)
        self._freezing = Freezing(self._frozen)
        self.enlisted: Callable[[LiveRun], None] = lambda live: None
        """Told of every run that is brought into memory (set by the runtime)."""
        self.spawned: Callable[[LiveRun], None] = lambda live: None
        """Told of every process that was started (set by the runtime)."""
        core.on_rulings = self.apply

    # --- starting

    def prepare(self, run: str, policy: Policy | None = None) -> LiveRun:
        """Bring a run without a process into memory.  Raises `AgentwatchError` if it cannot be started again."""
        launch = read_launch(self._core.home, run)
        policy = policy or load(launch.policy)
        return self.enlist(launch, policy)

    def enlist(self, launch: Launch, policy: Policy, history: list[Event] | None = None) -> LiveRun:
        """Make the live record of a run, its rules rebuilt from its events (default: those in the journal)."""
        core = self._core
        run = core.journal.runs[launch.run]
        policy = policy.with_limits(run.granted)
        core.hide(launch.run, policy)
        if history is None:
            core.flush()
            history = core.journal.events_of(launch.run, Judge(policy, run).horizon)
        live = LiveRun(launch.run, launch, policy, Judge.rebuild(policy, run, history))
        live.notes = _unheard(history)
        core.lives[launch.run] = live
        self.enlisted(live)
        return live

    def start(self, live: LiveRun, *, checkpoint: int | None = None, cause: str, restarted: bool = False) -> None:
        """Begin a new attempt, from a checkpoint (default: where the run stands) if there is one."""
        core, run = self._core, self._core.run(live)
        live.checkpoint = checkpoint if checkpoint is not None else run.stands_at
        went_back = run.went_back or live.checkpoint != run.stands_at
        live.ending, live.exit, live.pause, live.still = None, None, None, False
        core.move(live, Status.STARTING, cause, checkpoint=live.checkpoint, went_back=went_back)
        core.after_commit(partial(self._spawn, live, restarted))

    def _load_record(self, live: LiveRun) -> None:
        """What already succeeded and must not be done again by the attempt that begins."""
        journal = self._core.journal
        done = [action for action in journal.actions(live.run) if action.ended_at is not None]
        live.keyed = {action.key: action for action in done if action.key is not None}
        unkeyed = [action for action in done if action.key is None]
        lineage = Lineage.of(journal, live.run, live.checkpoint)
        if self._core.run(live).went_back:
            unkeyed = [self._brought_back(action, lineage) for action in unkeyed]
        live.replayable = [action for action in unkeyed if action.kept or lineage.is_after(action)]
        live.actions.clear()
        live.ends.clear()
        live.saved.clear()
        live.replayed.clear()
        live.answers.clear()
        live.step_id = ""

    def _brought_back(self, action: Action, lineage: Lineage) -> Action:
        """Make a success that the checkpoint does not know of replayable until it is consumed.

        Going back undoes nothing: what was done since stays done, however many attempts and checkpoints it takes until
        the run comes by it again.
        """
        kept = not lineage.holds(action)
        if kept is action.kept:
            return action
        action = replace(action, kept=kept)
        self._core.journal.put_action(action)
        return action

    def _spawn(self, live: LiveRun, restarted: bool) -> None:
        core = self._core
        if live.ending is not None:
            self.endings.finish(live)
            return
        # Not before: ends of the attempt before this one may have been queued until now.
        self._load_record(live)
        number = core.run(live).attempt + 1
        token = secrets.token_hex(16)
        live.token = hashlib.sha256(token.encode()).hexdigest()
        live.log_began = logs.size(core.home.log(live.run))
        try:
            live.child, live.process = spawn(
                live.launch.argv,
                live.launch.cwd,
                self._environment(live, number, token),
                live.launch.umask,
                core.home.log(live.run),
            )
        except (OSError, ValueError, IndexError) as error:
            # ValueError, IndexError: no command at all, or a zero byte in it or in its environment.
            why = f"cannot be started: {getattr(error, 'strerror', None) or error}"
            evidence = {"summary": f"{' '.join(live.launch.argv[:1])} in {live.launch.cwd} {why}."}
            self.endings.end(live, Ending(Outcome.STOPPED, StopReason.AGENT_CRASHED, why, evidence))
            return
        live.spawned_at = asyncio.get_running_loop().time()
        live.log_bytes = logs.size(core.home.log(live.run))
        body: dict[str, Json] = {"pid": live.process.pid, "process_started": live.process.started_at}
        body |= {"checkpoint": live.checkpoint, "restarted": restarted}
        event = core.journal.append(live.run, number, Kind.ATTEMPT_STARTED, body)
        live.began_seq = event.seq
        process = live.process
        core.journal.put_attempt(
            Attempt(
                live.run,
                number,
                process.pid,
                process.started_at,
                boot_id(),
                live.token,
                checkpoint=live.checkpoint or 0,
            )
        )
        self.apply(live, live.judge.feed(event))
        core.schedule_flush()
        self.spawned(live)
        core.later(live, HELLO_WAIT_S, partial(self._taken_for_silent, live))

    def _environment(self, live: LiveRun, attempt: int, token: str) -> dict[str, str]:
        home = self._core.home
        launch = live.launch
        return (with_sdk(launch.env) if launch.sdk_path else launch.env) | {
            "AGENTWATCH_SOCKET": str(home.socket),
            "AGENTWATCH_RUN": live.run,
            "AGENTWATCH_ATTEMPT": str(attempt),
            "AGENTWATCH_TOKEN": token,
            "AGENTWATCH_SPOOL": str(home.spool_of(live.run)),
            "AGENTWATCH_GRACE_S": str(live.policy.gate.grace_s),
        }

    def shown_life(self, live: LiveRun, cause: str) -> None:
        """A starting run runs once its process shows that it lives."""
        if self._core.run(live).status is Status.STARTING and live.ending is None:
            self._core.move(live, Status.RUNNING, cause)
            if live.pause is not None:
                self._begin_pausing(live)

    def _taken_for_silent(self, live: LiveRun) -> None:
        if live.process is None or live.ending is not None:
            return
        self.shown_life(live, "its process lives")
        run = self._core.run(live)
        if run.status is Status.PAUSING and live.pause is not None and not run.sdk:
            self._freezing.ask(live, True)

    # --- rulings

    def apply(self, live: LiveRun, rulings: Iterable[Ruling]) -> None:
        """Record what the rules say and do it."""
        for ruling in rulings:
            body: dict[str, Json] = {"rule": ruling.rule, "level": ruling.level, "summary": ruling.summary}
            body |= {"reason": ruling.reason, "note": ruling.note, "signature": ruling.signature}
            self._core.record(live, Kind.RULING, body | {"evidence": ruling.evidence})
            if live.ending is not None or self._core.run(live).at_rest:
                continue
            if ruling.level is Level.STEER:
                live.notes = [*live.notes, ruling.note or ruling.summary][-MOST_NOTES:]
            elif ruling.level is Level.PAUSE and ruling.reason is not None:
                self.ask_pause(live, PauseOrder(ruling.rule, ruling.reason, ruling.summary, dict(ruling.evidence)))
            elif ruling.level is Level.STOP and ruling.reason is not None:
                ending = Ending(Outcome.STOPPED, ruling.reason, ruling.summary, dict(ruling.evidence), ruling.rule)
                self.endings.end(live, ending)

    # --- pausing

    def ask_pause(self, live: LiveRun, order: PauseOrder) -> None:
        """Pause at the next safe point."""
        if live.pause is not None or live.ending is not None:
            return
        live.pause = order
        body: dict[str, Json] = {"by": order.by, "reason": order.reason, "why": order.why}
        self._core.record(
            live, Kind.PAUSE_ASKED, body | {"evidence": order.evidence, "waits_for": self.waits_for(live)}
        )
        status = self._core.run(live).status
        if status is Status.WAITING and live.process is None:
            self._rest_without_process(live, order)
        elif status in (Status.RUNNING, Status.WAITING):
            self._begin_pausing(live)

    def _begin_pausing(self, live: LiveRun) -> None:
        order = live.pause
        assert order is not None
        self._core.move(
            live, Status.PAUSING, f"asked by {order.by}", reason=order.reason, why=order.why,
            evidence=order.evidence, waits_for=self.waits_for(live),
        )  # fmt: skip
        if self._core.run(live).sdk and (live.exit is None or live.connections):
            self.reach_pause(live)
        elif live.exit is not None:
            self._freezing.ask(live, True)  # Nobody is left who could come by the gate.
        elif live.process is not None and asyncio.get_running_loop().time() - live.spawned_at >= HELLO_WAIT_S:
            self._freezing.ask(live, True)

    def waited_too_long(self, live: LiveRun) -> None:
        """Pause a run whose call was held by a breaker for longer than its policy allows."""
        now = self._core.steady.now()
        for call in live.waiting.values():
            limit_s = live.policy.retry.max_wait_s
            if call.dependency and live.pause is None and now - call.since > limit_s:
                why = f"{call.dependency} was down for longer than {limit_s:g} s"
                evidence: dict[str, Json] = {"summary": f"{why[0].upper()}{why[1:]}, the most that this run waits."}
                self.ask_pause(live, PauseOrder("retry", StopReason.RETRY_LIMIT_REACHED, why, evidence))
                return

    def waits_for(self, live: LiveRun) -> str:
        """What a pause of this run would wait for, as a noun phrase."""
        if live.actions:
            return f"{live.in_the_middle[0].tool} to end"
        return "its next safe point"

    def reach_pause(self, live: LiveRun) -> None:
        """Pause if the agent stands at a safe point: it waits at its gate and nothing is in flight."""
        order = live.pause
        if order is None or live.ending is not None or live.actions or not live.waiting:
            return
        if self._core.run(live).status is not Status.PAUSING:
            return
        stays = order.park or self._core.run(live).begins_again
        parks_at = None if stays else self._core.now() + live.policy.pause.hold_s
        self._core.move(
            live, Status.PAUSED, f"held at a safe point, asked by {order.by}",
            reason=order.reason, why=order.why, evidence=order.evidence, held=True, parks_at=parks_at,
        )  # fmt: skip
        if order.park:
            self.park(live, "asked to")
        elif not stays:
            self._hold(live, live.policy.pause.hold_s)

    def _hold(self, live: LiveRun, for_s: float) -> None:
        live.hold = self._core.later(live, for_s, partial(self._hold_over, live))

    def _hold_over(self, live: LiveRun) -> None:
        if self._core.run(live).held:
            self.park(live, "the hold time is over")

    def _frozen(self, live: LiveRun) -> None:
        """Its processes stand still, unless it is being ended or goes on meanwhile."""
        order, run = live.pause, self._core.run(live)
        if order is None or live.ending is not None or not (run.status is Status.PAUSING or run.held):
            return
        if live.hold is not None:
            live.hold.cancel()
            live.timers.discard(live.hold)
        self._core.move(
            live, Status.PAUSED, f"frozen, asked by {order.by}",
            reason=order.reason, why=order.why, evidence=order.evidence, frozen=True,
        )  # fmt: skip

    def _rest_without_process(self, live: LiveRun, order: PauseOrder) -> None:
        """A pause asked for while a restart is due: there is nothing to end."""
        live.cancel_timers()
        self._core.move(live, Status.PAUSING, f"asked by {order.by}")
        self._core.move(live, Status.PAUSED, "no process", reason=order.reason, why=order.why, evidence=order.evidence)
        del self._core.lives[live.run]

    def freeze(self, live: LiveRun) -> None:
        """Let the processes of a pausing or held run stand still: they keep what no checkpoint holds."""
        self._freezing.ask(live, True)

    def put_away(self, live: LiveRun) -> bool:
        """Bring a run to where the runtime can leave it; True once it is there.

        What would begin again from nothing is frozen, not parked; so is what waits for an answer with its process
        alive, whose status stays as it is.
        """
        run = self._core.run(live)
        if run.frozen or live.stuck:
            return True
        if live.ending is not None or live.freezing is not None:
            return False
        keeps = run.begins_again and live.process is not None
        if not keeps or run.status not in (Status.PAUSING, Status.PAUSED, Status.NEEDS_REVIEW):
            self.park(live, "the runtime leaves")
        elif not live.still:
            self.freeze(live)
        elif run.status is Status.NEEDS_REVIEW:
            return True
        else:
            # It was asked to stand still and did not.
            self.park(live, "it cannot be frozen, and the runtime leaves")
        return False

    def park(self, live: LiveRun, cause: str) -> None:
        """End the process of a pausing or held run; its last checkpoint stays."""
        order = live.pause
        reason = order.reason if order else StopReason.USER_PAUSED
        self.endings.end(
            live,
            Ending(Outcome.PARKED, reason, order.why if order else cause, order.evidence if order else {}, cause),
        )

    def release(self, live: LiveRun, cause: str) -> None:
        """Let a pausing, held or frozen run go on where it stands."""
        run = self._core.run(live)
        live.pause = None
        if live.hold is not None:
            live.hold.cancel()
            live.timers.discard(live.hold)
        self._core.move(live, Status.RUNNING, cause)
        if run.frozen or live.still:
            self._core.after_commit(partial(self._freezing.ask, live, False))
        self.endings.let_go(live)

    def reviewed(self, live: LiveRun, cause: str, who: str) -> None:
        """Nothing is left to be asked of a live run: it goes on, or into the pause that was asked for meanwhile."""
        pause_asked, live.pause = self._core.run(live).pause_asked, None
        self._core.move(live, Status.RUNNING, cause)
        if pause_asked:
            self.ask_pause(live, PauseOrder(who, StopReason.USER_PAUSED, f"by {who}"))
        self.endings.let_go(live)

    # --- adopting

    def adopt(self, live: LiveRun, attempt: Attempt) -> None:
        """Take over a live process that a runtime before this one started."""
        core = self._core
        live.token = attempt.token
        live.process = Process(attempt.pid, attempt.process_started, ours=False)
        live.spawned_at = asyncio.get_running_loop().time()
        body: dict[str, Json] = {"pid": attempt.pid, "process_started": attempt.process_started, "adopted": True}
        core.record(live, Kind.ATTEMPT_STARTED, body | {"checkpoint": live.checkpoint})
        core.later(live, HELLO_WAIT_S, partial(self._taken_for_silent, live))
        run = core.run(live)
        if run.held and run.parks_at is not None:
            self._hold(live, run.parks_at - core.now())
        if run.status is Status.NEEDS_REVIEW or not (run.sdk or run.frozen or run.pause_asked):
            # It may have been resumed by a runtime that died before its processes went on, or left standing still.
            self._freezing.ask(live, False)


def _unheard(events: list[Event]) -> list[str]:
    """What operators wanted a run's model to hear that it has not heard."""
    notes: list[str] = []
    for event in events:
        if event.kind == Kind.ADVICE:
            notes.clear()  # All there was went out at once.
        elif event.kind == Kind.COMMAND and event.body.get("note"):
            notes.append(event.body["note"])
    return notes
