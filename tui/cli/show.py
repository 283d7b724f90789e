"""`show`: one run in plain lines, for a screen reader, a log or a chat."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator, Sequence
from functools import partial

import typer

from store.events import Kind
from store.reader import Reader
from store.records import Action, CheckpointRef, Event, Json, Run
from store.states import FINAL, Status, StopReason
from tui.cli import doubts, shape
from tui.cli.listings import chain
from tui.cli.options import HomeOption, JsonOption, Place, RunArgument, place
from tui.cli.output import say, say_json
from tui.cli.words import checkpoint_name, clock_ms, limit, moment, progress, short_ids
from tui.console import formats, standing
from tui.console.doubts import doubts as questions
from tui.console.telling import Story, brief, brief_result, call
from tui.console.verdict import sentence, unwatched, verdict
from tui.plain import plain

LABEL = 12
LATEST = 8
"""Changes of status that are shown."""
LATEST_VERDICTS = 3
LOG_LINES = 12
RECENT = 2000
"""Events that the five answers look back over."""
_KEY = re.compile(r" \(\w\)(?=[.,:; ]|$)| ?\b[a-z] (?:lets|pauses) [^.]*\.")
"""A key of the console, or a sentence about one, in an answer: there are no keys here."""


def show(context: typer.Context, run: RunArgument, as_json: JsonOption = False, home: HomeOption = None) -> None:
    """Show one run: where it stands and why, the evidence, what is in flight, and what can be done."""
    asyncio.run(_show(place(context, home), run, as_json))


async def _show(where: Place, name: str, as_json: bool) -> None:
    async with await Reader.open(where.home) as reader:
        fleet = await reader.fleet()
        run = fleet.find(name)
        actions = await reader.actions(run.run)
        events = await chain(reader, run)
        refs = await reader.checkpoints(run.run)
    if as_json:
        say_json(shape.whole(run, actions, events, refs))
        return
    watched = where.home.runtime_alive()
    page = Page(run, short_ids(fleet.runs)[run.run], actions, events, refs, time.time(), watched=watched)
    for line in page.lines(where):
        say(line)


class Page:
    """Everything that is told of one run."""

    def __init__(
        self,
        run: Run,
        short: str,
        actions: Sequence[Action],
        events: Sequence[Event],
        refs: Sequence[CheckpointRef],
        now: float,
        *,
        watched: bool = True,
    ) -> None:
        self.watched = watched
        self.run = run
        self.short = short
        self.actions = actions
        self.open = [one for one in actions if one.ended_at is None]
        self.events = events
        self.refs = refs
        self.now = now

    def lines(self, where: Place) -> Iterator[str]:
        yield self.head()
        yield from labelled("Goal", [plain(self.run.goal)] if self.run.goal else [])
        yield from self.answers()
        yield from labelled("Doing", self.doing())
        yield from labelled("Spent", [self.spent()])
        yield from labelled("Why", self.why())
        yield from labelled("Judge", self.judged())
        yield from self.evidence()
        yield from self.open_actions(where)
        yield from labelled("Checkpoint", self.checkpoints())
        yield from labelled("Lately", self.lately())
        yield from labelled("Next", [where.command(text) for text in next_commands(self.run, self.short)])

    def head(self) -> str:
        run = self.run
        reason = f" {run.reason}" if run.reason and str(run.reason).lower() != str(run.status) else ""
        at = run.rested_at if run.at_rest and run.rested_at else run.last_event_at
        what = "" if run.at_rest else " last sign of life"
        return (
            f"{plain(run.agent)} {self.short}: {standing.standing(run).word}.{reason + ',' if reason else what}"
            f" {moment(at, self.now)}, {formats.ago(self.now - at)}."
        )

    def answers(self) -> Iterator[str]:
        """The five answers an operator wants at a glance."""
        said = verdict(self.run, self.events[-RECENT:], self.now)
        said = said if self.watched else unwatched(said, self.run, self.now)
        for question, answer in said.rows():
            figures = _KEY.sub("", plain(answer.figures)).strip()
            word = "Not applicable" if answer.word == "n/a" else answer.word.capitalize()
            yield from labelled(question, [f"{word}. {sentence(figures)}".rstrip()], colon="")

    def doing(self) -> list[str]:
        run = self.run
        said = [plain(part) for part in (run.task, run.step_name) if part]
        if run.step:
            said.append(f"step {run.step}")
        if (done := progress(run)) and done not in said:
            said.append(done)
        if run.attempt:
            process = f"process {run.pid}" if run.pid is not None else "no process"
            said.append(f"attempt {run.attempt}, {process}")
        return [", ".join(dict.fromkeys(said))] if said else []

    def spent(self) -> str:
        run = self.run
        took = formats.span(standing.spent(run, "wall_s", self.now) or 0.0)
        cached = f" and {formats.count(run.cached_tokens)} cached" if run.cached_tokens else ""
        limits = ", ".join(limit(name, value) for name, value in run.limits.items())
        used = f"{formats.count(run.tokens)} tokens{cached}, {formats.money(run.cost_usd)}"
        return (
            f"{used if run.tokens or run.cost_usd else 'no tokens and no cost reported'}, "
            f"{formats.plural(run.actions, 'action')}, {took}; {'limits ' + limits if limits else 'no limit'}"
        )

    def why(self) -> list[str]:
        said = [plain(standing.why(self.run, self.now)), plain(str(self.run.evidence.get("summary") or ""))]
        below_at = below_its_rate_at(self.run)
        if below_at is not None:
            when = f"from {formats.moment(below_at, self.now)} on" if below_at > self.now else "now"
            said.append(f"It is below that {when}, and can be resumed as it is then.")
        return [part for part in dict.fromkeys(said) if part]

    def judged(self) -> list[str]:
        """What a model said of its progress: the latest verdicts, and what all of them cost."""
        told = Story(event for event in self.events if event.kind == Kind.JUDGED).entries
        said = [f"{formats.moment(entry.at, self.now)} {plain(entry.what)}" for entry in told[-LATEST_VERDICTS:]]
        used = self.run.judged
        if len(told) > 1:
            cost = f", {formats.money(used['cost_usd'])}" if used.get("cost_usd") else ""
            said.append(f"asked {len(told)} times, {formats.count(used.get('tokens', 0))} tokens{cost} in all")
        return said

    def evidence(self) -> Iterator[str]:
        evidence = self.run.evidence
        figures = evidence.get("figures")
        if isinstance(figures, dict) and figures:
            said = [
                f"{plain(standing.BUDGET_WORDS.get(name, str(name)))} {plain(brief(value))}"
                for name, value in figures.items()
            ]
            yield from labelled("Figures", [", ".join(said)])
        calls = evidence.get("calls")
        if isinstance(calls, list):
            yield from labelled("Calls", [_call(one) for one in calls if isinstance(one, dict)])
        if self.run.resumable and self.run.warned is not None:
            yield from labelled("Warned", [plain(self.run.warned.summary)])
        tail = evidence.get("log_tail")
        if isinstance(tail, list) and tail:
            yield from labelled("Log", [plain(str(line)) for line in tail[-LOG_LINES:]])
        offer = evidence.get("offer")
        if offer:
            yield from labelled("Offer", [plain(brief(one)) for one in (offer if isinstance(offer, list) else [offer])])

    def open_actions(self, where: Place) -> Iterator[str]:
        flying = [one for one in self.open if not one.in_doubt]
        yield from labelled("In flight", [self._action(one) for one in flying])
        for asked in questions(self.run, self.events, self.actions):
            answer = partial(self._resolve, where, asked.id)
            label = "Question" if asked.why else "In doubt"
            yield from labelled(label, list(doubts.told(asked, self.events, answer, self.now)))
        if not self.open and not self.run.at_rest:
            yield from labelled("In flight", ["nothing"])

    def _resolve(self, where: Place, action: str, outcome: str) -> str:
        return where.command(f"resolve {self.short} {plain(action)} {outcome}")

    def _action(self, one: Action) -> str:
        age = formats.ago(self.now - one.began_at)
        return f"{plain(call(one.tool, one.args))}, begun {clock_ms(one.began_at)}, {age} (action {plain(one.id)})"

    def checkpoints(self) -> list[str]:
        if not self.refs:
            return ["none"]
        last = self.refs[-1]
        number = f"; {len(self.refs)} kept" if len(self.refs) > 1 else ""
        size = formats.size(last.size_bytes)
        return [f"{checkpoint_name(last)}, step {last.step}, {size}, {formats.ago(self.now - last.at)}{number}"]

    def lately(self) -> list[str]:
        moves = [event for event in self.events if event.kind == Kind.STATUS][-LATEST:]
        said = []
        for event in moves:
            body = event.body
            cause = plain(str(body.get("cause") or body.get("why") or ""))
            said.append(f"{formats.moment(event.at, self.now)} {body.get('from')} → {body.get('to')}: {cause}")
        return said


def _call(one: dict[str, Json]) -> str:
    step = f"step {one['step']}: " if one.get("step") else ""
    result = plain(brief_result(one.get("result")))
    said = plain(call(str(one.get("tool") or "call"), one.get("args")))
    return f"{step}{said} → {result}" if result else f"{step}{said}"


def labelled(label: str, said: Sequence[str], colon: str = ":") -> Iterator[str]:
    """A label, and what is said under it, aligned."""
    for position, line in enumerate(said):
        head = f"{label}{colon}" if position == 0 else ""
        yield f"{head:<{LABEL}} {line}".rstrip()


def next_commands(run: Run, short: str) -> list[str]:
    """What a person would do next with a run, as commands without the program's name."""
    if run.status is Status.NEEDS_REVIEW:
        return []
    if run.status is Status.COMPLETED and run.checkpoints:
        return [f"events {short}", f"fork {short}"]
    if run.status in FINAL:
        return [f"events {short}"]
    if not run.at_rest:
        return [f"pause {short}", f"log {short} --follow"]
    accept = [f"resume {short} --accept"] if run.reason is StopReason.LOOP_DETECTED else []
    return [resume_command(run, short), *accept, f"kill {short}"]


def below_its_rate_at(run: Run) -> float | None:
    """When a run that was held for its pace may go on without more (epoch seconds); None for any other."""
    at = run.evidence.get("below_at") if run.at_rest and run.reason is StopReason.BUDGET_EXCEEDED else None
    return float(at) if isinstance(at, int | float) else None


def resume_command(run: Run, short: str) -> str:
    """How this run is let go on, by why it stands."""
    below_at = below_its_rate_at(run)
    if run.reason is StopReason.BUDGET_EXCEEDED and (below_at is None or below_at > time.time()):
        told = run.evidence.get("figures") or {}
        used_up = [name for name in run.limits if (standing.spent(run, name, time.time()) or 0) >= run.limits[name]]
        spent = [*(name for name in run.limits if name in told), *used_up]
        key = (spent or list(run.limits) or ["cost_usd"])[0]
        return f"resume {short} --budget {key}={2 * run.limits.get(key, 1):g}"
    if run.reason in (StopReason.LOOP_DETECTED, StopReason.NO_PROGRESS, StopReason.TOOL_FAILURE):
        return f'resume {short} --note "…"'
    return f"resume {short}"
