"""The side under the fleet: the selected run, its five answers, what happened last and what it has spent."""

from __future__ import annotations

from store.records import Run
from tui.console import formats
from tui.console.can import name
from tui.console.lines import EMPTY, Line, Span, beside, clip_line, first, fit, labelled, line, rule, wrap
from tui.console.pages.entries import entry_line
from tui.console.standing import BUDGET_WORDS, glyph, spent, standing
from tui.console.state import State, Window
from tui.console.telling import PASSING, Entry
from tui.console.verdict import Verdict, observed

_LOUD = {"YES": "strong", "ASK": "strong", "UNKNOWN": "strong"}
_ALARMS = {("Stuck?", "YES"), ("Progress?", "NO"), ("Terminate?", "YES"), ("Can resume?", "ASK"), ("Stuck?", "UNKNOWN")}
SHORT_QUESTIONS = {"Safe pause?": "Pause?", "Can resume?": "Resume?"}
SPARK_STEPS = 24


def detail(state: State, run: Run, now: float, width: int, height: int) -> list[Line]:
    """At most `height` lines about `run`."""
    window = state.window(run.run)
    roomy = height >= 17 and width >= 100
    lines = [heading(run, now, width)]
    if roomy:
        lines += [*first(labelled("Goal", run.goal, width - 1, at=15, tone="strong"), 2), EMPTY] if run.goal else []
    rows = 2 if height >= 21 or (not roomy and height >= 10) else 1
    lines += answers(state.verdict(run, now), width, short=not roomy, rows=rows)
    left = height - len(lines)
    if left < 2:
        return lines[:height]
    if roomy:
        lines += _two_columns(run, window, now, width, left)
    else:
        lines += _one_column(run, window, now, width, left)
    return [clip_line(row, width) for row in lines[:height]]


def heading(run: Run, now: float, width: int) -> Line:
    """The rule that names the run and its standing."""
    place = standing(run)
    word = place.word.upper()
    loud = place.tone if place.tone in ("needs", "warn") else "strong"
    reason = f"  {run.reason}" if run.reason is not None and str(run.reason) != word else ""
    title = line(
        Span(name(run), "strong"), Span(" ─── ", "faint"), Span(f"{glyph(place.name)} {word}", loud), Span(reason, loud)
    )
    parts = []
    if width >= 100:
        parts.append("SDK" if run.sdk else "watched from outside" if observed(run, now) else "")
        if run.pid:
            parts.append(f"process {run.pid}")
    parts.append(f"attempt {run.attempt}" if run.attempt else "not started")
    if run.started_at is not None and width >= 72:
        parts.append(f"began {formats.moment(run.started_at, now)}")
    return rule(title, width, line(Span(" ─── ".join(part for part in parts if part), "dim")))


def answers(verdict: Verdict, width: int, *, short: bool = False, rows: int = 1) -> list[Line]:
    """The five questions, each with its word and its figures."""
    at = 12 if short else 15
    lines: list[Line] = []
    for question, answer in verdict.rows():
        asked = SHORT_QUESTIONS.get(question, question) if short else question
        tone = "needs" if (question, answer.word) in _ALARMS else _LOUD.get(answer.word, "")
        said = wrap(answer.figures, width - at - 11)
        most = rows if not short or question in ("Stuck?", "Progress?") else 1
        if len(said) > most:
            said = [*said[: most - 1], " ".join(said[most - 1 :])]
        for y, text in enumerate(said or [""]):
            head = (Span(f" {fit(asked, at - 1)}", "dim"), Span(fit(answer.word, 10), tone))
            lines.append(clip_line((*(head if y == 0 else (Span(" " * (at + 10)),)), Span(text)), width - 1))
    return lines


def _two_columns(run: Run, window: Window, now: float, width: int, height: int) -> list[Line]:
    wide = max(60, int(width * 0.55))
    other = width - wide - 2
    right = [rule(line(Span("what it has spent, and what it got", "dim")), other), *spending(run, window, now, other)]
    left = [rule(line(Span("what happened last", "dim")), wide)]
    entries = _last(window, height - 2)
    left += [entry_line(entry, wide, now) for entry in entries]
    if not entries:
        left.append(line(Span(" nothing yet", "dim")))
    return [EMPTY, *beside(left[: height - 1], right[: height - 1], wide)]


