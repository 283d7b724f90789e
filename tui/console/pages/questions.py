"""What the dialogs say: what ends, what is lost, what stays, what is in doubt, what one could do instead."""

from __future__ import annotations

from collections.abc import Sequence

from store.records import Action, CheckpointRef, Json, Run
from tui.console import formats
from tui.console.can import name
from tui.console.doubts import Doubt
from tui.console.lines import EMPTY, Line, Span, first, fit, line, wrap
from tui.console.recent import Recent
from tui.console.standing import BUDGET_WORDS, exceeded, spent, used_up, worked
from tui.console.telling import brief, call

LABEL = 13
NAMED = 6
"""So many runs are called by their names."""


def say(text: str, width: int, tone: str = "") -> list[Line]:
    """A paragraph."""
    return [line(Span(row, tone)) for row in wrap(text, width)]


def fact(label: str, text: str, width: int, tone: str = "") -> list[Line]:
    """A label and what there is to say about it."""
    rows = wrap(text, width - LABEL - 2)
    return [
        line(Span(f"  {fit(label if y == 0 else '', LABEL)}", "dim"), Span(row, tone)) for y, row in enumerate(rows)
    ]


def kill_one(run: Run, children: Sequence[str], now: float, width: int) -> list[Line]:
    """Before one run is killed."""
    if run.pid is None:
        ends = "nothing: no process of it is running"
    elif children:
        names = ", ".join(children[:6]) + (" …" if len(children) > 6 else "")
        ends = f"process {run.pid} and {_counted(len(children), 'child', 'children')}: {names}"
    else:
        ends = f"process {run.pid} and everything it started"
    lines = [*say("This cannot be undone.", width, "strong"), EMPTY, *fact("ends", ends, width)]
    lines += fact("deleted", _deleted(run), width)
    lines += fact("stays", "history, log and evidence, until they are pruned", width)
    if run.actions:
        lines += fact(
            "stays done", f"what it has done outside: {formats.plural(run.actions, 'action')} were let through", width
        )
    lines += fact("in doubt", _doubt(run, now), width, "needs" if run.in_flight else "")
    if run.cost_usd:
        lines += fact("spent", f"{formats.money(run.cost_usd)}, not given back", width)
    instead = (
        f"It is {run.status} now and costs nothing."
        if run.resumable
        else "It costs nothing while it rests."
        if run.pid is None
        else "Pausing (p) would keep everything."
        if run.sdk
        else "Pausing (p) would freeze it, in memory alone."
    )
    return [*lines, EMPTY, *say(instead, width)]


def pause_many(number: int, frozen: int, width: int) -> list[Line]:
    """Before `number` runs are paused, `frozen` of which can only be frozen."""
    if frozen == number:
        lines: list[Line] = []
    else:
        lines = say("They stop at their next safe point and keep their checkpoints. r lets them go on.", width)
    if frozen:
        who = "They" if frozen == number else f"{frozen} of them"
        lines += say(f"{who} can only be frozen, in memory alone, for want of the SDK.", width, "warn")
    return lines


def park(runs: Sequence[Run], width: int) -> list[Line]:
    """Before the processes of paused runs are ended."""
    if len(runs) == 1:
        return _park_one(runs[0], width)
    lines = say("They are paused. Parking ends their processes; r begins each from its last checkpoint.", width)
    if lost := sum(run.begins_again for run in runs):
        have = "has" if lost == 1 else "have"
        lines += say(f"{lost} of them {have} no checkpoint and would begin again from step 1.", width, "needs")
    return lines


def _park_one(run: Run, width: int) -> list[Line]:
    lines = say("It is paused, and its process waits. Parking ends that process.", width)
    lines.append(EMPTY)
    if run.checkpoint is None:
        lines += fact("lost", f"{worked(run)}: there is no checkpoint, so it begins again from step 1", width, "needs")
    else:
        lines += fact("kept", f"checkpoint {run.checkpoint.number} of step {run.checkpoint.step}", width)
        lines += fact("done again", "work since that checkpoint", width)
    return [*lines, *fact("not repeated", "actions that have ended: their results are on record", width)]


