"""An agent that takes its time: a good minute of small steps, to pause, park, resume and kill by hand.

It reads 140 pages of a long file, one page a step, and takes a checkpoint after every sixth, so that whatever is
done to it loses three seconds of work at most.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import agentwatch

PAGES = 140
LINES = 40
PAUSE_S = 0.5


@agentwatch.tool(idempotent=True)
def read_page(path: str, page: int) -> dict[str, int]:
    """Lines and words of one page of a file."""
    time.sleep(PAUSE_S)
    with Path(path).open(encoding="utf-8", errors="replace") as text:
        lines = [line for number, line in enumerate(text) if number // LINES == page]
    return {"lines": len(lines), "words": sum(len(line.split()) for line in lines)}


def longest_file() -> str:
    """The file of the standard library's top folder that has most to read."""
    return str(max(Path(os.__file__).parent.glob("*.py"), key=lambda path: path.stat().st_size))


def main() -> None:
    path = longest_file()
    name = Path(path).name
    with agentwatch.start(goal=f"Read {name}, page by page") as run:
        state: dict[str, int] = run.state or {"page": 0, "words": 0}
        for page in range(state["page"], PAGES):
            run.task(f"{name}, page {page + 1} of {PAGES}")
            with run.step(f"read page {page + 1}"):
                found = read_page(path, page)
            state = {"page": page + 1, "words": state["words"] + found["words"]}
            run.progress("pages read", done=page + 1, of=PAGES)
            if (page + 1) % 6 == 0:
                run.checkpoint(state, label=f"page {page + 1}")
        print(f"{name}: {state['words']} words on {PAGES} pages")
        run.complete(state)


if __name__ == "__main__":
    main()
