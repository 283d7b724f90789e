"""The bottom line: the keys of a screen, those that can work now first, those that cannot dimmed."""

from __future__ import annotations

from typing import NamedTuple

from tui.console.lines import Line, Span, joined, line, width_of

RIGHT = ("help", "back", "quit")
"""Actions whose keys stand at the right edge."""


class Key(NamedTuple):
    """One key as the bottom line shows it."""

    key: str
    label: str
    action: str
    """What it does, which is also what a click on it does."""
    works: bool = True


def key_line(keys: list[Key], width: int) -> Line:
    """As many keys as fit, each clickable."""
    right = joined([_shown(key) for key in keys if _name(key) in RIGHT], "  ")
    room = width - width_of(right) - 4
    left: list[Line] = []
    gap = "   " if width >= 120 else "  "
    for key in sorted((key for key in keys if _name(key) not in RIGHT), key=lambda key: not key.works):
        shown = _shown(key)
        if width_of(joined([*left, shown], gap)) > room:
            break
        left.append(shown)
    body = line(" ", joined(left, gap))
    return (*body, Span(" " * max(1, width - width_of(body) - width_of(right) - 1)), *right, Span(" "))


def _name(key: Key) -> str:
    return key.action.split(".")[-1].split("(")[0]


def _shown(key: Key) -> Line:
    if not key.works:
        return (Span(f"{key.key} {key.label}", "faint", key.action),)
    return (Span(key.key, "key", key.action), Span(f" {key.label}", "", key.action))
