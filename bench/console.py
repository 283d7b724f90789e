"""Measures the console in a real pseudo-terminal: CPU share, key to paint, event to screen, bytes sent, memory.

python bench/console.py                 1,000 runs, 1,000,000 events, 100 changes a second
python bench/console.py --runs 10000 --events 100000
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pexpect  # type: ignore[import-untyped]
import psutil
import pyte

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from store.events import Kind  # noqa: E402
from store.home import Beat, Home  # noqa: E402
from store.journal import Journal  # noqa: E402
from store.states import Status  # noqa: E402

COLUMNS, ROWS = 160, 50
STAMP = re.compile(r"\bT(\d{10,20})\b")
PROBED = 30
"""Stamps go to so many of the first runs: those that are on the screen."""


def name_of(index: int) -> str:
    return f"{index:06x}"


def fill(home: Home, runs: int, events: int) -> None:
    """Write a record of `runs` runs and about `events` events."""
    home.create()
    clock = [time.time() - 3600]
    journal = Journal(home, clock=lambda: clock[0])
    per_run = max(8, events // runs)
    step = 3500 / max(1, events)
    for index in range(runs):
        run = name_of(index)
        body: dict[str, Any] = {"agent": f"agent-{index:05d}", "goal": "Measure", "command": ["x"], "cwd": "/"}
        journal.append(run, 0, Kind.CREATED, body | {"restart": 0, "limits": {"cost_usd": 5.0}, "by": "bench"})
        journal.move(run, Status.STARTING, "bench")
        started = {"pid": 10_000_000 + index, "process_started": clock[0], "checkpoint": None}
        journal.append(run, 1, Kind.ATTEMPT_STARTED, started)
        journal.append(run, 1, Kind.HELLO, {"pid": 10_000_000 + index, "sdk": "bench"})
        journal.move(run, Status.RUNNING, "bench")
    written = 5 * runs
    for n in range(1, per_run):
        for index in range(runs):
            clock[0] += step
            change(journal, index, n)
            written += 1
            if written % 5000 == 0:
                journal.flush()
    journal.flush()
    journal.settle()
    journal.close()


def change(journal: Journal, index: int, n: int) -> None:
    """One event of one run, of the mix that agents bring."""
    run, turn = name_of(index), n % 6
    if turn == 0:
        journal.append(run, 1, Kind.STEP_BEGIN, {"n": n // 6 + 1, "name": f"item {n}"})
    elif turn == 1:
        args = {"query": f"item {n}", "page": n}
        body = {"id": f"a{n}", "tool": "search", "args": args, "idempotent": True, "poll": False, "step": n // 6 + 1}
        journal.append(run, 1, Kind.ACTION_BEGIN, body)
    elif turn == 2:
        body = {"id": f"a{n - 1}", "tool": "search", "ok": True, "result": {"hits": n}, "step": n // 6 + 1}
        journal.append(run, 1, Kind.ACTION_END, body | {"duration_s": 0.3})
    elif turn == 3:
        journal.append(run, 1, Kind.USAGE, {"input_tokens": 900, "output_tokens": 80, "cost_usd": 0.0004})
    elif turn == 4:
        journal.append(run, 1, Kind.PROGRESS, {"label": "items", "done": n, "of": 5000})
    else:
        journal.append(run, 1, Kind.TASK, {"name": f"item {n} of 5000"})


def write(home: Home, runs: int, rate: float, seconds: float) -> None:
    """Be the runtime: hold the lock, beat, and bring `rate` changes a second; stamps for the runs on the screen."""
    home.acquire()
    journal = Journal(home)
    random.seed(7)
    began = time.monotonic()
    numbers = dict.fromkeys(range(runs), 100_000)
    done, beaten = 0, 0.0
    while (now := time.monotonic()) - began < seconds:
        if now - beaten > 1:
            home.write_beat(Beat(os.getpid(), "bench", time.time(), time.time()))
            beaten = now
        while rate and done < (now - began) * rate:
            if done % 10 == 0:
                index = random.randrange(min(PROBED, runs))
                journal.append(name_of(index), 1, Kind.TASK, {"name": f"T{time.monotonic_ns()}"})
            else:
                index = random.randrange(runs)
                numbers[index] += 1
                change(journal, index, numbers[index])
            done += 1
            journal.flush()
        journal.settle() if done % 500 == 0 else None
        time.sleep(0.002)
    journal.close()


class Terminal:
    """The console in a pseudo-terminal, and what it has painted."""

    def __init__(self, home: Home, **environ: str) -> None:
        self.screen = pyte.Screen(COLUMNS, ROWS)
        self.stream = pyte.ByteStream(self.screen)
        self.bytes = 0
        self.delays: list[float] = []
        self.seen: set[str] = set()
        inherited = {name: value for name, value in os.environ.items() if name != "SSH_CONNECTION"}
        given = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
        code = "import sys; from pathlib import Path; from store.home import Home; "
        code += "from tui.console.app import run_console; sys.exit(run_console(Home(Path(sys.argv[1]))))"
        self.began = time.monotonic()
        self.child = pexpect.spawn(
            sys.executable,
            ["-c", code, str(home.root)],
            dimensions=(ROWS, COLUMNS),
            env=inherited | given | environ,
            cwd=str(ROOT),
        )
        self.child.delaybeforesend = None  # else pexpect waits 50 ms before each key
        self.process = psutil.Process(self.child.pid)

    def read(self, seconds: float, *, until: str = "") -> bool:
        """Read for so long, or until a text is on the screen."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if not self.read_once(min(left, 0.05)):
                continue
            if until and any(until in row for row in self.screen.display):
                return True
        return False

    def read_once(self, seconds: float) -> bool:
        """Read what is there within so long, and let the emulated screen show it; whether there was anything."""
        if not select.select([self.child.child_fd], [], [], seconds)[0]:
            return False
        chunk = os.read(self.child.child_fd, 65536)
        now = time.monotonic_ns()
        self.bytes += len(chunk)
        self.screen.dirty.clear()
        self.stream.feed(chunk)
        for y in self.screen.dirty:
            row = self.screen.buffer[y]
            # Of a stamp only the digits that differ are sent: whole it stands on the screen alone.
            for stamp in STAMP.findall("".join(row[x].data for x in range(COLUMNS))):
                if stamp not in self.seen:
                    self.seen.add(stamp)
                    self.delays.append((now - int(stamp)) / 1e6)
        return True

    def cursor_row(self) -> int:
        """The line of the table on which the cursor is."""
        return next((y for y, row in enumerate(self.screen.display) if row.startswith("▌")), -1)

    def leave(self) -> None:
        """Close the console as a person does."""
        self.child.send("q")
        self.child.expect(pexpect.EOF, timeout=10)

    def cpu_share(self, seconds: float) -> float:
        """Share of one core used over so many seconds."""
        before = self.process.cpu_times()
        began = time.monotonic()
        self.read(seconds)
        after = self.process.cpu_times()
        return (after.user + after.system - before.user - before.system) / (time.monotonic() - began)

    def key(self, key: str) -> float:
        """Milliseconds from a key to the cursor's new line on the screen."""
        row = self.cursor_row()
        began = time.monotonic()
        self.child.send(key)
        while self.cursor_row() == row and time.monotonic() - began < 2:
            self.read_once(0.05)
        return (time.monotonic() - began) * 1000


