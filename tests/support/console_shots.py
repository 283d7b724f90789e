"""Looking at the console in tests and for pictures: a frozen clock, the screen as text, the screen as an SVG."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from textual._context import visible_screen_stack
from textual.strip import Strip

from tests.support.console_fleet import NOW


@contextmanager
def frozen(now: float = NOW) -> Iterator[None]:
    """Let `time.time` stand still in UTC; what asyncio runs on goes on."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    try:
        with mock.patch("time.time", lambda: now):
            yield
    finally:
        if before is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = before
        time.tzset()


def _strips(app: Any) -> list[Strip]:
    """What the terminal shows.

    A dialog that has not been painted yet is painted by this look, for good: it must know what is under it, as in
    `Compositor.render_update`.
    """
    visible_screen_stack.set(app._background_screens)
    strips: list[Strip] = app.screen._compositor.render_strips()
    return strips


def screen_text(app: Any) -> str:
    """What the terminal shows, as text, from the compositor."""
    rows = ["".join(segment.text for segment in strip) for strip in _strips(app)]
    return "\n".join(row.rstrip() for row in rows)


def screen_colours(app: Any) -> str:
    """What the terminal shows, each stretch of a line behind its colours: `[ink on paper bold]`."""
    rows = []
    for strip in _strips(app):
        row, before = "", ""
        for segment in strip:
            style = segment.style
            ink, paper = (colour.name if colour else "any" for colour in (style.color, style.bgcolor))
            looks = f"{ink} on {paper}{' bold' if style.bold else ''}"
            row += segment.text if looks == before else f"[{looks}]{segment.text}"
            before = looks
        rows.append(row.rstrip())
    return "\n".join(rows)
