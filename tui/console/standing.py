"""Where a run stands, for scanning: its rank in the list, a glyph, a word, and why in a fragment."""

from __future__ import annotations

from typing import NamedTuple

from store.records import Run
from store.states import GOING, Status, StopReason
from tui.console import formats

GLYPHS = {
    "needs": "?",
    "paused": "‖",
    "stopped": "■",
    "warned": "▲",
    "waiting": "◌",
    "running": "●",
    "queued": "○",
    "done": "✓",
    "killed": "✕",
}
"""Of each standing."""

REASONS = {
    StopReason.COMPLETED: "completed",
    StopReason.LOOP_DETECTED: "loop",
    StopReason.NO_PROGRESS: "no progress",
    StopReason.BUDGET_EXCEEDED: "budget",
    StopReason.RETRY_LIMIT_REACHED: "retries used up",
    StopReason.TOOL_FAILURE: "tool failed",
    StopReason.TIMEOUT: "timeout",
    StopReason.STALLED: "stalled",
    StopReason.USER_PAUSED: "by hand",
    StopReason.AGENT_CRASHED: "crashed",
    StopReason.AGENT_FAILED: "gave up",
    StopReason.RUNTIME_LOST: "runtime lost",
    StopReason.USER_KILLED: "killed by hand",
}

NEAR_LIMIT = 0.8


class Standing(NamedTuple):
    """What the list says of a run at a glance."""

    rank: int
    """Lower is nearer to the top."""
    name: str
    """Key of `GLYPHS`."""
    word: str
    tone: str


_BY_STATUS = {
    Status.NEEDS_REVIEW: Standing(0, "needs", "needs you", "needs"),
    Status.WAITING: Standing(3, "waiting", "waiting", "text"),
    Status.PAUSING: Standing(3, "paused", "pausing", "text"),
    Status.STOPPING: Standing(3, "stopped", "stopping", "text"),
    Status.KILLING: Standing(3, "killed", "killing", "text"),
    Status.STARTING: Standing(5, "waiting", "starting", "text"),
    Status.RUNNING: Standing(5, "running", "running", "text"),
    Status.QUEUED: Standing(6, "queued", "queued", "dim"),
    Status.COMPLETED: Standing(7, "done", "completed", "dim"),
    Status.KILLED: Standing(8, "killed", "killed", "dim"),
}
_BY_RULE = {
    Status.PAUSED: Standing(1, "paused", "paused", "needs"),
    Status.STOPPED: Standing(1, "stopped", "stopped", "needs"),
}
_BY_HAND = {
    Status.PAUSED: Standing(4, "paused", "paused", "text"),
    Status.STOPPED: Standing(4, "stopped", "stopped", "text"),
}
HEAD_ORDER = ("needs you", "stopped", "paused", "warned", "waiting", "running", "queued")


def standing(run: Run) -> Standing:
    """Where `run` stands among all others."""
    if run.status in _BY_RULE:
        by_hand = run.reason in (StopReason.USER_PAUSED, None)
        return (_BY_HAND if by_hand else _BY_RULE)[run.status]
    base = _BY_STATUS[run.status]
    if run.warned is not None and run.status in (Status.RUNNING, Status.WAITING, Status.STARTING):
        return Standing(2, "warned", base.word, "warn")
    return base


def needs_you(run: Run) -> bool:
    """Whether nothing goes on with this run before a person decides."""
    return standing(run).rank <= 1


def warned_of_standstill(run: Run) -> bool:
    """Whether a rule has warned that the run gets nowhere; that it comes near a limit says nothing of that."""
    return run.warned is not None and run.warned.rule != "budget"


def glyph(name: str) -> str:
    """The glyph of a standing."""
    return GLYPHS[name]


def order_key(run: Run) -> tuple[int, float, str, float]:
    """Sorts what needs a person first; the rested by when they came to rest, latest first, the live by name."""
    rank = standing(run).rank
    rested = -(run.rested_at or run.created_at) if rank in (0, 1, 4, 7, 8) else 0.0
    return rank, rested, run.agent.casefold(), run.created_at


def spent(run: Run, budget: str, now: float) -> float | None:
    """What a run has used of a budget, by the budget's name; None for one that is not known here.

    Counted as `runtime.policy.budget` counts: time while it goes, steps that are done, over all attempts.
    """
    if budget in ("wall_s", "wall_time_s", "time_s", "duration_s"):
        return None if run.started_at is None else _going_s(run, now)
    used = {
        "cost_usd": run.cost_usd,
        "tokens": float(run.tokens),
        "input_tokens": float(run.input_tokens),
        "output_tokens": float(run.output_tokens),
        "cached_tokens": float(run.cached_tokens),
        "steps": float(run.steps - (run.steps > 0 and run.status in GOING)),
        "actions": float(run.actions),
    }
    return used.get(budget)


def _going_s(run: Run, now: float) -> float:
    since = run.going_since
    return run.going_s + (0.0 if since is None else max(0.0, now - since))


