"""A journal to tell what ran in a test's home, and the command line in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from store.events import Kind
from store.home import Home
from store.journal import Journal
from store.records import Action, CheckpointRef
from store.states import Status
from tui.cli import main


class Past:
    """Writes the record of runs that were."""

    def __init__(self, home: Home) -> None:
        home.create()
        self.home = home
        self.now = 1_760_000_000.0
        self.journal = Journal(home, clock=lambda: self.now)

    def run(self, run: str, agent: str = "mailer", goal: str = "Answer every ticket", **created: object) -> str:
        """A run in its first step, its process alive."""
        body = {"agent": agent, "goal": goal, "command": ["python", "x.py"], "cwd": "/", "restart": 0, "limits": {}}
        self.journal.append(run, 0, Kind.CREATED, body | created)
        self.journal.move(run, Status.STARTING, "asked by ada")
        self.journal.append(
            run, 1, Kind.ATTEMPT_STARTED, {"pid": 4242, "process_started": self.now, "checkpoint": None}
        )
        self.journal.move(run, Status.RUNNING, "its first word came")
        self.journal.append(run, 1, Kind.STEP_BEGIN, {"t": "step.begin", "id": "1", "n": 1, "name": "ticket 1"})
        self.journal.flush()
        return run

    def checkpoint(self, run: str, number: int, label: str | None = None, state: str = '{"next": 1}') -> None:
        body = {"number": number, "step": number, "label": label, "size_bytes": len(state), "digest": "d"}
        self.journal.append(run, 1, Kind.CHECKPOINT, body)
        self.journal.put_checkpoint(run, CheckpointRef(number, number, label, self.now, len(state), "d", 1), 0, state)
        self.journal.flush()

    def begin(self, run: str, ident: str, tool: str, *, in_doubt: bool = False) -> None:
        """An action that is on its way, or in doubt."""
        args = {"to": "b.ito@example.com"}
        body = {"id": ident, "tool": tool, "args": args, "idempotent": False, "step": 1}
        event = self.journal.append(run, 1, Kind.ACTION_BEGIN, body)
        self.journal.put_action(
            Action(run, ident, 1, tool, args, "d", None, False, self.now, None, None, event.seq, in_doubt=in_doubt)
        )
        self.journal.flush()

    def rest(self, run: str, status: Status, reason: str, **details: object) -> None:
        self.journal.append(run, 1, Kind.ATTEMPT_ENDED, {"exit_code": 1, "log_tail": [], "known": True})
        self.journal.move(run, status, "for the test", reason=reason, **details)
        self.journal.flush()

    def close(self) -> None:
        self.journal.close()


@pytest.fixture
def past(home: Home) -> Iterator[Past]:
    past = Past(home)
    yield past
    past.close()


@pytest.fixture
def cli(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs one command in this process: exit code, standard output, standard error."""
    monkeypatch.setenv("AGENTWATCH_HOME", str(home.root))
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call
