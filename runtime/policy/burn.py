"""What was spent lately: the sum over a sliding window, from totals as they grow."""

from __future__ import annotations

from collections import deque


class Burn:
    """What was spent within the latest `window_s` seconds."""

    def __init__(self, window_s: float, total: float = 0.0) -> None:
        """Begin with `total` spent at a time that no longer counts."""
        self._window_s = window_s
        self._before = total
        """The total when the window began."""
        self._seen: deque[tuple[float, float, int]] = deque()
        """Within the window: when the total grew, to what, and by which event."""

    def see(self, at: float, total: float, seq: int = 0) -> None:
        """Take in that the total was `total` at `at` (epoch seconds), after the event `seq`."""
        if total > self._total:
            self._seen.append((at, total, seq))
        elif total < self._total:
            # Totals shrink where runs are forgotten; those were over long before the window began.
            less = self._total - total
            self._before -= less
            self._seen = deque((then, sum_then - less, by) for then, sum_then, by in self._seen)

    def spent(self, now: float) -> float:
        """What was spent within the window that ends at `now`."""
        while self._seen and self._seen[0][0] <= now - self._window_s:
            self._before = self._seen.popleft()[1]
        return self._total - self._before

    def below_at(self, limit: float) -> float:
        """When less than `limit` will lie within the window, if nothing more is spent (epoch seconds; 0: it does)."""
        at = 0.0
        for then, total, _ in reversed(self._seen):
            if self._total - total >= limit:
                break
            at = then + self._window_s
        return at if self._total - self._before >= limit else 0.0

    def dearest(self, most: int) -> list[int]:
        """The events of the window that cost most, in their order."""
        costs = []
        before = self._before
        for _, total, seq in self._seen:
            costs.append((total - before, seq))
            before = total
        return sorted(seq for _, seq in sorted(costs, reverse=True)[:most])

    @property
    def _total(self) -> float:
        return self._seen[-1][1] if self._seen else self._before
