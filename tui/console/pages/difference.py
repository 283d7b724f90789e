"""What changed between two JSON values, path by path."""

from __future__ import annotations

import json
from collections.abc import Iterator

from store.records import Json
from tui.console.lines import Line, Span, clip, line

MOST = 400
Change = tuple[str, str, Json, Json]
"""(path, `added` | `removed` | `changed`, before, after)"""


def changes(before: Json, after: Json, path: str = "") -> Iterator[Change]:
    """Every place at which `after` differs from `before`."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            there = f"{path}.{key}" if path else str(key)
            if key not in after:
                yield there, "removed", before[key], None
            elif key not in before:
                yield there, "added", None, after[key]
            else:
                yield from changes(before[key], after[key], there)
    elif isinstance(before, list) and isinstance(after, list):
        for index in range(max(len(before), len(after))):
            there = f"{path}[{index}]"
            if index >= len(after):
                yield there, "removed", before[index], None
            elif index >= len(before):
                yield there, "added", None, after[index]
            else:
                yield from changes(before[index], after[index], there)
    elif before != after or type(before) is not type(after):
        yield path or "(the whole state)", "changed", before, after


def difference_lines(before: Json, after: Json, width: int) -> list[Line]:
    """The differences as lines."""
    lines: list[Line] = []
    for path, kind, old, new in changes(before, after):
        if len(lines) >= MOST:
            return [*lines, line(Span("  … more differences are not shown", "dim"))]
        sign, tone = {"added": ("+", "fresh"), "removed": ("-", "bad"), "changed": ("~", "warn")}[kind]
        said = [Span(f" {sign} ", tone), Span(f"{path}: ", "key")]
        room = max(8, (width - len(path) - 8) // (2 if kind == "changed" else 1))
        if kind != "added":
            said.append(Span(clip(_short(old), room), "dim" if kind == "changed" else ""))
        if kind == "changed":
            said.append(Span(" → ", "dim"))
        if kind != "removed":
            said.append(Span(clip(_short(new), room)))
        lines.append(line(*said))
    return lines or [line(Span("   no difference", "dim"))]


def _short(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