def p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)] if values else float("nan")


def first_paints(home: Home) -> dict[str, float]:
    """Seconds, and seconds of CPU, until a console that was started shows the fleet."""
    paints: list[float] = []
    burnt: list[float] = []
    for _ in range(3):
        terminal = Terminal(home)
        terminal.read(15, until="agent-00000 ")
        paints.append(time.monotonic() - terminal.began)
        used = terminal.process.cpu_times()
        burnt.append(used.user + used.system)
        terminal.leave()
    return {
        "first paint s (median of 3)": round(statistics.median(paints), 2),
        "first paint CPU s (median of 3)": round(statistics.median(burnt), 2),
    }


def at_rest(terminal: Terminal, seconds: float) -> dict[str, float]:
    """What a console costs while nothing happens but the heartbeat of the runtime."""
    terminal.read(15, until="agent-00000 ")
    terminal.read(4)
    terminal.bytes = 0
    share = terminal.cpu_share(seconds)
    return {"idle CPU %": round(100 * share, 2), "idle bytes/s": round(terminal.bytes / seconds)}


def under_load(terminal: Terminal, seconds: float) -> dict[str, float]:
    """What a console costs while changes arrive, and how soon they are seen."""
    terminal.read(3)
    terminal.delays.clear()
    terminal.bytes = 0
    share = terminal.cpu_share(seconds)
    return {
        "CPU % at that rate": round(100 * share, 1),
        "bytes/s to the terminal": round(terminal.bytes / seconds),
        "event to screen ms, median": round(statistics.median(terminal.delays), 1),
        "event to screen ms, p95": round(p95(terminal.delays), 1),
    }


