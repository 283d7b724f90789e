"""An agent that overspends: every step costs more than the one before, until its budget of one dollar is used up.

The budget rule warns at 80 % and pauses it at 100 % (BUDGET_EXCEEDED); `agentwatch resume --budget cost_usd=2` gives it
more.  Its work is real, in subprocesses; no model is asked, so the tokens and dollars it reports are made up.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import agentwatch

STEPS = 60
PAUSE_S = 0.7
CONTEXT_TOKENS = 6_000
"""By how much the context grows with each step, as that of an agent does that never sums up."""
DOLLARS_PER_TOKEN = 2.5e-6

PROGRAM = """
import ast, sys
tree = ast.parse(open(sys.argv[1], encoding="utf-8", errors="replace").read())
functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
print(len(functions), sum(ast.get_docstring(node) is None for node in functions))
"""


@agentwatch.tool(idempotent=True, timeout_s=30)
def review(path: str) -> dict[str, int]:
    """How many functions a file has, and how many of them say nothing about themselves."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, path], capture_output=True, text=True, timeout=20, check=True)
    functions, silent = map(int, done.stdout.split())
    return {"functions": functions, "without a docstring": silent}


def main() -> None:
    paths = sorted(str(path) for path in Path(os.__file__).parent.glob("*.py"))[-STEPS:]
    with agentwatch.start(goal="Review the standard library, whatever it costs") as run:
        first = run.state["next"] if run.state else 0
        for number in range(first, len(paths)):
            name = Path(paths[number]).name
            run.task(f"review {name}")
            with run.step(f"review {name}"):
                print(name, review(paths[number]))
                context = CONTEXT_TOKENS * (number + 1)
                run.usage(
                    input_tokens=context, output_tokens=400, cost_usd=context * DOLLARS_PER_TOKEN, model="made-up-1"
                )
                time.sleep(PAUSE_S)
            run.progress("files reviewed", done=number + 1, of=len(paths))
            run.checkpoint({"next": number + 1})


if __name__ == "__main__":
    main()
