"""An agent that falls silent: it asks its model for the next page and gets no answer, no error and no end.

Its process is alive and costs nothing, which is why nobody notices.  The stall rule warns after some seconds of silence
and asks it to pause; since what hangs reaches no safe point, it ends the process a little later (STALLED).  Resume it,
and it goes on from its last checkpoint.  The model is a server in its own process that takes questions and is silent.
"""

from __future__ import annotations

import json
import os
import socket
from collections import Counter
from pathlib import Path
from time import sleep

import agentwatch

MODULES = 10
ANSWERED = 6
"""So many questions the model answers in each process."""
PAUSE_S = 0.8


@agentwatch.tool(idempotent=True, timeout_s=10)
def outline(path: str) -> dict[str, int]:
    """How many classes, functions and imports a module has."""
    words = Counter(line.split(" ")[0] for line in Path(path).read_text("utf-8", "replace").splitlines())
    return {"classes": words["class"], "functions": words["def"], "imports": words["import"] + words["from"]}


def ask_model(model: socket.socket, question: str, number: int) -> str:
    """Ask what to say of a module.  No timeout, as in many a program."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        if number < ANSWERED:
            theirs.sendall(f"{question} is worth a page\n".encode())
        else:
            model.sendall(question.encode())  # Nobody reads it.
        return ours.makefile("r", encoding="utf-8").readline()


def main() -> None:
    paths = sorted(str(path) for path in Path(os.__file__).parent.joinpath("json").glob("*.py"))
    paths += sorted(str(path) for path in Path(os.__file__).parent.glob("c*.py"))
    model, _other_end = socket.socketpair()
    with agentwatch.start(goal=f"Write a page about each of {MODULES} modules") as run:
        first = run.state["next"] if run.state else 0
        for number in range(first, MODULES):
            name = Path(paths[number]).stem
            run.task(f"{name}, page {number + 1} of {MODULES}")
            with run.step(f"write about {name}"):
                found = outline(paths[number])
                sleep(PAUSE_S)
                print(ask_model(model, f"{name} {json.dumps(found)}", number - first).strip(), flush=True)
            run.progress("pages written", done=number + 1, of=MODULES)
            run.checkpoint({"next": number + 1})
        run.complete({"pages": MODULES})


if __name__ == "__main__":
    main()
