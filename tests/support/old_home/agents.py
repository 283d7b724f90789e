"""The agents of the old home: each role comes to rest in its own way, and ends well once it is resumed."""

import os
import pathlib
import signal
import sys
import time

import agentwatch

ROLE = sys.argv[1]


def ledger(line):
    """What really happened, one line for each time."""
    with pathlib.Path("ledger").open("a", encoding="utf-8") as file:
        file.write(f"{ROLE} {line}\n")


def die():
    """End as the kernel ends a process."""
    os.kill(os.getpid(), signal.SIGKILL)


def wait_for(name):
    """Do nothing external until a file is there."""
    while not pathlib.Path(name).exists():
        time.sleep(0.02)


@agentwatch.tool()
def send(to):
    """Send a mail; the doubtful die in the middle of it."""
    if ROLE.startswith("doubtful") and to == "b" and not pathlib.Path("mended").exists():
        die()
    ledger(f"send {to}")
    return f"sent to {to}"


@agentwatch.tool(key="pay-{order}")
def pay(order, amount):
    """Pay once for each order."""
    ledger(f"pay {order}")
    return {"order": order, "amount": amount}


@agentwatch.tool()
def look(where):
    """Find nothing."""
    return "nothing there"


@agentwatch.tool(idempotent=True, dependency="shop")
def fetch(what):
    """Reach a shop that is down until it is up."""
    if not pathlib.Path("up").exists():
        raise ConnectionRefusedError(111, "Connection refused")
    return what


def counts(run):
    """Three steps, three checkpoints."""
    for n in range(run.state["n"] if run.state else 0, 3):
        with run.step(f"count {n}"):
            run.usage(input_tokens=100, output_tokens=10, cost_usd=0.01)
        run.progress("counted", done=n + 1, of=3)
        run.checkpoint({"n": n + 1}, label=f"{n + 1} counted")


def beats(run):
    """One step after the other until a file is there."""
    n = run.state["n"] if run.state else 0
    while not pathlib.Path("enough").exists():
        with run.step(f"beat {n}"):
            time.sleep(0.05)
        if n < 3:
            n += 1
            run.checkpoint({"n": n})


def crashes(run):
    """Die after two mails and a payment that no checkpoint holds."""
    if run.state is None:
        run.checkpoint({"n": 1}, label="about to send")
    with run.step("send"):
        send("a")
        pay(7, 12.5)
        send("b")
        if run.attempt == 1:
            die()
        send("c")


def doubts(run):
    """Die in the middle of the second mail."""
    if run.state is None:
        run.checkpoint({"n": 1}, label="about to send")
    with run.step("send"):
        send("a")
        ledger(f"told {send('b')}")


def loops(run):
    """Look in the same place until told that this is fine."""
    for n in range(12):
        with run.step(f"look {n}"):
            look("under the sofa")


def spends(run):
    """Spend two dollars of one."""
    for n in range(run.state["n"] if run.state else 0, 4):
        with run.step(f"spend {n}"):
            send(n)
            run.usage(input_tokens=10, cost_usd=0.5)
        run.checkpoint({"n": n + 1})


def fails(run):
    """Fail until the file is there."""
    run.checkpoint({"n": 1})
    if not pathlib.Path("mended").exists():
        raise RuntimeError("the template is gone")


def restarts(run):
    """Die once; the policy starts it again."""
    if run.state is None:
        run.checkpoint({"n": 1})
    send("a")
    if run.attempt == 1:
        die()


def leans(run):
    """Need a shop that is down."""
    with run.step("fetch"):
        fetch("prices")


def waits(run):
    """Send, then wait with nothing in flight."""
    if run.state is None:
        run.checkpoint({"n": 1})
    send("a")
    pathlib.Path(f"idle-{ROLE}").touch()
    wait_for("enough")
    send("b")


with agentwatch.start(goal=f"Be {ROLE}") as run:
    {
        "counting": counts,
        "held": beats,
        "parked": beats,
        "ended": beats,
        "crashing": crashes,
        "doubtful-done": doubts,
        "doubtful-retry": doubts,
        "looping": loops,
        "spending": spends,
        "failing": fails,
        "restarting": restarts,
        "leaning": leans,
        "lost": waits,
    }[ROLE](run)
