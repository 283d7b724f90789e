"""Why a run stands where it stands: reason, evidence, what it cost, what can be done now."""

from __future__ import annotations

from typing import Any

from store.records import Run
from store.states import StopReason
from tui.console import formats
from tui.console.lines import EMPTY, Line, Span, clip, fit, labelled, line, rule, width_of, wrap
from tui.console.pages.compared import calls_of, side_by_side, value_text
from tui.console.pages.detail import answers, checkpoint_text
from tui.console.pages.entries import entry_line
from tui.console.pages.gone_on import had_it_gone_on, used
from tui.console.standing import BUDGET_WORDS, glyph, standing, tightest, why
from tui.console.state import Window
from tui.console.verdict import Verdict

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
CUT_SHORT = frozenset({StopReason.LOOP_DETECTED, StopReason.NO_PROGRESS})
"""Reasons for which a rule ended what would have gone on spending."""


def why_page(run: Run, window: Window, verdict: Verdict, now: float, width: int, pair: int = 0) -> list[Line]:
    """The whole page; `pair` says which two calls of the evidence stand beside each other, as `compared.pairs`."""
    lines = _opening(run, now, width)
    if found := calls_of(run):
        lines += side_by_side(found, width, pair)
    lines += _figures(run, width)
    if run.reason in CUT_SHORT:
        lines += _cost(run, window, now, width)
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
    lines = [EMPTY, line(" ", Span(f"{glyph(place.name)} {head}", loud), Span(f"   {when}{step}", "dim")), EMPTY]
    said = str(
        run.evidence.get("summary") or (_MEANING[run.reason] if run.reason else why(run, now)) or "Nothing keeps it."
    )
    lines += [line(" ", Span(row, "strong")) for row in wrap(said, width - 3)]
    if run.why and run.why not in said:
        lines += [line(" ", Span(row)) for row in wrap(run.why, width - 3)]
    if run.warned is not None and not run.at_rest:
        lines += labelled("warned by", f"{run.warned.rule}: {run.warned.summary}", width, at=LABEL, tone="warn")
    return lines


def _figures(run: Run, width: int) -> list[Line]:
    figures: Any = run.evidence.get("figures")
    if not isinstance(figures, dict) or not figures:
        return []
    lines: list[Line] = [EMPTY, rule(line(Span("the figures", "dim")), width), EMPTY]
    for label, value in list(figures.items())[:16]:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        said = clip(formats.quantity(value) if number else value_text(value), width - 8)
        named = clip(BUDGET_WORDS.get(str(label), str(label)), 40)
        shown = line(Span(f" {named} ", "dim"), Span(f"{said}  "))
        if width_of(lines[-1]) + width_of(shown) > width:
            lines.append(EMPTY)
        lines[-1] = line(lines[-1], shown)
    return lines


def _cost(run: Run, window: Window, now: float, width: int) -> list[Line]:
    """What the run has used so far, and what it would have used had nobody stopped it."""
    lines = [EMPTY, rule(line(Span("what it cost", "dim")), width)]
    lines += labelled("so far", "   ".join(used(run, now)), width, at=LABEL)
    return lines + labelled("if it went on", had_it_gone_on(run, window.recent, now), width, at=LABEL)


def _log_tail(run: Run, width: int) -> list[Line]:
    tail = run.evidence.get("log_tail")
    if not isinstance(tail, list) or not tail:
        return []
    lines = [EMPTY, rule(line(Span("the last lines of its log", "dim")), width)]
    return lines + [line(" ", Span(clip(str(row), width - 3))) for row in tail[-12:]]


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
        for y, row in enumerate(wrap(text, max(10, width - 33))):
            head = (Span(fit(key, 6), "key"), Span(fit(label, 24), "strong")) if y == 0 else (Span(" " * 30),)
            lines.append(line(" ", *head, row))
    offer = run.evidence.get("offer")
    if isinstance(offer, str) and offer:
        lines += [EMPTY, *labelled("suggested", offer, width, at=LABEL)]
    return lines


def _resume_text(run: Run) -> str:
    near = tightest(run, run.rested_at or run.last_event_at)
    if run.reason is StopReason.BUDGET_EXCEEDED and near is not None:
        return "It asks for a higher limit; without one it is refused."
    if run.held:
        said = f"It goes on where it waits, at step {run.step}."
    elif run.checkpoint is not None:
        said = f"A new process goes on from checkpoint {run.checkpoint.number}, step {run.checkpoint.step}."
    else:
        said = "A new process begins again from step 1: there is no checkpoint."
    if run.reason is StopReason.LOOP_DETECTED:
        said += " The same may then be repeated twice as often before it is paused again."
    return said
