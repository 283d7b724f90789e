"""The five answers about a run, from its record alone: stuck? progress? safe to pause? can it resume? terminate?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from store.records import Event, Run
from store.states import Status, StopReason
from tui.console import formats
from tui.console.recent import Recent, look
from tui.console.standing import BUDGET_WORDS, exceeded, held_until, spent, tightest, warned_of_standstill
from tui.console.terminating import terminate

QUIET_S = 300.0
"""Silence beyond this, with nothing in flight, is a question mark; twice this, in a tool, too."""

OVERDUE_S = 5.0
"""A wait that is over for so long is not said to end at a time that is past."""

HELLO_S = 5.0
"""An agent that has not said hello after this is taken for one that does not use the SDK."""

QUESTIONS = ("Stuck?", "Progress?", "Safe pause?", "Can resume?", "Terminate?")


class Answer(NamedTuple):
    """One word to scan, then the figures that justify it."""

    word: str
    """YES, NO, HELD, WAITING, ASK, NOT YET, UNKNOWN, PAUSED, or n/a."""
    figures: str


class Verdict(NamedTuple):
    """What an operator asks about any run."""

    stuck: Answer
    progress: Answer
    pause: Answer
    resume: Answer
    terminate: Answer

    def rows(self) -> list[tuple[str, Answer]]:
        """Questions with their answers, in the order in which they are asked."""
        return list(zip(QUESTIONS, self, strict=True))


def verdict(run: Run, events: Sequence[Event], now: float) -> Verdict:
    """The five answers about `run` at `now` (seconds since the epoch).

    `events` are the latest of the run, oldest first; the more there are, the further back "since" can reach.
    """
    return judge(run, look(events), now)


def judge(run: Run, recent: Recent, now: float) -> Verdict:
    """The five answers about `run`, where its latest events are summed up already."""
    return Verdict(
        stuck=_stuck(run, recent, now),
        progress=_progress(run, recent, now),
        pause=_pause(run, now),
        resume=_resume(run, now),
        terminate=Answer(*terminate(run, recent, now)),
    )


def unwatched(said: Verdict, run: Run, now: float) -> Verdict:
    """The answers about `run` while no runtime is there to see what it does: what was true of a live run may not be."""
    if run.at_rest and run.pid is None:
        return said
    seen = f"No runtime is running, so nobody sees it: last sign of life {formats.ago(now - run.last_event_at)}."
    if run.at_rest:
        # Held or frozen: how it was left is known, what becomes of its process is not.
        return said._replace(pause=Answer("UNKNOWN", seen)) if run.held else said
    return Verdict(
        stuck=Answer("UNKNOWN", seen),
        progress=Answer("UNKNOWN", f"When it was last seen: {said.progress.figures or said.progress.word.lower()}"),
        pause=Answer("n/a", "No runtime is there to pause it."),
        resume=Answer("UNKNOWN", "A runtime takes it over if its process still lives."),
        terminate=Answer("n/a", "No runtime is there to end it."),
    )


def observed(run: Run, now: float) -> bool:
    """Whether the run's live agent is watched from outside only."""
    if run.sdk or run.pid is None or run.started_at is None or run.status is Status.STARTING:
        return False
    # Where the clock was turned back, the record knows of a later time than the clock does.
    return max(now, run.last_event_at) - run.started_at > HELLO_S


# --- why is it stuck?


def _stuck(run: Run, recent: Recent, now: float) -> Answer:
    match run.status:
        case Status.COMPLETED:
            return Answer("NO", "It completed.")
        case Status.KILLED:
            return Answer("NO", "It was killed.")
        case Status.QUEUED:
            return Answer(
                "WAITING", f"Queued for {formats.span(now - run.created_at)}; its process is not started yet."
            )
        case Status.STARTING:
            return Answer("NO", "Its process is being started.")
        case Status.NEEDS_REVIEW:
            return Answer("YES", _review(run))
        case Status.WAITING:
            return Answer("WAITING", _wait(run, now))
        case Status.PAUSING:
            return Answer("NO", f"On its way to a pause; waits for {_awaited(run, now)}.")
        case Status.STOPPING | Status.KILLING:
            return Answer("NO", "Its processes are being ended.")
        case Status.PAUSED | Status.STOPPED:
            return _at_rest(run, now)
    return _live(run, recent, now)


