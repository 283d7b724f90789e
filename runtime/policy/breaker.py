"""A circuit breaker for one dependency, shared by all agents of a home."""

from __future__ import annotations

from enum import StrEnum

import msgspec
from msgspec.structs import replace

from runtime.policy.config import Breaking

RAMP_ENDS = 32
"""Once so many calls at a time went well after it closed, there is no ramp any more."""

JITTER = 0.2
"""Share by which the time it stays open is varied, so that breakers of many homes do not probe in step."""


class BreakerState(StrEnum):
    """The three states of the pattern (Nygard, Release It!)."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Permit(StrEnum):
    """What a call may do."""

    GO = "go"
    PROBE = "probe"
    """Go, as the one that tries whether the dependency is back."""
    WAIT = "wait"


class Failing(msgspec.Struct, frozen=True):
    """One failure that a breaker counted."""

    at: float
    """As the breaker's times."""
    kind: str
    """throttled | refused | transient, as `runtime.policy.fault.Fault`."""
    error: str
    tool: str
    run: str
    agent: str


class Breaker(msgspec.Struct, frozen=True):
    """All that is known of a dependency.  Every change gives a new breaker; times are seconds since the epoch.

    They are those of a clock that nobody sets, save in the record.
    """

    recent: tuple[tuple[float, bool], ...] = ()
    """The latest calls that ended while it was closed: when, and whether they went well."""
    opened_at: float | None = None
    until: float = 0.0
    """When it half-opens, while it is open."""
    opens: int = 0
    """How often it opened since it was last closed for good."""
    probing_since: float | None = None
    probes: tuple[bool, ...] = ()
    """How the probes went since it half-opened."""
    ramp: int = 0
    """Calls that may be out at a time after it closed; 0 for any number."""
    ramp_out: int = 0
    ramp_ok: int = 0
    held_open: bool = False
    """An operator holds it open until it is reset."""
    kinds: dict[str, int] = {}
    """What failed since it last went well: how often, by kind."""
    last_error: Failing | None = None

    def state(self, now: float) -> BreakerState:
        if self.opened_at is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if self.held_open or now < self.until else BreakerState.HALF_OPEN

    def ask(self, now: float, section: Breaking) -> tuple[Breaker, Permit]:
        """Say whether a call may go out now, and return the breaker that remembers it."""
        state = self.state(now)
        if state is BreakerState.OPEN:
            return self, Permit.WAIT
        if state is BreakerState.HALF_OPEN:
            if self.probing_since is not None and now - self.probing_since < section.probe_s:
                return self, Permit.WAIT
            return replace(self, probing_since=now), Permit.PROBE
        if not self.ramp:
            return self, Permit.GO
        if self.ramp_out >= self.ramp:
            return self, Permit.WAIT
        return replace(self, ramp_out=self.ramp_out + 1), Permit.GO

    def noted(self, failing: Failing) -> Breaker:
        """Remember what failed; `told` counts the call."""
        kinds = self.kinds | {failing.kind: self.kinds.get(failing.kind, 0) + 1}
        return replace(self, kinds=kinds, last_error=failing)

    def told(
        self, now: float, ok: bool | None, permit: Permit, since: float, section: Breaking, chance: float
    ) -> Breaker:
        """Return the breaker after a call ended that went out at `since` with `permit`.

        `ok` is None where the dependency is not to blame and did not answer either: the call was wrong, was withdrawn,
        or its process is gone.  `chance` is a random number from 0 to 1.
        """
        state = self.state(now)
        if permit is Permit.PROBE:
            return self._probed(now, ok, since, section, chance) if state is BreakerState.HALF_OPEN else self
        if state is not BreakerState.CLOSED:
            return self  # It went out before the breaker opened, and says nothing about now.
        after = self._ramped(ok) if self.ramp else self
        if ok is None:
            return after
        recent = (*after.recent, (now, ok))[-section.window_calls :]
        recent = tuple(entry for entry in recent if now - entry[0] <= section.window_s)
        failed = sum(not good for _, good in recent)
        relapsed = bool(self.ramp) and not ok
        if relapsed or (len(recent) >= section.least_calls and failed >= section.failed_share * len(recent)):
            return after._opened(now, section, chance)
        return replace(after, recent=recent, kinds=after.kinds if failed else {})

    def tried(self) -> Breaker:
        """Half-open now, because an operator asks for it."""
        return (
            self if self.opened_at is None else replace(self, until=self.opened_at, held_open=False, probing_since=None)
        )

    def held(self, now: float) -> Breaker:
        """Open until an operator resets it."""
        return replace(self, opened_at=now, until=now, held_open=True, probing_since=None, probes=())

    def later(self, by_s: float) -> Breaker:
        """The same by a clock that shows so many seconds more."""
        return replace(
            self,
            recent=tuple((at + by_s, ok) for at, ok in self.recent),
            opened_at=None if self.opened_at is None else self.opened_at + by_s,
            until=self.until + by_s if self.until else 0.0,
            probing_since=None if self.probing_since is None else self.probing_since + by_s,
            last_error=None if self.last_error is None else replace(self.last_error, at=self.last_error.at + by_s),
        )

    def reread(self, now: float) -> Breaker:
        """The breaker as a runtime that begins takes it from the record.

        A probe of a runtime that is gone will never report.  Where the clock was set back meanwhile nothing lies in the
        future, and it stays open for no longer than it was to.
        """
        back_s = max(0.0, max((at for at, _ in self.recent), default=0.0) - now, (self.opened_at or 0.0) - now)
        return replace(self.later(-back_s) if back_s else self, probing_since=None)

    def _opened(self, now: float, section: Breaking, chance: float) -> Breaker:
        for_s = min(section.longest_open_s, section.open_s * 2.0 ** min(self.opens, 32))
        for_s *= 1 - JITTER * chance
        return Breaker(
            opened_at=now, until=now + for_s, opens=self.opens + 1, kinds=self.kinds, last_error=self.last_error
        )

    def _probed(self, now: float, ok: bool | None, since: float, section: Breaking, chance: float) -> Breaker:
        # One that took too long may end while the probe that took its place is out.
        out = None if since == self.probing_since else self.probing_since
        if ok is None:
            return replace(self, probing_since=out)
        probes = (*self.probes, ok)
        if sum(probes) >= section.probes_ok:
            return Breaker(opens=self.opens, ramp=1)
        if probes.count(False) > section.probes - section.probes_ok:
            return self._opened(now, section, chance)
        return replace(self, probing_since=out, probes=probes)

    def _ramped(self, ok: bool | None) -> Breaker:
        """Twice as many may be out at a time, once as many as now went well."""
        out, done = max(0, self.ramp_out - 1), self.ramp_ok + (ok is True)
        if done < self.ramp:
            return replace(self, ramp_out=out, ramp_ok=done)
        if self.ramp * 2 > RAMP_ENDS:
            return replace(self, ramp=0, ramp_out=0, ramp_ok=0, opens=0)
        return replace(self, ramp=self.ramp * 2, ramp_out=out, ramp_ok=0)
