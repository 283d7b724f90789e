"""Objects that do not tell their value: calls with them are never taken for each other."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.acceptance.cli.conftest import Shell

MAIL = """
import agentwatch, os
class Mail:
    def __init__(self, to): self.to = to
class Client: pass
def put(line):
    with open("ledger.txt", "a") as ledger:
        print(line, file=ledger)
@agentwatch.tool
def send(mail):
    put(mail.to)
    return "ok"
@agentwatch.tool(ignore=("client",))
def post(client, to):
    put(to)
    return "ok"
"""


def ledger(shell: Shell) -> list[str]:
    return (shell.folder / "ledger.txt").read_text().split()


def test_different_objects_are_no_loop_and_their_author_hears_it_once(shell: Shell) -> None:
    (shell.folder / "mailer.py").write_text(
        MAIL
        + """
with agentwatch.start() as run:
    for n in range(12):
        with run.step(f"mail {n}"):
            send(Mail(f"user{n}"))
"""
    )
    shell.call("run", "--headless", "--", sys.executable, "mailer.py", code=0)
    assert ledger(shell) == [f"user{n}" for n in range(12)]
    assert shell.call("log", "mailer").stdout.count("the argument 'mail' of send (Mail) does not tell its value") == 1


def test_after_a_crash_a_person_is_asked_and_nothing_is_swallowed(shell: Shell) -> None:
    (shell.folder / "again.py").write_text(
        MAIL
        + """
with agentwatch.start() as run:
    if run.attempt == 1:
        send(Mail("alice"))
        os._exit(9)
    send(Mail("bob"))
"""
    )
    (shell.folder / "agentwatch.toml").write_text(
        f"[agents.again]\ncommand = ['{sys.executable}', 'again.py']\nrestart = 1\n"
    )
    shell.call("run", "--headless", "again", code=3)
    asked = shell.status("again", "needs_review")
    [question] = shell.json("show", "again")["questions"]
    shell.call("resolve", asked["run"], question["id"], "--retry")
    shell.status("again", "completed")
    assert ledger(shell) == ["alice", "bob"]


def test_what_is_ignored_does_not_matter_to_what_a_call_is(shell: Shell) -> None:
    (shell.folder / "poster.py").write_text(
        MAIL
        + """
with agentwatch.start() as run:
    post(Client(), "alice")
    if run.attempt == 1:
        os._exit(9)
    post(Client(), "bob")
"""
    )
    (shell.folder / "agentwatch.toml").write_text(
        f"[agents.poster]\ncommand = ['{sys.executable}', 'poster.py']\nrestart = 1\n[policy.loop]\nsteer_at = 3\n"
    )
    shell.call("run", "--headless", "poster", code=0)
    assert ledger(shell) == ["alice", "bob"]
    [run] = [run for run in shell.json("ps") if run["agent"] == "poster"]
    begun = [event for event in shell.json("events", run["run"]) if event["kind"] == "action.begin"]
    assert [event["body"]["args"] for event in begun] == [{"to": "alice"}, {"to": "bob"}]
