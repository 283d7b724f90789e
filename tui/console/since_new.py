"""What a run has spent since its last new result, step by step, as a sparkline for its line in the list."""

from __future__ import annotations

from store.records import Run
from store.states import StopReason
from tui.console import formats
from tui.console.recent import Recent
from tui.console.standing import spent

STEPS = 8
"""Of so many of the latest steps there is a bar."""

LEGEND = (
    f"SINCE NEW: what the run had spent since its last new result when each of its last {STEPS} steps ended, "
    "one eighth (▁) for each average step; flat it gets on, as a stair (▁▂▃▄) it does not."
)

_HIGH = "▆▇█"

_STUCK = (StopReason.LOOP_DETECTED, StopReason.NO_PROGRESS)


def since_new(run: Run, recent: Recent | None) -> list[float]:
    """What `run` had spent since its last new result when each of its latest steps ended, oldest first.

    At most `STEPS` values, in units of what an average step of the run spends: tokens, or dollars where it reports no
    tokens, or steps where it reports neither.  Empty while nothing it reported says whether it gets on.
    """
    if recent is None or (recent.new_at is None and run.progress_at is None and not recent.stale_steps):
        return []
    latest = recent.since_per_step[-STEPS:]
    steps = max(1.0, spent(run, "steps", run.last_event_at) or 0.0)
    if run.tokens > 0:
        return [since.tokens / run.tokens * steps for since in latest]
    if run.cost_usd > 0:
        return [since.cost_usd / run.cost_usd * steps for since in latest]
    return [float(since.steps) for since in latest]


def sparkline(run: Run, recent: Recent | None) -> str:
    """`since_new` as bars: the lowest while each step brings something new, a stair while none does."""
    return formats.levels(since_new(run, recent))


def stuck(run: Run, bars: str) -> bool:
    """Whether a rule holds the run to be stuck, and its bars show it: they are no alarm of their own."""
    return bars.endswith(tuple(_HIGH)) and (run.warned is not None or run.reason in _STUCK)
