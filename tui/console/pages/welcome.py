"""What is said where there is little to show: an empty home, an empty filter, no runtime, too small a room."""

from __future__ import annotations

from pathlib import Path

from tui.console import formats
from tui.console.groups import FOLD_FROM
from tui.console.lines import EMPTY, Line, Span, cells, clip, line, wrap
from tui.console.standing import standing
from tui.console.state import State

_FIRST = (
    ("agentwatch run --demo", "see it work: an agent for each of the known ways to fail, and some that do not"),
    ("agentwatch run -- python my_agent.py", "put a program of yours under supervision"),
    ("agentwatch init", "write an agentwatch.toml that names your agents"),
)


def nothing_yet(state: State, width: int) -> list[Line]:
    """An empty home."""
    lines: list[Line] = [EMPTY]
    if state.trouble and not state.empty:
        lines += [line("  ", Span(row, "needs")) for row in wrap(state.trouble, width - 4)]
        return [*lines, EMPTY, line(Span("  Looking again every two seconds.", "dim"))]
    lines.append(line("  ", Span("Nothing has run here yet.", "strong")))
    lines += [line("  ", Span(row, "dim")) for row in wrap(f"Home: {_short(state.home.root)}", width - 4)]
    lines.append(EMPTY)
    lines += [line("  ", row) for row in wrap("In another terminal, begin with one of these:", width - 4)]
    lines.append(EMPTY)
    wide = width >= 100
    for command, what in _FIRST:
        lines.append(line("    ", Span(command.ljust(40) if wide else command, "key"), what if wide else ""))
        if not wide:
            lines += [line("      ", Span(row, "dim")) for row in wrap(what, width - 8)]
    return [*lines, EMPTY, line("  What you start appears here by itself.")]


def no_match(query: str, width: int) -> list[Line]:
    """A filter that nothing passes."""
    lines: list[Line] = [EMPTY]
    lines += [line("  ", row) for row in wrap(f"No run matches “{query}”. esc clears the filter.", width - 4)]
    return [*lines, line(Span("  Fields: status:  reason:  agent:", "dim"))]


def banner(state: State, now: float, width: int) -> list[Line]:
    """A line that everybody must see before they read the rest; nothing where all is well."""
    if state.trouble and not state.empty:
        return [line("  ", Span(row, "needs")) for row in wrap(state.trouble, width - 4)[:2]]
    if state.runtime_trouble:
        said = f"The runtime cannot write its record: {state.runtime_trouble}"
        return [line("  ", Span(row, "needs")) for row in wrap(said, width - 4)[:2]]
    if not state.runtime_alive and not state.at_rest:
        live = sum(standing(run).rank in (2, 3, 5, 6) for run in state.model.runs.values())
        said = "The runtime is not running. R starts it."
        if live:
            said = f"The runtime is not running: {live} runs are shown as it left them; no action is let through. "
            said += "R starts it."
        return [line("  ", Span(row, "needs")) for row in wrap(said, width - 4)[:2]]
    return _down(state, now, width)


def _down(state: State, now: float, width: int) -> list[Line]:
    """The dependency that most runs wait for."""
    waiting = {name: number for name, number in state.waiting_for().items() if number >= FOLD_FROM["dependency"]}
    if not waiting:
        return []
    name = max(waiting, key=lambda cause: waiting[cause])
    due = min((run.due_at for run in state.model.runs.values() if run.dependency == name and run.due_at), default=None)
    text = f"{name} is down: {waiting[name]} wait"
    if due:
        text += f", next try {'' if due > now else 'was due '}{formats.clock(due)}, by one of them"
    text += ". None of them spends; nothing to do unless it lasts."
    more = f" And {len(waiting) - 1} more are down." if len(waiting) > 1 else ""
    # What cannot be said in this width is cut from the text, never the key.
    key = "   b: the breaker"
    said = clip(text + more, width - cells(key) - 5)
    return [line("  ◌ ", Span(said, "warn"), Span(key, "dim"))]


def _short(path: Path) -> str:
    """A path as a shell may be given it, with `~` for the user's own folder."""
    own = Path.home()
    return f"~/{path.relative_to(own)}" if path.is_relative_to(own) else str(path)


def too_small(width: int, height: int) -> list[Line]:
    """A terminal in which nothing can be laid out."""
    text = (
        f"The console needs 40 × 10 cells; this terminal has {width} × {height}. Make it larger, or use: agentwatch ps"
    )
    return [line(row) for row in wrap(text, max(4, width))]
