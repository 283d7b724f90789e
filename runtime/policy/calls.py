"""The finished calls of a run, and what must be equal for one to be a repetition of another."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, deque

import msgspec

from runtime.policy import evidence
from runtime.policy.canonical import quick
from runtime.policy.config import Outcome
from runtime.policy.normal import LONGEST_TEXT, fingerprint, normal
from runtime.policy.outcome import Finding, error_text, find_failure, is_empty
from store.events import Kind
from store.records import Event, Json

MOST_OPEN = 1000
"""Begins that are remembered while their ends are out; the oldest are forgotten first."""

MOST_DONE = 2000
"""Calls that are remembered in case a later attempt does them again."""

_COUNT = re.compile(
    r"\b(\d{1,6}) (?:tests? )?(?:fail(?:ed|ures?|ing)|errors?|problems?|issues?|warnings?|violations?)\b", re.I
)


class Call(msgspec.Struct, frozen=True):
    """A finished action; of large arguments and results only what is shown of them is kept."""

    id: str
    seq: int
    """Event of its end."""
    began_at: float
    ended_at: float
    tool: str
    args: Json
    parent: str
    """Id of the action it happened within, or empty."""
    ok: bool
    """The agent said that it went well."""
    poll: bool
    retry_of: str
    """Id of the action that it is another try of, or empty."""
    call_key: str
    """Equal for equal tools and canonical arguments."""
    key: str
    """Equal for calls that repeat each other with the same result, once times, random ids and scratch places are taken
    out of it."""
    finding: Finding | None
    """What shows that a result which was called a success is none."""
    failure: str
    """Fingerprint of the error, where the call failed, openly or not; else empty."""
    errors: int | None
    """How many errors a failure counts, if it says so."""
    empty: bool
    """It went well and brought nothing."""
    shown: dict[str, Json]
    """As `runtime.policy.evidence.call`."""
    redone: bool = False
    """An earlier attempt did the same, with the same result, after the checkpoint that this attempt began from."""


class Calls:
    """Gives a `Call` for each end whose begin was seen; several rules may share one and feed it the same events."""

    def __init__(self, outcome: Outcome | None = None) -> None:
        self._outcome = outcome or Outcome()
        self._open: dict[str, Event] = {}
        self._done: deque[tuple[int, str]] = deque(maxlen=MOST_DONE)
        """The latest calls: the checkpoint after which each was done, and its key."""
        self._checkpoint = 0
        self._again: Counter[str] = Counter()
        """What earlier attempts did after the checkpoint that this one began from, and this one has not yet, by key."""
        self._fed: Event | None = None
        self._call: Call | None = None
        self.repeating = ""
        """Signature of the cycle that the latest call is part of, as the loop rule found it; else empty."""

    def feed(self, event: Event) -> Call | None:
        """Return the call that `event` ends, if it ends one."""
        if event is not self._fed:
            self._fed, self._call = event, self._take(event)
        return self._call

    def _take(self, event: Event) -> Call | None:
        if event.kind == Kind.ACTION_BEGIN:
            self._open[event.body["id"]] = event
            if len(self._open) > MOST_OPEN:
                del self._open[next(iter(self._open))]
        elif event.kind == Kind.ACTION_WITHDRAWN:
            self._open.pop(event.body["id"], None)
        elif event.kind == Kind.ATTEMPT_STARTED and not event.body.get("adopted"):
            self._open.clear()
            self._checkpoint = event.body.get("checkpoint") or 0
            self._again = Counter(key for after, key in self._done if after >= self._checkpoint)
        elif event.kind == Kind.CHECKPOINT:
            self._checkpoint = event.body["number"]
        elif event.kind == Kind.ACTION_END:
            begin = self._open.pop(event.body["id"], None)
            return self._finished(begin, event) if begin is not None else None
        return None

    def _finished(self, begin: Event, end: Event) -> Call:
        body = begin.body
        tool, args = body["tool"], body.get("args")
        ok = bool(end.body.get("ok", True))
        result = end.body.get("result" if ok else "error")
        finding = find_failure(tool, args, result, self._outcome.contract(tool)) if ok else None
        failed = not ok or (finding is not None and finding.failed)
        shown = evidence.call(end, args)
        call_key = _digest(quick([tool, args]))
        if body.get("opaque"):
            call_key += f" {begin.seq}"  # Its arguments do not tell their values: it equals no other.
        key = f"{call_key} {_digest(normal(result).encode('utf-8', 'surrogatepass'))}{'' if ok else '!'}"
        redone = self._again[key] > 0
        if redone:
            self._again[key] -= 1
        self._done.append((self._checkpoint, key))
        return Call(
            id=body["id"],
            seq=end.seq,
            began_at=begin.at,
            ended_at=end.at,
            tool=tool,
            args=shown["args"],
            parent=body.get("parent") or "",
            ok=ok,
            poll=bool(body.get("poll")),
            retry_of=body.get("retry_of") or "",
            call_key=call_key,
            key=key,
            finding=finding,
            failure=_failure(result, finding) if failed else "",
            errors=_errors(result) if failed else None,
            empty=ok and not failed and is_empty(result),
            shown=shown,
            redone=redone,
        )


def failed_alike(before: Call, call: Call) -> bool:
    """Whether two calls failed in the same way.

    Different calls that each bring a hidden error of their own bring data: failed jobs, lines of a compiler.
    """
    if (before.tool, before.failure) != (call.tool, call.failure):
        return False
    if before.finding is None or call.finding is None or before.call_key == call.call_key:
        return True
    return before.finding.line == call.finding.line


def _failure(result: Json, finding: Finding | None) -> str:
    """Name an error by its own words; one that says nothing is still one."""
    kind = str(result.get("type") or "").lower() if finding is None and isinstance(result, dict) else ""
    named = fingerprint(error_text(result)) or (fingerprint(finding.line) if finding else "")
    return f"{kind} {named}".strip() or "error"


def _errors(result: Json) -> int | None:
    found = _COUNT.search(error_text(result)[:LONGEST_TEXT])
    return int(found[1]) if found else None


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()[:32]
