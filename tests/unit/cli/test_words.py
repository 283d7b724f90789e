"""How the command line names things."""

from __future__ import annotations

import pytest

from tui.cli.output import Column, fitted
from tui.cli.words import iso, limit, parse_duration, short_ids


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("30m", 1800), ("1h30m", 5400), ("2d", 172800), ("0.5s", 0.5)]
)
def test_a_duration_is_read_as_people_write_it(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "30 minutes", "-5s", "1h30", "nan", "inf"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        parse_duration(text)


def test_a_short_id_is_long_enough_to_be_unambiguous() -> None:
    assert short_ids(["aaaa11", "aaaa12", "bbbb00"]) == {"aaaa11": "aaaa11", "aaaa12": "aaaa12", "bbbb00": "bbbb"}


def test_times_for_programs_are_iso_8601_in_utc() -> None:
    assert iso(1_760_000_000.25) == "2025-10-09T08:53:20.250Z"
    assert iso(None) is None


def test_limits_have_their_units() -> None:
    assert [limit("cost_usd", 8), limit("wall_s", 7200), limit("tokens", 1e6)] == ["$8.00", "2 h", "1.0M tokens"]
    assert [limit("cost_usd_per_hour", 4), limit("tokens_per_minute", 9e4)] == ["$4.00 an hour", "90k tokens a minute"]


def test_a_narrow_terminal_cuts_what_may_be_cut_then_leaves_columns_out() -> None:
    columns = [Column("A"), Column("B", least=5), Column("C", leaves=1)]
    assert fitted(columns, [4, 20, 6], 40) == [4, 20, 6]
    assert fitted(columns, [4, 20, 6], 24) == [4, 10, 6]
    assert fitted(columns, [4, 20, 6], 12) == [4, 6, 0]
    assert fitted(columns, [4, 20, 6], 5) == [4, 5, 0]
