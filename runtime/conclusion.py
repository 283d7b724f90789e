"""What becomes of a run whose process tree is gone.  Pure: facts in, status and reason out."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runtime.live import Ending, Exit, Outcome
from runtime.policy.outcome import EXCEPTION_LINE
from store.launch import Launch
from store.records import Json, Run
from store.states import Status, StopReason

WHY_CHARS = 300
"""Of an agent's own words that are shown in a line; the whole of them stands in its `fail` event."""
SUMMARY_CHARS = 4000
MOST_NAMED = 5
"""Of the processes that were cut off, in a line."""


class Conclusion(msgspec.Struct, frozen=True):
    """The status a run goes to, and why."""

    status: Status
    cause: str
    reason: StopReason | None = None
    why: str = ""
    evidence: dict[str, Json] = {}
    restart: bool = False
    """Another attempt follows by itself."""


def conclude(
    run: Run,
    launch: Launch,
    ending: Ending,
    exit: Exit | None,
    doubts: list[Json],
    log_tail: list[str],
    cut_off: Sequence[str] = (),
) -> Conclusion:
    """Decide what the run becomes.

    `doubts` are the intents left open that may have happened; `exit` is None, or empty, where nobody could see how
    the process ended (it was started by a runtime that is gone).  `cut_off` is what still went on when it was ended.
    """
    if ending.outcome is Outcome.KILLED:
        evidence: dict[str, Json] = {"summary": f"Killed by {ending.by}; it can never be resumed."}
        if doubts:
            evidence["in_doubt"] = doubts
        return Conclusion(Status.KILLED, "its processes are gone", StopReason.USER_KILLED, f"by {ending.by}", evidence)
    if run.said == "complete":
        return _completed(run, "the agent said so", cut_off)
    unseen = ending.outcome is Outcome.NATURAL and (exit is None or not exit.known)
    if run.said == "part" and unseen and not doubts and not cut_off:
        # Nobody saw how the command around it ended, but what it ran was done.
        why = "a process of it said that it is complete"
        return Conclusion(Status.COMPLETED, "a process of it said so", StopReason.COMPLETED, why)
    ended = _by_itself(run, launch, ending, exit, log_tail, cut_off)
    if doubts and ended.status is Status.COMPLETED:
        # It said nothing, and an action of it was cut off: an exit status is no word of that action.
        why = f"{done(run)} in the middle of an action"
        said: dict[str, Json] = {"summary": f"It {why}, and did not say that it is complete.", "log_tail": log_tail}
        ended = Conclusion(Status.STOPPED, ended.cause, StopReason.AGENT_CRASHED, why, said)
    return _in_doubt(ended, doubts) if doubts else ended


def _completed(run: Run, cause: str, cut_off: Sequence[str]) -> Conclusion:
    """What is complete hides nothing that was cut off."""
    how = done(run)
    if not cut_off:
        return Conclusion(Status.COMPLETED, cause, StopReason.COMPLETED, "" if run.said == "complete" else how)
    many = "1 process" if len(cut_off) == 1 else f"{len(cut_off)} processes"
    were = f"{many} that went on {'was' if len(cut_off) == 1 else 'were'} ended: {', '.join(cut_off[:MOST_NAMED])}"
    more = f" and {len(cut_off) - MOST_NAMED} more" if len(cut_off) > MOST_NAMED else ""
    evidence: dict[str, Json] = {"summary": f"It {how}; {were}{more}.", "cut_off": list(cut_off)}
    return Conclusion(Status.COMPLETED, cause, StopReason.COMPLETED, f"{how}; {were}{more}", evidence)


def done(run: Run) -> str:
    """How the agent of a run was done."""
    return {"complete": "said that it is complete", "fail": "gave up"}.get(run.said, "exited with 0")


