"""What a runtime that is gone left behind: live agents are taken over, half-done work is finished."""

from __future__ import annotations

import re

from runtime import wire
from runtime.core import Core, log
from runtime.gate import Gate
from runtime.lifecycle import Lifecycle
from runtime.lineage import Lineage
from runtime.live import Ending, Exit, LiveRun, Outcome, PauseOrder, remember
from runtime.policy.config import Policy
from runtime.policy.load import load
from runtime.process import Process, boot_id, is_alive
from store.errors import AgentwatchError
from store.events import Kind
from store.journal import Attempt
from store.launch import Launch, read_launch
from store.records import Action, Event, Run
from store.states import FINAL, Status, StopReason

REMEMBERED = (Kind.ATTEMPT_STARTED, Kind.ACTION_END, Kind.CHECKPOINT, Kind.STEP_BEGIN, Kind.REPLAYED)
"""What is read of a live attempt, however long ago it was: a checkpoint may take in an end of any age."""
RECENT_EVENTS = 200
SPOOL = re.compile(r"(?P<attempt>[0-9]{1,9})-(?P<pid>[0-9]{1,9})\.jsonl")
"""How an agent names what it could not deliver; what is called otherwise is none of it."""


class Recovery:
    """Goes over every run once, before the socket opens."""

    def __init__(self, core: Core, lifecycle: Lifecycle, gate: Gate) -> None:
        self._core = core
        self._lifecycle = lifecycle
        self._gate = gate
        lifecycle.endings.read_spool = self.read_spool

    def recover(self) -> list[LiveRun]:
        """Bring the record in line with what lives; returns the runs that were taken over with their process."""
        attempts = {attempt.run: attempt for attempt in self._core.journal.attempts_alive()}
        adopted: list[LiveRun] = []
        for run in list(self._core.journal.runs.values()):
            attempt = attempts.get(run.run)
            if run.status is Status.KILLED:
                self._core.home.launch(run.run).unlink(missing_ok=True)
            if run.status in FINAL or (run.at_rest and attempt is None):
                continue
            live = self._recover_one(run, attempt)
            if live is not None:
                adopted.append(live)
        return adopted

    def _recover_one(self, run: Run, attempt: Attempt | None) -> LiveRun | None:
        live = self._prepare(run)
        alive = attempt is not None and attempt.boot == boot_id() and is_alive(attempt.pid, attempt.process_started)
        if attempt is not None:
            live.process = Process(attempt.pid, attempt.process_started, ours=False)
            self._load_attempt(live, run, attempt)
        if run.status is not Status.KILLING and not live.launch.argv:
            why = "cannot be taken over: its launch file is gone"
            self._finish(live, Ending(Outcome.STOPPED, StopReason.RUNTIME_LOST, why))
        elif run.status is Status.KILLING:
            self._finish(live, Ending(Outcome.KILLED, StopReason.USER_KILLED, by="an operator, earlier"))
        elif run.status is Status.STOPPING:
            self._finish(live, self._interrupted_stop(live, run))
        elif attempt is None and run.status in (Status.QUEUED, Status.STARTING, Status.WAITING):
            # Nothing that this run began is on record: what was spawned in the last instant bears its marker.
            if run.status is Status.STARTING:
                live.checkpoint = run.stands_at
            self._finish(live, Ending(Outcome.RESUMED, by="the new runtime"))
        elif alive and attempt is not None:
            self._adopt(live, run, attempt)
            return live
        elif attempt is not None and attempt.boot == boot_id() and (run.lingers or run.said == "complete"):
            live.exit = Exit() if run.said in ("complete", "fail") else Exit(code=0)
            self._adopt(live, run, attempt)
            return live
        else:
            live.exit = Exit(machine_restarted=attempt is not None and attempt.boot != boot_id())
            self._finish(live, Ending(Outcome.NATURAL))
        return None

    def _asked_checkpoint(self, run: Run, status: Status) -> int | None:
        """The checkpoint from which a run that went to `status` was to begin its next attempt."""
        for event in reversed(self._core.journal.events_of(run.run, RECENT_EVENTS)):
            if event.kind == Kind.STATUS and event.body["to"] == status:
                return event.body.get("checkpoint")
        return None

    def _interrupted_stop(self, live: LiveRun, run: Run) -> Ending:
        """What a process was being ended for."""
        checkpoint = self._asked_checkpoint(run, Status.STOPPING)
        if checkpoint is not None:
            live.checkpoint = checkpoint
            return Ending(Outcome.RESUMED, run.reason, run.why, run.evidence, "an operator, earlier")
        if run.reason is None:
            return Ending(Outcome.NATURAL)
        return Ending(Outcome.STOPPED, run.reason, run.why, run.evidence)

    def _prepare(self, run: Run) -> LiveRun:
        """Bring a run into memory, whatever became of its files: a process of it may live.

        Without its launch file it has no command.  A policy that cannot be read is replaced by the one without
        sections until its file is mended.
        """
        try:
            launch = read_launch(self._core.home, run.run)
        except AgentwatchError as error:
            log.error("run %s cannot be taken over: %s", run.run, error)
            return self._lifecycle.enlist(Launch(run.run, run.agent, run.goal, (), run.cwd, {}), Policy())
        try:
            policy = load(launch.policy)
        except AgentwatchError as error:
            log.error("run %s goes on without its policy: %s", run.run, error)
            policy = Policy()
        return self._lifecycle.enlist(launch, policy)

    def _finish(self, live: LiveRun, ending: Ending) -> None:
        live.ending = ending
        self._lifecycle.endings.finish(live)

    def _load_attempt(self, live: LiveRun, run: Run, attempt: Attempt) -> None:
        """What the gate of the runtime before knew of the attempt, from the record."""
        journal = self._core.journal
        live.token = attempt.token
        actions = journal.actions(run.run)
        done = {action.id: action for action in actions if action.ended_at is not None}
        live.actions = {a.id: a for a in actions if a.ended_at is None and a.attempt == attempt.attempt}
        live.keyed = {action.key: action for action in done.values() if action.key is not None}
        for event in journal.events_of_attempt(run.run, attempt.attempt, REMEMBERED):
            _remember(live, event, done)
        lineage = Lineage.of(journal, run.run, live.checkpoint)
        consumed = {action.id for action in live.replayed.values()}
        live.replayable = [
            action
            for action in done.values()
            if action.key is None
            and (action.kept or (not live.saved and lineage.is_after(action)))
            and action.attempt < attempt.attempt
            and action.id not in consumed
        ]

    def _adopt(self, live: LiveRun, run: Run, attempt: Attempt) -> None:
        if run.pause_asked or run.status in (Status.PAUSING, Status.PAUSED):
            live.pause = PauseOrder("an operator", run.reason or StopReason.USER_PAUSED, run.why, run.evidence)
        self._lifecycle.adopt(live, attempt)
        if run.lingers or run.said in ("complete", "fail"):
            self._lifecycle.endings.linger(live, adopted=True)
        if run.status is Status.NEEDS_REVIEW:
            self._gate.await_asker(live)
        log.info("took over run %s, process %s", run.run, attempt.pid)

    def read_spool(self, live: LiveRun) -> None:
        """Take in what processes of a run wrote down because no runtime was there.

        Only known successes, `complete` and `fail` matter; what is damaged or of another attempt is left out.
        """
        folder = self._core.home.spool_of(live.run)
        run = self._core.run(live)
        for path in sorted(folder.glob("*.jsonl")) if folder.is_dir() else ():
            written = SPOOL.fullmatch(path.name)
            if written is not None and int(written["attempt"]) == run.attempt:
                try:
                    lines = path.read_bytes().splitlines()
                except OSError as error:
                    log.error("spool of %s: %s", live.run, error)
                    continue
                for line in lines:
                    self._take_spooled(live, line, int(written["pid"]))
            self._core.after_commit(lambda path=path: path.unlink(missing_ok=True))  # type: ignore[misc]

    def _take_spooled(self, live: LiveRun, line: bytes, pid: int) -> None:
        try:
            message = wire.decode(line)
        except wire.BadFrame as error:
            log.warning("spool of %s: %s", live.run, error)
            return
        line = self._core.clean(live.run, line)
        if isinstance(message, wire.ActionEnd):
            self._gate.take_spooled_end(live, message, line)
        elif isinstance(message, wire.Complete | wire.Fail):
            self._gate.take_said_end(live, message, line, pid)


def _remember(live: LiveRun, event: Event, done: dict[str, Action]) -> None:
    """Take one event of the live attempt into the gate's memory."""
    body = event.body
    if event.kind == Kind.ATTEMPT_STARTED and not body.get("adopted"):
        live.began_seq, live.checkpoint = event.seq, body.get("checkpoint")
    elif event.kind == Kind.ACTION_END:
        live.ended(body["id"], event.seq)
    elif event.kind == Kind.CHECKPOINT:
        remember(live.saved, body["id"], body["number"])
    elif event.kind == Kind.STEP_BEGIN:
        live.step_id = body["id"]
    elif event.kind == Kind.REPLAYED and body["of"] in done:
        live.ended(body["id"], event.seq)
        remember(live.replayed, body["id"], done[body["of"]])
