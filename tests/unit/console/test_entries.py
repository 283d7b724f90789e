"""The bars beside a story: where on the axis of what is seen a call, a wait or a ruling lies."""

from __future__ import annotations

import pytest

from tui.console.lines import text_of, width_of
from tui.console.pages.entries import Axis, Cut, axis_line, axis_of, entry_line, lane
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
    ("told", "cuts"),
    [
        ([entry(100.0), entry(140.0, ended=False)], (Cut(140.0, 9000.0, 10.0),)),
        ([entry(100.0), entry(140.0), entry(180.0, duration_s=40.0)], ()),
        ([entry(100.0), entry(130.0, duration_s=20.0, ident="a")], ()),
        ([entry(100.0), entry(130.0, duration_s=4.0, ident="a")], (Cut(100.0, 130.0, 1.0),)),
        (
            [entry(100.0, duration_s=40.0, ident="a"), entry(1140.0, ident="b"), entry(1260.0), entry(91_260.0)],
            (Cut(140.0, 1140.0, 40.0), Cut(1260.0, 91_260.0, 290.0)),
        ),
        ([entry(100.0, ended=False)], ()),
        ([entry(100.0, ended=False, ident="a")], ()),
    ],
)
def test_a_stretch_without_a_call_that_outlasts_all_else_is_cut(told: list[Entry], cuts: tuple[Cut, ...]) -> None:
    axis = axis_of(told, 10, now=9000.0)

    assert axis is not None and axis.cuts == cuts


def test_what_lies_on_either_side_of_a_cut_keeps_its_place() -> None:
    axis = Axis(0.0, 1020.0, 25, (Cut(10.0, 1010.0, 5.0),))

    assert [axis.at(moment) for moment in (0, 5, 10, 510, 1010, 1015, 1020)] == [0, 5, 10, 12, 15, 20, 24]
    assert "≈" in text_of(axis_line((), axis._replace(cells=50), 120))


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
