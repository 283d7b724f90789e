"""How `show` walks a person through what only a person can say."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from store.events import Kind
from store.records import Action
from store.states import Status

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Past

Cli = Callable[..., tuple[int, str, str]]
MAIL = {"to": "b.ito@example.com", "subject": "Your refund", "text": "Hello Ms Ito, your refund was issued."}


def sent(past: Past, run: str, ident: str, took: float) -> None:
    past.journal.append(run, 1, Kind.ACTION_BEGIN, {"id": ident, "tool": "send_email", "args": MAIL, "step": 1})
    past.now += took
    past.journal.append(run, 1, Kind.ACTION_END, {"id": ident, "tool": "send_email", "ok": True, "step": 1})


def in_doubt(past: Past, run: str) -> None:
    for number, took in enumerate((0.6, 0.8, 1.1)):
        sent(past, run, f"s{number}", took)
    body = {"id": "88121", "tool": "send_email", "args": MAIL, "idempotent": False, "step": 1}
    event = past.journal.append(run, 1, Kind.ACTION_BEGIN, body)
    action = Action(
        run, "88121", 1, "send_email", MAIL, "d", None, False, past.now, None, None, event.seq,
        check_hint="the folder Sent", in_doubt=True,
    )  # fmt: skip
    past.journal.put_action(action)
    past.now += 1.8
    past.journal.append(run, 1, Kind.ATTEMPT_ENDED, {"exit_code": None, "signal": "SIGKILL", "known": True})
    past.journal.move(run, Status.NEEDS_REVIEW, "its process is gone", reason="AGENT_CRASHED", why="send in doubt")
    past.journal.flush()


def test_a_doubt_is_shown_with_all_that_is_known_about_it(cli: Cli, past: Past) -> None:
    in_doubt(past, past.run("7d10aaaaaaaa", "ticket-mailer"))
    _code, out, _err = cli("show", "7d10")
    for said in (
        "In doubt:    send_email, begun ",
        "  subject  Your refund",
        "not marked as safe to repeat; usually takes 0.8 s (the 3 before: 0.6 s – 1.1 s)",
        "1.8 s later its process was ended by SIGKILL",
        "nothing else of the agent came after it",
        "To be sure, look here: the folder Sent",
        "agentwatch resolve 7d10 88121 --done     it happened",
        "agentwatch resolve 7d10 88121 --retry    it did not, do it now",
    ):
        assert said in out, out


def test_a_doubt_for_programs(cli: Cli, past: Past) -> None:
    in_doubt(past, past.run("7d10aaaaaaaa"))
    [asked] = json.loads(cli("show", "7d10", "--json")[1])["questions"]
    assert (asked["id"], asked["kind"], asked["check_hint"]) == ("88121", "in_doubt", "the folder Sent")
    assert round(asked["usual_s"], 3) == 0.8


def test_two_wordings_of_one_action_stand_side_by_side(cli: Cli, past: Past) -> None:
    run = past.run("7d10aaaaaaaa")
    anew = MAIL | {"text": "Dear Ms Ito, we have issued your refund."}
    body = {"id": "a9", "tool": "send_email", "args": anew, "why": "send_email: the same?", "question": True}
    past.journal.append(run, 1, Kind.HELD, body)
    calls = [{"event": 3, "tool": "send_email", "args": MAIL, "result": "ok"}, {"tool": "send_email", "args": anew}]
    past.journal.move(run, Status.NEEDS_REVIEW, "only a person can say", why="the same?", evidence={"calls": calls})
    past.journal.flush()
    _code, out, _err = cli("show", "7d10")
    lines = [line for line in out.splitlines() if " | " in line]
    assert "Hello Ms Ito" in lines[0]
    assert "Dear Ms Ito" in lines[0]
    assert "Question:    send_email, begun " in out
    assert "agentwatch resolve 7d10 a9 --done     the same: it gets the recorded result" in out
    assert "agentwatch resolve 7d10 a9 --retry    another one: do it now" in out
    past.journal.append(run, 1, Kind.RESOLVED, {"id": "a9", "outcome": "retry"})
    past.journal.flush()
    assert json.loads(cli("show", "7d10", "--json")[1])["questions"] == []


def test_how_an_adopted_process_ended_is_unknown(cli: Cli, past: Past) -> None:
    run = past.run("7d10aaaaaaaa")
    past.journal.append(run, 1, Kind.ATTEMPT_ENDED, {"exit_code": None, "known": False})
    past.journal.flush()
    _code, out, _err = cli("events", run)
    assert "how it ended is unknown" in out
    assert "None" not in out
