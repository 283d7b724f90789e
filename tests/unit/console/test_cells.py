"""What is sent to the terminal: as much as makes it show the same as a full repaint, and little more."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise

import pyte
import pytest
from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from tui.console.cells import ChangedCells, ShownCells

WIDTH, HEIGHT = 40, 6
CUTS = [[0, 1, 17, WIDTH], [0, WIDTH], [0, 30, WIDTH], [0, 17, 18, WIDTH], [0, WIDTH], [0, 39, WIDTH]]
"""Where widgets begin and end, by line."""
TEXTS = ("a", "abc def", "0123456789", "   ", "─│●", "漢字", "語", "✅ done", "🚀", "e\u0301te", "…", "ａｂ", "한국어")
STYLES = (
    None,
    Style(),
    Style(color="#ff0000", bgcolor="#101010"),
    Style(color="#00ff00", bgcolor="#101010"),
    Style(color="#ff0000", bgcolor="#101010", bold=True),
    Style(bgcolor="blue", italic=True),
    Style(color="red", reverse=True, underline=True),
    Style(dim=True),
)
CONSOLE = Console(force_terminal=True, color_system="truecolor")

Chops = list[dict[int, Strip]]


class Emulated:
    """A terminal, and what it was sent."""

    def __init__(self) -> None:
        self.screen = pyte.Screen(WIDTH, HEIGHT)
        self.stream = pyte.Stream(self.screen)
        self.stream.feed("\x1b[?7l")  # no wrapping at the edge, as Textual asks its terminals

    def shows(self, sent: str) -> list[list[pyte.screens.Char]]:
        """Every cell of the screen once this was sent."""
        self.stream.feed(sent)
        return [[self.screen.buffer[y][x] for x in range(WIDTH)] for y in range(HEIGHT)]


def some_strip(chance: random.Random, width: int) -> Strip:
    segments = [Segment(chance.choice(TEXTS), chance.choice(STYLES)) for _ in range(chance.randint(1, 5))]
    return Strip(segments).adjust_cell_length(width)


def edited(chance: random.Random, strip: Strip) -> Strip:
    """The same with a stretch of it replaced: what is wide may be cut in its middle."""
    width = strip.cell_length
    left = chance.randrange(width)
    right = chance.randint(left, width)
    return Strip.join(
        [strip.crop(0, left), some_strip(chance, right - left), strip.crop(right, width)]
    ).adjust_cell_length(width)


def whole(chops: Chops) -> LayoutUpdate:
    return LayoutUpdate([list(line.values()) for line in chops], Region(0, 0, WIDTH, HEIGHT))


def changes(chance: random.Random, chops: Chops, rounds: int) -> Iterator[ChopsUpdate | LayoutUpdate]:
    """Change `chops` again and again; the updates that tell of it."""
    for _ in range(rounds):
        spans: list[tuple[int, int, int]] = []
        for y in sorted(chance.sample(range(HEIGHT), chance.randint(1, 3))):
            x = chance.choice(list(chops[y]))
            chops[y][x] = edited(chance, chops[y][x])
            spans.append((y, x, x + chops[y][x].cell_length))
        if chance.random() < 0.1:
            yield whole(chops)
        else:
            yield ChopsUpdate(chops, spans, [cuts[1:] for cuts in CUTS])


@pytest.mark.parametrize("seed", range(8))
def test_whatever_changes_the_terminal_shows_what_a_full_repaint_would_show(seed: int) -> None:
    chance = random.Random(seed)
    chops: Chops = [{x: some_strip(chance, end - x) for x, end in pairwise(cuts)} for cuts in CUTS]
    shown, terminal = ShownCells(), Emulated()
    terminal.shows(ChangedCells(whole(chops), shown).render_segments(CONSOLE))

    for update in changes(chance, chops, 150):
        seen = terminal.shows(ChangedCells(update, shown).render_segments(CONSOLE))
        assert seen == Emulated().shows(whole(chops).render_segments(CONSOLE))


def sent_for(before: Strip, after: Strip) -> str:
    shown = ShownCells()
    shown.paint([(0, 0, before)], ColorSystem.TRUECOLOR)
    return shown.paint([(0, 0, after)], ColorSystem.TRUECOLOR)


def test_one_digit_of_a_line_is_sent_alone() -> None:
    red, green = STYLES[2], STYLES[3]
    before = Strip([Segment("agent-1 " * 8, red), Segment("tokens 1,234", green), Segment(" " * 40, red)])
    after = Strip([Segment("agent-1 " * 8, red), Segment("tokens 1,235", green), Segment(" " * 40, red)])
    assert sent_for(before, after) == "\x1b[1;76H\x1b[38;2;0;255;0;48;2;16;16;16m5\x1b[0m"


def test_what_is_shown_already_is_not_sent() -> None:
    assert sent_for(Strip([Segment("same")]), Strip([Segment("sa"), Segment("me")])) == ""


def test_colours_are_sent_once_for_all_that_has_them() -> None:
    red = STYLES[2]
    sent = sent_for(Strip([Segment("a---b----------c", red)]), Strip([Segment("A---B----------C", red)]))
    assert sent == "\x1b[1;1H\x1b[38;2;255;0;0;48;2;16;16;16mA---B\x1b[16GC\x1b[0m"


@pytest.mark.parametrize("text", ["👩\u200d💻 at work", "🚀 launch", "a\ufe0f", "\u0301 alone"])
def test_a_strip_is_sent_whole_where_terminals_disagree_about_its_width(text: str) -> None:
    before, after = (Strip([Segment(f"{text} {n} of 9")]) for n in (1, 2))
    assert f"{text} 2 of 9" in sent_for(before, after)
    assert sent_for(after, after) == ""


def test_all_is_sent_where_it_is_not_known_what_the_terminal_shows() -> None:
    shown, strip = ShownCells(), Strip([Segment("agentwatch")])
    shown.paint([(3, 0, strip)], ColorSystem.TRUECOLOR)
    shown.forget()
    assert shown.paint([(3, 0, strip)], ColorSystem.TRUECOLOR) == "\x1b[4;1Hagentwatch"


def test_a_character_that_was_cut_in_half_from_outside_is_painted_again() -> None:
    shown = ShownCells()
    shown.paint([(0, 0, Strip([Segment("ab漢cd")]))], ColorSystem.TRUECOLOR)
    shown.paint([(0, 3, Strip([Segment("|cd")]))], ColorSystem.TRUECOLOR)
    assert "ab" in shown.paint([(0, 0, Strip([Segment("ab漢")]))], ColorSystem.TRUECOLOR)


def test_few_colours_are_sent_as_few() -> None:
    shown = ShownCells()
    assert shown.paint([(0, 0, Strip([Segment("x", Style(color="#ff0000"))]))], ColorSystem.STANDARD) == (
        "\x1b[1;1H\x1b[31mx\x1b[0m"
    )


def test_all_is_sent_when_the_screen_has_another_size() -> None:
    shown = ShownCells()
    strip = Strip([Segment("agentwatch")])
    for width in (10, 12, 10):
        sent = ChangedCells(LayoutUpdate([[strip]], Region(0, 0, width, 1)), shown).render_segments(CONSOLE)
        assert sent == "\x1b[1;1Hagentwatch"


def test_what_an_update_does_not_speak_of_is_not_sent() -> None:
    # There the compositor may have left out the widget in front.
    chops = [{0: Strip([Segment("left")]), 4: Strip([Segment("middle")]), 10: Strip([Segment("right")])}]
    update = ChopsUpdate(chops, [(0, 4, 10)], [[4, 10, 15]])
    assert ChangedCells(update, ShownCells()).render_segments(CONSOLE) == "\x1b[1;5Hmiddle"
