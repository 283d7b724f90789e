"""Why a run stands where it stands: reason, evidence, what it cost, what can be done now."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from runtime.policy.normal import normal
from store.records import Json, Run
from store.states import StopReason
from tui.console import formats
from tui.console.lines import EMPTY, Line, Span, clip, fit, labelled, line, rule, width_of, wrap
from tui.console.pages.detail import answers, checkpoint_text
from tui.console.pages.entries import entry_line
from tui.console.standing import glyph, standing, tightest, why
from tui.console.state import Window
from tui.console.telling import brief
from tui.console.verdict import Verdict
from tui.plain import plain_lines

_MEANING = {
    StopReason.COMPLETED: "The agent said that it reached its goal.",
    StopReason.LOOP_DETECTED: "It did the same again and again with the same result.",
    StopReason.NO_PROGRESS: "It went on and on without coming closer to its goal.",
    StopReason.BUDGET_EXCEEDED: "It has used up what it may spend.",
    StopReason.RETRY_LIMIT_REACHED: "Something it depends on kept failing.",
    StopReason.TOOL_FAILURE: "A tool failed in a way that it cannot go on from.",
    StopReason.TIMEOUT: "Something took longer than it may.",
    StopReason.STALLED: "It has shown no sign of life for too long.",
    StopReason.USER_PAUSED: "A person paused it.",
    StopReason.AGENT_CRASHED: "Its process ended before it had said that it was done.",
    StopReason.AGENT_FAILED: "The agent itself gave up.",
    StopReason.RUNTIME_LOST: "The runtime was gone for too long, and the agent stopped itself.",
    StopReason.USER_KILLED: "A person killed it. That cannot be undone.",
}
LABEL = 16
VERDICT = 12


def why_page(run: Run, window: Window, verdict: Verdict, now: float, width: int) -> list[Line]:
    """The whole page."""
    lines = _opening(run, now, width)
    calls = run.evidence.get("calls")
    if isinstance(calls, list) and calls:
        lines += side_by_side([call for call in calls if isinstance(call, dict)], width)
    lines += _figures(run, width)
    lines += _log_tail(run, width)
    lines += _options(run, now, width)
    lines += [EMPTY, rule(line(Span("the five answers", "dim")), width), *answers(verdict, width, rows=3)]
    return [*lines, *_said(window, now, width)]


def _opening(run: Run, now: float, width: int) -> list[Line]:
    place = standing(run)
    loud = place.tone if place.tone in ("needs", "warn") else "strong"
    head = str(run.reason) if run.reason else place.word.upper()
    when = f"{place.word} at {formats.moment(run.rested_at, now)}" if run.rested_at else place.word
    step = f", step {run.step}" if run.step else ""
    lines = [EMPTY, line("  ", Span(f"{glyph(place.name)} {head}", loud), Span(f"   {when}{step}", "dim")), EMPTY]
    said = str(
        run.evidence.get("summary") or (_MEANING[run.reason] if run.reason else why(run, now)) or "Nothing keeps it."
    )
    lines += [line("  ", Span(row, "strong")) for row in wrap(said, width - 4)]
    if run.why and run.why not in said:
        lines += [line("  ", Span(row)) for row in wrap(run.why, width - 4)]
    if run.warned is not None and not run.at_rest:
        lines += labelled("  warned by", f"{run.warned.rule}: {run.warned.summary}", width, at=LABEL, tone="warn")
    return lines


def side_by_side(calls: Sequence[dict[str, Json]], width: int, *, left: int = 0, right: int = -1) -> list[Line]:
    """Two calls beside each other, with what is equal and what is not."""
    first, last = calls[left], calls[right]
    lines = [EMPTY, rule(line(Span("the calls, compared", "dim")), width, line(Span(_how_many(calls), "dim")))]
    if len(calls) == 1:
        lines += labelled("  call", f"{first.get('tool')} {brief(first.get('args'))}", width, at=LABEL)
        return [*lines, *labelled("  result", brief(first.get("result"), 600), width, at=LABEL)]
    half = max(12, (width - LABEL - VERDICT) // 2)
    lines.append(
        line(
            " " * LABEL,
            Span(fit(f"FIRST  {_place(first)}", half), "strong"),
            Span(fit(f"LAST  {_place(last)}", half), "strong"),
        )
    )
    for label, one, other in _aspects(first, last):
        word = _compared(one, other)
        lines += _pair(label, _text(one), _text(other), half, word, "warn" if word == DIFFERS else "dim")
    steps = "   ".join(str(call.get("step")) for call in calls if call.get("step") is not None)
    if steps:
        lines += [EMPTY, *labelled("  steps", steps, width, at=LABEL)]
    return lines


EQUAL, NORMALISED, DIFFERS = "equal", "equal after normalising", "differs"


def _compared(one: Json, other: Json) -> str:
    """Whether two values are equal, or are so but for times, random ids, durations and scratch places."""
    if one == other:
        return EQUAL
    return NORMALISED if normal(one) == normal(other) else DIFFERS


def _how_many(calls: Sequence[dict[str, Json]]) -> str:
    wholes: list[Json] = [[call.get("tool"), call.get("args"), call.get("result")] for call in calls]
    words = {_compared(wholes[0], whole) for whole in wholes[1:]}
    if DIFFERS in words:
        return f"{len(calls)} calls"
    return f"{len(calls)} of {len(calls)} {NORMALISED if NORMALISED in words else EQUAL}"


def _place(call: dict[str, Json]) -> str:
    step = f"step {call['step']}" if call.get("step") is not None else ""
    event = f"event {formats.thousands(call['event'])}" if isinstance(call.get("event"), int) else ""
    return ", ".join(part for part in (step, event) if part)


def _aspects(first: dict[str, Json], last: dict[str, Json]) -> list[tuple[str, Json, Json]]:
    rows: list[tuple[str, Json, Json]] = [("call", str(first.get("tool")), str(last.get("tool")))]
    one, other = first.get("args"), last.get("args")
    if isinstance(one, dict) and isinstance(other, dict):
        for key in list({**one, **other})[:8]:
            rows.append((str(key), one.get(key), other.get(key)))
    else:
        rows.append(("arguments", one, other))
    rows.append(("result", first.get("result"), last.get("result")))
    return rows


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


PAIR_ROWS = 6


def _rows(text: str, width: int) -> list[str]:
    """The first lines of a text, and a mark where there are more."""
    rows = [row for part in plain_lines(text)[: PAIR_ROWS + 1] for row in wrap(part, width)]
    return rows if len(rows) <= PAIR_ROWS else [*rows[: PAIR_ROWS - 1], "… more in the event"]


def _pair(label: str, one: str, other: str, half: int, verdict: str, tone: str) -> list[Line]:
    left, right = _rows(one, half - 2), _rows(other, half - 2)
    lines = []
    said = wrap(verdict, VERDICT)
    for y in range(max(len(left), len(right), len(said))):
        lines.append(
            line(
                Span(fit(f"  {label}" if y == 0 else "", LABEL), "dim"),
                fit(left[y] if y < len(left) else "", half),
                fit(right[y] if y < len(right) else "", half),
                Span(said[y] if y < len(said) else "", tone),
            )
        )
    return lines


def _figures(run: Run, width: int) -> list[Line]:
    figures: Any = run.evidence.get("figures")
    if not isinstance(figures, dict) or not figures:
        return []
    lines: list[Line] = [EMPTY, rule(line(Span("the figures", "dim")), width), line(" ")]
    for label, value in list(figures.items())[:16]:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        said = clip(formats.quantity(value) if number else _text(value), width - 8)
        shown = line(Span(f" {clip(str(label), 40)} ", "dim"), Span(f"{said}  "))
        if width_of(lines[-1]) + width_of(shown) > width:
            lines.append(line(" "))
        lines[-1] = line(lines[-1], shown)
    return lines


def _log_tail(run: Run, width: int) -> list[Line]:
    tail = run.evidence.get("log_tail")
    if not isinstance(tail, list) or not tail:
        return []
    lines = [EMPTY, rule(line(Span("the last lines of its log", "dim")), width)]
    return lines + [line("  ", Span(clip(str(row), width - 4))) for row in tail[-12:]]


_CAUSES = frozenset(
    {"ruling", "run.status", "advice", "command", "attempt.ended", "attempt.started", "pause.asked", "fail", "complete"}
    | {"budget.granted", "repetition.accepted", "gate.refused", "action.doubt", "action.resolved"}
)


def _said(window: Window, now: float, width: int) -> list[Line]:
    entries = [entry for entry in window.story.entries if entry.kind in _CAUSES][-12:]
    if not entries:
        return []
    lines = [EMPTY, rule(line(Span("what led here", "dim")), width)]
    return lines + [entry_line(entry, width, now) for entry in entries]


def _options(run: Run, now: float, width: int) -> list[Line]:
    options: list[tuple[str, str, str]] = []
    if run.status == "needs_review":
        options.append(("d", "answer its question…", "Say whether the action in doubt happened; then the run goes on."))
    if run.resumable:
        options.append(("r", "resume…", _resume_text(run)))
    if run.resumable and run.reason is StopReason.LOOP_DETECTED:
        options.append(("a", "this repetition is fine", "Resume, and never stop this run for this call again."))
    if not run.at_rest and run.status != "queued":
        options.append(("p", "pause", "Stops at the next safe point and keeps everything."))
    if run.checkpoints:
        options.append(("c", "checkpoints", f"The last one: {checkpoint_text(run, now)}."))
        if run.status != "killed":
            options.append(("f", "fork…", "A new run begins from that checkpoint; this one stays as it is."))
    options.append(("l", "log", "What it wrote to standard output and error."))
    options.append(("enter", "its whole story", "Event by event."))
    if run.status not in ("completed", "killed"):
        options.append(("x", "kill…", "Ends it for good. Checkpoints are deleted, history stays."))
    options.append(("y", "copy the command", f"agentwatch show {run.run}"))
    lines = [EMPTY, rule(line(Span("what you can do now", "dim")), width)]
    for key, label, text in options:
        lines.append(
            line("  ", Span(fit(key, 6), "key"), Span(fit(label, 24), "strong"), clip(text, max(10, width - 34)))
        )
    offer = run.evidence.get("offer")
    if isinstance(offer, str) and offer:
        lines += [EMPTY, *labelled("  suggested", offer, width, at=LABEL)]
    return lines


def _resume_text(run: Run) -> str:
    near = tightest(run, run.rested_at or run.last_event_at)
    if run.reason is StopReason.BUDGET_EXCEEDED and near is not None:
        return "It asks for a higher limit; without one it is refused."
    if run.held:
        return f"It goes on where it waits, at step {run.step}."
    if run.checkpoint is not None:
        return f"A new process goes on from checkpoint {run.checkpoint.number}, step {run.checkpoint.step}."
    return "A new process begins again from step 1: there is no checkpoint."
