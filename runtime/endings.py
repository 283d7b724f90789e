"""The ends of runs' processes: a tree is ended, read to its last word, and what becomes of the run is carried out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Protocol

import msgspec
from msgspec.structs import replace

from runtime import logs
from runtime.conclusion import Conclusion, conclude
from runtime.core import Core, log
from runtime.lingering import Lingering
from runtime.live import Ending, LiveRun, Outcome
from runtime.policy.ruling import Level
from runtime.process import commands, end_tree
from store.events import Kind
from store.records import Json
from store.states import AT_REST, TRANSITIONS, Status, StopReason

TERM_GRACE_S = 5.0
"""Between asking a process to end and ending it."""
UNWIND_S = 5.0
"""How long an agent that was told to stop may take before it is asked with a signal."""
RESTART_BASE_S = 0.5
RESTART_CAP_S = 30.0
STUCK_SHOWN = 5


class Starter(Protocol):
    """Begins a new attempt (`Lifecycle.start`)."""

    def __call__(
        self, live: LiveRun, *, checkpoint: int | None = None, cause: str, restarted: bool = False
    ) -> None: ...


class Endings:
    """Ends process trees and says what their runs become."""

    def __init__(self, core: Core, start: Starter) -> None:
        self._core = core
        self._start = start
        self.let_go: Callable[[LiveRun], None] = lambda live: None
        """Rules again on the calls that wait (set by the gate)."""
        self.read_spool: Callable[[LiveRun], None] = lambda live: None
        """Takes in what a dead process left in its spool (set by recovery)."""
        self.buried: Callable[[LiveRun], None] = lambda live: None
        """Told of every run whose processes are gone (set by the runtime)."""
        self._lingering = Lingering(core, self._end_now)

    def linger(self, live: LiveRun, *, adopted: bool = False) -> None:
        """The agent is done: what goes on gets a while to end by itself."""
        if live.ending is None:
            self._lingering.begin(live, adopted=adopted)

    def exited(self, live: LiveRun) -> None:
        """The main process is gone: what a crash left ends with it, what goes on after a good end is waited for."""
        ended_well = live.exit is not None and live.exit.code == 0
        if ended_well or self._core.run(live).said in ("complete", "fail"):
            self.linger(live)
        elif live.ending is None:
            self._end_now(live)

    def _end_now(self, live: LiveRun) -> None:
        if live.ending is None:
            live.ending = Ending(Outcome.NATURAL)
        if live.ending_task is None:
            live.cancel_timers()
            live.ending_task = asyncio.get_running_loop().create_task(self._teardown(live, live.ending))

    def end(self, live: LiveRun, ending: Ending) -> None:
        """End the process tree deliberately; `conclude` then says what becomes of the run."""
        if live.ending is not None and ending.outcome is not Outcome.KILLED:
            return
        live.ending = ending
        if ending.outcome is Outcome.KILLED:
            self._core.move(live, Status.KILLING, f"asked by {ending.by}")
        elif ending.outcome is Outcome.STOPPED:
            self._core.move(
                live, Status.STOPPING, ending.why, reason=ending.reason, why=ending.why, evidence=ending.evidence
            )
        elif ending.outcome is Outcome.RESUMED:
            # On record, so that a successor carries it out.
            run = self._core.run(live)
            went_back = run.went_back or live.checkpoint != run.stands_at
            cause = f"resumed by {ending.by}"
            self._core.move(live, Status.STOPPING, cause, checkpoint=live.checkpoint, went_back=went_back)
        self._core.after_commit(partial(self._tear_down, live, ending))

    def _tear_down(self, live: LiveRun, ending: Ending) -> None:
        if live.ending_task is not None and ending.outcome is Outcome.KILLED:
            live.ending_task.cancel()
            live.ending_task = None
        self.let_go(live)
        self._end_now(live)

    async def _teardown(self, live: LiveRun, ending: Ending) -> None:
        try:
            if live.exit is not None or live.lingering is not None:
                live.cut_off = await asyncio.to_thread(commands, live.run, live.process)
            if ending.outcome is Outcome.KILLED or (ending.outcome is Outcome.NATURAL and not live.lingering):
                grace_s = 0.0
            else:
                grace_s = TERM_GRACE_S
                if ending.outcome is not Outcome.NATURAL:
                    await self._let_unwind(live)
            await end_tree(live.run, live.process, grace_s=grace_s, stuck=partial(self._stuck, live))
            await self._read_to_the_end(live)
        except Exception as error:
            log.exception("ending run %s: %s", live.run, error)
        try:
            self.ended(live)
        except Exception as error:
            log.exception("ending run %s: %s", live.run, error)

    def _stuck(self, live: LiveRun, processes: list[str]) -> None:
        """Say that the run is not over though it is being ended, and why."""
        live.stuck = True
        some = ", ".join(processes[:STUCK_SHOWN])
        summary = f"cannot be ended: process {some}"
        evidence: dict[str, Json] = {
            "summary": f"SIGKILL does not end {some}: it belongs to another user, or sleeps in the kernel. "
            "The run is over once it is gone.",
            "figures": {"processes left": len(processes)},
        }
        body: dict[str, Json] = {"rule": "processes", "level": Level.WARN, "summary": summary, "reason": None}
        self._core.record(live, Kind.RULING, body | {"note": "", "signature": "processes", "evidence": evidence})
        log.warning("run %s %s", live.run, summary)

    async def _let_unwind(self, live: LiveRun) -> None:
        """An agent that hears its stop at the gate ends by itself; one that is elsewhere is asked at once."""
        if not self._core.run(live).sdk or live.process is None or live.actions:
            return
        for _ in range(int(UNWIND_S / 0.02)):
            if live.exit is not None:
                return
            await asyncio.sleep(0.02)

    async def _read_to_the_end(self, live: LiveRun) -> None:
        """Everything a dead process sent is taken in before anything is decided about it."""
        for _ in range(200):
            if not live.connections and (live.exit is not None or live.process is None or not live.process.ours):
                return
            await asyncio.sleep(0.01)

    def ended(self, live: LiveRun) -> None:
        """The tree is gone: decide what the run becomes."""
        core = self._core
        ending = live.ending or Ending(Outcome.NATURAL)
        for connection in list(live.connections):
            connection.close()
        self.read_spool(live)
        live.cancel_timers()
        live.waiting.clear()
        live.token, live.ending_task, live.stuck, live.lingering = "", None, False, None
        self._close_attempt(live)
        doubts = self._settle_intents(live)
        cut_off = [self._clean(live, command) for command in live.cut_off]
        conclusion = conclude(core.run(live), live.launch, ending, live.exit, doubts, self._last_words(live), cut_off)
        live.process, live.child, live.cut_off = None, None, []
        self._carry_out(live, ending, conclusion)

    def _close_attempt(self, live: LiveRun) -> None:
        core, run = self._core, self._core.run(live)
        if live.process is None:
            return
        how = live.exit
        body: dict[str, Json] = {"known": how is not None and how.known, "exit_code": how.code if how else None}
        body |= {"signal": how.signal if how else None, "log_tail": self._last_words(live, 5)}
        core.record(live, Kind.ATTEMPT_ENDED, body)
        core.journal.end_attempt(live.run, run.attempt)
        self.buried(live)

    def _clean(self, live: LiveRun, command: str) -> str:
        return str(msgspec.json.decode(self._core.clean(live.run, msgspec.json.encode(command))))

    def _last_words(self, live: LiveRun, lines: int = 20) -> list[str]:
        """What the attempt wrote last; attempts share one log."""
        return logs.tail(self._core.home.log(live.run), lines, began=live.log_began)

    def _settle_intents(self, live: LiveRun) -> list[Json]:
        """Intents that a dead process left open: safe to repeat ones are dropped, others are in doubt."""
        doubts: list[Json] = []
        for action in live.in_the_middle:
            shown: dict[str, Json] = {"id": action.id, "tool": action.tool, "args": action.args}
            if action.idempotent:
                self._core.journal.drop_action(live.run, action.id)
                self._core.record(live, Kind.ACTION_WITHDRAWN, {"id": action.id, "cause": "safe to repeat"})
            else:
                shown["began_at"] = action.began_at
                self._core.journal.put_action(replace(action, in_doubt=True))
                self._core.record(live, Kind.DOUBT, shown)
                doubts.append(shown)
        live.actions.clear()
        live.doers.clear()
        return doubts

    def _carry_out(self, live: LiveRun, ending: Ending, conclusion: Conclusion) -> None:
        core, run = self._core, self._core.run(live)
        if ending.outcome is Outcome.RESUMED and conclusion.status is Status.PAUSED:
            self._start_again(live, ending)
            return
        if conclusion.status is not run.status and conclusion.status not in TRANSITIONS[run.status]:
            core.move(live, Status.STOPPING, conclusion.cause)
        details: dict[str, Json] = {"reason": conclusion.reason, "why": conclusion.why}
        details["evidence"] = conclusion.evidence or None
        if conclusion.restart:
            live.ending, live.exit, live.pause = None, None, None
            due = min(RESTART_CAP_S, RESTART_BASE_S * 2**run.restarts)
            core.move(
                live, Status.WAITING, conclusion.cause,
                why=conclusion.why, waits_for="its restart", due_at=core.now() + due,
            )  # fmt: skip
            core.later(live, due, partial(self._restart, live))
            return
        if conclusion.status is Status.NEEDS_REVIEW and ending.outcome is Outcome.RESUMED:
            details["resuming"] = True
        if conclusion.status is not run.status:
            core.move(live, conclusion.status, conclusion.cause, **details)
        if conclusion.status in AT_REST:
            core.lives.pop(live.run, None)
        if conclusion.status in (Status.KILLED, Status.COMPLETED):
            self.forget(live.run, killed=conclusion.status is Status.KILLED)

    def _restart(self, live: LiveRun) -> None:
        # Unless it is being killed, and that could not be committed yet.
        if live.ending is None:
            self._start(live, cause="restart policy", restarted=True)

    def _start_again(self, live: LiveRun, ending: Ending) -> None:
        if self._core.run(live).status is Status.STARTING:
            self._core.move(live, Status.STOPPING, "its start was interrupted")
            self._core.move(live, Status.STOPPED, "its start was interrupted", reason=StopReason.RUNTIME_LOST)
        elif self._core.run(live).status in (Status.PAUSING, Status.STOPPING):
            self._core.move(live, Status.PAUSED, "parked", reason=ending.reason, why=ending.why)
        due = self._core.run(live).status is Status.WAITING  # The restart that a runtime before this one was to make.
        self._start(live, checkpoint=live.checkpoint, cause=f"resumed by {ending.by}", restarted=due)

    def finish(self, live: LiveRun) -> None:
        """Finish the ending that a runtime before this one began."""
        self._end_now(live)

    def bury(self, run: str, who: str) -> None:
        """Finish the kill of a run that has no process."""
        state = self._core.journal.runs[run]
        evidence: dict[str, Json] = {"summary": f"Killed by {who}; it can never be resumed."}
        if state.evidence.get("in_doubt"):
            evidence["in_doubt"] = state.evidence["in_doubt"]
        self._core.move_at_rest(
            run, Status.KILLED, "it had no process", reason=StopReason.USER_KILLED, why=f"by {who}", evidence=evidence
        )
        self.forget(run, killed=True)

    def forget(self, run: str, *, killed: bool) -> None:
        """Remove what only a run that can go on needs."""
        core = self._core
        if killed:
            core.journal.drop_active_state(run)
            core.after_commit(partial(core.home.launch(run).unlink, missing_ok=True))
        core.schedule_flush()
