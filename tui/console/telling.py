"""The story of a run: its events folded into entries a person can follow, one line each."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from store.events import Kind
from store.records import Event, Json
from tui.console import formats


class Entry(NamedTuple):
    """One thing that happened."""

    seq: int
    at: float
    step: int
    """0 where it belongs to no step."""
    mark: str
    """Key of `standing.GLYPHS`, or empty."""
    what: str
    duration_s: float | None = None
    """Of an action; of a status in which the run does not go on, how long it stood there."""
    outcome: str = ""
    tone: str = ""
    novelty: str = ""
    """`new` or `same`, of an action's call and result, against the entries before it."""
    ended: bool = True
    ident: str = ""
    """Of the action, so that its end finds its begin."""
    kind: str = ""
    end_seq: int = 0
    """The event that ended the action; 0 without one."""


def brief(value: Json, limit: int = 200) -> str:
    """A JSON value as a fragment of at most `limit` characters: the first argument bare, the others by name."""
    if isinstance(value, str):
        return _cut(" ".join(value[: limit * 2].split()) + ("…" if len(value) > limit * 2 else ""), limit)
    if value is None:
        return ""
    if isinstance(value, dict):
        parts: list[str] = []
        for index, (name, part) in enumerate(value.items()):
            if len(parts) > 5:
                parts.append("…")
                break
            shown = brief(part, limit)
            parts.append(shown if index == 0 and shown else f"{name}={shown}")
        return _cut(" ".join(parts), limit)
    return _cut(json.dumps(value, ensure_ascii=False, default=str), limit)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip(' …')}…"


def brief_result(value: Json) -> str:
    """A result as a fragment: its last line that says something, or its fields by name."""
    if isinstance(value, str):
        rows = [row.strip() for row in value[-4000:].splitlines() if row.strip()]
        return _cut(rows[-1], 200) if rows else "empty"
    if isinstance(value, dict):
        said = [f"{name}={brief(part, 60)}" for name, part in list(value.items())[:5]]
        return _cut(", ".join([*said, "…"] if len(value) > 5 else said), 200)
    return "" if value is None else brief(value)


def failure(body: dict[str, Json]) -> str:
    """What an `action.end` that is not ok says."""
    error = body.get("error") or {}
    if isinstance(error, dict):
        kind, message = str(error.get("type") or ""), str(error.get("message") or "")
        return f"{kind}: {message}" if kind and message else kind or message or "failed"
    return brief(error)


def call(tool: str, args: Json) -> str:
    """A tool call as a fragment."""
    said = brief(args)
    return f"{tool} {_PATH.sub(_shortened, said)}" if said else tool


_PATH = re.compile(r"(?<![\w:/.])(?:/[\w.@+-]+){4,}")
"""An absolute path of four parts or more; the end of it says which file it is."""


def _shortened(path: re.Match[str]) -> str:
    return "…/" + "/".join(path[0].split("/")[-2:])


def signature(tool: str, args: Json, result: Json) -> str:
    """Equal for equal calls with equal results."""
    return json.dumps([tool, args, result], sort_keys=True, ensure_ascii=False, default=str)


