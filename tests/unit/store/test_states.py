"""The one table of allowed transitions."""

from __future__ import annotations

import pytest

from store.errors import IllegalTransition
from store.states import AT_REST, FINAL, RESUMABLE, TRANSITIONS, Status, check_transition

S = Status


def test_every_status_has_a_line_in_the_table() -> None:
    assert set(TRANSITIONS) == set(Status)


def test_what_is_final_leads_nowhere_and_everything_else_leads_to_an_end() -> None:
    assert {status for status, after in TRANSITIONS.items() if not after} == FINAL
    for status in set(Status) - FINAL:
        assert _reachable(status) & {S.KILLED}, status


def test_every_status_is_reachable_from_queued() -> None:
    assert _reachable(S.QUEUED) | {S.QUEUED} == set(Status)


def test_what_is_resumable_is_at_rest_and_can_be_started() -> None:
    assert RESUMABLE <= AT_REST
    for status in RESUMABLE:
        assert S.STARTING in TRANSITIONS[status]


@pytest.mark.parametrize(
    ("before", "after"),
    [(S.KILLED, S.STARTING), (S.COMPLETED, S.RUNNING), (S.RUNNING, S.KILLED), (S.NEEDS_REVIEW, S.COMPLETED)],
)
def test_what_the_table_does_not_hold_is_refused_in_a_sentence(before: Status, after: Status) -> None:
    with pytest.raises(IllegalTransition, match=f"abc cannot go from {before} to {after}"):
        check_transition("abc", before, after)


def _reachable(start: Status) -> set[Status]:
    found: set[Status] = set()
    ahead = set(TRANSITIONS[start])
    while ahead:
        status = ahead.pop()
        if status not in found:
            found.add(status)
            ahead |= TRANSITIONS[status]
    return found
