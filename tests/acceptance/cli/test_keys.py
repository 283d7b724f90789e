"""A key names the same action in every process that a run goes through, or is refused before anything happens."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.acceptance.cli.conftest import Shell

AGENT = """
import agentwatch, dataclasses, decimal, os, pathlib, uuid

class Plain:
    def __init__(self, to): self.to = to

@dataclasses.dataclass
class Mail:
    to: str
    done: object = dataclasses.field(default_factory=lambda: (lambda: 1))

@agentwatch.tool(key="reply-{{mail}}")
def send(mail):
    with open("sent", "a") as sent:
        sent.write("sent\\n")

with agentwatch.start() as run:
    {call}
    if run.attempt < 3:
        os._exit(9)
"""


def attempts(shell: Shell, call: str) -> tuple[int, dict[str, object], str]:
    """How often a mail went out in a run that is begun again and again, the run, and what it wrote."""
    (shell.folder / "keyed.py").write_text(AGENT.format(call=call))
    command = f'[agents.keyed]\ncommand = ["{sys.executable}", "keyed.py"]\nrestart = 2\n'
    (shell.folder / "agentwatch.toml").write_text(command)
    shell.call("run", "--headless", "--timeout", "60s", "keyed", code=None)
    [run] = shell.json("ps")
    sent = shell.folder / "sent"
    return len(sent.read_text().split()) if sent.exists() else 0, run, shell.call("log", "keyed").stdout


@pytest.mark.parametrize(
    ("mail", "why"),
    [
        ("Plain('ann')", "mail is of type Plain, whose text may differ in the next process"),
        ("Mail('ann')", "mail is of type Mail, whose text may differ in the next process"),
        ("{'x', 'y', 'zz', 'abc', 'q1', 'q2'}", "mail is a set, which has no order"),
        ("None", "mail is None, which would make different calls one"),
    ],
)
def test_what_would_make_a_new_key_in_each_process_is_one_sentence_and_is_never_sent(
    shell: Shell, mail: str, why: str
) -> None:
    sent, run, log = attempts(shell, f"send({mail})")

    assert sent == 0
    assert (run["status"], run["attempt"]) == ("stopped", 1)
    assert f"the key 'reply-{{mail}}' of send cannot be made: {why}" in log


def test_equal_values_are_one_key_over_all_attempts(shell: Shell) -> None:
    call = "send([None, 5, 5.0, decimal.Decimal('5.00')][run.attempt]); send(pathlib.Path('a')); send(uuid.UUID(int=1))"
    sent, run, log = attempts(shell, call)

    assert (run["status"], run["attempt"]) == ("completed", 3), log
    assert sent == 3
