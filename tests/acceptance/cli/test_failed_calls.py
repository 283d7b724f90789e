"""Failures that are nobody's outage are raised at once, whatever their words: nothing is done again for them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.acceptance.cli.conftest import Shell

AGENT = """
import subprocess
import agentwatch

class ResourceNotFoundException(Exception): pass
class TemplateNotFound(Exception): pass

def fail(error):
    raise error

WAYS = {
    "file": lambda: open("no-such-file.txt"),
    "module": lambda: __import__("no_such_module"),
    "program": lambda: subprocess.run(["no-such-program"]),
    "key": lambda: {}["timeout"],
    "resource": lambda: fail(ResourceNotFoundException("table orders: connection refused")),
    "template": lambda: fail(TemplateNotFound("503.html")),
    "delivered": lambda: fail(RuntimeError("delivered 429 of 1000 messages, then the address book ended")),
    "share": lambda: fail(RuntimeError("429 of 1000 delivered")),
    "setting": lambda: fail(ValueError("unknown field rate_limit in settings")),
    "row": lambda: fail(ValueError("row 429: bad date")),
    "ramp": lambda: fail(AssertionError("the slow down ramp was not found in the drawing")),
    "receipt": lambda: fail(RuntimeError("payment taken; could not write the receipt: quota exceeded for disk /data")),
    "order": lambda: fail(ValueError("order 500 has no customer")),
    "page": lambda: fail(RuntimeError("503 Service Unavailable was printed on the leaflet")),
}

@agentwatch.tool(dependency="shop.example")
def pay(way):
    with open("ledger.txt", "a") as ledger:
        print(way, file=ledger)
    WAYS[way]()

with agentwatch.start() as run:
    for way in WAYS:
        with run.step(way):
            try:
                pay(way)
            except Exception as error:
                print(way, "raised", type(error).__name__, flush=True)
"""


def test_a_failure_that_proves_nothing_is_done_once_and_opens_no_breaker(shell: Shell) -> None:
    (shell.folder / "payer.py").write_text(AGENT)
    shell.call("run", "--headless", "--", sys.executable, "payer.py", code=0)
    ways = [line.split()[0] for line in shell.call("log", "payer").stdout.splitlines() if " raised " in line]
    assert len(ways) == 14
    assert (shell.folder / "ledger.txt").read_text().split() == ways
    [breaker] = shell.json("breakers")
    assert (breaker["state"], breaker["failed"]) == ("closed", 0)
