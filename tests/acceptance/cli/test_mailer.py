"""The demo's mailer dies in the middle of a mail; the operator looks at the server, answers, and each mail is sent once."""

from __future__ import annotations

import socket
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.controller import Controller

import demo_agents.mailer

if TYPE_CHECKING:
    from tests.acceptance.cli.conftest import Shell

MAILER = str(Path(demo_agents.mailer.__file__))
PYTHON = sys.executable


class Mailboxes:
    """Counts what a real mail server was given."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.taken[envelope.rcpt_tos[0]] += 1
        return "250 taken"


@pytest.fixture
def mailboxes() -> Iterator[tuple[Mailboxes, str]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    handler = Mailboxes()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    yield handler, f"127.0.0.1:{port}"
    controller.stop()


@pytest.mark.parametrize("lost", [False, True], ids=["arrived", "lost"])
def test_each_mail_reaches_the_server_once(shell: Shell, mailboxes: tuple[Mailboxes, str], lost: bool) -> None:
    server, address = mailboxes
    options = ["--lost"] if lost else []
    shell.call("run", "--headless", "--", PYTHON, MAILER, "--server", address, *options, code=3)
    [asked] = shell.json("show", "mailer")["questions"]
    assert (asked["tool"], asked["args"]["number"]) == ("send_mail", demo_agents.mailer.DIES_AT)
    shown = shell.call("show", "mailer").stdout
    assert f"To be sure, look here: the mailboxes of {address}" in shown

    arrived = server.taken[asked["args"]["to"]] > 0
    assert arrived is not lost
    shell.call("resolve", "mailer", asked["id"], "--done" if arrived else "--retry")

    assert shell.status("mailer", "completed", "stopped")["status"] == "completed"
    assert len(server.taken) == demo_agents.mailer.MAILS
    assert set(server.taken.values()) == {1}


def test_its_own_server_keeps_what_arrived_where_the_hint_says(shell: Shell) -> None:
    shell.call("run", "--headless", "--", PYTHON, MAILER, code=3)
    [asked] = shell.json("show", "mailer")["questions"]
    folder = asked["check_hint"].partition(":")[0]
    arrived = asked["args"]["subject"] in demo_agents.mailer.delivered(folder)
    shell.call("resolve", "mailer", asked["id"], "--done" if arrived else "--retry")
    assert shell.status("mailer", "completed", "stopped")["status"] == "completed"
    assert "each of the 6 mails arrived once" in shell.call("log", "mailer").stdout
    assert not Path(folder).exists()


def test_an_operator_who_errs_is_told(shell: Shell) -> None:
    shell.call("run", "--headless", "--", PYTHON, MAILER, "--lost", code=3)
    [asked] = shell.json("show", "mailer")["questions"]
    shell.call("resolve", "mailer", asked["id"], "--done")
    stopped = shell.status("mailer", "completed", "stopped")
    assert (stopped["status"], stopped["reason"]) == ("stopped", "AGENT_FAILED")
    assert "not each of the 6 mails once" in stopped["why"]
