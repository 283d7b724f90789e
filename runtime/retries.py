"""Retries in one place: what a failed action's answer says, and when a dependency has failed for too long."""

from __future__ import annotations

import random
from collections.abc import Callable

import msgspec

from runtime import wire
from runtime.core import Core
from runtime.live import LiveRun, Tries, remember
from runtime.policy.dependency import dependency_of
from runtime.policy.fault import fault_of
from runtime.policy.retry import Again, Bucket, Over, rule_retry
from store.records import Action, Json
from store.states import StopReason

MOST_BUCKETS = 1000


class Retries:
    """Counts tries and keeps the buckets of each live run."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def began(self, live: LiveRun, message: wire.ActionBegin) -> None:
        """Remember which try of what an action is."""
        before = live.tries.pop(message.retry_of, None) if message.retry_of else None
        dependency = dependency_of(message.dependency, message.args) or message.tool
        if before is None:
            tries = Tries(dependency, message.retry, 1, self._core.steady.now())
        else:
            tries = msgspec.structs.replace(before, count=before.count + 1)
        remember(live.tries, message.id, tries)

    def succeeded(self, live: LiveRun, ident: str) -> None:
        """A success gives a part of a retry back."""
        tries = live.tries.pop(ident, None)
        if tries is not None and tries.dependency in live.buckets:
            live.buckets[tries.dependency] = live.buckets[tries.dependency].refilled(live.policy.retry)

    def failed(
        self, live: LiveRun, action: Action, failure: wire.Failure | None, breaker_open: Callable[[str], bool]
    ) -> Again | Over:
        """Say whether a failed action is tried again; its caller must be able to."""
        tries = live.tries.get(action.id)
        if tries is None or not tries.repeatable:
            live.tries.pop(action.id, None)
            return Over("", False)
        section = live.policy.retry
        ruled = rule_retry(
            wire.told(failure),
            idempotent=action.idempotent,
            tries=tries.count,
            waited_s=self._core.steady.now() - tries.since,
            bucket=live.buckets.get(tries.dependency) or Bucket.full(section),
            section=section,
            chance=random.random(),
            breaker_open=breaker_open(tries.dependency),
        )
        if isinstance(ruled, Again):
            remember(live.buckets, tries.dependency, ruled.bucket, MOST_BUCKETS)
        else:
            live.tries.pop(action.id, None)
            # An operator who lets the run go on gives it a fresh start with that dependency.
            live.buckets.pop(tries.dependency, None)
        return ruled


def dependency_failed(failure: wire.Failure | None) -> bool | None:
    """False if the dependency is to blame for a failure; None where that says nothing about it."""
    return False if fault_of(wire.told(failure)).of_the_dependency else None


def limit_evidence(action: Action, failure: wire.Failure | None, over: Over) -> tuple[StopReason, str, dict[str, Json]]:
    """Reason, fragment and evidence of a run whose action has failed too often."""
    said = f"{failure.type}: {failure.message}" if failure else "no reason given"
    evidence: dict[str, Json] = {
        "summary": f"{action.tool} failed again and again. {over.why} The last error: {said}",
        "calls": [{"event": action.seq, "tool": action.tool, "args": action.args, "result": said}],
    }
    return StopReason.RETRY_LIMIT_REACHED, f"{action.tool} keeps failing: {said}"[:200], evidence