def _review(run: Run) -> str:
    if run.in_flight and run.pid is None:
        first = run.in_flight[0]
        more = f" and {len(run.in_flight) - 1} more" if len(run.in_flight) > 1 else ""
        return f"It waits for your answer: did {first.tool}{more} happen?"
    return f"It waits for your answer: {run.why or 'see w'}."


def _wait(run: Run, now: float) -> str:
    what = run.why or run.waits_for or "something outside"
    if run.due_at and now - run.due_at > OVERDUE_S:
        return f"{sentence(what)} It was due to go on at {formats.clock(run.due_at)}, {formats.ago(now - run.due_at)}."
    if run.due_at:
        return f"{sentence(what)} It goes on by itself at {formats.clock(run.due_at)}."
    return f"{sentence(what)} It goes on by itself."


def _awaited(run: Run, now: float) -> str:
    if run.in_flight:
        first = run.in_flight[0]
        return f"{first.tool} ({formats.span(now - first.began_at)} so far)"
    return run.waits_for or "its next safe point"


def _at_rest(run: Run, now: float) -> Answer:
    if run.reason in (StopReason.USER_PAUSED, None):
        since = f" {formats.ago(now - run.rested_at)}" if run.rested_at else ""
        if run.why.startswith(("by ", "paused by ")):
            return Answer("PAUSED", f"Paused {run.why.removeprefix('paused ')}{since}.")
        return Answer("PAUSED", f"Paused by hand{since}{'' if not run.why else ': ' + run.why}.")
    said = run.evidence.get("summary") or run.why or run.reason
    return Answer("YES", sentence(str(said)))


def _live(run: Run, recent: Recent, now: float) -> Answer:
    if recent.repeats >= 3:
        return Answer(
            "YES",
            f"The last {recent.repeats} calls were the same {recent.repeated_tool} with the same result"
            f"{_since_step(recent.repeats_from_step)}.",
        )
    if run.warned is not None and warned_of_standstill(run):
        return Answer("YES", sentence(f"{run.warned.summary} ({formats.ago(now - run.warned.at)})"))
    quiet = now - run.last_event_at
    if run.in_flight:
        return _in_tool(run, recent, now)
    if quiet > QUIET_S:
        return Answer("UNKNOWN", f"No sign of life for {formats.span(quiet)}, and no action in flight.")
    if observed(run, now):
        return Answer("NO", f"Its log grew {formats.ago(quiet)}; more is not known of this agent.")
    step = f"Step {run.step}" + (f" ({run.step_name})" if run.step_name else "")
    return Answer("NO", f"{step}, last sign of life {formats.ago(quiet)}." if run.step else "It has just begun.")


def _in_tool(run: Run, recent: Recent, now: float) -> Answer:
    first = run.in_flight[0]
    took = now - first.began_at
    usual = recent.usual_s.get(first.tool)
    beside = f", usual {formats.span(usual)}" if usual is not None else ""
    said = f"In {first.tool} for {formats.span(took)}{beside}."
    if _too_long(run, recent, now):
        return Answer("UNKNOWN", f"{said} Far longer than usual." if usual else f"{said} Nothing else was heard.")
    return Answer("NO", said)


def _too_long(run: Run, recent: Recent, now: float) -> bool:
    """Whether the first action in flight takes so long that nobody can say whether it will end."""
    if not run.in_flight:
        return False
    first = run.in_flight[0]
    took, usual = now - first.began_at, recent.usual_s.get(first.tool)
    return took > 2 * QUIET_S or (usual is not None and took > 60 and took > 20 * usual)


# --- is it still making progress?


def _done(run: Run) -> str:
    """How a completed run was done, and what was cut off."""
    why = run.why or "said that it is complete"
    return f"It {why}." if why.startswith(("exited", "said")) else f"{why[:1].upper()}{why[1:]}."


