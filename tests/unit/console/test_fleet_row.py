"""The columns of the list and what stands in them."""

from __future__ import annotations

from typing import Any

import pytest

from store.records import Run, Warned
from store.states import Status
from tui.console.lines import Line, cells, text_of, width_of
from tui.console.pages.fleet_row import columns_for, paint_head, paint_row

NOW = 1000.0


def row(width: int, *, bars: str = "", **fields: Any) -> Line:
    given: dict[str, Any] = {"run": "a1b2c3", "agent": "mailer", "goal": "", "created_at": NOW - 60, "attempt": 1}
    run = Run(**(given | {"status": Status.RUNNING, "last_event_at": NOW} | fields))
    return paint_row(run, columns_for(width), NOW, bars=bars, at_cursor=False, marked=False)


@pytest.mark.parametrize("width", [*range(72, 210)])
def test_a_line_is_as_wide_as_the_list(width: int) -> None:
    spent = {"cost_usd": 123.45, "input_tokens": 1_234_567, "limits": {"cost_usd": 100.0}}
    for fields in (spent, {"cost_usd": 0.04}, {}):
        assert width_of(row(width, bars="▁▂▃▄▅▆▇█", **fields)) == width


@pytest.mark.parametrize(
    ("width", "bars", "limit"),
    [
        (79, False, ""),
        (119, False, ""),
        (139, True, ""),
        (159, True, "  47%"),
        (171, True, "  47%"),
        (199, True, " 47"),
    ],
)
def test_the_sparkline_is_there_where_it_takes_no_room_from_the_reason(width: int, bars: bool, limit: str) -> None:
    text = text_of(row(width, bars="▁▁▁▁▁▂▂▃", cost_usd=3.76, limits={"cost_usd": 8.0}))

    assert ("▁▁▁▁▁▂▂▃" in text) is bars
    assert ("47" in text) is bool(limit)
    assert limit in text
    assert ("█" in text) is (width >= 172)
    assert columns_for(width)[-1].name == "why"


def test_the_reason_has_room_for_a_sentence_wherever_the_sparkline_is() -> None:
    assert columns_for(159)[-1].width == 37
    assert columns_for(119)[-1].width >= len("loop: Bash ×5, same result")
    for width in range(110, 210):
        columns = columns_for(width)
        assert columns[-1].width >= 27 or "since" not in [column.name for column in columns]


@pytest.mark.parametrize(("width", "said"), [(159, "$0.60 none"), (199, "$0.60 no limit")])
def test_a_run_without_a_limit_says_so(width: int, said: str) -> None:
    assert said in text_of(row(width, cost_usd=0.6))


def test_the_newest_bar_stands_at_the_same_place_in_every_line() -> None:
    young, old = text_of(row(159, bars="▁█")), text_of(row(159, bars="▁▁▁▁▁▁▁█"))

    assert young.index("█") == old.index("█")


def test_bars_are_quiet_unless_a_rule_says_the_same() -> None:
    def tone(**fields: Any) -> str:
        return next(span.tone for span in row(159, bars="▁▂▃▄▅▆▇█", **fields) if "█" in span.text)

    assert tone() == "dim"
    assert tone(warned=Warned("loop", "warn", "9 steps, no new result", NOW, 1)) == "warn"


@pytest.mark.parametrize("width", [79, 119, 159, 199])
def test_the_column_that_orders_the_list_carries_a_whole_title_and_an_arrow(width: int) -> None:
    columns = columns_for(width)
    for column in columns[1:-1]:
        head = text_of(paint_head(columns, column.name, reverse=False))

        assert f"{column.title}▼" in head
        assert cells(head) == width
