"""What a rule is, and what it says."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import ClassVar, Protocol

import msgspec

from store.records import Event, Json
from store.states import StopReason


class Level(StrEnum):
    """The ladder, from the mildest to the last."""

    OBSERVE = "observe"
    """Recorded, shown to nobody."""
    WARN = "warn"
    """Shown to the operator."""
    STEER = "steer"
    """A note that the agent's model gets with the next verdict."""
    PAUSE = "pause"
    """Held at the next safe point."""
    STOP = "stop"
    """The process is ended now; the run can be resumed."""


class Ruling(msgspec.Struct, frozen=True):
    """What a rule says to an event or a tick."""

    rule: str
    """Name of its policy section, e.g. `loop`."""
    level: Level
    summary: str
    """A fragment that a tired person understands, e.g. `same test, same failure x5`."""
    evidence: dict[str, Json]
    """As `store.records.Run.evidence`: summary, figures, events, calls."""
    reason: StopReason | None = None
    """Set from `pause` upwards."""
    note: str = ""
    """For the agent's model, where the level is `steer`."""
    signature: str = ""
    """Names what was found, so that the same finding can be accepted or told apart after a resume."""


class Rule(Protocol):
    """A judge of one run.

    It is built from its policy section, then fed the run's events in journal order and clock ticks in between, and
    remembers only what it was fed: fed the same again, it rules the same.  Rulings, accepted repetitions, budget grants
    and changes of status reach it as events, too.
    """

    name: ClassVar[str]
    """Its policy section."""

    @property
    def horizon(self) -> int:
        """How many of the latest events it needs to be rebuilt from the journal."""

    def feed(self, event: Event) -> Iterable[Ruling]:
        """What to say to `event`."""

    def tick(self, now: float) -> Iterable[Ruling]:
        """What to say to the clock standing at `now` (seconds since the epoch)."""
