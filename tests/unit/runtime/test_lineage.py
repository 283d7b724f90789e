"""Which successes a checkpoint knows of, over attempts that went back and forth."""

from __future__ import annotations

import pytest

from runtime.lineage import Lineage, line_to
from store.records import Action

COVERS = {1: (1, 10), 2: (1, 20), 3: (1, 30), 4: (2, 60), 5: (2, 70), 6: (3, 90)}
"""Attempt 1 saved 1 to 3; attempt 2 went back to 1 and saved 4 and 5; attempt 3 went on from 2 and saved 6."""
BEGUN = {1: 0, 2: 1, 3: 2}


def success(attempt: int, seq: int) -> Action:
    return Action("run", f"a{seq}", attempt, "send", {}, "", None, False, 1.0, 2.0, None, seq)


@pytest.mark.parametrize(
    ("checkpoint", "line"),
    [(0, {}), (1, {1: 10}), (3, {1: 30}), (4, {2: 60, 1: 10}), (5, {2: 70, 1: 10}), (6, {3: 90, 1: 20})],
)
def test_a_checkpoint_knows_of_its_attempt_and_of_what_that_began_from(checkpoint: int, line: dict[int, int]) -> None:
    assert line_to(checkpoint, COVERS, BEGUN) == line


def test_attempts_whose_beginning_is_not_on_record_count_as_one_line() -> None:
    assert line_to(4, COVERS, {1: None, 2: None}) == {2: 60, 1: 60, 0: 60}


def test_a_success_counts_where_it_was_done_and_wherever_it_was_replayed() -> None:
    lineage = Lineage(60, line_to(4, COVERS, BEGUN), {"a15": [(2, 55)], "a25": [(2, 65), (3, 80)]})
    assert [lineage.holds(success(1, seq)) for seq in (5, 15, 25, 28)] == [True, True, False, False]
    assert [lineage.is_after(success(1, seq)) for seq in (5, 15, 25, 28)] == [False, False, True, False]
