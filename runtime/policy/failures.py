"""The outcome rule: calls that were reported as successes, and failed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from runtime.policy import evidence
from runtime.policy.calls import Call, Calls, failed_alike
from runtime.policy.config import Outcome
from runtime.policy.outcome import Confidence, Finding
from runtime.policy.ruling import Level, Ruling
from store.events import Kind
from store.records import Event, Run
from store.states import RESUMABLE, StopReason

USUALLY_FULL = 8
"""Results of a tool without an empty one among them after which an empty one is suspect."""

MOST_KINDS = 500
"""Kinds of failure, and tools, that are remembered."""

_NO_DIGITS = str.maketrans("", "", "0123456789")


class OutcomeRule:
    """Notes each new kind of hidden failure, and counts those of one kind that follow each other."""

    name: ClassVar[str] = "outcome"
    horizon: ClassVar[int] = 1000

    def __init__(self, section: Outcome, run: Run | None = None, calls: Calls | None = None) -> None:
        self._section = section
        self._calls = calls or Calls(section)
        self._row: dict[str, list[Call]] = {}
        """By parent call: the latest calls, as long as all failed in hiding in the same way."""
        self._noted: dict[str, None] = {}
        self._full: dict[str, int] = {}
        """By tool: results in a row that were not empty."""

    def feed(self, event: Event) -> Iterable[Ruling]:
        if event.kind == Kind.STATUS and event.body.get("from") in RESUMABLE:
            self._row.clear()
        call = self._calls.feed(event)
        return self._judge(call) if call is not None else []

    def tick(self, now: float) -> Iterable[Ruling]:
        return []

    def _judge(self, call: Call) -> list[Ruling]:
        finding = call.finding
        if finding is None or not finding.failed:
            self._row.pop(call.parent, None)
            return self._suspect(call, finding)
        row = self._row.pop(call.parent, [])
        if row and not failed_alike(row[-1], call):
            row = []
        row = [*row, call][-self._section.pause_at - 1 :]
        self._row[call.parent] = row
        if len(self._row) > MOST_KINDS:
            del self._row[next(iter(self._row))]
        if len(row) == self._section.pause_at:
            return [_ruling(Level.PAUSE, finding, row)]
        if len(row) == self._section.steer_at:
            return [_ruling(Level.STEER, finding, row)]
        return [_ruling(Level.OBSERVE, finding, row)] if self._first(f"{call.tool} {call.failure}") else []

    def _suspect(self, call: Call, finding: Finding | None) -> list[Ruling]:
        """Note what is worth a look: what `find_failure` suspects, and nothing from a tool that always brought some."""
        full = self._full.pop(call.tool, 0)
        if finding is None and call.empty and full >= USUALLY_FULL:
            finding = Finding(
                Confidence.SUSPECT, "", f"it brought nothing, after {full} results that brought something"
            )
        self._full[call.tool] = 0 if call.empty else full + 1
        if len(self._full) > MOST_KINDS:
            del self._full[next(iter(self._full))]
        if finding is None or not self._first(f"{call.tool} {finding.why.translate(_NO_DIGITS)}"):
            return []
        return [_ruling(Level.OBSERVE, finding, [call])]

    def _first(self, kind: str) -> bool:
        if kind in self._noted:
            return False
        self._noted[kind] = None
        if len(self._noted) > MOST_KINDS:
            del self._noted[next(iter(self._noted))]
        return True


def _ruling(level: Level, finding: Finding, row: list[Call]) -> Ruling:
    tool, times = row[-1].tool, len(row)
    often = f" {times} times in a row" if times > 1 else ""
    return Ruling(
        rule=OutcomeRule.name,
        level=level,
        summary=f"{tool}{f' ×{times}' if times > 1 else ''}: {finding.why}, though it raised no error",
        evidence={
            "summary": f"{tool} was reported as a success{often}, but {finding.why}"
            + (f": {finding.line[:200]}" if finding.line and finding.line not in finding.why else "."),
            "figures": {"confidence": str(finding.confidence), "gave it away": finding.line},
            "events": [call.seq for call in row[-evidence.MOST_CALLS :]],
            "calls": evidence.latest(call.shown for call in row),
        },
        reason=StopReason.TOOL_FAILURE if level is Level.PAUSE else None,
        note=f"{tool} did not do what you asked for{often}, though it raised no error: {finding.line[:200]}. "
        "Do not go on as if it had; find out why, or say what blocks you.",
        signature=f"outcome:{tool}:{row[-1].failure}"[:120],
    )
