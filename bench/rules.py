"""What the rules, and the look for secrets, cost per call, against a bare JSON decode of the same call in the same run.

python -m bench.rules [--calls 2000]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from runtime.policy.config import DEFAULT
from runtime.policy.judge import Judge
from runtime.policy.redaction import Redactor
from store.events import Kind
from store.records import Event, Json

SIZES = (200, 2_000, 20_000, 200_000)
"""Bytes of a call's result."""

SOURCE = "\n".join(path.read_text("utf-8") for path in sorted(Path(__file__).parents[1].glob("runtime/*.py")))


def text(n: int, size: int) -> Json:
    """A piece of source code, another for each call."""
    begin = n * 137 % max(1, len(SOURCE) - size)
    return (SOURCE * (size // len(SOURCE) + 1))[begin : begin + size]


def log(n: int, size: int) -> Json:
    """Lines of a log: times, ids and scratch places, which are taken out before results are compared."""
    lines = (
        f"2026-03-01T12:{row % 60:02}:{n % 60:02}.123Z pid={n} 7f3a9c0b1d2e{row:04x} wrote /tmp/build-{n}/{row}.o"
        for row in range(size // 80 + 1)
    )
    return "\n".join(lines)[:size]


def rows(n: int, size: int) -> Json:
    """What a JSON API answers."""
    row = {"id": n, "name": f"order {n}", "created_at": "2026-03-01T12:00:00Z", "price": 401.5, "ok": True}
    return {"orders": [row | {"position": position} for position in range(max(1, size // 90))]}


KINDS: tuple[Callable[[int, int], Json], ...] = (text, log, rows)


def calls(kind: Callable[[int, int], Json], size: int, count: int) -> Iterator[tuple[bytes, bytes]]:
    """The two frames of each call, as the wire brings them."""
    for n in range(count):
        call = {"id": f"a{n}", "tool": "look", "step": n}
        begin = call | {"args": {"n": n % 7, "text": "x" * 100}, "idempotent": True}
        yield msgspec.json.encode(begin), msgspec.json.encode(call | {"ok": True, "result": kind(n, size)})


def spent(frames: list[tuple[bytes, bytes]], judge: Judge | None) -> float:
    """Seconds per call for decoding its frames, and for judging them where there is a judge."""
    seq = 0
    began = time.process_time()
    for begin, end in frames:
        for kind, raw in ((Kind.ACTION_BEGIN, begin), (Kind.ACTION_END, end)):
            seq += 1
            body = msgspec.json.decode(raw)
            if judge is not None:
                judge.feed(Event(seq, "run", seq - 1, float(seq), 1, kind, body))
    return (time.process_time() - began) / len(frames)


def cleaned(frames: list[tuple[bytes, bytes]]) -> float:
    """Seconds per call for taking secrets out of its frames."""
    redactor = Redactor(DEFAULT.redaction, "bench")
    began = time.process_time()
    for begin, end in frames:
        redactor.clean(begin)
        redactor.clean(end)
    return (time.process_time() - began) / len(frames)


def main() -> None:
    """Measure and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=2000)
    count = parser.parse_args().calls
    for size in SIZES:
        for kind in KINDS:
            frames = list(calls(kind, size, max(50, min(count, count * 2_000 // size))))
            bare = min(spent(frames, None) for _ in range(3))
            judged = min(spent(frames, Judge(DEFAULT)) for _ in range(3)) - bare
            looked = min(cleaned(frames) for _ in range(3))
            named = f"{kind.__name__} of {size:,} bytes"
            print(
                f"{named:24} decode {bare * 1e6:6.0f} µs, rules {judged * 1e6:6.0f} µs = {judged / bare:5.1f} × that,"
                f" redaction {looked * 1e6:6.0f} µs = {looked / bare:5.1f} ×"
            )


if __name__ == "__main__":
    main()
