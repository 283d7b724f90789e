"""Retries: whether a failed action is tried again, and when."""

from __future__ import annotations

import re

import msgspec

from runtime.policy.config import Retry
from runtime.policy.fault import Fault, fault_of, proves_unhappened
from store.records import Json

_RETRY_AFTER = re.compile(
    r"retry[- _]?after(?:_s|_seconds|([-_ ]?ms))?\W{1,4}(\d{1,9}(?:\.\d{1,6})?)\s{0,3}(ms\b)?", re.IGNORECASE
)


def retry_after_s(error: Json) -> float | None:
    """Return the seconds after which the dependency asked to be tried again (RFC 9110, 10.2.3), if it did."""
    body = error if isinstance(error, dict) else {"message": str(error)}
    named = body.get("retry_after_s", body.get("retry_after"))
    if isinstance(named, int | float) and not isinstance(named, bool) and 0 <= named < 10**6:
        return float(named)
    found = _RETRY_AFTER.search(str(body.get("message") or "")[:4000])
    if found is None:
        return None
    return float(found[2]) / (1000.0 if found[1] or found[3] else 1.0)


class Bucket(msgspec.Struct, frozen=True):
    """Retries in hand of one run for one dependency (a token bucket, as in gRPC's retry throttling)."""

    tokens: float

    @classmethod
    def full(cls, section: Retry) -> Bucket:
        return cls(float(section.bucket))

    def taken(self) -> Bucket | None:
        """The bucket after a retry, or None where there is none in hand."""
        return Bucket(self.tokens - 1) if self.tokens >= 1 else None

    def refilled(self, section: Retry) -> Bucket:
        """The bucket after a success."""
        return Bucket(min(float(section.bucket), self.tokens + section.refill))


class Again(msgspec.Struct, frozen=True):
    """Try it again after `after_s` seconds."""

    after_s: float
    bucket: Bucket


class Over(msgspec.Struct, frozen=True):
    """Do not try it again."""

    why: str
    """A sentence for the agent and the operator."""
    exhausted: bool
    """The dependency failed for too long (RETRY_LIMIT_REACHED), and not the call was wrong."""


def back_off_s(tries: int, fault: Fault, section: Retry, chance: float) -> float:
    """Return seconds to wait after `tries` tries: full jitter (Exponential Backoff And Jitter, AWS 2015).

    `chance` is a random number from 0 to 1.
    """
    base_s = section.throttled_s if fault is Fault.THROTTLED else section.transient_s
    # 2.0 ** 64 is far beyond any cap; the exponent is bounded so that nothing overflows.
    return chance * min(section.longest_s, base_s * 2.0 ** min(tries - 1, 64))


def rule_retry(
    error: Json,
    *,
    idempotent: bool,
    tries: int,
    waited_s: float,
    bucket: Bucket,
    section: Retry,
    chance: float,
    breaker_open: bool = False,
) -> Again | Over:
    """Say whether an action that failed openly for the `tries`th time is tried again, and when.

    While the breaker of its dependency is open that decides when it goes out, and nothing but the time it waits is
    limited: whoever's call happens to be the probe must not be the one that is given up.
    A hidden failure must not come here: it is never tried again.
    """
    fault = fault_of(error)
    if fault is Fault.OURS and isinstance(error, dict) and error.get("happened") is False and "status" not in error:
        fault = Fault.TRANSIENT  # The tool says that it may be tried again; of its dependency it says nothing.
    if fault is Fault.OURS:
        return Over("Trying the same again will not help: nothing shows that its dependency failed.", False)
    if not idempotent and not proves_unhappened(error):
        return Over("It may have happened, and doing it twice is not the same as doing it once.", False)
    if tries >= section.most_tries and not breaker_open:
        return Over(f"It failed {tries} times.", True)
    left = bucket if breaker_open else bucket.taken()
    if left is None:
        return Over("Too many calls to this dependency failed lately.", True)
    asked_s = retry_after_s(error)
    wait_s = back_off_s(tries, fault, section, chance)
    after_s = wait_s if asked_s is None else asked_s + wait_s
    if waited_s + after_s > section.max_wait_s:
        return Over(f"It would have waited longer than {section.max_wait_s:g} s in all.", True)
    return Again(after_s, left)