def _by_itself(
    run: Run, launch: Launch, ending: Ending, exit: Exit | None, log_tail: list[str], cut_off: Sequence[str]
) -> Conclusion:
    if ending.outcome in (Outcome.PARKED, Outcome.RESUMED) or (run.status is Status.PAUSED and ending.reason is None):
        reason, why = ending.reason or run.reason, ending.why or run.why
        return Conclusion(Status.PAUSED, "parked", reason, why, ending.evidence or run.evidence)
    if ending.outcome is Outcome.STOPPED:
        return Conclusion(Status.STOPPED, "its processes are gone", ending.reason, ending.why, ending.evidence)
    if run.said in ("fail", "part fail"):
        said = {"summary": f"The agent gave up: {run.said_message[:SUMMARY_CHARS]}", "log_tail": log_tail}
        why = run.said_message[:WHY_CHARS]
        return Conclusion(Status.STOPPED, "the agent said so", StopReason.AGENT_FAILED, why, said)
    if exit is None or not exit.known:
        return _lost(run, launch, exit, log_tail)
    if exit.code == 0:
        return _completed(run, "exited with 0", cut_off)
    return _crashed(run, launch, exit, log_tail)


def _lost(run: Run, launch: Launch, exit: Exit | None, log_tail: list[str]) -> Conclusion:
    """Nobody saw how it ended.

    Only what was certainly cut off starts again by itself: an agent that takes part says so when it is done, and no
    process outlives the machine.  Any other command may have ended well.
    """
    rebooted = exit is not None and exit.machine_restarted
    why = "the machine was restarted" if rebooted else "ended while no runtime watched"
    summary = f"Nobody saw how its process ended: {why}."
    evidence: dict[str, Json] = {"summary": summary, "log_tail": log_tail}
    if launch.restart:
        evidence["figures"] = {"attempt": run.attempt, "restarts": f"{run.restarts} of {launch.restart}"}
    if run.sdk or rebooted:
        if again := _again(run, launch, why, StopReason.RUNTIME_LOST, evidence):
            return again
    elif run.restarts < launch.restart:
        evidence["summary"] = f"{summary} It may have ended well, so it is not restarted by itself."
    return Conclusion(Status.STOPPED, "found gone", StopReason.RUNTIME_LOST, why, evidence)


def _again(run: Run, launch: Launch, why: str, reason: StopReason, evidence: dict[str, Json]) -> Conclusion | None:
    """Another attempt, where the restart policy has one left and nobody asked for a pause."""
    left = launch.restart - run.restarts
    if left <= 0 or run.pause_asked:
        return None
    cause = f"{why}, {left} restart{'s' if left > 1 else ''} left"
    begun = "crashed" if reason is StopReason.AGENT_CRASHED else "lost"
    return Conclusion(Status.WAITING, cause, reason, f"{begun} ({why}), starts again", evidence, restart=True)


def _crashed(run: Run, launch: Launch, exit: Exit, log_tail: list[str]) -> Conclusion:
    why = f"signal {exit.signal}" if exit.signal else f"exit code {exit.code}"
    raised = _raised(log_tail) if exit.code == 1 else ""
    evidence: dict[str, Json] = {
        "summary": f"The process of attempt {run.attempt} ended with {why} and did not say that it was done"
        f"{f': {raised}' if raised else ''}.",
        "figures": {"ended with": why, "attempt": run.attempt, "restarts": f"{run.restarts} of {launch.restart}"},
        "log_tail": log_tail,
    }
    if again := _again(run, launch, why, StopReason.AGENT_CRASHED, evidence):
        return again
    return Conclusion(Status.STOPPED, why, StopReason.AGENT_CRASHED, raised or why, evidence)


def _raised(log_tail: list[str]) -> str:
    """The exception that its log ends with, which says more than an exit code; empty where there is none."""
    last = next((row for row in reversed(log_tail) if row.strip()), "")
    return last[:WHY_CHARS] if EXCEPTION_LINE.match(last) else ""


def _in_doubt(ended: Conclusion, doubts: list[Json]) -> Conclusion:
    tools = ", ".join(sorted({str(doubt["tool"]) for doubt in doubts}))
    evidence = ended.evidence | {"in_doubt": doubts}
    return Conclusion(Status.NEEDS_REVIEW, ended.cause, ended.reason, f"{tools} in doubt: did it happen?", evidence)
