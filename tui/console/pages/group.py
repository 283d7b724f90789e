"""The side under the fleet for a line that stands for several runs: the five answers for all of them together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from store.records import Event, Json, Run
from tui.console import formats
from tui.console.can import short
from tui.console.groups import Group, waits_for
from tui.console.lines import EMPTY, Line, Span, clip_line, fit, line, rule
from tui.console.pages.breakers import breaker_detail
from tui.console.pages.detail import answers
from tui.console.pages.fleet_row import quiet, task
from tui.console.pages.group_row import counts
from tui.console.recent import Recent
from tui.console.standing import glyph, standing, why
from tui.console.verdict import QUESTIONS, Answer, Verdict, judge, unwatched


def group_detail(
    group: Group,
    runs: Sequence[Run],
    breaker: dict[str, Json] | None,
    events: Sequence[Event],
    now: float,
    width: int,
    height: int,
    *,
    watched: bool = True,
) -> list[Line]:
    """At most `height` lines about a group; `events` are what became of its breaker lately.

    `watched` says whether a runtime is there to see what its runs do.
    """
    fold = line(Span("enter unfolds them" if group.folded else "enter folds them", "dim"))
    # Some may have gone on since the list was put in order.
    waits = group.common.kind == "dependency" and all(waits_for(run) for run in runs)
    lines = [
        rule(_title(group, runs), width, fold),
        *answers(
            waiting(runs, now) if waits and watched else together(runs, now, watched=watched), width, short=width < 100
        ),
    ]
    if waits and breaker is not None and height > 9:
        title = line(Span("its breaker, shared by all agents of this home", "dim"))
        lines.append(EMPTY)
        lines += breaker_detail(title, breaker, runs, events, now, width, height - len(lines))
    elif not waits and height > 9:
        lines += [EMPTY, rule(line(Span("what needs you first", "dim")), width)]
        lines += [_member(run, now, width) for run in runs[: height - len(lines)]]
    return [clip_line(row, width) for row in lines[:height]]


def _title(group: Group, runs: Sequence[Run]) -> Line:
    common = group.common
    match common.kind:
        case "dependency":
            left = sum(bool(waits_for(run)) for run in runs)
            of = "" if left == len(runs) else f" of {len(runs)}"
            return line(Span(f"{left}{of} runs wait for ", "dim"), Span(common.name, "strong"))
        case "reason":
            return line(Span(f"{len(runs)} runs: {common.reason}: ", "dim"), Span(common.name, "strong"))
    return line(Span(f"{len(runs)} runs of ", "dim"), Span(common.name, "strong"), Span(f": {counts(runs)}", "dim"))


def _member(run: Run, now: float, width: int) -> Line:
    place = standing(run)
    loud = place.tone if place.tone in ("needs", "warn") else "dim" if place.tone == "dim" else ""
    return line(
        Span(f" {glyph(place.name)} {short(run.run)}  {fit(place.word, 10)}", loud),
        Span(f"{fit(task(run), max(12, width // 4))}  {fit(quiet(run, now), 5, right=True)}  ", "dim"),
        Span(why(run, now), loud),
    )


def waiting(runs: Sequence[Run], now: float) -> Verdict:
    """The five answers about runs that wait for one dependency."""
    number = len(runs)
    kept = sum(run.checkpoint is not None for run in runs)
    newest = max((run.progress_at or 0.0 for run in runs), default=0.0)
    flying = sum(len(run.in_flight) for run in runs)
    progress = f"Last progress of any of them {formats.ago(now - newest)}." if newest else "None was reported so far."
    pause = f"Nothing in flight in any of the {number}." if not flying else f"{flying} actions are in flight."
    return Verdict(
        stuck=Answer("WAITING", f"All {number} are held before a call. They go on by themselves."),
        progress=Answer("HELD", progress),
        pause=Answer("YES" if not flying else "NOT YET", pause),
        resume=Answer("YES", f"No action of yours is needed. {kept} of {number} have a checkpoint."),
        terminate=Answer("NO", "Nothing is lost by waiting. p pauses all of them."),
    )


JUDGED = 1000
"""Of more runs than these only the most urgent are judged, so that a key is answered at once."""

_ALARMING = {
    "Stuck?": ("YES", "UNKNOWN", "WAITING", "PAUSED", "NO"),
    "Progress?": ("NO", "UNKNOWN", "HELD", "PAUSED", "NOT YET", "YES"),
    "Safe pause?": ("NOT YET", "ASK", "WAITING", "YES", "HELD", "PAUSED", "n/a"),
    "Can resume?": ("ASK", "UNKNOWN", "NOT YET", "NO", "YES"),
    "Terminate?": ("YES", "ASK", "NOT YET", "NO", "n/a"),
}
"""Of each question the words, the one that a person must hear of first."""


def together(runs: Sequence[Run], now: float, *, watched: bool = True) -> Verdict:
    """The five answers about runs as their records alone give them: how many of each word, and a case of the first."""
    all_of, of = f"All {len(runs)}", str(len(runs))
    if len(runs) > JUDGED:
        runs = runs[:JUDGED]
        of = f"the {formats.thousands(JUDGED)} most urgent"
        all_of = f"All of {of}"
    verdicts = [(run, judge(run, Recent(read=False), now)) for run in runs]
    if not watched:
        verdicts = [(run, unwatched(said, run, now)) for run, said in verdicts]
    found: list[Answer] = []
    for at, question in enumerate(QUESTIONS):
        order = _ALARMING[question]
        words = Counter(verdict[at].word for _, verdict in verdicts)
        first = min(words, key=lambda word: order.index(word) if word in order else len(order))
        example, said = next((run, verdict[at]) for run, verdict in verdicts if verdict[at].word == first)
        others = ", ".join(f"{number} {word}" for word, number in words.most_common() if word != first)
        many = f"{words[first]} of {of}" if others else all_of
        whose = f", as {short(example.run)}: " if words[first] > 1 else f": {short(example.run)}: "
        found.append(Answer(first, f"{many}{whose}{said.figures}{f' The others: {others}.' if others else ''}"))
    return Verdict(*found)
