"""An agent that drifts from its goal: it reads what it has read before, in ever another order, and writes nothing.

No call follows itself and no cycle repeats, so this is no loop; each call works, so it is no failure.  But nothing new
comes of it.  The progress rule sends it a note after eight such calls and another two calls later, and pauses it when
neither was heeded (NO_PROGRESS), with what was spent since the last news.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections import Counter
from pathlib import Path

import agentwatch

MODULES = ("argparse", "ast", "copy", "csv", "enum", "heapq", "queue", "string", "uuid")
CALLS = 60
PAUSE_S = 0.8


@agentwatch.tool(idempotent=True, timeout_s=10)
def study(module: str) -> dict[str, int]:
    """The words that a module's source uses most often."""
    source = Path(os.__file__).with_name(f"{module}.py").read_text("utf-8", "replace")
    return dict(Counter(re.findall(r"[a-z]{5,}", source.lower())).most_common(5))


def main() -> None:
    dice = random.Random(7)
    order = list(MODULES)
    while len(order) < CALLS:
        # Never one that was read a moment ago: an agent that drifts does not look as if it stood still.
        order.append(dice.choice([module for module in MODULES if module not in order[-4:]]))
    with agentwatch.start(goal="Write down which module of the standard library has the best names") as run:
        run.task("read before writing")
        for number in range(run.state["next"] if run.state else 1, CALLS + 1):
            module = order[number - 1]
            with run.step(f"look at {module}"):
                study(module)
                run.usage(input_tokens=1500 + 40 * number, output_tokens=120, cost_usd=0.004, model="made-up-1")
                time.sleep(PAUSE_S)
            for note in run.advice():
                print(f"was told: {note}")
            print(f"{module} may matter; one more look before writing")
            run.checkpoint({"next": number + 1})
        run.fail("nothing was written")


if __name__ == "__main__":
    main()
