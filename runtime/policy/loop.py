"""The loop rule: the same calls with the same results, over and over."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable
from itertools import islice
from typing import ClassVar

import msgspec

from runtime.policy import evidence
from runtime.policy.calls import Call, Calls, failed_alike
from runtime.policy.canonical import quick
from runtime.policy.config import Loop
from runtime.policy.ruling import Level, Ruling
from store.events import Kind
from store.records import Event, Json, Run
from store.states import Status, StopReason

MOST_CALLS = 600
"""Finished calls that are remembered for each parent call."""

MOST_PARENTS = 64
"""Parent calls that are remembered; the least recently used are forgotten first."""


class Round(msgspec.Struct, frozen=True):
    """A stretch of the latest calls that is one cycle again and again."""

    period: int
    """Calls in the cycle."""
    times: int
    """How often the cycle was gone through, whole."""
    began_seq: int
    """Event of the first call of the stretch."""
    signature: str


class Past:
    """The latest calls of one parent, and for each period how far back from the newest they repeat."""

    def __init__(self, longest_cycle: int) -> None:
        self.calls: deque[Call] = deque(maxlen=MOST_CALLS)
        self._keys: deque[str] = deque(maxlen=MOST_CALLS)
        self._matched = [0] * (longest_cycle + 1)
        """By period: how many of the newest calls equal the one that many places before them."""

    def add(self, key: str, call: Call) -> None:
        self.calls.append(call)
        self._keys.append(key)
        for period in range(1, len(self._matched)):
            repeats = period < len(self._keys) and self._keys[-1 - period] == key
            self._matched[period] = min(self._matched[period] + 1, MOST_CALLS - period) if repeats else 0

    def take_back(self) -> None:
        """Forget the newest call."""
        kept = list(zip(self._keys, self.calls, strict=True))[:-1]
        self._keys.clear()
        self.calls.clear()
        self._matched = [0] * len(self._matched)
        for key, call in kept:
            self.add(key, call)

    def rounds(self) -> Round | None:
        """Find the shortest cycle that the latest calls go through for at least the second time."""
        for period in range(1, len(self._matched)):
            matched = self._matched[period]
            if matched >= period:
                cycle = list(self._keys)[-period:]
                rotated = min(cycle[start:] + cycle[:start] for start in range(period))
                named = _short_digest([self.calls[-1].parent, rotated])
                began_seq = self.calls[-matched - period].seq
                return Round(period, matched // period + 1, began_seq, f"loop:{named}")
        return None


class LoopRule:
    """Counts how often the latest calls repeat those before them."""

    name: ClassVar[str] = "loop"
    horizon: ClassVar[int] = 2000

    def __init__(self, section: Loop, run: Run | None = None, calls: Calls | None = None) -> None:
        self._section = section
        self._calls = calls or Calls()
        self._ended: dict[str, Past] = {}
        self._asked_model_at: float | None = None
        self._said: dict[str, tuple[int, Level]] = {}
        """What was last said of a signature, and of which stretch."""
        self._paused_by: set[str] = set()
        self._factor: dict[str, int] = {}
        self._accepted: set[str] = set(run.accepted) if run is not None else set()

    def feed(self, event: Event) -> Iterable[Ruling]:
        if event.kind == Kind.STATUS:
            self._moved(event)
        elif event.kind == Kind.ACCEPTED:
            self._accepted.add(event.body["signature"])
        elif event.kind == Kind.RULING and event.body["rule"] == self.name and event.body["level"] == Level.PAUSE:
            self._paused_by.add(event.body.get("signature") or "")
        elif event.kind == Kind.USAGE:
            self._asked_model_at = event.at
        elif event.kind == Kind.ATTEMPT_STARTED and not event.body.get("adopted"):
            self._ended.clear()
        call = self._calls.feed(event)
        return [] if call is None or call.redone else self._ended_call(call)

    def tick(self, now: float) -> Iterable[Ruling]:
        return []

    def _moved(self, event: Event) -> None:
        """After a resume count anew, and let what paused the run go on twice as long."""
        if event.body.get("from") not in (Status.PAUSED, Status.STOPPED, Status.NEEDS_REVIEW):
            return
        if event.body["to"] not in (Status.RUNNING, Status.STARTING):
            return
        for signature in self._paused_by:
            self._factor[signature] = 2 * self._factor.get(signature, 1)
        self._paused_by.clear()
        self._ended.clear()
        self._said.clear()

    def _ended_call(self, call: Call) -> list[Ruling]:
        past = self._past(call.parent)
        if call.retry_of and past.calls and past.calls[-1].id == call.retry_of:
            past.take_back()  # The supervisor's own retry is the same call still, not the model's doing.
        past.add(self._key(call, past.calls[-1] if past.calls else None), call)
        found = past.rounds()
        self._calls.repeating = found.signature if found is not None else ""
        rulings = [] if found is None else self._rule(found, past)
        return rulings or self._same_error(call, past)

    def _past(self, parent: str) -> Past:
        past = self._ended.pop(parent, None) or Past(self._section.longest_cycle)
        self._ended[parent] = past
        if len(self._ended) > MOST_PARENTS:
            del self._ended[next(iter(self._ended))]
        return past

    def _rule(self, found: Round, past: Past) -> list[Ruling]:
        if found.signature in self._accepted:
            return []
        factor = self._factor.get(found.signature, 1)
        pause_at = factor * (self._section.pause_at if found.period == 1 else self._section.cycle_pause_at)
        level = Level.PAUSE if found.times >= pause_at else Level.STEER
        if found.times < factor * self._section.steer_at:
            return []
        if self._said.get(found.signature) in ((found.began_seq, level), (found.began_seq, Level.PAUSE)):
            return []
        self._said[found.signature] = (found.began_seq, level)
        if level is Level.PAUSE:
            self._paused_by.add(found.signature)
        return [_ruling(found, level, pause_at, list(past.calls)[-found.period * found.times :])]

    def _key(self, call: Call, before: Call | None) -> str:
        """Name what must be equal for a call to be a repetition; a poll is none, whether declared or seen to be one."""
        asked_model = (
            before is not None and self._asked_model_at is not None and self._asked_model_at >= before.ended_at
        )
        gap_s = call.began_at - before.ended_at if before is not None else 0.0
        if call.poll or (gap_s >= self._section.poll_gap_s and not asked_model):
            return f"poll {call.seq}"
        return call.key

    def _same_error(self, call: Call, past: Past) -> list[Ruling]:
        """Steer where one tool fails in the same way whatever it is given; that alone never pauses."""
        if not call.failure or call.poll:
            return []
        alike = [call]
        for before in islice(reversed(past.calls), 1, None):
            if not failed_alike(before, call) or _advances(before.args, alike[-1].args):
                break
            alike.append(before)
        times, signature = len(alike), f"error:{_short_digest([call.parent, call.tool, call.failure])}"
        if times < self._section.same_error_steer_at or signature in self._accepted:
            return []
        if len({one.call_key for one in alike}) == 1:
            return []  # Equal calls are counted as rounds.
        began_seq = alike[-1].seq
        if self._said.get(signature, (0, Level.STEER))[0] == began_seq:
            return []
        self._said[signature] = (began_seq, Level.STEER)
        return [_same_error_ruling(alike[::-1], signature)]


ADVANCING = frozenset(
    {
        "after",
        "before",
        "begin_line",
        "cursor",
        "end",
        "end_line",
        "file",
        "file_name",
        "file_path",
        "filename",
        "filepath",
        "from",
        "index",
        "line",
        "line_number",
        "next",
        "next_token",
        "offset",
        "page",
        "page_number",
        "page_token",
        "path",
        "skip",
        "start",
        "start_line",
        "startline",
        "endline",
        "token",
        "url",
        "uri",
        "view_range",
    }
)
"""Arguments that are meant to move on from call to call."""


def _advances(before: Json, after: Json) -> bool:
    """Whether the two calls differ in nothing but arguments that move on."""
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return False
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    return bool(changed) and all(str(key).lower() in ADVANCING for key in changed)


def _short_digest(value: Json) -> str:
    return hashlib.sha256(quick(value)).hexdigest()[:16]


def _same_error_ruling(alike: list[Call], signature: str) -> Ruling:
    tool, times = alike[-1].tool, len(alike)
    return Ruling(
        rule=LoopRule.name,
        level=Level.STEER,
        summary=f"{tool} fails the same way ×{times}",
        evidence={
            "summary": f"{tool} failed {times} times in a row in the same way, with different arguments.",
            "figures": {"failures in a row": times, "error": alike[-1].failure},
            "events": [call.seq for call in alike[-evidence.MOST_CALLS :]],
            "calls": evidence.latest(call.shown for call in alike),
        },
        note=f"{tool} has failed {times} times in a row with the same kind of error, whatever you gave it. Other "
        "arguments of the same kind will not help: find out why it fails, or use something else.",
        signature=signature,
    )


def _ruling(found: Round, level: Level, pause_at: int, calls: list[Call]) -> Ruling:
    tools = ", then ".join(call.tool for call in calls[: found.period])
    times = found.times
    if found.period == 1:
        failed = "failure" if not calls[-1].ok else "result"
        summary = f"{tools} ×{times}, same {failed}"
        sentence = f"{tools} was called {times} times in a row with equal arguments, with the same {failed} each time."
        done = f"called {tools} {times} times in a row with the same arguments and got the same {failed} each time"
    else:
        summary = f"cycle of {found.period} calls ×{times}, same results"
        sentence = f"The same {found.period} calls ({tools}) went round {times} times, with the same results each time."
        done = f"gone round the same {found.period} calls ({tools}) {times} times with the same results"
    note = f"You have {done}. Doing it again will not change it: try something different, or say what blocks you."
    told: dict[str, Json] = {
        "summary": sentence,
        "figures": {"rounds": times, "calls in a round": found.period, "paused at": f"{pause_at} rounds"},
        "events": [call.seq for call in calls[-evidence.MOST_CALLS :]],
        "calls": evidence.latest(call.shown for call in calls),
    }
    paused = level is Level.PAUSE
    return Ruling(
        rule=LoopRule.name,
        level=level,
        summary=summary,
        evidence=told,
        reason=StopReason.LOOP_DETECTED if paused else None,
        note=note,
        signature=found.signature,
    )