def _last(window: Window, count: int) -> list[Entry]:
    """The last entries; of a busy run those that say most."""
    if count <= 0:
        return []
    latest = window.story.entries[-6 * count - 40 :]
    for quiet in (_QUIET_KINDS | {"progress", "checkpoint"}, _QUIET_KINDS, frozenset()):
        shown = [entry for entry in latest if entry.kind not in quiet]
        if len(shown) >= min(count, 8):
            return shown[-count:]
    return latest[-count:]


_QUIET_KINDS = frozenset({"step.begin", "task", "output", PASSING})


def spending(run: Run, window: Window, now: float, width: int) -> list[Line]:
    """Budgets with what is used of them, and spend against novelty, step by step."""
    recent = window.recent
    lines: list[Line] = []
    tokens = recent.tokens_per_step[-SPARK_STEPS:]
    if len(tokens) >= 3:
        average = sum(tokens) / len(tokens)
        fresh = recent.new_per_step[-SPARK_STEPS:]
        if any(tokens):
            lines.append(_spark_row("tokens", tokens, f"{formats.count(average)} a step", width))
        said = f"none for {formats.plural(recent.stale_steps, 'step')}" if recent.stale_steps else "per step"
        lines.append(_spark_row("new", fresh, said, width))
    lines += [_row(*pair, width) for pair in _budgets(run, now)]
    lines.append(EMPTY)
    lines += facts(run, now, width)
    return lines


def _spark_row(label: str, values: list[float], said: str, width: int) -> Line:
    return clip_line(line(_row(label, "", width), Span(formats.spark(values), "dim"), f"  {said}"), width)


def _budgets(run: Run, now: float) -> list[tuple[str, str]]:
    rows = []
    for budget in ("cost_usd", "tokens", "steps", "actions", "wall_s"):
        used = spent(run, budget, now)
        if used is None or (not used and budget not in run.limits):
            continue
        limit = run.limits.get(budget)
        shown = formats.amount(budget, used)
        if limit:
            rows.append((BUDGET_WORDS[budget], f"{shown} of {formats.amount(budget, limit)}"))
        else:
            rows.append((BUDGET_WORDS[budget], f"{shown}, no limit"))
    if run.cached_tokens:
        rows.append(("cached", f"{formats.count(run.cached_tokens)} tokens read from the cache"))
    return rows


def facts(run: Run, now: float, width: int) -> list[Line]:
    """What is in flight, the last checkpoint, and where the run came from."""
    rows = [_row("in flight", _in_flight(run, now), width, "strong" if run.in_flight else "")]
    rows.append(_row("checkpoint", checkpoint_text(run, now), width))
    if run.forked_from:
        rows.append(_row("fork of", run.forked_from, width))
    tail = run.evidence.get("log_tail")
    if isinstance(tail, list) and tail:
        rows.append(_row("log", f"“{tail[-1]}”", width))
    return rows


def checkpoint_text(run: Run, now: float) -> str:
    """The last checkpoint in a few words."""
    if run.checkpoint is None:
        return "none"
    ref = run.checkpoint
    label = f" “{ref.label}”" if ref.label else ""
    return f"{ref.number}{label}, step {ref.step}, {formats.span(now - ref.at)} old, {formats.size(ref.size_bytes)}"


def _in_flight(run: Run, now: float) -> str:
    if not run.in_flight:
        return "nothing"
    doubtful = run.pid is None
    first = run.in_flight[0]
    more = f", and {len(run.in_flight) - 1} more" if len(run.in_flight) > 1 else ""
    state = "in doubt, begun" if doubtful else "for"
    took = f"{formats.clock(first.began_at)}" if doubtful else formats.span(now - first.began_at)
    safe = "safe to repeat" if first.idempotent else "not safe to repeat"
    return f"{first.tool} {state} {took} ({safe}){more}"


def _row(label: str, text: str, width: int, tone: str = "") -> Line:
    return clip_line(line(Span(f" {fit(label, 11)}", "dim"), Span(text, tone)), width)


def _one_column(run: Run, window: Window, now: float, width: int, height: int) -> list[Line]:
    lines: list[Line] = []
    if run.in_flight:
        lines.append(_row("in flight", _in_flight(run, now), width, "strong"))
    if run.checkpoint is not None and height > 3:
        lines.append(_row("checkpoint", checkpoint_text(run, now), width))
    room = height - len(lines)
    return lines + [entry_line(entry, width, now) for entry in _last(window, room)]
