"""Should a run be terminated, and what is better: the last of the five answers."""

from __future__ import annotations

from store.records import Run
from store.states import FINAL, Status, StopReason
from tui.console import formats
from tui.console.recent import Recent
from tui.console.standing import BUDGET_WORDS, NEAR_LIMIT, tightest, warned_of_standstill

Said = tuple[str, str]
"""One word to scan, then what to do and why."""


def terminate(run: Run, recent: Recent, now: float) -> Said:
    """Whether to end `run` for good."""
    if run.status in FINAL:
        return "n/a", "It is over."
    if run.status is Status.NEEDS_REVIEW:
        return "NO", "Suggest: answer its question (d); everything else is kept."
    if run.status in (Status.STOPPING, Status.KILLING):
        return "n/a", "It is ending."
    if run.resumable:
        return _at_rest(run, recent)
    if run.status is Status.WAITING:
        return "NO", "Nothing is lost by waiting. p pauses it."
    if recent.repeats >= 3 or recent.stale_steps >= 5 or warned_of_standstill(run):
        stale = f"nothing new came for {recent.stale_steps} steps" if recent.stale_steps >= 5 else "a rule has warned"
        why = "it repeats itself" if recent.repeats >= 3 else stale
        return "NOT YET", f"Suggest: pause it first (p), because {why}; that keeps everything and stops the spending."
    near = tightest(run, now)
    if near is not None and near[1] >= NEAR_LIMIT:
        word = BUDGET_WORDS.get(near[0], near[0])
        return "NO", f"{formats.percent(near[1])}% of its {word} is used; the limit holds it by itself."
    return "NO", "Nothing speaks for it."


def _at_rest(run: Run, recent: Recent) -> Said:
    again = recent.stops.count(str(run.reason)) if run.reason else 0
    match run.reason:
        case StopReason.USER_PAUSED | None:
            return "NO", "It costs nothing while paused. r lets it go on."
        case StopReason.LOOP_DETECTED | StopReason.NO_PROGRESS if again >= 2:
            return "YES", f"Suggest: kill it (x), because it was stopped for the same reason {again} times."
        case StopReason.LOOP_DETECTED | StopReason.NO_PROGRESS:
            # The first call of a repetition is new too: it alone got the run nowhere.
            somewhere = recent.new_at_step and sum(recent.new_per_step) > 1
            until = f", because it got somewhere until step {recent.new_at_step}" if somewhere else ""
            return "NOT YET", f"Suggest: resume with a note (r){until}; kill only if it comes back."
        case StopReason.BUDGET_EXCEEDED if recent.stale_steps >= 3:
            stale = f"nothing new came for {recent.stale_steps} steps"
            return "ASK", f"Suggest: raise the limit (r) only if you trust it, because {stale}."
        case StopReason.BUDGET_EXCEEDED if run.evidence.get("scope"):
            return "NO", "Suggest: raise the limit that it shares with others, because it was getting on."
        case StopReason.BUDGET_EXCEEDED:
            return "NO", "Suggest: raise the limit (r), because it was getting on."
        case StopReason.AGENT_CRASHED | StopReason.AGENT_FAILED if again >= 3:
            return "ASK", f"Suggest: read its log (l) before another try, because it ended like this {again} times."
        case StopReason.AGENT_CRASHED | StopReason.AGENT_FAILED:
            return "NOT YET", "Suggest: read its log (l), then resume it (r); it costs nothing while it rests."
        case StopReason.TOOL_FAILURE:
            return (
                "NOT YET",
                "Suggest: see what the tool answered (w), then resume with a note (r) that says what to do.",
            )
        case StopReason.RETRY_LIMIT_REACHED:
            return (
                "NOT YET",
                "Suggest: resume it (r) once what it depends on answers again; it costs nothing until then.",
            )
    return "NOT YET", "Suggest: resume it (r); it costs nothing while it rests."
