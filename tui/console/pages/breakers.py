"""The breakers of a home: which dependencies are down, since when, and who waits for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from runtime.policy.breaker import Breaker, BreakerState
from store.records import Event, Json, Run
from tui.console import formats
from tui.console.can import short
from tui.console.lines import EMPTY, Line, Span, beside, clip_line, fit, line, rule
from tui.console.pages.fleet_row import task
from tui.plain import plain

_WORDS = {
    BreakerState.CLOSED: ("●", "closed", ""),
    BreakerState.OPEN: ("◌", "OPEN", "warn"),
    BreakerState.HALF_OPEN: ("◌", "trying", "warn"),
}


def breaker_of(body: Mapping[str, Json]) -> Breaker:
    """A breaker as the record holds it."""
    return msgspec.convert(dict(body), Breaker, strict=False)


def breaker_line(name: str, body: Mapping[str, Json], waiting: int, now: float, width: int) -> Line:
    """One breaker of the list."""
    breaker = breaker_of(body)
    mark, word, tone = _WORDS[breaker.state(now)]
    failed = sum(not ok for _, ok in breaker.recent)
    calls = f"{failed} of {len(breaker.recent)} failed" if breaker.recent else ""
    wide = max(16, width - 64)
    return line(
        Span(f" {mark} {fit(name, wide)} ", tone),
        Span(fit(word, 8), tone),
        Span(fit(f"{waiting} wait" if waiting else "", 10)),
        Span(fit(calls, 18), "dim"),
        Span(_next(breaker, now)),
    )


def _next(breaker: Breaker, now: float) -> str:
    if breaker.held_open:
        return "held open by hand"
    match breaker.state(now):
        case BreakerState.OPEN:
            return f"next try {formats.clock(breaker.until)}"
        case BreakerState.HALF_OPEN:
            return "one call at a time goes out"
    return f"{formats.plural(breaker.ramp, 'call')} at a time" if breaker.ramp else ""


def breaker_facts(body: Mapping[str, Json], waiting: int, now: float, width: int) -> list[Line]:
    """What is known of a breaker."""
    breaker = breaker_of(body)
    rows: list[tuple[str, str]] = []
    _, word, _ = _WORDS[breaker.state(now)]
    since = f" for {formats.span(now - breaker.opened_at)}" if breaker.opened_at is not None else ""
    rows.append(("state", f"{word}{since}"))
    if breaker.recent:
        failed = sum(not ok for _, ok in breaker.recent)
        rows.append(("why", f"{failed} of the last {len(breaker.recent)} calls failed"))
    if why := formats.why_open(breaker.kinds, breaker.last_error):
        rows.append(("failed", plain(why)))
    if breaker.probes:
        rows.append(("tries", f"{len(breaker.probes)}, of which {sum(breaker.probes)} went well"))
    if breaker.opens > 1:
        rows.append(("opened", f"{breaker.opens} times since it was last closed for good"))
    if said := _next(breaker, now):
        rows.append(("next", said))
    if waiting:
        rows.append(
            ("held", f"{formats.plural(waiting, 'call')}, not sent: nothing is in doubt, and waiting spends nothing")
        )
    return [line(Span(f" {fit(label, 11)}", "dim"), text) for label, text in rows]


def breaker_detail(
    title: Line,
    body: Mapping[str, Json],
    runs: Sequence[Run],
    events: Sequence[Event],
    now: float,
    width: int,
    height: int,
) -> list[Line]:
    """At most `height` lines about one breaker: its facts, its `events`, the `runs` that wait for it."""
    lines = [rule(title, width), *breaker_facts(body, len(runs), now, width), EMPTY]
    left = height - len(lines)
    if left < 3:
        return lines[:height]
    told = [_told(event) for event in reversed(events)]
    wide = width // 2 - 1 if width >= 110 else width
    lately = [rule(line(Span("lately", "dim")), wide), *(told or [line(Span(" nothing in the latest events", "dim"))])]
    waits = [rule(line(Span(f"who waits: {len(runs)}", "dim")), wide), *_waiters(runs, now)]
    if width >= 110:
        return lines + [clip_line(row, width) for row in beside(_most(lately, left), _most(waits, left), wide)]
    lines += [*_most(lately, left // 2), EMPTY]
    return [clip_line(row, width) for row in [*lines, *_most(waits, height - len(lines))]]


def _most(rows: list[Line], height: int) -> list[Line]:
    """At most `height` rows; how many there are besides is said."""
    if len(rows) <= height:
        return rows
    return [*rows[: height - 1], line(Span(f" … {len(rows) - height + 1} more", "dim"))] if height > 0 else []


def _told(event: Event) -> Line:
    body = event.body
    state, tone = str(body.get("state")), "warn" if body.get("state") == "open" else ""
    held = body.get("held") or 0
    after = f", {formats.plural(held, 'call')} held" if isinstance(held, int) and held else ""
    return line(
        Span(f" {formats.clock(event.at)}  ", "dim"), Span(fit(state, 10), tone), Span(f"{body.get('why')}{after}")
    )


def _waiters(runs: Sequence[Run], now: float) -> list[Line]:
    longest = sorted(runs, key=lambda run: run.last_event_at)
    return [
        line(
            Span(f" {fit(run.agent, 20)} "),
            Span(f"{short(run.run)}  ", "dim"),
            Span(f"{fit(formats.age(now - run.last_event_at), 5, right=True)}  "),
            Span(task(run), "dim"),
        )
        for run in longest
    ] or [line(Span(" nobody", "dim"))]
