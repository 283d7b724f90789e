"""What the gate costs: a begin with its durable intent, against a bare echo plus a bare commit in the same run.

Medians, since a machine that does other things as well makes means jump about.

python -m bench.gate [--rounds 2000]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import socket
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path

from store.home import Home
from store.launch import Launch, write_launch
from tui.supervisor import Supervisor

AGENT = """
import json, os, socket, statistics, sys, time
peer = socket.socket(socket.AF_UNIX)
peer.connect(os.environ["AGENTWATCH_SOCKET"])
lines = peer.makefile("rb")
def ask(**frame):
    peer.sendall(json.dumps(frame).encode() + b"\\n")
    return json.loads(lines.readline())
ask(t="hello", v=1, run=os.environ["AGENTWATCH_RUN"], attempt=1, token=os.environ["AGENTWATCH_TOKEN"], pid=os.getpid())
rounds = int(sys.argv[1])
spent = []
for n in range(rounds):
    began = time.perf_counter()
    ask(t="action.begin", id=f"a{n}", tool="write", args={"n": n, "text": "x" * 100}, step=1, idempotent=True)
    spent.append(time.perf_counter() - began)
    ask(t="action.end", id=f"a{n}", ok=True, result="ok")
print(statistics.median(spent))
ask(t="complete", id="done")
"""


def bare_echo(rounds: int) -> float:
    """Seconds for one line there and back between two processes over a Unix socket pair."""
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        ours.close()
        with theirs.makefile("rb") as lines:
            for line in lines:
                theirs.sendall(line)
        os._exit(0)
    theirs.close()
    with ours, ours.makefile("rb") as answers:
        spent = []
        for _ in range(rounds):
            began = time.perf_counter()
            ours.sendall(b"x" * 200 + b"\n")
            answers.readline()
            spent.append(time.perf_counter() - began)
    os.waitpid(child, 0)
    return statistics.median(spent)


def bare_commit(folder: Path, rounds: int) -> float:
    """Seconds for two inserts and a commit (WAL, NORMAL), as the gate needs them."""
    db = sqlite3.connect(folder / "bare.db", isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("CREATE TABLE events (seq INTEGER PRIMARY KEY, body TEXT)")
    db.execute("CREATE TABLE actions (id TEXT PRIMARY KEY, body TEXT) WITHOUT ROWID")
    spent = []
    for n in range(rounds):
        began = time.perf_counter()
        db.execute("BEGIN IMMEDIATE")
        db.execute("INSERT INTO events (body) VALUES (?)", ("x" * 200,))
        db.execute("INSERT INTO actions VALUES (?, ?)", (str(n), "x" * 200))
        db.execute("COMMIT")
        spent.append(time.perf_counter() - began)
    db.close()
    return statistics.median(spent)


async def gate(folder: Path, rounds: int) -> float:
    """Seconds for one begin, from the agent's side."""
    home = Home(folder / "home")
    supervisor = Supervisor(home)
    run = secrets.token_hex(6)
    argv = (sys.executable, "-c", AGENT, str(rounds))
    write_launch(home, Launch(run, "bench", "", argv, str(folder), dict(os.environ)))
    await supervisor.submit("start", run)
    async with await supervisor.reader() as reader:
        while not (await reader.fleet()).runs[run].at_rest:
            await asyncio.sleep(0.1)
    await supervisor.submit("stop_runtime", timeout_s=1.0)
    while home.runtime_alive():
        await asyncio.sleep(0.05)
    return float(home.log(run).read_text("utf-8"))


def main() -> None:
    """Measure and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2000)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="aw-") as name:
        folder = Path(name)
        echo, commit = bare_echo(rounds), bare_commit(folder, rounds)
        begin = asyncio.run(gate(folder, rounds))
    floor = echo + commit
    print(f"bare echo {echo * 1e6:.0f} µs + bare commit {commit * 1e6:.0f} µs = {floor * 1e6:.0f} µs")
    print(f"gate      {begin * 1e6:.0f} µs = {begin / floor:.2f} × that")


if __name__ == "__main__":
    main()