def accept(run: Run, width: int) -> list[Line]:
    """Before a repetition is accepted for the rest of a run."""
    lines = fact("it stopped", str(run.evidence.get("summary") or run.why or run.reason), width)
    lines += fact("from now on", "this repetition never stops the run again, however often it happens", width, "needs")
    lines += fact("resumes", _where(run), width)
    return [*lines, EMPTY, *say("This cannot be taken back. r resumes the run and keeps the rule.", width)]


def fork(run: Run, ref: CheckpointRef, now: float, width: int) -> list[Line]:
    """Before a new run begins from a checkpoint of another one."""
    label = f" “{ref.label}”" if ref.label else ""
    lines = fact(
        "begins",
        f"a new run of {run.agent} from checkpoint {ref.number}{label}, step {ref.step}, "
        f"{formats.span(now - ref.at)} old",
        width,
    )
    lines += fact("stays", f"this run, as it is ({run.status})", width)
    again = "what this run has done since is not on the new one's record: there it is done once more"
    lines += fact("done again", again, width, "warn" if run.actions else "")
    lines += fact("spends", "anew, under the same limits", width)
    return lines


def _deleted(run: Run) -> str:
    if not run.checkpoints:
        return "no checkpoint was made; it can never be resumed"
    last = f" (last: step {run.checkpoint.step})" if run.checkpoint else ""
    return f"{formats.plural(run.checkpoints, 'checkpoint')}{last}. It can never be resumed"


def _doubt(run: Run, now: float) -> str:
    if not run.in_flight:
        return "nothing"
    first = run.in_flight[0]
    more = f" and {len(run.in_flight) - 1} more" if len(run.in_flight) > 1 else ""
    return f"{first.tool}{more}, begun {formats.ago(now - first.began_at)}: whether it happened stays unknown"


def _counted(number: int, one: str, many: str) -> str:
    return f"its {one}" if number == 1 else f"its {number} {many}"


def kill_many(runs: Sequence[Run], now: float, width: int) -> list[Line]:
    """Before many runs are killed."""
    live = sum(run.pid is not None for run in runs)
    going = sum(not run.at_rest for run in runs)
    actions = sum(run.actions for run in runs)
    kept = sum(run.checkpoints for run in runs)
    doubts = sum(len(run.in_flight) for run in runs)
    cost = sum(run.cost_usd for run in runs)
    lines = say(
        f"This cannot be undone. The {len(runs)} are the ones that were chosen at {formats.clock(now)}, "
        "however the list has moved since.",
        width,
    )
    names = ", ".join(name(run) for run in runs[:NAMED]) + (f" and {len(runs) - NAMED} more" if runs[NAMED:] else "")
    lines += [EMPTY, *fact("these", names, width)]
    lines += fact("ends", f"{formats.plural(live, 'process', 'processes')} and everything started by them", width)
    lines += fact("deleted", f"{formats.plural(kept, 'checkpoint')}: none of these runs can be resumed", width)
    lines += fact("stays", "history, logs and evidence, until they are pruned", width)
    if actions:
        lines += fact("stays done", f"{formats.plural(actions, 'action')} that were let through", width)
    said = f"{formats.plural(doubts, 'action')}: whether they happened stays unknown" if doubts else "nothing"
    lines += fact("in doubt", said, width, "needs" if doubts else "")
    if cost:
        lines += fact("spent", f"{formats.money(cost)}, not given back", width)
    which = "them" if going == len(runs) else f"the {going} that go on"
    instead = (
        f"p would pause {which} instead: they cost nothing while paused." if going else "They cost nothing at rest."
    )
    return [*lines, EMPTY, *say(instead, width), EMPTY]


