"""Pairs the begin of each action with its end, as the rules about finished calls need it."""

from __future__ import annotations

import msgspec

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

    @property
    def ok(self) -> bool:
        return bool(self.end.body.get("ok", True))

    @property
    def result(self) -> Json:
        """What came back; of a failure, its error."""
        body = self.end.body
        return body.get("result") if self.ok else body.get("error")


class Calls:
    """Gives a `Call` for each end whose begin was seen."""

    def __init__(self) -> None:
        self._open: dict[str, Event] = {}

    def feed(self, event: Event) -> Call | None:
        """Return the call that `event` ends, if it ends one."""
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
            return _call(begin, event) if begin is not None else None
        return None


def _call(begin: Event, end: Event) -> Call:
    body = begin.body
    return Call(
        id=body["id"],
        end=end,
        tool=body["tool"],
        args=body.get("args"),
        parent=body.get("parent") or "",
        began_at=begin.at,
        poll=bool(body.get("poll")),
        retry_of=body.get("retry_of") or "",
    )
