"""`plain`: nothing that passes it can act on a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.hostile import HOSTILE, acts
from tui.plain import plain, plain_lines


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_can_only_be_read(text: str) -> None:
    assert acts(plain(text)) == []


@given(st.text(st.characters(codec=None), max_size=60))
def test_any_text_can_only_be_read_and_is_stable(text: str) -> None:
    once = plain(text)

    assert acts(once) == []
    assert plain(once) == once


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ordinary", "ordinary"),
        ("日本語 müde", "日本語 müde"),
        ("e\u0301", "e\u0301"),
        ("\x1b[31mred", "·[31mred"),
        ("a\nb\tc", "a b c"),
        ("\u202eabc", "·abc"),
        ("x\ud800y", "x\ufffdy"),
        ("a\u200bb\ufeffc", "abc"),
        ("🇩🇪", "DE"),
        ("👍🏽", "👍"),
        ("o\u0301\u0302\u0303\u0304", "o\u0301\u0302"),
        ("\u0301x", "·x"),
    ],
)
def test_what_a_person_reads(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_lines_are_cut_at_line_breaks_alone() -> None:
    assert plain_lines("one\r\ntwo\u2028still two\n\tthree") == ["one", "two still two", "        three"]
