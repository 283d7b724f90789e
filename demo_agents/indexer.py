"""An agent that completes: it indexes forty files, with progress after each and a checkpoint after every fifth.

Pause it (`p`) and it waits at its gate; park it (`p` again) or kill its process, and it goes on from the last
checkpoint when it is resumed.  Its files are those of Python's standard library, its index is a real SQLite database.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import agentwatch

FILES = 40
PAUSE_S = 0.4


@agentwatch.tool(idempotent=True)
def count_words(path: str) -> list[tuple[str, int]]:
    """The twenty words that a file holds most often."""
    time.sleep(PAUSE_S)
    words = re.findall(r"[a-z]{4,}", Path(path).read_text(errors="replace").lower())
    return Counter(words).most_common(20)


@agentwatch.tool(key="store-{path}", check_hint="SELECT count(*) FROM words WHERE path = …")
def store(index: str, path: str, words: list[tuple[str, int]]) -> int:
    """Write the words of one file into the index."""
    with sqlite3.connect(index) as database:
        rows = [(path, word, count) for word, count in words]
        database.executemany("INSERT INTO words VALUES (?, ?, ?)", rows)
    return len(rows)


def main() -> None:
    paths = sorted(str(path) for path in Path(os.__file__).parent.glob("*.py"))[:FILES]
    with agentwatch.start(goal=f"Index the words of {len(paths)} files") as run:
        state: dict[str, Any] = run.state or {"next": 0, "folder": tempfile.mkdtemp(prefix="agentwatch-demo-")}
        index = str(Path(state["folder"], "index.db"))
        with sqlite3.connect(index) as database:
            database.execute("CREATE TABLE IF NOT EXISTS words (path TEXT, word TEXT, count INTEGER)")
        if run.state is None:
            run.checkpoint(state, label="an empty index")
        for number in range(state["next"], len(paths)):
            path = paths[number]
            run.task(f"{Path(path).name}, file {number + 1} of {len(paths)}")
            with run.step(f"index {Path(path).name}"):
                store(index, path, count_words(path))
            run.progress("files indexed", done=number + 1, of=len(paths))
            if (number + 1) % 5 == 0:
                run.checkpoint(state | {"next": number + 1}, label=f"{number + 1} files")
        with sqlite3.connect(index) as database:
            often = database.execute("SELECT word FROM words GROUP BY word ORDER BY sum(count) DESC LIMIT 5")
            top = [word for (word,) in often]
            stored = database.execute("SELECT count(DISTINCT path), count(*) FROM words").fetchone()
        shutil.rmtree(state["folder"])
        print(f"{stored[0]} files, {stored[1]} words, most often: {', '.join(top)}")
        run.complete({"files": stored[0], "words": stored[1], "most often": top})


if __name__ == "__main__":
    main()