def _progress(run: Run, recent: Recent, now: float) -> Answer:
    far = _far(run)
    if run.status is Status.COMPLETED:
        return Answer("YES", _joined(far) if far else _done(run))
    if run.status in (Status.QUEUED, Status.STARTING):
        return Answer("NOT YET", "It has not begun.")
    newest = max(recent.new_at or 0.0, run.progress_at or 0.0)
    if run.status in (Status.WAITING,):
        return Answer("HELD", _joined(far, f"last new result {formats.ago(now - newest)}" if newest else "none yet"))
    if not newest:
        if not run.sdk:
            return Answer("UNKNOWN", _unseen(run, now))
        if run.step:
            what = "no result and no progress" if recent.read else "its results are not looked at here, and no progress"
            return Answer("UNKNOWN", f"Step {run.step}, but {what} was reported so far.")
        return Answer("NOT YET", "No step has begun.")
    since = ", ".join(_spent_since(recent))
    if run.at_rest:
        until = f"last new result {formats.ago(now - newest)}{_at_step(recent)}"
        by_hand = run.status is not Status.NEEDS_REVIEW and run.reason in (StopReason.USER_PAUSED, None)
        word = "PAUSED" if by_hand and not recent.stale_steps else "NO"
        return Answer(word, _joined(far, until, f"spent since: {since}" if since else ""))
    if recent.stale_steps >= 3:
        stale = f"no new result for {recent.stale_steps} steps{_since_step(recent.new_at_step)}"
        return Answer("NO", _joined(far, stale, f"spent since: {since}" if since else ""))
    if run.warned is not None and warned_of_standstill(run) and newest < run.warned.at:
        return Answer("NO", _joined(far, f"last new result {formats.ago(now - newest)}{_at_step(recent)}"))
    if _too_long(run, recent, now):
        at_it = f"in {run.in_flight[0].tool} for {formats.span(now - run.in_flight[0].began_at)}"
        return Answer("UNKNOWN", _joined(far, f"last new result {formats.ago(now - newest)}", at_it))
    if now - newest > QUIET_S and not run.in_flight and not recent.read:
        said = f"last progress {formats.ago(now - newest)}; its results are not looked at here"
        return Answer("UNKNOWN", _joined(far, said))
    if now - newest > QUIET_S and not run.in_flight:
        return Answer("NO", _joined(far, f"nothing new for {formats.span(now - newest)}"))
    return Answer("YES", _joined(far, f"last new result {formats.ago(now - newest)}"))


def _far(run: Run) -> str:
    if run.progress_done is None:
        return ""
    of = f" of {formats.quantity(run.progress_of)}" if run.progress_of else ""
    return f"{run.progress_label} {formats.quantity(run.progress_done)}{of}".lstrip()


def _unseen(run: Run, now: float) -> str:
    said = "This agent reports no steps"
    return f"{said}; its log grew {formats.ago(now - run.last_event_at)}." if run.pid else f"{said}."


def _spent_since(recent: Recent) -> list[str]:
    parts = []
    if recent.tokens_since:
        parts.append(f"{formats.count(recent.tokens_since)} tokens")
    if recent.cost_since:
        parts.append(formats.money(recent.cost_since))
    return parts


def _at_step(recent: Recent) -> str:
    return f", at step {recent.new_at_step}" if recent.new_at_step else ""


# --- can I safely pause it?


def _pause(run: Run, now: float) -> Answer:
    match run.status:
        case Status.PAUSED:
            depth = (
                f"held; {held_until(run, now)}"
                if run.held
                else "frozen: it lives in memory alone"
                if run.frozen
                else "parked: its process is gone, the checkpoint stays"
            )
            at = f"at {formats.moment(run.rested_at, now)}, " if run.rested_at else ""
            return Answer("PAUSED", f"{at}{depth}.")
        case Status.PAUSING:
            return Answer("WAITING", f"A pause is asked for; it waits for {_awaited(run, now)}.")
        case Status.QUEUED:
            return Answer("NOT YET", "It has not begun.")
        case Status.RUNNING | Status.WAITING | Status.STARTING:
            return _pause_live(run, now)
        case Status.NEEDS_REVIEW if run.pid is not None:
            return Answer("HELD", "It is held for your answer; its process waits.")
    return Answer("n/a", "No process is running.")


def _pause_live(run: Run, now: float) -> Answer:
    if run.pid is None:
        return Answer("YES", "No process is running just now.")
    if observed(run, now):
        return Answer("ASK", "This agent does not use the SDK: it can only be frozen, in memory alone.")
    kept = _kept(run, now)
    if run.in_flight:
        unsafe = [action for action in run.in_flight if not action.idempotent]
        first = (unsafe or list(run.in_flight))[0]
        what = f"{first.tool} ({formats.span(now - first.began_at)} so far)"
        return Answer("NOT YET" if unsafe else "YES", f"Pausing would wait for {what}. {kept}")
    return Answer("YES", f"Nothing in flight. {kept}")


def _kept(run: Run, now: float) -> str:
    if run.checkpoint is None:
        return "No checkpoint yet: it stays held, and is never parked by itself."
    return f"Checkpoint of step {run.checkpoint.step}, {formats.span(now - run.checkpoint.at)} old."


