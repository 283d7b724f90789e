"""The finished calls of a run, and what must be equal for one to be a repetition of another."""

from __future__ import annotations

import hashlib

import msgspec

from runtime.policy.canonical import canonical
from runtime.policy.config import Outcome
from runtime.policy.normal import fingerprint, normal
from runtime.policy.outcome import Finding, error_text, find_failure
from store.events import Kind
from store.records import Event, Json

MOST_OPEN = 1000
"""Begins that are remembered while their ends are out; the oldest are forgotten first."""


class Call(msgspec.Struct, frozen=True):
    """A finished action."""

    id: str
    end: Event
    tool: str
    args: Json
    parent: str
    """Id of the action it happened within, or empty."""
    began_at: float
    poll: bool
    retry_of: str
    """Id of the action that it is another try of, or empty."""
    call_key: str
    """Equal for equal tools and canonical arguments."""
    result_key: str
    """Equal for results that are equal once times, random ids and scratch places are taken out."""
    finding: Finding | None
    """What shows that a result which was called a success is none."""
    failure: str
    """Fingerprint of the error, where the call failed, openly or not; else empty."""

    @property
    def ok(self) -> bool:
        """The agent said that it went well."""
        return bool(self.end.body.get("ok", True))

    @property
    def result(self) -> Json:
        """What came back; of an open failure, its error."""
        return self.end.body.get("result" if self.ok else "error")

    @property
    def key(self) -> str:
        """Equal for calls that repeat each other with the same result."""
        return f"{self.call_key} {self.result_key}"


class Calls:
    """Gives a `Call` for each end whose begin was seen; several rules may share one and feed it the same events."""

    def __init__(self, outcome: Outcome | None = None) -> None:
        self._outcome = outcome or Outcome()
        self._open: dict[str, Event] = {}
        self._fed: Event | None = None
        self._call: Call | None = None

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
        elif event.kind == Kind.ACTION_END:
            begin = self._open.pop(event.body["id"], None)
            return self._finished(begin, event) if begin is not None else None
        return None

    def _finished(self, begin: Event, end: Event) -> Call:
        body = begin.body
        tool, args = body["tool"], body.get("args")
        ok = end.body.get("ok", True)
        result = end.body.get("result") if ok else end.body.get("error")
        finding = find_failure(tool, args, result, self._outcome.contract(tool)) if ok else None
        return Call(
            id=body["id"],
            end=end,
            tool=tool,
            args=args,
            parent=body.get("parent") or "",
            began_at=begin.at,
            poll=bool(body.get("poll")),
            retry_of=body.get("retry_of") or "",
            call_key=_digest([tool, args]),
            result_key=_digest([bool(ok), normal(result)]),
            finding=finding,
            failure="" if ok and not (finding and finding.failed) else _failure(result, finding),
        )


def _failure(result: Json, finding: Finding | None) -> str:
    """Name an error by its own words; one that says nothing is still one."""
    kind = str(result.get("type") or "").lower() if finding is None and isinstance(result, dict) else ""
    named = fingerprint(error_text(result)) or (fingerprint(finding.line) if finding else "")
    return f"{kind} {named}".strip() or "error"


def _digest(value: Json) -> str:
    return hashlib.sha256(canonical(value)).hexdigest()[:32]
