"""How what `backtest` found is told: a table of the runs that would have stopped, sums, JSON, and verdict files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from store.records import Json
from tui.cli.options import UsageMistake
from tui.cli.output import Column, say, say_json, table
from tui.console import formats
from tui.plain import plain

if TYPE_CHECKING:
    from tui.cli.judging import Judged, Row

STOPPED = (
    Column("RUN", least=16),
    Column("ENDED"),
    Column("STEPS", "right", leaves=3),
    Column("STEERED", "right", leaves=2),
    Column("STOPPED", "right"),
    Column("REASON"),
    Column("SAVES", "right"),
    Column("TOKENS", "right", leaves=1),
    Column("COST", "right", leaves=1),
    Column("WHY", least=16),
)
DIFFERENT = (
    Column("RUN", least=16),
    Column("ENDED"),
    Column("STEPS", "right", leaves=2),
    Column("STOPPED BY", least=12),
    Column("WHY", least=12),
    Column("STOPPED BY THE OTHER", least=12),
    Column("WHY", least=12),
)
ENDED = {True: "well", False: "badly", None: "–"}


def write(path: Path, rows: Sequence[Row]) -> None:
    """Write a verdict file: a line of JSON for each run, as the first policy judges it.  Raises `UsageMistake`."""
    lines = [
        msgspec.json.encode(
            {"id": row.id, "warn_step": one.warn_step, "stop_step": one.stop_step, "reason": one.reason}
        )
        for row in rows
        for one in row.judged[:1]
    ]
    try:
        path.write_bytes(b"".join(line + b"\n" for line in lines))
    except OSError as error:
        raise UsageMistake(f"--verdicts: {path} cannot be written: {error.strerror}.") from error


def show(names: Sequence[str], rows: Sequence[Row], mistakes: Sequence[str], as_json: bool) -> None:
    """Tell what came of every run."""
    if as_json:
        say_json(
            {
                "policies": [{"policy": name} | summary(rows, number) for number, name in enumerate(names)],
                "runs": [_shape(row) for row in rows],
                "mistakes": list(mistakes),
            }
        )
        return
    if not rows:
        say("No recorded run was found.")
        return
    if len(names) == 1:
        _show_stopped(rows)
        _show_sums(names[0], summary(rows, 0))
    else:
        _show_differences(rows)
        _show_both(names, [summary(rows, 0), summary(rows, 1)])


def _shape(row: Row) -> dict[str, Json]:
    judged: list[dict[str, Json]] = [msgspec.to_builtins(one) | {"wrong": wrong(row, one)} for one in row.judged]
    said: dict[str, Json] = {"id": row.id, "source": row.source, "success": row.success, "steps": row.steps}
    said |= {"policy": row.policy} if row.policy else {}
    return said | judged[0] | ({"against": judged[1]} if len(judged) > 1 else {})


def wrong(row: Row, one: Judged) -> bool:
    """A run that ended well would have been stopped."""
    return row.success is True and one.stop_step is not None


def summary(rows: Sequence[Row], number: int) -> dict[str, Json]:
    """What the policy of that number would have done to all runs."""
    both = [(row, row.judged[number]) for row in rows]
    stopped = [(row, one) for row, one in both if one.stop_step is not None]
    steps = sum(row.steps for row in rows)
    saved = sum(one.saved_steps for _, one in stopped)
    return {
        "runs": len(rows),
        "ended_well": sum(row.success is True for row in rows),
        "ended_badly": sum(row.success is False for row in rows),
        "stopped": len(stopped),
        "stopped_wrongly": sum(wrong(row, one) for row, one in stopped),
        "steered": sum(one.warn_step is not None for _, one in both),
        "steered_and_ended_well": sum(one.warn_step is not None and row.success is True for row, one in both),
        "reasons": dict(Counter(one.reason or "" for _, one in stopped).most_common()),
        "steps": steps,
        "saved_steps": saved,
        "saved_tokens": sum(one.saved_tokens for _, one in stopped),
        "saved_usd": round(sum(one.saved_usd for _, one in stopped), 6),
    }


def _show_stopped(rows: Sequence[Row]) -> None:
    stopped = [row for row in rows if row.judged[0].stop_step is not None]
    # What a policy does wrong is what its author has to see.
    stopped.sort(key=lambda row: not wrong(row, row.judged[0]))
    cells: list[list[str]] = []
    for row in stopped:
        one = row.judged[0]
        cells.append(
            [
                plain(row.id),
                "well: WRONG" if wrong(row, one) else ENDED[row.success],
                str(row.steps),
                _from_one(one.warn_step),
                _from_one(one.stop_step),
                one.reason or "–",
                formats.plural(one.saved_steps, "step"),
                formats.count(one.saved_tokens) if one.saved_tokens else "–",
                formats.money(one.saved_usd) if one.saved_usd else "–",
                plain(one.why),
            ]
        )
    if cells:
        table(STOPPED, cells)
        say()


def _from_one(step: int | None) -> str:
    """Pages count steps from 1, verdict files from 0."""
    return "–" if step is None else str(step + 1)


def _show_sums(name: str, sums: dict[str, Json]) -> None:
    unknown = sums["runs"] - sums["ended_well"] - sums["ended_badly"]
    said = ((sums["ended_well"], "ended well"), (sums["ended_badly"], "badly"), (unknown, "nobody knows how"))
    ends = ", ".join(f"{number} {word}" for number, word in said if number)
    say(f"{formats.plural(sums['runs'], 'run')}: {ends}. Policy: {plain(name)}.")
    reasons = ", ".join(f"{reason} {number}" for reason, number in sums["reasons"].items())
    say(f"Stopped: {sums['stopped']}{f' ({reasons})' if reasons else ''}.")
    say(f"  of those that ended well (wrongly): {sums['stopped_wrongly']}")
    say(f"Warned or steered: {sums['steered']}, of which {sums['steered_and_ended_well']} ended well.")
    say(f"Saved: {_saved(sums)}.")


def _saved(sums: dict[str, Json]) -> str:
    share = formats.percent(sums["saved_steps"] / sums["steps"]) if sums["steps"] else "0"
    tokens = f"{formats.count(sums['saved_tokens'])} tokens" if sums["saved_tokens"] else "no tokens on record"
    return (
        f"{formats.thousands(sums['saved_steps'])} of {formats.thousands(sums['steps'])} steps ({share} %), {tokens}, "
        f"{formats.money(sums['saved_usd'])}"
    )


def _show_differences(rows: Sequence[Row]) -> None:
    cells: list[list[str]] = []
    for row in rows:
        one, other = row.judged[0], row.judged[1]
        if (one.stop_step, one.reason) == (other.stop_step, other.reason):
            continue
        bad = wrong(row, one) or wrong(row, other)
        ended = "well: WRONG" if bad else ENDED[row.success]
        cells.append([plain(row.id), ended, str(row.steps), *_stop(one), *_stop(other)])
    if cells:
        cells.sort(key=lambda cell: cell[1] != "well: WRONG")
        table(DIFFERENT, cells)
    else:
        say("Both policies stop the same runs at the same steps.")
    say()


def _stop(one: Judged) -> tuple[str, str]:
    if one.stop_step is None:
        return "–", "–"
    return f"{one.reason} at {one.stop_step + 1}", plain(one.why)


FIGURES = (
    ("stopped", "stopped"),
    ("  wrongly: it ended well", "stopped_wrongly"),
    ("warned or steered", "steered"),
    ("  and ended well", "steered_and_ended_well"),
)


def _show_both(names: Sequence[str], sums: Sequence[dict[str, Json]]) -> None:
    rows = [[label, *(str(one[key]) for one in sums)] for label, key in FIGURES]
    rows.append(["saved", *(_saved(one) for one in sums)])
    table((Column(f"{sums[0]['runs']} RUNS"), *(Column(plain(name), least=12) for name in names)), rows)
