"""How a question of a run in review is told: everything that is known about it, and the commands that answer it."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from statistics import median

from store.events import OF_THE_AGENT, Kind
from store.records import Event, Json
from tui.cli.output import at_a_terminal, width
from tui.cli.words import clock_ms, iso
from tui.console import formats
from tui.console.doubts import Doubt
from tui.console.telling import brief, call, failure
from tui.plain import plain, plain_lines

INDENT = 13
"""Cells before what `show` says under a label."""
SIDE_BY_SIDE = 100
"""Cells for two texts where no terminal says how wide it is."""
LONGEST = 12
"""Lines of one text that are shown."""
AFTERWARDS = 3
"""Things that came after an action that are told one by one."""


def shape(one: Doubt, events: Sequence[Event]) -> dict[str, Json]:
    """One object of `questions` in `show --json`."""
    took = durations(one.tool, events)
    return {
        "id": one.id,
        "tool": one.tool,
        "args": one.args,
        "at": iso(one.began_at),
        "kind": "held" if one.why else "in_doubt",
        "why": one.why or None,
        "before": one.before,
        "check_hint": one.hint or None,
        "usual_s": median(took) if took else None,
        "after": after(one, events),
    }


def durations(tool: str, events: Sequence[Event]) -> list[float]:
    """How long the calls of a tool took that came to an end, in seconds."""
    began: dict[str, float] = {}
    took: list[float] = []
    for event in events:
        if event.kind == Kind.ACTION_BEGIN:
            began[str(event.body.get("id"))] = event.at
        elif event.kind == Kind.ACTION_END and event.body.get("tool") == tool:
            said = event.body.get("duration_s")
            since = began.get(str(event.body.get("id")), event.at)
            took.append(float(said) if isinstance(said, int | float) else event.at - since)
    return took


def after(one: Doubt, events: Sequence[Event]) -> list[str]:
    """What came after an action began, until the attempt it belongs to was over: a fragment each."""
    said: list[str] = []
    others, begun = 0, False
    for event in events:
        later = f"{formats.span(event.at - one.began_at)} later"
        if event.body.get("id") == one.id:
            begun = begun or event.kind == Kind.ACTION_BEGIN
            if event.kind == Kind.DOUBT and event.body.get("error"):
                said.append(f"{later} it got no answer: {event.body['error']}")
        elif begun and event.kind == Kind.ATTEMPT_ENDED:
            said.append(f"{later} {_ended(event.body)}")
            break
        elif begun and event.kind in OF_THE_AGENT:
            others += 1
            if others <= AFTERWARDS:
                said.append(f"{later} {_what(event)}")
    if others > AFTERWARDS:
        said.append(f"{formats.plural(others - AFTERWARDS, 'more event')} of the agent after it")
    return said if others else [*said, "nothing else of the agent came after it"]


def _ended(body: dict[str, Json]) -> str:
    if not body.get("known", True):
        return "its process was gone: how it ended is unknown"
    if name := str(body.get("signal") or ""):
        return f"its process was ended by {'' if name.startswith('SIG') else 'signal '}{name}"
    return f"its process ended with exit code {body.get('exit_code')}"


def _what(event: Event) -> str:
    body = event.body
    if event.kind == Kind.ACTION_BEGIN:
        return f"{call(str(body.get('tool')), body.get('args'))} began"
    if event.kind == Kind.ACTION_END:
        return f"{body.get('tool')} {'succeeded' if body.get('ok', True) else f'failed: {failure(body)}'}"
    named = body.get("name") or body.get("label") or body.get("line") or ""
    return f"{event.kind} {named}".rstrip()


def told(one: Doubt, events: Sequence[Event], resolve: Callable[[str], str], now: float) -> Iterator[str]:
    """A question in plain lines; `resolve` makes the command that answers it with the given option."""
    several = isinstance(one.args, dict) and len(one.args) > 1
    what = one.tool if several or one.before is not None else call(one.tool, one.args)
    yield f"{plain(what)}, begun {clock_ms(one.began_at)}, {formats.ago(now - one.began_at)} (action {plain(one.id)})"
    if one.why:
        yield from _told_held(one, resolve)
        return
    if several:
        yield from _arguments(one.args)
    safe = "safe to repeat" if one.idempotent else "not marked as safe to repeat"
    yield f"{safe}; {_usual(one.tool, durations(one.tool, events))}"
    for line in after(one, events):
        yield plain(line)
    if one.hint:
        yield f"To be sure, look here: {plain(one.hint)}"
    yield from _commands(resolve, "it happened", "it did not, do it now")


def _told_held(one: Doubt, resolve: Callable[[str], str]) -> Iterator[str]:
    yield f"{plain(one.why)}. Its call is held: it has not been sent."
    if one.before is None:
        yield from _arguments(one.args)
    elif one.before.get("args") == one.args:
        yield f"On record with {plain(brief(one.before.get('result')))} as its result."
    else:
        yield from side_by_side("on record, done", one.before.get("args"), "asked for now", one.args)
    yield from _commands(resolve, "the same: it gets the recorded result", "another one: do it now")


def _commands(resolve: Callable[[str], str], done: str, retry: str) -> Iterator[str]:
    yield f"{resolve('--done')}     {done}"
    yield f"{resolve('--retry')}    {retry}"


def _usual(tool: str, took: Sequence[float]) -> str:
    if not took:
        return "no call of it ended before, so nobody knows how long it takes"
    if len(took) == 1:
        return f"the one before took {formats.span(took[0])}"
    least, most = formats.span(min(took)), formats.span(max(took))
    return f"usually takes {formats.span(median(took))} (the {len(took)} before: {least} – {most})"


def _arguments(args: Json) -> Iterator[str]:
    named = args if isinstance(args, dict) else {"arguments": args}
    wide = max((width(plain(str(name))) for name in named), default=0)
    for name, value in named.items():
        label = plain(str(name))
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        yield f"  {label}{' ' * (wide - width(label))}  {plain(brief(text, 400))}"


def side_by_side(left: str, one: Json, right: str, other: Json) -> Iterator[str]:
    """Two values beside each other, line by line; a `|` stands where they differ."""
    room = shutil.get_terminal_size().columns if at_a_terminal() else SIDE_BY_SIDE + INDENT
    wide = max(20, (room - INDENT - 5) // 2)
    rows = zip_longest(_wrapped(one, wide), _wrapped(other, wide), fillvalue="")
    yield f"  {left}{' ' * (wide - width(left))}   {right}"
    for here, there in rows:
        mark = " " if here == there else "|"
        yield f"  {here}{' ' * max(0, wide - width(here))} {mark} {there}".rstrip()


def _wrapped(value: Json, wide: int) -> list[str]:
    named = value if isinstance(value, dict) else {"": value}
    lines: list[str] = []
    for name, part in named.items():
        text = part if isinstance(part, str) else json.dumps(part, ensure_ascii=False)
        for row, line in enumerate(plain_lines(f"{name}: {text}" if name else text)):
            lines += textwrap.wrap(line, wide, subsequent_indent="  ") or ([""] if row else [])
    return lines if len(lines) <= LONGEST else [*lines[: LONGEST - 1], "…"]
