"""Forks, accepted repetitions, breakers and calls that are worded anew, by command against a real runtime."""

from __future__ import annotations

import http.server
import socket
import sys
import threading
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.acceptance.cli.conftest import Shell

PYTHON = sys.executable


def test_a_fork_begins_at_a_checkpoint_and_the_old_run_stays_as_it_was(shell: Shell) -> None:
    shell.call("run", "--headless", "--", PYTHON, "quick.py")
    [old] = shell.json("ps")
    forked = shell.json("fork", "quick", "--from", "2")
    assert (forked["forked_from"], forked["applied"]) == (old["run"], True)
    new = shell.until("quick", lambda run: run["run"] == forked["run"] and run["status"] == "completed")
    assert shell.json("show", new["run"])["forked_from"] == f"{old['run']} checkpoint 2"
    assert shell.json("checkpoints", new["run"], "1")["state"] == {"n": 2}
    assert shell.json("ps")[0] == old
    assert "has no checkpoint 99" in shell.call("fork", old["run"], "--from", "99", code=3).stderr
    assert "Look: agentwatch show " in shell.call("fork", old["run"]).stdout


def test_an_accepted_repetition_stops_the_run_no_more(shell: Shell) -> None:
    shell.call("run", "--headless", "--", PYTHON, "looping.py", code=3)
    assert "agentwatch resume " in shell.call("show", "looping").stdout
    shell.call("resume", "looping", "--accept")
    assert shell.status("looping", "completed", "paused")["status"] == "completed"


@pytest.mark.parametrize(("answer", "done"), [("--done", "Hello"), ("--retry", "Dear")])
def test_a_call_that_is_worded_anew_is_shown_beside_the_old_one(shell: Shell, answer: str, done: str) -> None:
    shell.call("run", "--headless", "--", PYTHON, "rewording.py", code=3)
    shell.call("resume", "rewording")
    shell.status("rewording", "needs_review")
    shown = shell.call("show", "rewording").stdout
    assert any("Hello" in line and "Dear" in line for line in shown.splitlines()), shown
    [asked] = shell.json("show", "rewording")["questions"]
    assert asked["before"]["args"]["text"] == "Hello, your refund"
    shell.call("resolve", "rewording", asked["id"], answer)
    assert shell.status("rewording", "completed")["attempt"] == 2
    begun = [
        event["body"]["args"]["text"] for event in shell.json("events", "rewording") if event["kind"] == "action.begin"
    ]
    assert begun[-1].startswith(done)


def test_a_live_call_that_got_no_answer_is_a_question_too(shell: Shell) -> None:
    shell.call("run", "--headless", "--", PYTHON, "unanswered.py", code=3)
    [asked] = shell.json("show", "unanswered")["questions"]
    assert (asked["kind"], asked["check_hint"]) == ("in_doubt", "the outbox")
    assert "later it got no answer: TimeoutError: no answer in 5 s" in shell.call("show", "unanswered").stdout
    shell.call("resolve", "unanswered", asked["id"], "--done", "--result", '"sent, I looked"')
    assert shell.status("unanswered", "completed", "stopped")["attempt"] == 1
    assert shell.call("log", "unanswered").stdout == "sent, I looked\n"


def test_a_dependency_that_is_down_is_listed_and_reset(shell: Shell) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (shell.folder / "port").write_text(str(port))
    (shell.folder / "strict.toml").write_text("[breaker]\nopen_s = 300\n")
    process = shell.headless("--count", "3", "--policy", "strict.toml", "--", PYTHON, "leaning.py")
    name = f"127.0.0.1:{port}"
    shell.until("leaning", lambda run: run["status"] == "waiting" and shell.json("breakers")[0]["state"] == "open")
    [breaker] = shell.json("breakers")
    assert (breaker["name"], breaker["state"]) == (name, "open")
    assert breaker["waiting"] >= 1
    assert name in shell.call("breakers").stdout
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), http.server.SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    assert "closed" in shell.call("breaker", name, "--reset").stdout
    out, _err = process.communicate(timeout=60)
    server.shutdown()
    server.server_close()
    assert "result: 3 completed" in out