class Story:
    """Entries of one run, grown event by event."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.entries: list[Entry] = []
        self.orphans: dict[str, Event] = {}
        """Ends of actions that began before the first event told, by the action."""
        self.first_status_at: float | None = None
        """When the first of its changes of status came."""
        self._open: dict[str, tuple[int, Json]] = {}
        self._seen: set[int] = set()
        self._waits: int | None = None
        self.add(events)

    @property
    def in_flight(self) -> list[Entry]:
        """Actions that were told to begin and not yet to end."""
        return [self.entries[index] for index, _ in self._open.values()]

    @property
    def waits(self) -> Entry | None:
        """The status it stands in, if that is one in which it does not go on."""
        return self.entries[self._waits] if self._waits is not None else None

    def end_wait(self, at: float) -> None:
        """Its status was another from then on."""
        if self._waits is not None:
            entry = self.entries[self._waits]
            self.entries[self._waits] = entry._replace(duration_s=max(0.0, at - entry.at), ended=True)
            self._waits = None

    def end_those(self, ends: dict[str, Event]) -> set[int]:
        """Tell the ends of what is in flight where `ends` has them; returns the events that were."""
        told = {ends[ident].seq: ends[ident] for ident in list(self._open) if ident in ends}
        self.add(told.values())
        return set(told)

    def add(self, events: Iterable[Event]) -> None:
        """Tell what came after."""
        for event in events:
            if event.kind == Kind.ACTION_END:
                self._end(event)
            elif (entry := _tell(event)) is not None:
                if event.kind == Kind.ACTION_BEGIN:
                    self._open[entry.ident] = (len(self.entries), event.body.get("args"))
                elif event.kind == Kind.ATTEMPT_ENDED:
                    self.cut_off()
                elif event.kind == Kind.STATUS:
                    entry = self._stand(event, entry)
                self.entries.append(entry)

    def _stand(self, event: Event, entry: Entry) -> Entry:
        self.end_wait(event.at)
        if self.first_status_at is None:
            self.first_status_at = event.at
        if event.body.get("to") not in _WAITS:
            return entry
        self._waits = len(self.entries)
        return entry._replace(ended=False)

    def leave_out(self, seqs: set[int]) -> None:
        """Tell these events no more; none of them may be in flight."""
        for index in range(len(self.entries) - 1, -1, -1):
            if self.entries[index].seq in seqs:
                del self.entries[index]
                self._open = {ident: (place - (place > index), args) for ident, (place, args) in self._open.items()}
                if self._waits is not None:
                    self._waits -= self._waits > index
        self.orphans = {ident: event for ident, event in self.orphans.items() if event.seq not in seqs}

    def cut_off(self, *, but: Collection[str] = ()) -> None:
        """The process is gone: what was in flight gets no answer any more, save for these actions."""
        for ident in [ident for ident in self._open if ident not in but]:
            index, _ = self._open.pop(ident)
            self.entries[index] = self.entries[index]._replace(outcome="no answer", tone="warn", ended=True)

    def _end(self, event: Event) -> None:
        body = event.body
        place = self._open.pop(str(body.get("id")), None)
        ok = body.get("ok", True)
        outcome = brief_result(body.get("result")) if ok else failure(body)
        tone = "" if ok else "warn"
        tool = str(body.get("tool") or "action")
        if place is None:
            began: Entry | None = None
            args: Json = None
        else:
            index, args = place
            began = self.entries[index]
        mark = hash(signature(tool, args, body.get("result") if ok else failure(body)))
        novelty = "same" if mark in self._seen else "new"
        self._seen.add(mark)
        if began is None:
            self.orphans[str(body.get("id"))] = event
            self.entries.append(
                Entry(event.seq, event.at, int(body.get("step") or 0), "", tool, body.get("duration_s"), outcome, tone)
            )
            return
        said = body.get("duration_s")
        took = float(said) if isinstance(said, int | float) else event.at - began.at
        self.entries[index] = began._replace(
            duration_s=took,
            end_seq=event.seq,
            outcome=outcome or "done",
            tone=tone,
            novelty=novelty if args is not None else "",
            ended=True,
        )


def _tell(event: Event) -> Entry | None:
    tell = _TELLERS.get(event.kind)
    if tell is None:
        return None
    mark, what, tone = tell(event.body)
    ident = str(event.body.get("id") or "") if event.kind == Kind.ACTION_BEGIN else ""
    step = event.body.get("step") or event.body.get("n") or 0
    return Entry(
        event.seq,
        event.at,
        step if isinstance(step, int) else 0,
        mark,
        what,
        tone=tone,
        ended=event.kind != Kind.ACTION_BEGIN,
        ident=ident,
        kind=PASSING if _passes(event) else str(event.kind),
    )


_WAITS = frozenset({"queued", "waiting", "paused", "needs_review", "stopped"})
"""Statuses in which a run does not go on, and may again."""

PASSING = "passing"
"""Kind of what is told again, and better, by what follows it."""


def _passes(event: Event) -> bool:
    if event.kind == Kind.STATUS:
        return event.body.get("to") in ("starting", "running", "pausing", "stopping", "killing")
    return event.kind == Kind.PAUSE_ASKED and event.body.get("reason") not in (None, "USER_PAUSED")


Told = tuple[str, str, str]
_STATUS_MARKS = {
    "paused": "paused",
    "pausing": "paused",
    "stopped": "stopped",
    "stopping": "stopped",
    "needs_review": "needs",
    "waiting": "waiting",
    "killed": "killed",
    "killing": "killed",
    "completed": "done",
    "queued": "queued",
}


def _status(body: dict[str, Json]) -> Told:
    to = str(body.get("to"))
    reason = f" ({body['reason']})" if body.get("reason") else ""
    depth = ", held at its gate" if body.get("held") else ", frozen" if body.get("frozen") else ""
    said = body.get("why") or body.get("cause") or ""
    word = "needs you" if to == "needs_review" else to
    tone = "needs" if to == "needs_review" or (reason and to in ("paused", "stopped")) else "dim"
    return _STATUS_MARKS.get(to, ""), f"{word}{depth}{reason}: {said}" if said else f"{word}{depth}{reason}", tone


def _ruling(body: dict[str, Json]) -> Told:
    level = str(body.get("level"))
    words = {"warn": "warned", "steer": "steered", "pause": "pause ruled", "stop": "stop ruled", "observe": "noticed"}
    note = f" · note to the model: “{body['note']}”" if body.get("note") else ""
    return "warned", f"{words.get(level, level)} ({body.get('rule')}): {body.get('summary')}{note}", "warn"


def _attempt_ended(body: dict[str, Json]) -> Told:
    if not body.get("known", True):
        return "stopped", "process gone, how it ended is unknown", "dim"
    if body.get("signal"):
        return "stopped", f"process ended by {body['signal']}", "warn"
    return "", f"process ended, exit code {body.get('exit_code')}", "dim" if not body.get("exit_code") else "warn"


def _attempt_started(body: dict[str, Json]) -> Told:
    begin = f"from checkpoint {body['checkpoint']}" if body.get("checkpoint") else "from the beginning"
    verb = "taken over by a new runtime" if body.get("adopted") else f"process {body.get('pid')} started {begin}"
    return "", verb, "dim"


def _progress(body: dict[str, Json]) -> Told:
    done, of = body.get("done"), body.get("of")
    far = f" {formats.quantity(done)}" if isinstance(done, int | float) else ""
    far += f" of {formats.quantity(of)}" if far and isinstance(of, int | float) else ""
    return "", f"progress: {body.get('label') or ''}{far}", ""


def _checkpoint(body: dict[str, Json]) -> Told:
    label = f" “{body['label']}”" if body.get("label") else ""
    held = formats.size(body.get("size_bytes") or 0)
    return "", f"checkpoint {body.get('number')}{label}, step {body.get('step')}, {held}", "dim"


def _command(body: dict[str, Json]) -> Told:
    refused = "" if body.get("applied") else "refused, "
    asked = _ASKED.get(str(body.get("kind")), f"to {body.get('kind')}")
    return "", f"{body.get('who')} asked {asked}: {refused}{body.get('message')}", ""


_ASKED = {
    "start": "to start it",
    "pause": "to pause it",
    "resume": "to resume it",
    "kill": "to kill it",
    "fork": "to fork it",
    "resolve": "to settle a doubt",
}


def _judged(body: dict[str, Json]) -> Told:
    """The question is always the same; what it cost stands with the answer, for it comes out of a budget of its own."""
    verdict, steps = str(body.get("verdict")), body.get("steps") or []
    answers = {"closer": "yes", "not_closer": "no", "failed": "no answer"}
    why = f": {body['why']}" if body.get("why") else ""
    cited = f" (steps {', '.join(map(str, steps))})" if isinstance(steps, list) and steps else ""
    tokens = (body.get("input_tokens") or 0) + (body.get("output_tokens") or 0)
    cost = f" · {formats.count(tokens)} tokens" if tokens else ""
    cost += f", {formats.money(body['cost_usd'])}" if body.get("cost_usd") else ""
    asked = f"{body.get('model') or 'a model'} was asked at step {body.get('through')} whether it comes closer"
    mark, tone = ("warned", "warn") if verdict == "not_closer" else ("", "dim")
    return mark, f"{asked}: {answers.get(verdict, verdict)}{cited}{why}{cost}", tone


def _held(body: dict[str, Json]) -> Told:
    until = body.get("until")
    tail = f", until {formats.clock(until)}" if isinstance(until, int | float) else ""
    return "waiting", f"held: {body.get('tool') or 'the next step'}: {body.get('why')}{tail}", ""


_TELLERS: dict[str, Callable[[dict[str, Json]], Told]] = {
    Kind.CREATED: lambda body: ("", f"created by {body.get('by') or 'unknown'}", "dim"),
    Kind.STATUS: _status,
    Kind.ATTEMPT_STARTED: _attempt_started,
    Kind.ATTEMPT_ENDED: _attempt_ended,
    Kind.LINGERS: lambda body: ("", str(body.get("why")), ""),
    Kind.PAUSE_ASKED: lambda body: (
        "paused",
        f"pause asked by {body.get('by')}"
        + (f", waits for {body['waits_for']}" if body.get("waits_for") else "")
        + (f": {body['why']}" if body.get("why") and body["why"] != f"by {body.get('by')}" else ""),
        "",
    ),
    Kind.PAUSE_WITHDRAWN: lambda body: ("", f"pause taken back by {body.get('by')}", ""),
    Kind.HELD: _held,
    Kind.REFUSED: lambda body: (
        "stopped",
        f"refused: {call(str(body.get('tool')), body.get('args'))}: {body.get('reason')}",
        "warn",
    ),
    Kind.REPLAYED: lambda body: (
        "",
        f"from the record: {call(str(body.get('tool')), body.get('args'))}"
        + (f", done as {call(str(body.get('tool')), body.get('args_before'))}" if body.get("differs") else ""),
        "",
    ),
    Kind.RULING: _ruling,
    Kind.ADVICE: lambda body: ("", f"note delivered: “{body.get('note')}”", ""),
    Kind.DOUBT: lambda body: ("needs", f"in doubt: {call(str(body.get('tool')), body.get('args'))}", "needs"),
    Kind.RESOLVED: lambda body: (
        "",
        f"answered: {'it happened' if body.get('outcome') == 'done' else 'do it again'}",
        "",
    ),
    Kind.COMMAND: _command,
    Kind.GRANTED: lambda body: ("", f"limits raised: {brief(body.get('limits'))}", ""),
    Kind.ACCEPTED: lambda body: ("", "this repetition was accepted", ""),
    Kind.JUDGED: _judged,
    Kind.STEP_BEGIN: lambda body: ("", f"step {body.get('n')} {body.get('name') or ''}".rstrip(), "dim"),
    Kind.TASK: lambda body: ("", f"task: {body.get('name')}", ""),
    Kind.PROGRESS: _progress,
    Kind.ACTION_BEGIN: lambda body: (
        "",
        f"{'again: ' if body.get('retry_of') else ''}{call(str(body.get('tool')), body.get('args'))}",
        "",
    ),
    Kind.ACTION_WITHDRAWN: lambda body: ("", "the agent withdrew its call", "dim"),
    Kind.CHECKPOINT: _checkpoint,
    Kind.COMPLETE: lambda body: ("done", f"complete: {brief(body.get('result')) or 'no result given'}", ""),
    Kind.FAIL: lambda body: ("stopped", f"the agent gave up: {body.get('message')}", "needs"),
    Kind.OUTPUT: lambda body: ("", f"log: {body.get('line')}", "dim"),
}
