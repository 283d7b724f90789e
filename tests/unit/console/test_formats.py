"""Numbers and times as a tired person reads them."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from tui.console import formats
from tui.console.lines import Span, clip, clip_line, fit, line, pad_line, rule, spread, text_of, width_of, wrap


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1k"),
        (88_000, "88k"),
        (999_600, "1.0M"),
        (1_100_000, "1.1M"),
        (24_000_000, "24M"),
    ],
)
def test_counts(number: float, shown: str) -> None:
    assert formats.count(number) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-1, "0 s"),
        (0.9, "0 s"),
        (59, "59 s"),
        (60, "1 m"),
        (5999, "99 m"),
        (6000, "1 h"),
        (359_999, "99 h"),
        (1e6, "11 d"),
    ],
)
def test_ages_fit_into_four_cells(seconds: float, shown: str) -> None:
    assert formats.age(seconds) == shown
    assert len(shown) <= 4


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0 s"), (0.022, "22 ms"), (0.8, "0.8 s"), (9.2, "9.2 s"), (48, "48 s"), (451, "7 m 31 s"), (7260, "2 h 01 m")],
)
def test_durations(seconds: float, shown: str) -> None:
    assert formats.span(seconds) == shown


@pytest.mark.parametrize(("usd", "shown"), [(0, "$0.00"), (4.02, "$4.02"), (0.0012, "$0.0012"), (1204.4, "$1,204")])
def test_money(usd: float, shown: str) -> None:
    assert formats.money(usd) == shown


def test_numbers_that_are_none_do_not_break_a_screen() -> None:
    assert formats.count(float("nan")) == "?"
    assert formats.money(float("inf")) == "$?"
    assert formats.bar(float("nan"), 4) == "····"


@pytest.mark.parametrize("share", [0, 0.001, 0.33, 0.5, 0.999, 1, 7])
def test_a_bar_has_its_width(share: float) -> None:
    assert cell_len(formats.bar(share, 6)) == 6


def test_a_share_is_full_only_when_it_is() -> None:
    assert formats.percent(0.999) == "99"
    assert formats.percent(1.0) == "100"


@pytest.mark.parametrize("text", ["", "short", "日本語テキスト", "a very long text that is cut", "🙂🙂🙂🙂🙂🙂"])
@pytest.mark.parametrize("width", [1, 2, 5, 9, 40])
def test_texts_are_fitted_by_cells(text: str, width: int) -> None:
    assert cell_len(fit(text, width)) == width
    assert cell_len(clip(text, width)) <= width


@pytest.mark.parametrize("width", [1, 3, 8, 20, 60])
def test_lines_are_fitted_by_cells(width: int) -> None:
    spans = line(Span("日本語", "dim"), " and ", Span("more text", "strong"), "🙂")

    assert width_of(clip_line(spans, width)) <= width
    assert width_of(pad_line(spans, width)) == width


def test_a_rule_carries_a_title_and_fills_its_width() -> None:
    drawn = rule(line("title"), 30, line("right"))

    assert width_of(drawn) == 30
    assert text_of(drawn).startswith("── title ─")
    assert text_of(drawn).endswith(" right ──")


def test_left_gives_way_to_right() -> None:
    drawn = spread(line("a long left side"), line("right"), 16)

    assert text_of(drawn) == "a long le… right"


def test_wrapping_breaks_at_spaces_and_cuts_what_is_too_long() -> None:
    assert wrap("one two three", 8) == ["one two", "three"]
    assert wrap("abcdefghij", 4) == ["abcd", "efgh", "ij"]
    assert wrap("", 10) == [""]