# --- can I resume it later?


def _resume(run: Run, now: float) -> Answer:
    if run.status is Status.COMPLETED:
        return Answer("NO", "It is complete.")
    if run.status is Status.KILLED:
        return Answer("NO", "Killed runs never come back; their history stays.")
    if run.status is Status.NEEDS_REVIEW:
        questions = max(1, len(run.in_flight))
        where = f"Goes on at step {run.step}, where it waits" if run.pid is not None else _from(run)
        return Answer("ASK", f"{where}, after you answer {formats.plural(questions, 'question')}.")
    if run.status is Status.QUEUED and run.checkpoint is None:
        return Answer("NOT YET", "It has not begun.")
    if run.resumable:
        return _resume_now(run, now)
    if run.status in (Status.STOPPING, Status.KILLING):
        return Answer("NOT YET" if run.status is Status.STOPPING else "NO", "Its processes are being ended.")
    if observed(run, now) and run.checkpoint is None:
        return Answer("UNKNOWN", "After a freeze yes; once its process is gone it begins again.")
    if run.checkpoint is None:
        return Answer("NOT YET", "No checkpoint yet: once its process is gone it begins again from step 1.")
    return Answer("YES", f"{_from(run)}, {formats.span(now - run.checkpoint.at)} old.")


def _resume_now(run: Run, now: float) -> Answer:
    if run.reason is not StopReason.BUDGET_EXCEEDED:
        return Answer("YES", _begin(run))
    below_at = run.evidence.get("below_at")
    later = ""
    if isinstance(below_at, int | float):
        if now >= below_at:
            return Answer("YES", f"It is below that pace again. {_begin(run)}")
        later = f", or as it is from {formats.moment(below_at, now)} on"
    if scope := run.evidence.get("scope"):
        return Answer("ASK", f"Once [{scope}] is raised in its policy{later}. {_begin(run)}")
    over = _over(run)
    return Answer("ASK", f"With a higher limit{f' ({over})' if over else ''}{later}. {_begin(run)}")


def _begin(run: Run) -> str:
    if run.held:
        return f"Goes on at step {run.step}, where it waits; nothing is repeated."
    if run.frozen:
        return "It is let go where it was frozen, as long as this machine runs."
    return f"{_from(run)}."


def _from(run: Run) -> str:
    if run.checkpoint is None:
        return "No checkpoint: it begins again from step 1"
    label = f" “{run.checkpoint.label}”" if run.checkpoint.label else ""
    return f"From checkpoint {run.checkpoint.number}{label}, step {run.checkpoint.step}"


def _used_up(budget: str, figure: str) -> str:
    match budget:
        case "cost_usd":
            return f"{figure} is spent"
        case "wall_s":
            return f"{figure} is used up"
        case "cost_usd_per_hour":
            return f"{figure} an hour"
    return f"{figure} {BUDGET_WORDS.get(budget, budget)}"


def _over(run: Run) -> str:
    if told := exceeded(run):
        return ", ".join(_used_up(name, figure) for name, figure in told.items())
    near = tightest(run, run.rested_at or run.last_event_at)
    if near is None:
        return ""
    name = near[0]
    used, limit = spent(run, name, run.rested_at or run.last_event_at) or 0.0, run.limits[name]
    if name == "cost_usd":
        return f"{formats.money(used)} of {formats.money(limit)} is spent"
    if name == "wall_s":
        return f"{formats.span(used)} of {formats.span(limit)} is used up"
    return f"{formats.count(used)} of {formats.count(limit)} {BUDGET_WORDS.get(name, name)} are used up"


# --- words


def _since_step(step: int) -> str:
    return f", since step {step}" if step else ""


def _joined(*parts: str) -> str:
    said = "; ".join(part for part in parts if part)
    return sentence(said) if said else ""


def sentence(text: str) -> str:
    """`text` with a capital, unless it begins with the name of a tool, and a full stop."""
    text = text.strip()
    if not text:
        return ""
    # The name of a tool is not a word of ours to capitalise.
    head = text[0].upper() + text[1:] if text.split(" ", 1)[0].isalpha() else text
    return head + ("" if text[-1] in ".!?…”" else ".")


__all__ = ["QUESTIONS", "Answer", "Verdict", "judge", "observed", "sentence", "unwatched", "verdict"]
