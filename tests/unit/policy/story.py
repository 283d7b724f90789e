"""Tells the story of a run as journal events, for tests."""

from __future__ import annotations

from typing import Any

from runtime.policy.judge import Judge
from runtime.policy.ruling import Level, Ruling
from store.events import Kind
from store.projection import project
from store.records import Event, Run


class Story:
    """A run's events in journal order; `judge`, where given, is fed each of them and its own rulings."""

    def __init__(self, judge: Judge | None = None) -> None:
        self.judge = judge
        self.events: list[Event] = []
        self.rulings: list[Ruling] = []
        self.run: Run | None = None
        self.now = 1000.0
        self._calls = 0
        self.add(Kind.CREATED, agent="a", goal="g")
        self.status("queued", "starting")
        self.status("starting", "running")

    def add(self, kind: Kind, **body: Any) -> list[Ruling]:
        event = Event(len(self.events) + 1, "run", len(self.events), self.now, 1, kind, body)
        self.events.append(event)
        self.run = project(self.run, event)
        said = self.judge.feed(event) if self.judge is not None else []
        return self._journal(said)

    def _journal(self, said: list[Ruling]) -> list[Ruling]:
        self.rulings += said
        for ruling in said:
            again = self.add(
                Kind.RULING,
                rule=ruling.rule,
                level=str(ruling.level),
                reason=ruling.reason,
                summary=ruling.summary,
                note=ruling.note,
                evidence=ruling.evidence,
                signature=ruling.signature,
            )
            assert again == [], "a ruling caused a ruling"
        return said

    def tick(self, after_s: float = 0.0) -> list[Ruling]:
        self.now += after_s
        return self._journal(self.judge.tick(self.now)) if self.judge is not None else []

    def status(self, before: str, after: str, **body: Any) -> list[Ruling]:
        return self.add(Kind.STATUS, **{"from": before, "to": after, "cause": "test"}, **body)

    def begin(self, tool: str, args: Any = None, **body: Any) -> str:
        self._calls += 1
        name = str(body.pop("id", f"c{self._calls}"))
        self.add(Kind.ACTION_BEGIN, id=name, tool=tool, args=args or {}, step=1, idempotent=True, **body)
        return name

    def end(self, name: str, result: Any = None, *, error: str | None = None, **body: Any) -> list[Ruling]:
        self.now += 1
        begun = next(e for e in reversed(self.events) if e.kind == Kind.ACTION_BEGIN and e.body["id"] == name)
        if error is not None:
            body["error"] = {"type": "Error", "message": error}
        told = {"tool": begun.body["tool"], "step": 1, **body}
        return self.add(Kind.ACTION_END, id=name, ok=error is None, result=result, **told)

    def call(self, tool: str, args: Any = None, result: Any = "ok", **begin: Any) -> list[Ruling]:
        error = begin.pop("error", None)
        return self.end(self.begin(tool, args, **begin), result, error=error)

    def pause_and_resume(self) -> None:
        self.status("running", "pausing")
        self.status("pausing", "paused", held=True)
        self.status("paused", "running")

    def levels(self, rule: str = "") -> list[Level]:
        return [ruling.level for ruling in self.rulings if rule in ("", ruling.rule)]
