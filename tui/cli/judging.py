"""Judges recorded runs in processes of their own: each gets a few at a time, and gives back what came of each."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path

import msgspec

from runtime.policy.backtest import Verdict, backtest
from runtime.policy.config import Policy
from runtime.policy.ruling import Level
from runtime.policy.traces import TraceError, trace_of
from store.home import Home
from store.reader import Reader
from store.records import Event

ALONE_BELOW_BYTES = 400_000
"""Of trace files, compressed or not: less is judged sooner than another process has started."""
ALONE_BELOW_RUNS = 40
MOST_PROCESSES = 8
AHEAD = 3
"""Pieces that lie ready for each process."""
PAGE = 5000


class Judged(msgspec.Struct, frozen=True):
    """What one policy would have done to one run.  Steps are counted from 0."""

    warn_step: int | None
    stop_step: int | None
    reason: str | None
    rule: str
    """The rule that would have stopped it; empty if none would."""
    why: str
    saved_steps: int
    saved_tokens: float
    saved_usd: float


class Row(msgspec.Struct, frozen=True):
    """One recorded run, and what each policy would have done to it."""

    id: str
    source: str
    """The file it came from, or the agent whose run it is."""
    success: bool | None
    steps: int
    judged: tuple[Judged, ...]
    """In the order of the policies."""
    policy: str = ""
    """The policy that it had asked for, and was judged by; empty where all were judged by the same."""


class Piece(msgspec.Struct, frozen=True):
    """A few recorded runs to judge."""

    source: str
    position: int
    """How much of everything is done once this piece is."""
    lines: tuple[tuple[int, bytes], ...] = ()
    """Of the file `source`: number and text."""
    home: str = ""
    runs: tuple[tuple[str, str, int], ...] = ()
    """Of the home: run, agent, and its last event."""
    policy: Policy | None = None
    """What its runs asked for, to be judged by in place of the first policy; None: that is what they are judged by."""
    called: str = ""
    """What that policy is called."""


class Outcome(msgspec.Struct, frozen=True):
    """What came of one piece."""

    piece: int
    """Its place among the pieces."""
    rows: tuple[Row, ...]
    mistakes: tuple[str, ...]
    """A sentence for each line that is no trace."""


def judge(number: int, piece: Piece, policies: tuple[Policy, ...]) -> Outcome:
    """Judge one piece, here."""
    rows: list[Row] = []
    mistakes: list[str] = []
    for line_number, line in piece.lines:
        try:
            trace = trace_of(Path(piece.source), line_number, line)
        except TraceError as error:
            mistakes.append(str(error))
            continue
        rows.append(_row(piece.source, [backtest(trace, policy) for policy in policies]))
    if piece.policy is not None:
        policies = (piece.policy, *policies[1:])
    for run, agent, events in asyncio.run(_recorded(piece)) if piece.runs else ():
        verdicts = [msgspec.structs.replace(backtest(events, policy), id=run) for policy in policies]
        rows.append(_row(agent, verdicts, piece.called))
    return Outcome(number, tuple(rows), tuple(mistakes))


async def _recorded(piece: Piece) -> list[tuple[str, str, list[Event]]]:
    found: list[tuple[str, str, list[Event]]] = []
    async with await Reader.open(Home(Path(piece.home))) as reader:
        for run, agent, head in piece.runs:
            pages: list[list[Event]] = []
            while head and (page := await reader.events_of(head, PAGE)):
                pages.append(page)
                head = page[0].prev
            found.append((run, agent, [event for page in reversed(pages) for event in page]))
    return found


def _row(source: str, verdicts: list[Verdict], policy: str = "") -> Row:
    first = verdicts[0]
    return Row(first.id, source, first.success, first.steps, tuple(map(_judged, verdicts)), policy)


def _judged(verdict: Verdict) -> Judged:
    ended = next((one.ruling for one in verdict.said if one.ruling.level in (Level.PAUSE, Level.STOP)), None)
    return Judged(
        verdict.warn_step,
        verdict.stop_step,
        str(verdict.reason) if verdict.reason else None,
        ended.rule if ended else "",
        ended.summary if ended else "",
        verdict.saved_steps,
        verdict.saved_tokens,
        verdict.saved_usd,
    )


def processes(size_bytes: int, runs: int) -> int:
    """How many processes are worth it; 1 is this one alone."""
    if size_bytes < ALONE_BELOW_BYTES and runs < ALONE_BELOW_RUNS:
        return 1
    mine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(mine, MOST_PROCESSES))


def judge_all(pieces: Iterator[Piece], policies: tuple[Policy, ...], count: int) -> Iterator[tuple[Piece, Outcome]]:
    """Judge every piece in `count` processes; the outcomes come as they are ready."""
    if count == 1:
        for number, piece in enumerate(pieces):
            yield piece, judge(number, piece, policies)
        return
    # Started anew, not forked: neither the terminal's progress thread nor an open database comes along.
    with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
        going: dict[Future[Outcome], Piece] = {}
        for number, piece in enumerate(pieces):
            going[pool.submit(judge, number, piece, policies)] = piece
            if len(going) >= count * AHEAD:
                yield from _ready(going)
        while going:
            yield from _ready(going)


def _ready(going: dict[Future[Outcome], Piece]) -> Iterator[tuple[Piece, Outcome]]:
    done, _ = wait(going, return_when=FIRST_COMPLETED)
    for future in done:
        yield going.pop(future), future.result()
