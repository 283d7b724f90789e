"""What operators ask for: each request is applied once, or refused with the reason."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

import msgspec

from runtime.breakers import Breakers
from runtime.core import Core, log
from runtime.lifecycle import Lifecycle
from runtime.live import Ending, LiveRun, Outcome, PauseOrder
from runtime.policy.budget import BELOW_AGAIN
from runtime.policy.evidence import duration
from runtime.policy.load import load
from runtime.policy.ruling import Level
from runtime.review import Review
from runtime.shared_budgets import SharedBudgets
from store.errors import AgentwatchError
from store.events import Kind
from store.launch import Launch, read_launch, write_launch
from store.records import Command, Json, Run
from store.states import Status, StopReason


class Refused(AgentwatchError):
    """A request that cannot be met; the text says why."""


class Orders:
    """Applies the commands of the control database in order."""

    def __init__(
        self,
        core: Core,
        lifecycle: Lifecycle,
        review: Review,
        breakers: Breakers,
        shared_budgets: SharedBudgets,
        stop_runtime: Callable[[str, float], None],
    ) -> None:
        self._core = core
        self._lifecycle = lifecycle
        self._review = review
        self._breakers = breakers
        self._shared_budgets = shared_budgets
        self._stop_runtime = stop_runtime
        self._kinds: dict[str, Callable[[Command], str]] = {
            "start": self._start,
            "pause": self._pause,
            "resume": self._resume,
            "kill": self._kill,
            "fork": self._fork,
            "resolve": self._resolve,
            "breaker": self._breaker,
            "stop_runtime": self._stop,
        }
        self._asked: deque[Command] = deque()
        self.read_to = int(core.journal.meta("applied_command") or 0)
        """The last command that was taken in."""

    def take(self, commands: Iterable[Command]) -> None:
        """Take commands in, in order, to be carried out."""
        for command in commands:
            self._asked.append(command)
            self.read_to = command.id

    def carry_out_all(self) -> None:
        """Carry out what was taken in, each command on the durable record of those before it.

        While the record cannot be written they wait: an answer given twice would count twice.
        """
        while self._asked:
            self._core.flush()
            if self._core.trouble:
                return
            self.carry_out(self._asked.popleft())

    def carry_out(self, command: Command) -> None:
        """Deal with one command and journal the answer in the same commit as its effect."""
        try:
            applied, message = True, self._apply(command)
        except AgentwatchError as error:
            applied, message = False, str(error)
        except Exception as error:
            # Answered all the same: left open, it would fail again under every runtime.
            log.exception("command %s of %s", command.kind, command.who)
            applied, message = False, f"The request cannot be dealt with ({type(error).__name__}: {error})."
        log.info("command %s %s of %s: %s", command.kind, command.run, command.who, message)
        body: dict[str, Json] = {"command": command.id, "kind": command.kind, "who": command.who}
        body |= {"applied": applied, "message": message}
        if applied and command.args.get("note"):
            body["note"] = command.args["note"]
        if command.run in self._core.journal.runs:
            self._record(command, Kind.COMMAND, body)
        else:
            self._core.record_home(Kind.COMMAND, body)
        self._core.journal.put_meta("applied_command", command.id)

    def _apply(self, command: Command) -> str:
        if command.expires_at < self._core.now():
            raise Refused("The request came too late: it was valid for a minute only. Ask again.")
        apply = self._kinds.get(command.kind)
        if apply is None:
            raise Refused(f"This runtime does not know the request {command.kind!r}.")
        if command.kind not in ("start", "breaker", "stop_runtime"):
            run = self._run(command)
            if command.attempt is not None and command.attempt != run.attempt:
                raise Refused(f"Attempt {command.attempt} is over: run {run.run} is at attempt {run.attempt} by now.")
        return apply(command)

    def _run(self, command: Command) -> Run:
        run = self._core.journal.runs.get(command.run)
        if run is None:
            raise Refused(f"There is no run {command.run} in this home.")
        return run

    # --- start

    def _start(self, command: Command) -> str:
        core = self._core
        if command.run in core.journal.runs:
            raise Refused(f"Run {command.run} exists already.")
        launch = read_launch(core.home, command.run)
        live = self._create(launch, command.who)
        self._lifecycle.start(live, cause=f"asked by {command.who}")
        return f"started {launch.agent} {command.run}"

    def _create(self, launch: Launch, who: str, forked_from: str = "") -> LiveRun:
        policy = load(launch.policy)
        body: dict[str, Json] = {"agent": launch.agent, "goal": launch.goal, "command": list(launch.argv)}
        body |= {"cwd": launch.cwd, "restart": launch.restart, "limits": policy.limits, "by": who}
        self._core.hide(launch.run, policy)
        created = self._core.record_home(Kind.CREATED, body | {"forked_from": forked_from}, launch.run)
        return self._lifecycle.enlist(launch, policy, [created])

    def _record(self, command: Command, kind: Kind, body: dict[str, Json]) -> None:
        """Record an event of the command's run, whether it lives or not."""
        live = self._core.lives.get(command.run)
        if live is not None:
            self._core.record(live, kind, body)
        else:
            self._core.record_home(kind, body, command.run)

    # --- pause

    def _pause(self, command: Command) -> str:
        run, live = self._run(command), self._core.lives.get(command.run)
        if run.status is Status.PAUSED and (run.held or run.frozen) and live is not None:
            return self._pause_again(run, live, command)
        if run.status is Status.NEEDS_REVIEW and not run.pause_asked:
            self._record(command, Kind.PAUSE_ASKED, {"by": command.who, "reason": StopReason.USER_PAUSED, "why": ""})
            return "it will be paused once every question is answered"
        if run.at_rest:
            raise Refused(f"{run.agent} is at rest already: {_standing(run)}.")
        if live is None or live.ending is not None:
            raise Refused(f"{run.agent} is {run.status} and will be at rest in a moment.")
        park, force = bool(command.args.get("park")), bool(command.args.get("force"))
        loses = _loses_untold(run, live, command)
        if park and loses:
            raise Refused(_would_lose(run))
        if live.pause is None:
            order = PauseOrder(command.who, StopReason.USER_PAUSED, f"by {command.who}", park=park)
            self._lifecycle.ask_pause(live, order)
        elif park and not live.pause.park:
            live.pause = msgspec.structs.replace(live.pause, park=True)
        elif not (park or force):
            raise Refused(f"A pause is asked for already and waits for {self._lifecycle.waits_for(live)}.")
        if force and loses and self._core.run(live).status is Status.PAUSING:
            self._lifecycle.freeze(live)
            return "being frozen: it has no checkpoint, so its process is kept, in memory only"
        return self._depth(live, park=park, force=force)

    def _depth(self, live: LiveRun, *, park: bool, force: bool) -> str:
        run = self._core.run(live)
        held = run.status is Status.PAUSED
        if live.process is None and held:
            return "paused, it has no process"
        if force or (park and held and live.ending is None):
            doubts = [action.tool for action in live.in_the_middle if not action.idempotent]
            self._lifecycle.park(live, "asked to")
            return f"paused by force; in doubt: {', '.join(doubts)}" if doubts else "paused, its process is being ended"
        if live.ending is not None:
            return "paused, its process is being ended"
        if held:
            return "frozen: it lives in memory alone" if run.frozen else "paused, held at a safe point"
        return f"pausing: waits for {self._lifecycle.waits_for(live)}"

    def _pause_again(self, run: Run, live: LiveRun, command: Command) -> str:
        if run.frozen:
            raise Refused(
                f"{run.agent} is frozen already; it does not use the SDK, so it has nothing to be parked with."
            )
        if not (command.args.get("park") or command.args.get("force")):
            raise Refused(f"{run.agent} is paused already. Pausing it with --park ends its process, too.")
        if _loses_untold(run, live, command):
            raise Refused(_would_lose(run))
        self._lifecycle.park(live, "asked to")
        return "parked: its process is being ended" + ("" if run.begins_again else ", its last checkpoint stays")

    # --- resume

    def _resume(self, command: Command) -> str:
        run, live = self._run(command), self._core.lives.get(command.run)
        if run.status is Status.KILLED:
            raise Refused(f"{run.agent} {run.run} was killed: its checkpoints are gone, so it can never be resumed.")
        if run.status is Status.COMPLETED:
            raise Refused(f"{run.agent} {run.run} is completed: there is nothing to resume.")
        if run.status is Status.NEEDS_REVIEW:
            raise Refused(
                f"{run.agent} needs an answer first: did {_doubtful(run)} happen? (agentwatch resolve {run.run})"
            )
        if live is not None and live.ending is not None:
            raise Refused(f"{run.agent} is being ended: resume it in a moment.")
        if not run.at_rest and not run.pause_asked:
            raise Refused(f"{run.agent} is {run.status} already.")
        checkpoint = command.args.get("checkpoint")
        if checkpoint is not None and self._core.journal.checkpoint(run.run, checkpoint) is None:
            raise Refused(f"{run.agent} has no checkpoint {checkpoint}: `agentwatch checkpoints {run.run}` lists them.")
        if run.reason is StopReason.BUDGET_EXCEEDED and run.at_rest:
            self._check_grant(run, command)
        live = live or self._lifecycle.prepare(run.run)
        self._grant(live, command)
        return self._go_on(run, live, command)

    def _check_grant(self, run: Run, command: Command) -> None:
        limits = command.args.get("limits") or {}
        live = self._core.lives.get(run.run)
        policy = live.policy if live is not None else load(read_launch(self._core.home, run.run).policy)
        if run.evidence.get("scope"):
            for ruling in self._shared_budgets.rulings(policy, run.agent):
                if ruling.level is Level.PAUSE:
                    wait = ruling.evidence["figures"].get(BELOW_AGAIN)
                    later = f", or resume it in {wait}" if wait else ""
                    raise Refused(f"{ruling.summary}: raise [{ruling.rule}] in the policy of {run.agent} first{later}.")
            return
        below_at = run.evidence.get("below_at")
        if below_at is not None and self._core.now() >= below_at:
            return
        if any(limit > run.limits.get(name, limit) for name, limit in policy.limits.items()):
            return  # Its policy was raised meanwhile.
        if not any(name in limits for name in run.limits):
            some = next((name for name in run.evidence.get("figures") or () if name in run.limits), "cost_usd")
            later = f", or resume it in {duration(below_at - self._core.now())}" if below_at is not None else ""
            raise Refused(
                f"{run.agent} has spent its budget ({run.why}): give it more, for instance "
                f"agentwatch resume {run.run} --budget {some}={2 * run.limits.get(some, 1):g}{later}"
            )
        for name, limit in limits.items():
            if name in run.limits and limit <= run.limits[name]:
                raise Refused(f"The new limit {name}={limit:g} is not above the old one of {run.limits[name]:g}.")

    def _grant(self, live: LiveRun, command: Command) -> None:
        args = command.args
        if args.get("limits"):
            self._core.record(live, Kind.GRANTED, {"limits": args["limits"], "by": command.who})
            live.policy = live.policy.with_limits(args["limits"])
        if args.get("accept"):
            self._core.record(live, Kind.ACCEPTED, {"signature": args["accept"], "by": command.who})
        if args.get("note"):
            live.notes.append(args["note"])

    def _go_on(self, run: Run, live: LiveRun, command: Command) -> str:
        checkpoint = command.args.get("checkpoint")
        cause = f"resumed by {command.who}"
        if live.process is None and run.status is Status.STARTING:
            live.pause = None
            self._core.record(live, Kind.PAUSE_WITHDRAWN, {"by": command.who})
            return "it starts"
        if live.process is None:
            self._lifecycle.start(live, checkpoint=checkpoint, cause=cause)
            begins = f"from checkpoint {live.checkpoint}" if live.checkpoint is not None else "from the beginning"
            return f"resumed in a new attempt {begins}"
        if run.pause_asked and not run.at_rest:
            self._core.record(live, Kind.PAUSE_WITHDRAWN, {"by": command.who})
        if checkpoint is not None:
            live.checkpoint = checkpoint
            self._lifecycle.endings.end(live, Ending(Outcome.RESUMED, run.reason, run.why, run.evidence, command.who))
            return f"resumed in a new attempt from checkpoint {checkpoint}"
        self._lifecycle.release(live, cause)
        return "resumed where it stood"

    # --- kill

    def _kill(self, command: Command) -> str:
        run, live = self._run(command), self._core.lives.get(command.run)
        if run.status is Status.KILLED:
            raise Refused(f"{run.agent} {run.run} was killed already.")
        if run.status is Status.COMPLETED:
            raise Refused(f"{run.agent} {run.run} is completed: there is nothing to kill.")
        if live is not None:
            if live.ending is None or live.ending.outcome is not Outcome.KILLED:
                self._lifecycle.endings.end(live, Ending(Outcome.KILLED, StopReason.USER_KILLED, by=command.who))
            return "killing: its processes are being ended"
        self._core.move_at_rest(run.run, Status.KILLING, f"asked by {command.who}")
        self._lifecycle.endings.bury(run.run, command.who)
        return "killed"

    # --- resolve

    def _resolve(self, command: Command) -> str:
        core, run, args = self._core, self._run(command), command.args
        if run.status is not Status.NEEDS_REVIEW:
            raise Refused(f"{run.agent} waits for no answer: it is {run.status}.")
        live = core.lives.get(run.run)
        if live is not None and live.ending is None and args["action"] in self._review.open_questions(live):
            return self._answer_live(live, command)
        if live is not None:
            raise Refused(f"{run.agent} is still reconnecting and has not asked again: answer in a moment.")
        actions = {action.id: action for action in core.journal.actions(run.run) if action.in_doubt}
        action = actions.pop(args["action"], None)
        if action is None:
            raise Refused(
                f"No action {args['action']!r} of {run.agent} is in doubt: `agentwatch show {run.run}` lists them."
            )
        paused = run.pause_asked or (run.reason is StopReason.USER_PAUSED and not run.resuming)
        if not actions and not paused:
            live = self._lifecycle.prepare(run.run)
        body: dict[str, Json] = {"id": action.id, "tool": action.tool, "outcome": args["outcome"]}
        if args["outcome"] == "done":
            body["result"] = args.get("result")
        seq, at = core.journal.next_seq, core.now()
        self._record(command, Kind.RESOLVED, body | {"by": command.who})
        core.journal.resolve(action, args["outcome"] == "done", args.get("result"), seq, at)
        if actions:
            return f"recorded; {len(actions)} more in doubt"
        self._review_over(run.run, live, command.who)
        then = "it goes on" if live is not None else f"it stays paused: `agentwatch resume {run.run}` lets it go on"
        return f"recorded; that was the last one, {then}"

    def _answer_live(self, live: LiveRun, command: Command) -> str:
        args = command.args
        self._review.answer(live, args["action"], args["outcome"] == "done", args.get("result"), command.who)
        left = self._review.open_questions(live)
        if left:
            return f"recorded; {len(left)} more to answer"
        self._lifecycle.reviewed(live, f"answered by {command.who}", command.who)
        return "recorded; that was the last one, it goes on"

    def _review_over(self, run: str, live: LiveRun | None, who: str) -> None:
        """Go on in the same commit as the last answer: a runtime that dies in between must leave nothing behind."""
        if live is not None:
            self._lifecycle.start(live, cause=f"every doubt is answered by {who}")
            return
        self._core.move_at_rest(
            run, Status.PAUSED, "every doubt is answered", reason=StopReason.USER_PAUSED, why=f"by {who}"
        )

    # --- fork

    def _fork(self, command: Command) -> str:
        core, old, new = self._core, self._run(command), str(command.args["to"])
        if old.status is Status.KILLED:
            raise Refused(
                f"{old.agent} {old.run} was killed: its checkpoints are gone, so nothing can be forked from it."
            )
        if new in core.journal.runs:
            raise Refused(f"Run {new} exists already.")
        found = core.journal.checkpoint(old.run, command.args.get("checkpoint"))
        if found is None:
            asked = command.args.get("checkpoint")
            which = f"no checkpoint {asked}" if asked is not None else "no checkpoint"
            raise Refused(f"{old.agent} has {which}: `agentwatch checkpoints {old.run}` lists what there is.")
        launch = msgspec.structs.replace(read_launch(core.home, old.run), run=new)
        write_launch(core.home, launch)
        live = self._create(launch, command.who, forked_from=f"{old.run} checkpoint {found.ref.number}")
        ref = msgspec.structs.replace(found.ref, number=1, at=core.now(), attempt=0)
        core.journal.put_checkpoint(new, ref, 0, msgspec.json.encode(found.state).decode())
        body = {"id": "fork", "number": 1, "step": ref.step, "label": ref.label, "size_bytes": ref.size_bytes}
        core.record(live, Kind.CHECKPOINT, body | {"digest": ref.digest})
        self._lifecycle.start(live, cause=f"forked by {command.who}")
        return f"forked {old.agent} {old.run} at checkpoint {found.ref.number} into {new}"

    def _breaker(self, command: Command) -> str:
        name = str(command.args["name"])
        done = self._breakers.order(name, str(command.args["do"]), command.who)
        if done is None:
            raise Refused(f"There is no breaker {name!r}: `agentwatch breakers` lists what there is.")
        return f"{name}: {done}"

    def _stop(self, command: Command) -> str:
        self._stop_runtime(command.who, float(command.args.get("timeout_s", 10.0)))
        return "stopping: live runs are being paused first"


def _standing(run: Run) -> str:
    return f"{run.status}, {run.reason}" if run.reason else str(run.status)


def _doubtful(run: Run) -> str:
    return ", ".join(pending.tool for pending in run.in_flight) or "an action"


def _loses_untold(run: Run, live: LiveRun | None, command: Command) -> bool:
    """Whether ending the process of a run would lose its work, and whoever asks did not say that this is known."""
    has_worked = run.sdk or run.held or run.frozen or run.status in (Status.RUNNING, Status.PAUSING)
    alive = live is not None and live.process is not None
    return alive and has_worked and run.begins_again and not command.args.get("begin_again")


def _would_lose(run: Run) -> str:
    return (
        f"{run.agent} has no checkpoint: parked it would begin again from nothing. "
        f"agentwatch pause {run.run} --park --yes parks it all the same."
    )