def force(run: Run, actions: Sequence[Action], recent: Recent, now: float, width: int) -> list[Line]:
    """Before a pause is forced on a run that waits for an action to end."""
    lines = say("A pause was asked for. It waits for this to end:", width)
    lines.append(EMPTY)
    args = {action.id: action.args for action in actions}
    for pending in run.in_flight:
        usual = recent.usual_s.get(pending.tool)
        times = f"running {formats.span(now - pending.began_at)}" + (f", usual {formats.span(usual)}" if usual else "")
        lines += [
            line("  ", Span(row, "strong")) for row in wrap(call(pending.tool, args.get(pending.id)), width - 2)[:2]
        ]
        lines.append(line(f"  {times}"))
    if not run.in_flight:
        lines.append(line(f"  {run.waits_for or 'the next safe point'}"))
    lines += [EMPTY, *say("If you force it now:", width)]
    unsafe = [pending.tool for pending in run.in_flight if not pending.idempotent]
    if unsafe:
        lines += fact("in doubt", f"{', '.join(unsafe)}: you will be asked whether it happened", width, "needs")
    at = (
        f"what was thought since checkpoint {run.checkpoint.number}"
        if run.checkpoint
        else f"{worked(run)}: there is no checkpoint, so it begins again from step 1"
    )
    lines += fact("done again" if run.checkpoint else "lost", at, width, "" if run.checkpoint else "needs")
    return [*lines, *fact("not repeated", "actions that have ended: their results are on record", width)]


def freeze(run: Run, now: float, width: int) -> list[Line]:
    """Before an agent is stopped that cannot be saved."""
    lines = say("This agent does not use the SDK. It can only be frozen:", width)
    lines += [EMPTY, *fact("kept", "its memory, as long as this machine runs", width)]
    began = formats.moment(run.started_at, now) if run.started_at else "it began"
    lines += fact("lost", f"everything since {began}, if the machine restarts or the process is killed", width)
    return [*lines, *fact("meanwhile", "its open connections may time out", width)]


def resume(runs: Sequence[Run], now: float, width: int) -> list[Line]:
    """Before runs go on."""
    if len(runs) > 1:
        text = _where_several(runs)
        over = sum(bool(used_up(run)) for run in runs)
        if not over:
            return say(text, width)
        have = "has" if over == 1 else "have"
        raised = f"{over} of them {have} used up a limit: it is raised for these alone."
        return [*say(text, width), *say(raised, width), EMPTY]
    run = runs[0]
    lines = say(_where(run), width)
    if run.why or run.reason:
        said = str(run.evidence.get("summary") or run.why or run.reason)
        lines += [EMPTY, *fact("it stopped", said, width)]
    if run.cost_usd:
        lines += fact("spent so far", formats.money(run.cost_usd), width)
    told = exceeded(run)
    for budget, limit in run.limits.items():
        used = spent(run, budget, run.rested_at or now)
        over = used is not None and used >= limit
        if over or budget in told:
            word = BUDGET_WORDS.get(budget, budget)
            figure = (
                f"{_figure(budget, used)} of {_figure(budget, limit)}" if used is not None and over else told[budget]
            )
            lines += fact("used up", f"{word}: {figure}", width, "needs")
    return [*lines, EMPTY]


def _figure(budget: str, value: float) -> str:
    if budget == "cost_usd":
        return formats.money(value)
    return formats.span(value) if budget == "wall_s" else formats.count(value)


def _where_several(runs: Sequence[Run]) -> str:
    waiting = sum(run.held or run.frozen for run in runs)
    saved = sum(run.checkpoint is not None for run in runs if not (run.held or run.frozen))
    ways = (
        (waiting, "where they wait"),
        (saved, "from their last checkpoint in a new process"),
        (len(runs) - waiting - saved, "from the beginning, for want of a checkpoint"),
    )
    told = [f"{count} {how}" for count, how in ways if count]
    return f"They go on: {', '.join(told)}." if len(told) > 1 else f"They go on {told[0].partition(' ')[2]}."


def _where(run: Run) -> str:
    if run.held:
        return f"It goes on where it waits, at step {run.step}. Nothing is done again."
    if run.frozen:
        return "It is let go where it was frozen."
    if run.checkpoint is None:
        return "It has no checkpoint: a new process begins again from step 1. Actions on record are not repeated."
    return "A new process goes on from a checkpoint. What it did since then is on record and not repeated."


