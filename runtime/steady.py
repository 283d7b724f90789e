"""A clock that nobody sets: it goes on evenly from what the wall clock showed when it was made."""

from __future__ import annotations

import time
from collections.abc import Callable


class Steady:
    """Times in seconds since the epoch, as if nobody had set the clock since."""

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._ahead_s = wall() - monotonic()

    def now(self) -> float:
        """The time, for what lasts."""
        return self._monotonic() + self._ahead_s

    def ahead_s(self) -> float:
        """How far the wall clock is ahead of this one: what it was set by since, and what the machine slept."""
        return self._wall() - self.now()

    def shown(self, at: float) -> float:
        """What the wall clock shows at a time of this one, for people and for the record."""
        return at + self.ahead_s()
