"""Which recorded successes a checkpoint's state knows of: those on the line of attempts that led to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import msgspec

from store.journal import Journal
from store.records import Action


class Lineage(msgspec.Struct, frozen=True):
    """What led to one checkpoint."""

    covered: int
    """Sequence number of the last end that the checkpoint takes in."""
    line: Mapping[int, int]
    """Sequence numbers up to which an attempt led to the checkpoint, by attempt."""
    replays: Mapping[str, list[tuple[int, int]]]
    """Attempt and sequence number wherever a success was given again instead of being done, by action id."""

    @classmethod
    def of(cls, journal: Journal, run: str, checkpoint: int | None) -> Self:
        """The lineage of a durable checkpoint; None is the beginning."""
        covers = journal.covers(run)
        line = line_to(checkpoint or 0, covers, journal.begun_from(run))
        return cls(covers[checkpoint][1] if checkpoint in covers else 0, line, journal.replays(run))

    def positions(self, action: Action) -> list[tuple[int, int]]:
        """Attempt and sequence number wherever a success was done or replayed."""
        return [(action.attempt, action.seq), *self.replays.get(action.id, ())]

    def holds(self, action: Action) -> bool:
        """Whether the checkpoint's state knows of a success."""
        return any(seq <= self.line.get(attempt, -1) for attempt, seq in self.positions(action))

    def is_after(self, action: Action) -> bool:
        """Whether a success came after the checkpoint, so that its state does not know of it."""
        return max(seq for _, seq in self.positions(action)) > self.covered and not self.holds(action)


def line_to(checkpoint: int, covers: Mapping[int, tuple[int, int]], begun: Mapping[int, int | None]) -> dict[int, int]:
    """Sequence numbers up to which each attempt led to a checkpoint.  Pure.

    `covers` holds, by checkpoint, its attempt and the sequence number of the last end that it takes in; `begun` the
    checkpoint that each attempt began from: 0 is the beginning, None is not known, and then all attempts before count.
    """
    line: dict[int, int] = {}
    while checkpoint in covers:
        attempt, upto = covers[checkpoint]
        if attempt in line:
            break
        line[attempt] = upto
        before = begun.get(attempt)
        if before is None:
            line |= {earlier: upto for earlier in range(attempt) if earlier not in line}
            break
        checkpoint = before
    return line
