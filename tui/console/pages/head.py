"""The top of every screen: what is alive, how the fleet stands, what it uses."""

from __future__ import annotations

import time
from collections.abc import Iterable

from tui.console import formats
from tui.console.lines import EMPTY, Line, Span, clip_line, joined, line, rule, spread, width_of, wrap
from tui.console.state import Note, State

STALE_S = 5.0
"""A sign of life older than this looks stale."""

READ_WITHIN_S = 10.0
"""For so long a message has the room it needs."""

APART = 3
"""Cells at least between where one is and how fresh that is: with less they read as one."""

SCARCE = 0.05
"""Less free space than this is said aloud."""

_COUNT_WORDS = ("needs you", "warned", "waiting", "running", "pausing", "paused", "stopping", "killing", "queued")
_REST_WORDS = ("completed", "stopped", "killed")


def crumb(state: State, trail: Iterable[str], now: float, width: int) -> Line:
    """The first line: where one is, and how fresh what is shown is."""
    names = [line(name) for name in trail]
    program = [line(Span(" agentwatch", "strong"))]
    if width >= 100:
        program.append(line(Span(state.host, "dim")))
    vital = [_runtime(state, width)]
    if width >= 100 or _lags(state):
        vital.append(_tail(state))
    clock = line(Span(_clock(now, width), "dim"))
    # Where one is counts for more than how full the disk is.
    ways: tuple[tuple[list[Line], list[Line], list[Line]], ...] = (
        (program, names, [*vital, *(_around(state) if width >= 100 else []), clock]),
        (program, names, [*vital, clock]),
        (program[:1], names, [*vital, clock]),
        ([], names, [*vital, clock]),
        ([], names, vital),
        ([], names[-1:], vital),
    )
    for parts, named, right in ways:
        steps = [part for name in named for part in (line(Span("›", "dim")), name)]
        left = line("" if parts else " ", joined([*parts, *steps], "  "))
        end = line(joined(right), " ")
        if not names or width_of(left) + width_of(end) + APART <= width:
            break
    return spread(left, end, width)


def _clock(now: float, width: int) -> str:
    return time.strftime("%a %H:%M:%S %Z" if width >= 120 else "%H:%M:%S", time.localtime(now))


def _runtime(state: State, width: int) -> Line:
    if not state.runtime_alive:
        if state.at_rest:
            return line(Span("runtime ○ left, nothing to do", "dim"))
        return line(Span("runtime ○ not running", "needs"))
    age = state.runtime_age_s
    if state.runtime_trouble:
        return line(Span("runtime ▲ cannot write", "needs"))
    if age is None:
        return line(Span("runtime", "dim"), " ", Span("●", "fresh"))
    if age > STALE_S:
        return line(Span(f"runtime ▲ silent for {formats.age(age)}", "needs"))
    return line(Span("runtime ", "dim"), Span("●", "fresh"), Span(f" {age:.1f} s", "dim") if width >= 72 else Span(""))


def _lags(state: State) -> bool:
    """Whether what was read once is older than it looks."""
    return STALE_S < time.monotonic() - state.heard_at < float("inf")


def _tail(state: State) -> Line:
    age = time.monotonic() - state.heard_at
    if age > STALE_S:
        said = "not reading" if age == float("inf") else f"{formats.age(age)} behind"
        return line(Span(f"tail ▲ {said}", "needs"))
    return line(Span("tail ", "dim"), Span("●", "fresh"), Span(f" {age:.1f} s", "dim"))


def _around(state: State) -> list[Line]:
    parts: list[Line] = []
    if state.disk_free is not None:
        scarce = state.disk_free < SCARCE
        parts.append(line(Span(f"disk {formats.percent(state.disk_free)}% free", "needs" if scarce else "dim")))
    if state.policy_version is not None:
        parts.append(line(Span(f"policy v{state.policy_version}", "dim")))
    return parts


def totals(state: State, width: int) -> Line:
    """The second line: how many stand where, and what they use."""
    counts = _counts(state)
    left: list[Line] = []
    for word in _COUNT_WORDS:
        number = counts.get(word, 0)
        if number or word in ("needs you", "running"):
            tone = ("needs" if word == "needs you" else "warn" if word == "warned" else "") if number else "dim"
            left.append(line(Span(f"{number} {_plainly(word, number)}", tone)))
    rest = [line(Span(f"{counts[word]} {_done(word)}", "dim")) for word in _REST_WORDS if counts.get(word)]
    said = line(" ", joined(left))
    if rest:
        said = line(said, Span("   │   ", "faint"), joined(rest))
    used = _used(state)
    return spread(said, line(used, " "), width) if width_of(said) + width_of(used) + 4 <= width else said


