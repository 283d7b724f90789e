"""Numbers and times as a tired person reads them."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runtime.policy.breaker import Failing

EIGHTHS = " ▏▎▍▌▋▊▉█"
SPARKS = "▁▂▃▄▅▆▇█"


def count(number: float) -> str:
    """`number` in at most five characters: 999, 88k, 1.1M."""
    if not math.isfinite(number):
        return "?"
    for unit, size in (("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(number) >= size * 0.9995:
            scaled = number / size
            return f"{scaled:.1f}{unit}" if abs(scaled) < 9.95 and unit != "k" else f"{scaled:.0f}{unit}"
    return f"{number:.0f}"


def thousands(number: float) -> str:
    """`number` in full: 1,400."""
    return f"{number:,.0f}" if math.isfinite(number) else "?"


def quantity(number: float) -> str:
    """A count that may have a fraction: 12, 0.5, 4,120."""
    return thousands(number) if number == int(number) else f"{number:,.2f}".rstrip("0")


def money(usd: float) -> str:
    """Dollars: $4.02, $41, $1,204."""
    if not math.isfinite(usd):
        return "$?"
    if 0 < abs(usd) < 0.005:
        return f"${usd:.4f}"
    return f"${usd:,.2f}" if abs(usd) < 1000 else f"${usd:,.0f}"


def age(seconds: float) -> str:
    """How long something has been, in at most four cells: 3 s, 2 m, 99 m, 5 h, 4 d."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 6000:
        return f"{whole // 60} m"
    if whole < 360_000:
        return f"{whole // 3600} h"
    return f"{min(999, whole // 86400)} d"


def span(seconds: float) -> str:
    """A duration with its second part: 7 m 31 s, 0.8 s."""
    if seconds < 0.0005:
        return "0 s"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms" if seconds < 0.0995 else f"{seconds:.1f} s"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} m"


def ago(seconds: float) -> str:
    """`span`, said of the past."""
    return f"{span(seconds)} ago"


def clock(at: float) -> str:
    """Local time of day, to the second."""
    return time.strftime("%H:%M:%S", time.localtime(at))


def moment(at: float, now: float) -> str:
    """Local time of day, with the date where it is not today."""
    there, here = time.localtime(at), time.localtime(now)
    same_day = (there.tm_year, there.tm_yday) == (here.tm_year, here.tm_yday)
    return time.strftime("%H:%M:%S" if same_day else "%Y-%m-%d %H:%M:%S", there)


def bar(share: float, width: int) -> str:
    """A bar of `width` cells, filled to `share` (0 to 1) in eighths of a cell."""
    share = min(1.0, max(0.0, share)) if math.isfinite(share) else 0.0
    eighths = round(share * width * 8)
    if share > 0:
        eighths = max(1, eighths)
    full, rest = divmod(eighths, 8)
    drawn = "█" * full + (EIGHTHS[rest] if rest else "")
    return drawn + "·" * (width - len(drawn))


def spark(values: list[float]) -> str:
    """One character per value, as high as the value is against the largest."""
    top = max(values, default=0.0)
    if top <= 0:
        return SPARKS[0] * len(values)
    return "".join(SPARKS[min(7, int(max(0.0, value) / top * 7.999))] for value in values)


def levels(values: Iterable[float]) -> str:
    """One character per value, an eighth of a cell high for each 1: from ▁ for 1 and less to █ for 8 and more."""
    return "".join(SPARKS[round(min(8.0, max(1.0, value))) - 1] if value == value else SPARKS[0] for value in values)


def size(size_bytes: float) -> str:
    """Bytes: 812 B, 1.2 KB, 3.4 MB."""
    for unit in ("B", "KB", "MB", "GB"):
        if size_bytes < 1024 or unit == "GB":
            return f"{size_bytes:.0f} {unit}" if unit == "B" or size_bytes >= 100 else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1024
    return ""


def amount(budget: str, value: float) -> str:
    """What is used of a budget, or its limit, in the budget's unit."""
    if budget == "cost_usd":
        return money(value)
    return span(value) if budget == "wall_s" else count(value)


def plural(number: float, one: str, many: str = "") -> str:
    """`1 step`, `3 steps`."""
    return f"{quantity(number)} {one if number == 1 else many or one + 's'}"


def percent(share: float) -> str:
    """A share as a whole percentage without its sign; a share is 100 only when it has been reached."""
    whole = math.floor(share * 100 + 1e-9) if math.isfinite(share) else 0
    return str(min(999, whole))


def why_open(kinds: Mapping[str, int], last: Failing | None) -> str:
    """Why a breaker opened: how many failures of which kind, and the last one; empty where nothing is on record."""
    if not kinds or last is None:
        return ""
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items(), key=lambda item: -item[1]))
    return f"{counts}; last {clock(last.at)}: {last.error} ({last.tool} of {last.agent})"
