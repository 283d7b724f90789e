"""The policy: one frozen section for each rule, every key with its default."""

from __future__ import annotations

import hashlib
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import asdict, replace

from runtime.policy.canonical import canonical
from runtime.policy.ruling import Level
from store.errors import AgentwatchError

Times = Annotated[int, Meta(ge=2, le=1000)]
Seconds = Annotated[float, Meta(gt=0, le=31_536_000)]
Amount = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=1)]
Share = Annotated[float, Meta(gt=0, lt=1)]


class PolicyError(AgentwatchError):
    """A policy cannot be used; `mistakes` holds one sentence for each reason."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The keys of one rule, as they stand below `[RULE]`."""

    def disorder(self) -> list[str]:
        """Return a sentence fragment for each pair of keys that contradict each other."""
        return []


class Loop(Section, frozen=True):
    """The same calls with the same results, over and over."""

    at_most: Level = Level.PAUSE
    """The highest rung of the ladder that this rule may take."""
    steer_at: Times = 3
    """Rounds of the same calls after which the operator is warned and the agent's model is told."""
    pause_at: Times = 5
    """Rounds of one call after which the run is paused."""
    cycle_pause_at: Times = 4
    """Rounds of a cycle of several calls after which the run is paused."""
    longest_cycle: Annotated[int, Meta(ge=1, le=12)] = 6
    """Longest cycle that is looked for, in calls."""

    def disorder(self) -> list[str]:
        late = []
        if self.pause_at < self.steer_at:
            late.append(f"pause_at ({self.pause_at}) is below steer_at ({self.steer_at})")
        if self.cycle_pause_at < self.steer_at:
            late.append(f"cycle_pause_at ({self.cycle_pause_at}) is below steer_at ({self.steer_at})")
        return late


class Budget(Section, frozen=True):
    """What one run may spend; a key that is not set is no limit."""

    at_most: Level = Level.PAUSE
    """The highest rung of the ladder that this rule may take."""
    warn_at: Share = 0.8
    """Share of a limit at which the operator is warned, once."""
    cost_usd: Amount | None = None
    """Dollars."""
    tokens: Count | None = None
    """Fresh input tokens and output tokens together."""
    cached_tokens: Count | None = None
    """Input tokens that came from the model's cache."""
    steps: Count | None = None
    """Steps finished."""
    actions: Count | None = None
    """Actions that were allowed to begin."""
    wall_s: Seconds | None = None
    """Seconds in which the run was going; while the supervisor makes it wait none pass."""


class Timeout(Section, frozen=True):
    """How long things may take; while the supervisor makes a run wait no time passes."""

    at_most: Level = Level.STOP
    """The highest rung of the ladder that this rule may take."""
    action_s: Seconds | None = None
    """One action, where its tool declares no timeout of its own."""
    step_s: Seconds | None = None
    """One step."""
    run_s: Seconds | None = None
    """The run since it was started or last resumed."""


class Pause(Section, frozen=True):
    """What becomes of a run that is paused."""

    hold_s: Annotated[float, Meta(ge=0, le=31_536_000)] = 600.0
    """How long a paused process waits at its gate before it is parked: ended, to go on from its checkpoint."""


class Gate(Section, frozen=True):
    """What agents do when nobody rules on their actions."""

    grace_s: Annotated[float, Meta(ge=0, le=86_400)] = 600.0
    """How long an agent waits at its gate for a runtime that is gone before it ends itself."""


BUDGETS = ("cost_usd", "tokens", "cached_tokens", "steps", "actions", "wall_s")
"""Keys of `[budget]` that are limits."""


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All rules of one run; equal policies have equal digests."""

    loop: Loop = Loop()
    budget: Budget = Budget()
    timeout: Timeout = Timeout()
    pause: Pause = Pause()
    gate: Gate = Gate()

    @property
    def digest(self) -> str:
        """SHA-256 of the policy in canonical JSON, hexadecimal."""
        return hashlib.sha256(canonical(msgspec.to_builtins(self))).hexdigest()

    @property
    def limits(self) -> dict[str, float]:
        """The budgets that are set, e.g. {"cost_usd": 5.0, "tokens": 100000}."""
        return {key: value for key, value in asdict(self.budget).items() if key in BUDGETS and value is not None}

    def with_limits(self, limits: dict[str, float]) -> Policy:
        """Return this policy with budgets that an operator granted.  Raises `PolicyError` for what is no budget."""
        mistakes = [f"{key} is no budget; there are {', '.join(BUDGETS)}." for key in limits if key not in BUDGETS]
        mistakes += [
            f"The budget {key} must be a number above 0, not {value}."
            for key, value in limits.items()
            if not 0 < value < float("inf")
        ]
        if mistakes:
            raise PolicyError(mistakes)
        return replace(self, budget=replace(self.budget, **{key: _limit(key, limits[key]) for key in limits}))


def _limit(key: str, value: float) -> float:
    return value if key in ("cost_usd", "wall_s") else int(value)


DEFAULT = Policy()
"""What holds where nobody says anything."""
