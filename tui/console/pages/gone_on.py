"""What a run has used, and which of its limits would have ended it had no rule done so."""

from __future__ import annotations

from store.records import Run
from tui.console import formats
from tui.console.recent import Recent
from tui.console.standing import spent

PACE_STEPS = 5
"""A pace is that of the latest steps: what a run did before it was stuck says nothing of what it would have done."""


def used(run: Run, now: float) -> list[str]:
    """Tokens, money, steps, actions and time, of which there are any, with their limits."""
    going_s = spent(run, "wall_s", now) or 0.0
    amounts = [
        ("tokens", run.tokens, f"{formats.count(run.tokens)} tokens"),
        ("cost_usd", run.cost_usd, formats.money(run.cost_usd)),
        ("steps", run.steps, formats.plural(run.steps, "step")),
        ("actions", run.actions, formats.plural(run.actions, "action")),
        ("wall_s", going_s, formats.span(going_s)),
    ]
    return [f"{text}{_limit(run, budget)}" for budget, amount, text in amounts if amount]


def _limit(run: Run, budget: str) -> str:
    limit = run.limits.get(budget)
    if not limit:
        return ""
    return f" of {formats.amount(budget, limit)}"


def had_it_gone_on(run: Run, recent: Recent, now: float) -> str:
    """After how many more steps, at the pace of the latest ones, which limit would have stopped the run."""
    if not run.limits:
        return "no limit is set: nothing but this rule would have stopped it."
    first = min(
        ((left, budget) for budget in run.limits if (left := _steps_left(run, recent, budget, now)) is not None),
        default=None,
    )
    if first is None:
        return "it would have reached no limit at its latest pace."
    left, budget = first
    limit = formats.amount(budget, run.limits[budget])
    word = {"cost_usd": "", "wall_s": " of time"}.get(budget, f" {budget}")
    steps = formats.plural(max(1, round(left)), "step")
    return f"its limit of {limit}{word} would have been reached in about {steps} at its latest pace."


def _steps_left(run: Run, recent: Recent, budget: str, now: float) -> float | None:
    """Steps until a limit is reached; None where nothing is used of it, or it is none of these."""
    pace = _pace(run, recent, budget, now)
    amount = spent(run, budget, now)
    if not pace or amount is None:
        return None
    return max(0.0, run.limits[budget] - amount) / pace


def _pace(run: Run, recent: Recent, budget: str, now: float) -> float | None:
    """What one step uses of a budget."""
    if budget == "steps":
        return 1.0
    latest = recent.tokens_per_step[-PACE_STEPS:]
    tokens = sum(latest) / len(latest) if latest else 0.0
    if budget == "tokens":
        return tokens
    whole = spent(run, budget, now)
    if not whole:
        return None
    # Of the others no figure per step is kept: they go as the tokens go.
    return whole / run.tokens * tokens if tokens and run.tokens else whole / max(1, run.steps)
