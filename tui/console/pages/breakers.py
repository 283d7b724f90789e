"""The breakers of a home: which dependencies are down, since when, and who waits for them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from runtime.policy.breaker import Breaker, BreakerState
from store.records import Json
from tui.console import formats
from tui.console.lines import Line, Span, fit, line

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
    return f"{breaker.ramp} calls at a time" if breaker.ramp else ""


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
