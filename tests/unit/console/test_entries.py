"""The bars beside a story: where on the axis of what is seen a call, a wait or a ruling lies."""

from __future__ import annotations

import pytest

from tui.console.lines import text_of, width_of
from tui.console.pages.entries import Axis, axis_line, axis_of, entry_line, lane
from tui.console.telling import Entry

AXIS = Axis(100.0, 200.0, 10)


def entry(at: float, **fields: object) -> Entry:
    return Entry(1, at, 3, str(fields.pop("mark", "")), "Bash make", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("told", "drawn"),
    [
        (entry(100.0, duration_s=50.0, ident="a"), "██████    "),
        (entry(150.0, duration_s=0.0, ident="a"), "     █    "),
        (entry(199.9, duration_s=90.0, ident="a"), "         █"),
        (entry(120.0, duration_s=20.0), "  ░░░     "),
        (entry(180.0, ended=False, ident="a"), "        ██"),
        (entry(180.0, ended=False), "        ░░"),
        (entry(110.0, mark="warned"), " ▲        "),
        (entry(110.0), " ·        "),
    ],
)
def test_lanes(told: Entry, drawn: str) -> None:
    assert lane(told, AXIS, 200.0).text == drawn


def test_the_axis_spans_what_is_seen_and_what_still_goes_on() -> None:
    told = [entry(100.0, duration_s=5.0, ident="a"), entry(110.0, ended=False, ident="b")]

    assert axis_of(told, 10, now=160.0) == Axis(100.0, 160.0, 10)
    assert axis_of([], 10, now=160.0) is None
    assert axis_of(told, 0, now=160.0) is None


@pytest.mark.parametrize(
    ("told", "end"),
    [
        ([entry(100.0), entry(140.0, ended=False)], 150.0),
        ([entry(100.0), entry(140.0, duration_s=4.0)], 144.0),
        ([entry(100.0, duration_s=30.0), entry(140.0)], 140.0),
        ([entry(100.0, ended=False)], 9000.0),
    ],
)
def test_a_wait_that_outlasts_all_else_does_not_crowd_it_out(told: list[Entry], end: float) -> None:
    axis = axis_of(told, 10, now=9000.0)

    assert axis is not None and (axis.begin, axis.end) == (100.0, end)


def test_a_moment_on_an_axis_of_no_length_is_its_first_cell() -> None:
    assert lane(entry(100.0, duration_s=0.0, ident="a"), Axis(100.0, 100.0, 4), 100.0).text == "█   "


@pytest.mark.parametrize("width", [100, 160])
def test_every_line_ends_where_the_axis_does(width: int) -> None:
    rows = [
        entry(100.0, duration_s=9.0, outcome="1 failed", novelty="same", ident="a"),
        entry(120.0, duration_s=20.0),
        entry(130.0, mark="warned"),
    ]

    assert {width_of(entry_line(row, width, 200.0, axis=AXIS)) for row in rows} == {width}
    assert width_of(axis_line((), Axis(100.0, 200.0, 40), width)) == width
    assert "1 m 40 s" in text_of(axis_line((), Axis(100.0, 200.0, 40), width))
    assert width_of(axis_line((), AXIS, width)) == width
