"""How the command line names runs, checkpoints, limits and times (`tui.console.formats` words the figures)."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime

from store.records import CheckpointRef, Run
from tui.console import formats
from tui.plain import plain

SHORT_ID = 4
"""Fewest characters of a run's id that are shown."""

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?[smhd])+")


def short_ids(ids: Iterable[str]) -> dict[str, str]:
    """For each id its shortest beginning, of at least 4 characters, that no other id shares."""
    ordered = sorted(set(ids))
    short: dict[str, str] = {}
    for position, ident in enumerate(ordered):
        shared = 0
        for other in ordered[max(0, position - 1) : position] + ordered[position + 1 : position + 2]:
            shared = max(shared, _shared(ident, other))
        short[ident] = ident[: max(SHORT_ID, shared + 1)]
    return short


def _shared(one: str, other: str) -> int:
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count


def moment(at: float, now: float) -> str:
    """Local time with its zone, and the date unless it is today's."""
    zone = time.strftime("%Z", time.localtime(at))
    return f"{formats.moment(at, now)} {zone}"


def clock_ms(at: float) -> str:
    """Local time of day with milliseconds, `14:02:10.310`."""
    return f"{formats.clock(at)}.{int(at % 1 * 1000):03d}"


def iso(at: float | None) -> str | None:
    """ISO 8601 in UTC with milliseconds, or None."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def limit(name: str, value: float) -> str:
    """One budget in force as a person says it."""
    if name.endswith("_s"):
        return formats.age(value)
    what, _, period = name.partition("_per_")
    pace = {"hour": " an hour", "minute": " a minute"}.get(period, "")
    if what.endswith("_usd"):
        return formats.money(value) + pace
    return f"{formats.count(value)} {what.replace('_', ' ')}{pace}"


def progress(run: Run) -> str:
    """`bump 7 of 19`, else the label alone, else nothing."""
    label = plain(run.progress_label)
    if run.progress_done is None:
        return label
    whole = f" of {formats.quantity(run.progress_of)}" if run.progress_of is not None else ""
    return f"{label} {formats.quantity(run.progress_done)}{whole}".strip()


def checkpoint_name(ref: CheckpointRef) -> str:
    """`checkpoint 4 "ticket 17 done"`."""
    return f'checkpoint {ref.number} "{plain(ref.label)}"' if ref.label else f"checkpoint {ref.number}"


def parse_duration(text: str) -> float:
    """Seconds of `90`, `90s`, `30m`, `1h30m`, `2d`.  Raises `ValueError`."""
    word = text.strip().lower().replace(" ", "")
    if re.fullmatch(r"\d+(\.\d+)?", word):
        return float(word)
    if not _DURATION.fullmatch(word):
        raise ValueError(f"{text!r} is no duration: write 90s, 30m, 1h30m or 2d")
    return sum(float(number) * _UNITS_S[unit] for number, unit in re.findall(r"(\d+(?:\.\d+)?)([smhd])", word))
