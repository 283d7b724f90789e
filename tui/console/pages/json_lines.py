"""JSON as lines a person can read: indented, keys and values told apart, long texts broken at their line ends."""

from __future__ import annotations

import json

from store.records import Json
from tui.console.lines import EMPTY, Line, Span, line, width_of, wrap
from tui.plain import plain_lines

MOST_LINES = 20_000


def json_lines(value: Json, width: int) -> list[Line]:
    """`value` as lines of at most `width` cells where that is possible, at most `MOST_LINES` of them."""
    lines: list[Line] = []
    _value(value, 0, EMPTY, "", lines, max(24, width))
    if len(lines) > MOST_LINES:
        return [*lines[:MOST_LINES], line(Span("… more is not shown", "dim"))]
    return lines


def _value(value: Json, depth: int, head: Line, tail: str, lines: list[Line], width: int) -> None:
    pad = "  " * depth
    if len(lines) > MOST_LINES:
        return
    if isinstance(value, dict) and value:
        lines.append(line(pad, head, Span("{", "dim")))
        for index, (key, part) in enumerate(value.items()):
            comma = "," if index < len(value) - 1 else ""
            _value(part, depth + 1, line(Span(f"{key}", "key"), Span(": ", "dim")), comma, lines, width)
        lines.append(line(pad, Span("}" + tail, "dim")))
    elif isinstance(value, list) and value:
        if all(isinstance(part, int | float | bool) or part is None for part in value) and len(value) <= 24:
            lines.append(line(pad, head, Span(json.dumps(value), "number"), Span(tail, "dim")))
            return
        lines.append(line(pad, head, Span("[", "dim")))
        for index, part in enumerate(value):
            _value(part, depth + 1, EMPTY, "," if index < len(value) - 1 else "", lines, width)
        lines.append(line(pad, Span("]" + tail, "dim")))
    elif isinstance(value, str):
        _text(value, pad, head, tail, lines, width)
    else:
        shown = json.dumps(value, default=str) if value is not None else "null"
        lines.append(line(pad, head, Span(shown, "number"), Span(tail, "dim")))


def _text(value: str, pad: str, head: Line, tail: str, lines: list[Line], width: int) -> None:
    rows = plain_lines(value)
    room = width - len(pad) - 4
    if len(rows) == 1:
        quoted = json.dumps(rows[0], ensure_ascii=False)
        one = line(pad, head, Span(quoted, "string"), Span(tail, "dim"))
        if width_of(one) <= width:
            lines.append(one)
            return
    else:
        head = line(head, Span(f"text of {len(rows)} lines", "dim"))
    lines.append(line(pad, head))
    for row in rows[:MOST_LINES]:
        lines.extend(line(pad, Span("  │ ", "faint"), Span(part, "string")) for part in wrap(row, room))