def doubt(run: Run, asked: Doubt, others: int, log_tail: Sequence[str], width: int) -> list[Line]:
    """The question that only a person can answer."""
    if asked.why:
        lines = say(asked.why[0].upper() + asked.why[1:] + ".", width, "strong")
        lines += say("Its process waits for your answer; nothing has been done.", width)
    else:
        gone = "The process ended while this was on its way." if run.pid is None else "It got no answer to this."
        lines = say(f"{gone} Nothing recorded says whether it happened.", width)
        lines += say("agentwatch will not guess, and has not done it again.", width)
    safe = "safe to repeat" if asked.idempotent else "not marked as safe to repeat"
    lines += [EMPTY, *fact("tool", f"{asked.tool}   ({safe})", width, "strong"), *_arguments(asked.args, width)]
    if asked.before is not None:
        lines += [EMPTY, *fact("on record", "the call that succeeded before:", width, "strong")]
        lines += _arguments(asked.before.get("args"), width)
        lines += first(fact("its result", brief(asked.before.get("result"), 240), width), 2)
    if not asked.why:
        on_disk = f"begin at {formats.clock(asked.began_at)} (on disk before it was let begin)"
        lines += [EMPTY, *fact("about to", on_disk, width)]
    if log_tail:
        lines += fact("its log", f"“{log_tail[-1]}”", width)
    if asked.hint:
        lines += fact("look here", asked.hint, width, "strong")
    return [*lines, EMPTY, *_answers_to(asked, others, width), EMPTY, *_where_from(run, width)]


def _arguments(args: Json, width: int) -> list[Line]:
    named = args if isinstance(args, dict) else {"arguments": args}
    lines: list[Line] = []
    for label, value in list(named.items())[:6]:
        lines += first(fact(str(label), brief(value, 240), width), 3)
    if len(named) > 6:
        more = formats.plural(len(named) - 6, "argument")
        lines += fact("", f"… and {more} more: leave it, then i shows all", width, "dim")
    return lines


def _answers_to(asked: Doubt, others: int, width: int) -> list[Line]:
    rest = f"; {formats.plural(others, 'other question')} of this run waits too" if others else ""
    if asked.why:
        lines = _choice("h", "The same", "it happened before: give it the recorded result", width)
        lines += _choice("s", "Another one", "do it now", width)
    else:
        lines = _choice("h", "It happened", "record it as done and go on after it", width)
        lines += _choice("s", "It did not", "do it now, then go on", width)
    lines += _choice("l", "Leave it", f"the run stays as it is{rest}", width)
    return [*lines, *_choice("x", "Kill the run…", "the doubt stays in its history", width)]


def _where_from(run: Run, width: int) -> list[Line]:
    where = f"Checkpoint {run.checkpoint.number}, step {run.checkpoint.step}. " if run.checkpoint else ""
    return say(f"{where}Finished actions are on record and will not be done again.", width, "dim")


def _choice(key: str, label: str, text: str, width: int) -> list[Line]:
    rows = wrap(text, width - 24)
    head = line("  ", Span(key, "key"), Span(f"   {fit(label, 16)} ", "strong"))
    return [(*(head if y == 0 else (Span(" " * 22),)), Span(row)) for y, row in enumerate(rows)]


def leave(live: int, fresh: int, width: int) -> list[Line]:
    """Before everything is paused and the runtime stopped; `fresh` runs have a process and no checkpoint."""
    lines = say(
        f"This pauses {formats.plural(live, 'live run')}, then ends the runtime, then closes the console.", width
    )
    lines += [EMPTY, *fact("kept", "every run with its last checkpoint; r brings each of them back", width)]
    if fresh:
        said = f"{formats.plural(fresh, 'run')} without a checkpoint: in memory only, lost if the machine restarts"
        lines += fact("frozen", said, width, "needs")
    lines += fact("in doubt", "actions that do not end within 10 s: you will be asked about them", width)
    return [*lines, EMPTY, *say("q alone closes the console and lets the agents go on.", width)]
