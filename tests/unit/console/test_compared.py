"""Two calls side by side: equal, equal but for what always changes, or different."""

from __future__ import annotations

from tui.console.lines import Span, line, text_of
from tui.console.pages.compared import pairs, side_by_side
from tui.console.pages.entries import marked


def shown(first: object, last: object) -> str:
    calls = [{"tool": "Bash", "args": {"command": "pytest"}, "result": result} for result in (first, last)]
    return "\n".join(text_of(row) for row in side_by_side(calls, 120))


def test_results_that_differ_in_a_duration_alone_are_equal_after_normalising() -> None:
    said = shown("1 failed, 41 deselected in 20.84s", "1 failed, 41 deselected in 21.02s")

    assert "2 of 2 equal after normalising" in said
    assert "differs" not in said


def test_results_that_are_the_same_are_equal() -> None:
    said = shown("1 failed", "1 failed")

    assert "2 of 2 equal ──" in said and "normalising" not in said


def test_results_that_differ_are_said_to() -> None:
    said = shown("1 failed", "2 passed")

    assert "2 calls" in said and "differs" in said


def test_what_is_searched_for_stands_out_wherever_a_span_ends() -> None:
    rows, found = marked([line("nothing"), line(Span("key: ", "dim"), Span("The Value", "string"))], "Y: the")

    assert found == [1]
    assert [span.text for span in rows[1] if span.tone == "found"] == ["y: ", "The"]
    assert text_of(rows[1]) == "key: The Value"


def test_the_first_is_compared_with_the_last_and_then_each_with_the_next() -> None:
    assert pairs(1) == [(0, 0)]
    assert pairs(2) == [(0, 1)]
    assert pairs(4) == [(0, 3), (0, 1), (1, 2), (2, 3)]


def test_another_pair_is_shown_with_its_steps() -> None:
    calls = [{"tool": "Bash", "args": {}, "result": str(n), "step": n + 7, "event": n} for n in range(4)]

    said = ["\n".join(text_of(row) for row in side_by_side(calls, 120, pair)) for pair in (0, 2, 3, 4, -1)]

    assert "FIRST  step 7" in said[0] and "LAST  step 10" in said[0]
    assert "2 OF 4  step 8" in said[1] and "3 OF 4  step 9" in said[1]
    assert "LAST  step 10" in said[2]
    assert said[3] == said[0] and said[4] == said[2]
