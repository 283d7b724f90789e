"""Evidence that a person can read: calls side by side, cut to a size that fits into the journal and on a screen."""

from __future__ import annotations

from collections.abc import Iterable

from store.records import Event, Json

LONGEST_TEXT = 600
"""Characters of one text within evidence."""

MOST_ITEMS = 20
"""Entries of one list or object within evidence."""

MOST_CALLS = 12
"""Calls within the evidence of one ruling."""


def cut(value: Json, depth: int = 4, text: int = LONGEST_TEXT) -> Json:
    """Return `value` with long texts, long lists and deep nesting cut; each cut is marked."""
    if isinstance(value, str):
        return value if len(value) <= text else f"{value[:text]}… ({len(value) - text} more characters)"
    if isinstance(value, dict | list) and depth == 0:
        return "…"
    if isinstance(value, dict):
        kept = {str(key)[:80]: cut(value[key], depth - 1, text) for key in list(value)[:MOST_ITEMS]}
        return kept | ({"…": f"{len(value) - MOST_ITEMS} more"} if len(value) > MOST_ITEMS else {})
    if isinstance(value, list | tuple):
        items = [cut(item, depth - 1, text) for item in value[:MOST_ITEMS]]
        return [*items, f"… ({len(value) - MOST_ITEMS} more)"] if len(value) > MOST_ITEMS else items
    return value


def call(end: Event, args: Json) -> dict[str, Json]:
    """Return one call as evidence holds it, from the event of its end."""
    body = end.body
    result = body.get("result") if body.get("ok", True) else {"error": body.get("error")}
    return {
        "event": end.seq,
        "step": body.get("step"),
        "tool": body.get("tool") or "",
        "args": cut(args),
        "result": cut(result),
    }


def latest(calls: Iterable[dict[str, Json]]) -> list[dict[str, Json]]:
    """Return the last of `calls`, oldest first, at most `MOST_CALLS`."""
    return list(calls)[-MOST_CALLS:]


def duration(seconds: float) -> str:
    """Say a duration as a person reads it, e.g. `2 min 5 s`."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min"), (rest, "s"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number)