BUDGET_WORDS = {
    "cost_usd": "money",
    "tokens": "tokens",
    "input_tokens": "input tokens",
    "output_tokens": "output tokens",
    "cached_tokens": "cached tokens",
    "steps": "steps",
    "actions": "actions",
    "wall_s": "time",
    "wall_time_s": "time",
    "time_s": "time",
    "duration_s": "time",
    "cost_usd_per_hour": "money an hour",
    "tokens_per_minute": "tokens a minute",
    "actions_per_minute": "actions a minute",
}


def exceeded(run: Run) -> dict[str, str]:
    """The limits of its own that a run was stopped at, each with the figure that the rule gave."""
    figures = run.evidence.get("figures")
    if run.reason is not StopReason.BUDGET_EXCEEDED or not isinstance(figures, dict):
        return {}
    return {name: str(figure) for name, figure in figures.items() if name in run.limits}


def held_until(run: Run, now: float) -> str:
    """What becomes of a held run that nobody resumes."""
    if run.parks_at is not None:
        return f"parks at {formats.moment(run.parks_at, now)} unless resumed"
    if run.begins_again:
        return f"stays held: no checkpoint, parking would lose {worked(run)}"
    return "stays held until it is resumed"


def worked(run: Run) -> str:
    """What a run that begins again from nothing has to do once more, as a noun phrase."""
    return f"{run.step} step{'' if run.step == 1 else 's'} of work" if run.step else "all its work"


def used_up(run: Run) -> dict[str, float]:
    """The limits of its own that keep a run from going on, by budget."""
    now, told = run.rested_at or run.last_event_at, exceeded(run)
    return {
        budget: limit
        for budget, limit in run.limits.items()
        if budget in told or ((used := spent(run, budget, now)) is not None and used >= limit > 0)
    }


def tightest(run: Run, now: float) -> tuple[str, float] | None:
    """The budget of which the largest share is used, and that share; None without limits."""
    shares = [
        (used / limit, name)
        for name, limit in run.limits.items()
        if limit > 0 and (used := spent(run, name, now)) is not None
    ]
    if not shares:
        return None
    share, name = max(shares)
    return name, share


def reason_word(run: Run) -> str:
    """The stop reason as a word of everyday speech; empty without one."""
    return REASONS.get(run.reason, "") if run.reason is not None else ""


def why(run: Run, now: float) -> str:
    """Why the run stands where it stands, as a fragment; empty where nothing is to say."""
    match run.status:
        case Status.NEEDS_REVIEW:
            return _in_doubt(run)
        case Status.PAUSED | Status.STOPPED:
            return _stopped(run)
        case Status.WAITING:
            return _waiting(run, now)
        case Status.PAUSING:
            return _pausing(run)
        case Status.STOPPING | Status.KILLING:
            return run.why or "its processes are being ended"
        case Status.QUEUED:
            return f"queued for {formats.age(now - run.created_at)}"
        case Status.COMPLETED | Status.KILLED:
            return "" if run.reason is None else run.why
    return _running(run, now)


def _pausing(run: Run) -> str:
    return f"waits for {run.waits_for or run.tool or 'its next safe point'}"


def _in_doubt(run: Run) -> str:
    if run.pid is not None and run.why:
        return run.why
    if len(run.in_flight) == 1:
        return f"did {run.in_flight[0].tool} happen?"
    if run.in_flight:
        return f"{len(run.in_flight)} actions in doubt"
    return run.why or "waits for your answer"


def _stopped(run: Run) -> str:
    word = reason_word(run)
    if run.reason is StopReason.USER_PAUSED:
        depth = "held at its gate" if run.held else "frozen, in memory alone" if run.frozen else "parked"
        return f"{run.why or 'by hand'}, {depth}"
    if not run.why:
        return word
    if run.reason is StopReason.BUDGET_EXCEEDED:
        # "$5.00 of $5.00 spent" says by itself that it is a budget.
        return run.why
    first = word.split(" ", 1)[0]
    return run.why if not word or first in run.why.lower() else f"{word}: {run.why}"


def _waiting(run: Run, now: float) -> str:
    said = run.why or (f"waits for {run.waits_for}" if run.waits_for else "waits")
    # When it goes on comes first: a narrow column cuts the end.
    return f"{'until' if run.due_at > now else 'due'} {formats.clock(run.due_at)}: {said}" if run.due_at else said


def _running(run: Run, now: float) -> str:
    if run.warned is not None:
        verb = "steered" if run.warned.level == "steer" else "warned"
        return f"{verb}: {run.warned.summary}"
    if run.pause_asked:
        return f"pausing: {_pausing(run)}"
    if run.lingers:
        return run.lingers
    near = tightest(run, now)
    if near is not None and near[1] >= NEAR_LIMIT:
        return f"{formats.percent(near[1])}% of its {BUDGET_WORDS.get(near[0], near[0])}"
    if run.attempt > 1:
        return f"attempt {run.attempt}"
    return ""
