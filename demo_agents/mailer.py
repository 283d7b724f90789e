"""An agent that dies in the middle of sending a mail, so that only a person can say whether that mail was sent.

    python mailer.py [--lost] [--server HOST:PORT]

It sends six mails to a real mail server on loopback, its own unless one is named.  At the fourth it is killed between
the last line of the mail and the server's answer.  Nothing on record says whether the mail arrived: the run needs
review.  Look where the hint says (each mail that arrived is a file there), then answer: it was sent, or send it now.
The second attempt begins at the last checkpoint; the mail after it is answered from the record.  At the end the agent
counts what arrived: each mail once.  With --lost it dies before the last line, so that the mail did not arrive.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import smtplib
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from email import message_from_bytes
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import agentwatch

MAILS = 6
DIES_AT = 4
DIES_AFTER_S = 0.15
"""From the last line to the end: the mail is delivered by then, its answer is still under way."""
CHECKPOINT_EVERY = 2
PAUSE_S = 0.5
NAMES = ("Ada Ito", "Ben Okafor", "Chen Li", "Dora Novak", "Emil Berg", "Fatima Rao")


class MortalClient(smtplib.SMTP):
    """Ends its own process in the middle of a mail."""

    lost = False

    def data(self, msg: Any) -> tuple[int, bytes]:
        self.putcmd("data")
        self.getreply()
        print("smtp: DATA")
        self.send(bytes(msg) + (b"" if self.lost else b"\r\n.\r\n"))
        time.sleep(DIES_AFTER_S)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("unreachable")


def mail_tool(server: tuple[str, int], hint: str, client: Callable[[int], type[smtplib.SMTP]]) -> Callable[..., str]:
    """The tool that sends one mail; `client` is what speaks to the server, by the number of the mail."""

    @agentwatch.tool(key="mail-{number}", check_hint=hint)
    def send_mail(number: int, to: str, subject: str, text: str) -> str:
        """Send one mail; sending it twice would bother somebody twice."""
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = "shop@example.com", to, subject
        mail.set_content(text)
        with client(number)(*server, timeout=10) as smtp:
            smtp.send_message(mail)
        return f"taken by {server[0]}"

    return send_mail


def own_server(folder: str) -> tuple[subprocess.Popen[str], int]:
    """A mail server of the agent's own, delivering into `folder`, and its port."""
    sink = Path(__file__).with_name("mail_sink.py")
    process = subprocess.Popen([sys.executable, str(sink), folder], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def send_all(run: agentwatch.Run, state: dict[str, Any], send_mail: Callable[..., str]) -> None:
    """Every mail from the checkpoint on."""
    for number in range(state["next"], MAILS + 1):
        name = NAMES[number - 1]
        to = f"{name.lower().replace(' ', '.')}@example.com"
        run.task(f"mail {number} of {MAILS}")
        with run.step(f"write to {name}"):
            text = f"Dear {name},\n\nyour refund for order {48110 + number} was issued today.\n"
            said = send_mail(number, to, f"Order {48110 + number}, your refund", text)
            print(f"mail {number} to {name}: {said or 'sent, as the operator says'}")
            time.sleep(PAUSE_S)
        run.progress("mails sent", done=number, of=MAILS)
        if number % CHECKPOINT_EVERY == 0:
            run.checkpoint(state | {"next": number + 1}, label=f"{number} mails")


def delivered(folder: str) -> Counter[str]:
    """How often each subject lies in the folder."""
    return Counter(str(message_from_bytes(path.read_bytes())["Subject"]) for path in Path(folder).glob("*.eml"))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--lost", action="store_true", help="die before the mail's last line")
    parser.add_argument("--server", metavar="HOST:PORT", help="a mail server that is there; else one of its own")
    given = parser.parse_args()
    with agentwatch.start(goal=f"Send {MAILS} mails, each exactly once") as run:
        state: dict[str, Any] = run.state or {"next": 1, "folder": tempfile.mkdtemp(prefix="agentwatch-mails-")}
        if run.state is None:
            run.checkpoint(state, label="nothing sent yet")
        mortal = type("Mortal", (MortalClient,), {"lost": given.lost})
        dies = run.attempt == 1 and "AGENTWATCH_RUN" in os.environ

        def client(number: int) -> type[smtplib.SMTP]:
            return mortal if dies and number == DIES_AT else smtplib.SMTP

        if given.server:
            host, _, port = given.server.rpartition(":")
            send_all(run, state, mail_tool((host, int(port)), f"the mailboxes of {given.server}", client))
            return
        folder = state["folder"]
        process, own_port = own_server(folder)
        hint = f"{folder}: each mail that arrived is a file there (grep -h ^Subject {folder}/*.eml)"
        try:
            send_all(run, state, mail_tool(("127.0.0.1", own_port), hint, client))
        finally:
            process.terminate()
            process.wait()
        counted = delivered(folder)
        if len(counted) != MAILS or set(counted.values()) != {1}:
            run.fail(f"{folder} holds {dict(counted)}: not each of the {MAILS} mails once")
            return
        shutil.rmtree(folder)
        print(f"each of the {MAILS} mails arrived once")


if __name__ == "__main__":
    main()