def key_times(terminal: Terminal) -> dict[str, float]:
    """How soon a key is answered while changes arrive."""
    terminal.child.send("g")
    terminal.read(1)
    keys = []
    for turn in range(60):
        terminal.read(0.03 + random.random() * 0.05)
        keys.append(terminal.key("j" if turn % 20 < 10 else "k"))
    return {"key to paint ms, median": round(statistics.median(keys), 1), "key to paint ms, p95": round(p95(keys), 1)}


def measure(home: Home, runs: int, rate: float, seconds: float) -> dict[str, Any]:
    """All figures for one record."""
    found: dict[str, Any] = dict(first_paints(home))
    this = [sys.executable, str(Path(__file__).resolve()), "--write", str(home.root), "--runs", str(runs)]
    writer = subprocess.Popen([*this, "--rate", "0", "--seconds", "3600"])
    terminal, far = Terminal(home), None
    try:
        found |= at_rest(terminal, seconds)
        writer.terminate()
        writer.wait()
        writer = subprocess.Popen([*this, "--rate", str(rate), "--seconds", "3600"])
        found |= under_load(terminal, seconds)
        found |= key_times(terminal)
        found["memory MB"] = round(terminal.process.memory_info().rss / 1e6)
        terminal.leave()
        far = Terminal(home, SSH_CONNECTION="192.0.2.1 50000 192.0.2.2 22")
        far.read(15, until="agent-00000 ")
        found |= {f"over ssh: {name}": figure for name, figure in under_load(far, seconds).items()}
        far.leave()
    finally:
        writer.terminate()
        writer.wait()
        for each in (terminal, far):
            if each is not None:
                each.child.close(force=True)
    return found


def main() -> None:
    """Fill a record, measure, print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rate", type=float, default=100.0, help="changes a second")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long to measure")
    parser.add_argument("--home", type=Path, help="keep the record here, and use it if it is there")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.write is not None:
        write(Home(given.write), given.runs, given.rate, given.seconds)
        return
    root = given.home or Path(tempfile.mkdtemp(prefix="aw-bench-"))
    home = Home(root)
    try:
        if not home.journal.exists():
            began = time.monotonic()
            fill(home, given.runs, given.events)
            print(f"filled in {time.monotonic() - began:.0f} s", file=sys.stderr)
        figures = measure(home, given.runs, given.rate, given.seconds)
    finally:
        if given.home is None:
            shutil.rmtree(root, ignore_errors=True)
    print(json.dumps({"runs": given.runs, "events": given.events, "changes/s": given.rate} | figures, indent=2))


if __name__ == "__main__":
    main()
