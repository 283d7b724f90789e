"""Two calls beside each other: what is equal, what is so but for what always changes, and what differs."""

from __future__ import annotations

import json
from collections.abc import Sequence

from runtime.policy.normal import normal
from store.records import Json, Run
from tui.console import formats
from tui.console.lines import EMPTY, Line, Span, fit, joined, labelled, line, rule, wrap
from tui.console.telling import brief
from tui.plain import plain_lines

LABEL = 16
VERDICT = 12
PAIR_ROWS = 6
EQUAL, NORMALISED, DIFFERS = "equal", "equal after normalising", "differs"


def calls_of(run: Run) -> list[dict[str, Json]]:
    """The calls that the evidence of a run's stop reason is made of."""
    calls = run.evidence.get("calls")
    return [call for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []


def pairs(count: int) -> list[tuple[int, int]]:
    """Which of `count` calls are worth comparing: the first with the last, then each with the one after it."""
    if count < 2:
        return [(0, 0)]
    return [(0, count - 1), *((n, n + 1) for n in range(count - 1 if count > 2 else 0))]


def side_by_side(calls: Sequence[dict[str, Json]], width: int, pair: int = 0) -> list[Line]:
    """The two calls that `pairs` names at `pair`, counted round."""
    lines = [EMPTY, rule(line(Span("the calls, compared", "dim")), width, line(Span(_how_many(calls), "dim")))]
    left, right = pairs(len(calls))[pair % len(pairs(len(calls)))]
    first, last = calls[left], calls[right]
    if len(calls) == 1:
        lines += labelled("call", f"{first.get('tool')} {brief(first.get('args'))}", width, at=LABEL)
        return [*lines, *labelled("result", brief(first.get("result"), 600), width, at=LABEL)]
    half = max(12, (width - LABEL - VERDICT) // 2)
    heads = [f"{_ordinal(n, len(calls))}  {_place(calls[n])}" for n in (left, right)]
    lines.append(line(" " * LABEL, *(Span(fit(fit(head, half - 2), half), "strong") for head in heads)))
    for label, one, other in _aspects(first, last):
        word = _compared(one, other)
        lines += _pair(label, value_text(one), value_text(other), half, word, "warn" if word == DIFFERS else "dim")
    return lines + _steps(calls, (left, right))


def _ordinal(index: int, count: int) -> str:
    if index == 0:
        return "FIRST"
    return "LAST" if index == count - 1 else f"{index + 1} OF {count}"


def _steps(calls: Sequence[dict[str, Json]], shown: tuple[int, int]) -> list[Line]:
    """The steps of all calls, the two that are compared standing out, with the key that compares others."""
    if all(call.get("step") is None for call in calls):
        return []
    steps = [Span(str(call.get("step", "–")), "strong" if n in shown else "dim") for n, call in enumerate(calls)]
    row = joined([line(Span(" steps".ljust(LABEL), "dim"), steps[0]), *(line(step) for step in steps[1:])])
    if len(pairs(len(calls))) > 1:
        row = line(row, Span("      "), Span("tab", "key"), Span(" compares others", "dim"))
    return [EMPTY, row]


def _compared(one: Json, other: Json) -> str:
    """Whether two values are equal, or are so but for times, random ids, durations and scratch places."""
    if one == other:
        return EQUAL
    return NORMALISED if normal(one) == normal(other) else DIFFERS


def _how_many(calls: Sequence[dict[str, Json]]) -> str:
    wholes: list[Json] = [[call.get("tool"), call.get("args"), call.get("result")] for call in calls]
    words = {_compared(wholes[0], whole) for whole in wholes[1:]}
    if DIFFERS in words:
        return f"{len(calls)} calls"
    return f"{len(calls)} of {len(calls)} {NORMALISED if NORMALISED in words else EQUAL}"


def _place(call: dict[str, Json]) -> str:
    step = f"step {call['step']}" if call.get("step") is not None else ""
    event = f"event {formats.thousands(call['event'])}" if isinstance(call.get("event"), int) else ""
    return ", ".join(part for part in (step, event) if part)


def _aspects(first: dict[str, Json], last: dict[str, Json]) -> list[tuple[str, Json, Json]]:
    rows: list[tuple[str, Json, Json]] = [("call", str(first.get("tool")), str(last.get("tool")))]
    one, other = first.get("args"), last.get("args")
    if isinstance(one, dict) and isinstance(other, dict):
        for key in list({**one, **other})[:8]:
            rows.append((str(key), one.get(key), other.get(key)))
    else:
        rows.append(("arguments", one, other))
    rows.append(("result", first.get("result"), last.get("result")))
    return rows


def value_text(value: Json) -> str:
    """A value as it is read: text as it stands, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _rows(text: str, width: int) -> list[str]:
    """The first lines of a text, and a mark where there are more."""
    rows = [row for part in plain_lines(text)[: PAIR_ROWS + 1] for row in wrap(part, width)]
    return rows if len(rows) <= PAIR_ROWS else [*rows[: PAIR_ROWS - 1], "… more in the event"]


def _pair(label: str, one: str, other: str, half: int, verdict: str, tone: str) -> list[Line]:
    left, right = _rows(one, half - 2), _rows(other, half - 2)
    lines = []
    said = wrap(verdict, VERDICT)
    for y in range(max(len(left), len(right), len(said))):
        lines.append(
            line(
                Span(fit(f" {label}" if y == 0 else "", LABEL), "dim"),
                fit(left[y] if y < len(left) else "", half),
                fit(right[y] if y < len(right) else "", half),
                Span(said[y] if y < len(said) else "", tone),
            )
        )
    return lines