def _counts(state: State) -> dict[str, int]:
    """How many runs stand where; one that is being started counts as running."""
    counts = state.model.counts
    return counts | {"running": counts.get("running", 0) + counts.get("starting", 0)}


def _plainly(word: str, number: int) -> str:
    return "need you" if word == "needs you" and number != 1 else word


def _done(word: str) -> str:
    return "done" if word == "completed" else word


def _used(state: State) -> Line:
    parts: list[Line] = []
    if down := state.open_breakers():
        parts.append(line(Span(f"{formats.plural(down, 'breaker')} open", "warn")))
    if state.rates.tokens_min:
        parts.append(line(Span(f"{formats.count(state.rates.tokens_min)} tok/min", "dim")))
    if state.rates.cost_h:
        parts.append(line(Span(f"{formats.money(state.rates.cost_h)}/h", "dim")))
    spent, most = state.model.cost_usd, state.today.most
    if most >= 0.005:
        parts.append(_today(state))
    if spent - most >= 0.005:
        parts.append(line(Span(f"{formats.money(spent)} in all", "dim")))
    return joined(parts)


def _today(state: State) -> Line:
    least, most = state.today
    between = formats.money(most) if most - least < 0.005 else f"{formats.money(least)} to {formats.money(most)}"
    return line(Span(f"{between} today", "dim"))


def compact(state: State, now: float, width: int) -> Line:
    """Both lines as one, for small terminals."""
    counts = _counts(state)
    shown = [word for word in _COUNT_WORDS if counts.get(word)] or ["running"]
    left = [line(Span(" agentwatch", "strong"))]
    for word in shown:
        number = counts.get(word, 0)
        tone = "needs" if word == "needs you" else ""
        left.append(line(Span(f"{number} {_plainly(word, number)}", tone)))
    right = [line(Span(formats.clock(now), "dim"))]
    said = joined(left, "  ")
    if state.runtime_alive is False and state.at_rest:
        right.insert(0, line(Span("○ at rest", "dim")))
    elif not state.runtime_alive or state.runtime_trouble or (state.runtime_age_s or 0) > STALE_S:
        right.insert(0, _runtime(state, width))
    elif _lags(state):
        right.insert(0, _tail(state))
    else:
        right.insert(0, line(Span("●", "fresh")))
        priced = [right[0], _today(state), *right[1:]]
        least = joined(left[: 2 + shown.index("running")] if "running" in shown else left, "  ")
        if state.today.most >= 0.005 and width_of(least) + width_of(joined(priced, "  ")) + 3 <= width:
            right = priced
    while len(left) > 2 and width_of(said) + width_of(joined(right, "  ")) + 3 > width:
        left.pop()
        said = joined(left, "  ")
    return spread(said, line(joined(right, "  "), " "), width)


def fleet_head(state: State, now: float, width: int, height: int) -> list[Line]:
    """The head of the fleet's screen."""
    if width < 100 or height < 30:
        return [compact(state, now, width)]
    return [crumb(state, (), now, width), totals(state, width), rule(EMPTY, width)]


def page_head(state: State, trail: Iterable[str], now: float, width: int) -> list[Line]:
    """The head of any other screen."""
    return [crumb(state, trail, now, width), rule(EMPTY, width)]


def messages(notes: Iterable[Note], now: float, width: int, rows: int = 1) -> list[Line]:
    """The latest notes, newest first, as many as fit whole.

    One that is new and says why something cannot be done has up to `rows` lines: its end is what it is about.
    """
    notes = list(notes)
    if notes and notes[0].tone in ("warn", "needs") and 0 <= now - notes[0].at < READ_WITHIN_S:
        at = f"{formats.clock(notes[0].at)} "
        said = wrap(notes[0].text, width - len(at) - 2)
        if len(said) > 1 and rows > 1:
            said = [*said[: rows - 1], " ".join(said[rows - 1 :])] if len(said) > rows else said
            heads = [Span(f" {at}", "dim"), *[Span(" " * (len(at) + 1))] * (len(said) - 1)]
            return [
                clip_line(line(head, Span(row, notes[0].tone)), width) for head, row in zip(heads, said, strict=True)
            ]
    return [_notes(notes, width)]


def _notes(notes: Iterable[Note], width: int) -> Line:
    shown: list[Line] = []
    left = width - 1
    for note in notes:
        said = line(Span(f"{formats.clock(note.at)} ", "dim"), Span(note.text, note.tone if not shown else "dim"))
        if shown and width_of(said) + 3 > left:
            break
        shown.append(said)
        left -= width_of(said) + 3
        if left < 20:
            break
    return clip_line(line(" ", joined(shown)), width)
