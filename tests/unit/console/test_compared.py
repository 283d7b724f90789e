"""Two calls side by side: equal, equal but for what always changes, or different."""

from __future__ import annotations

from tui.console.lines import Span, line, text_of
from tui.console.pages.entries import marked
from tui.console.pages.why import side_by_side


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
