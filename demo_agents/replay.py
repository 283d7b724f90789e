"""Plays a recorded run through the SDK, so that real recorded behaviour meets the gate, the rules and the console.

    python replay.py TRACE [--id ID] [--speed X]

Each recorded step becomes a step, each call an action with its recorded arguments and result, each recorded error a
failure of its action.  Nothing is done anew.  A run that is recorded as unsuccessful fails at its end, unless a rule
has paused it before.
"""

from __future__ import annotations

import argparse
import difflib
import gzip
import json
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import agentwatch

STEPS_A_SECOND = 10.0
CHECKPOINT_EVERY = 10
"""Steps from one checkpoint to the next."""
TITLE_LIMIT = 80
NEAREST = 5

Trace = dict[str, Any]


class BadTrace(Exception):
    """The trace cannot be played; the text says why in one sentence."""


class RecordedError(Exception):
    """A call that failed when the run was recorded."""


def read(path: Path) -> Iterator[Trace]:
    """The traces of a file, one a line, compressed or not.  Raises `BadTrace`."""
    try:
        with path.open("rb") as file:
            compressed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            if path.suffix == ".gz" and not compressed:
                raise BadTrace(f"{path} is not compressed with gzip, though its name says so.")
            lines = gzip.GzipFile(fileobj=file) if compressed else file
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield checked(line, f"{path}, line {number}")
    except EOFError as error:
        raise BadTrace(f"{path} is cut off: the compressed data ends too early.") from error
    except (OSError, zlib.error) as error:
        raise BadTrace(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error


def checked(line: bytes, where: str) -> Trace:
    """One line as a trace.  Raises `BadTrace`."""
    try:
        trace = json.loads(line)
    except ValueError as error:
        raise BadTrace(f"{where} is not JSON: {error}.") from error
    if not isinstance(trace, dict) or not isinstance(trace.get("steps"), list):
        raise BadTrace(f"{where} is no trace: it must be an object with a list of steps.")
    if not all(isinstance(step, dict) for step in trace["steps"]):
        raise BadTrace(f"{where} is no trace: each of its steps must be an object.")
    return trace


def chosen(path: Path, wanted: str | None) -> Trace:
    """The trace whose id is, or alone contains, `wanted`; the first one if nothing is.  Raises `BadTrace`."""
    if wanted is None:
        for trace in read(path):
            return trace
        raise BadTrace(f"{path} holds no trace.")
    ids: list[str] = []
    found: list[Trace] = []
    for trace in read(path):
        ident = str(trace.get("id"))
        if ident == wanted:
            return trace
        ids.append(ident)
        if wanted in ident:
            found.append(trace)
    if len(found) == 1:
        return found[0]
    if found:
        several = ", ".join(str(trace.get("id")) for trace in found[:NEAREST])
        more = f" and {len(found) - NEAREST} more" if len(found) > NEAREST else ""
        raise BadTrace(f"{wanted!r} is part of {len(found)} ids in {path}: {several}{more}.")
    near = difflib.get_close_matches(wanted, ids, n=NEAREST, cutoff=0.4) or ids[:NEAREST]
    raise BadTrace(f"{path} has no trace {wanted!r}; nearest are {', '.join(near)}.")


def arguments(step: Trace) -> dict[str, Any]:
    """The call's arguments as an object; their digest stands for what was cut off when they were recorded."""
    args = step.get("args")
    named = dict(args) if isinstance(args, dict) else {} if args is None else {"input": args}
    return named | {"args_sha": step["args_sha"]} if step.get("args_sha") else named


def result(step: Trace) -> Any:
    """What the call returned, with the digest of the whole where it was cut off."""
    if step.get("result_sha"):
        return {"result": step.get("result"), "result_sha": step["result_sha"]}
    return step.get("result")


def title(step: Trace) -> str:
    """What to call the step: the first line of its thought, else its tool."""
    thought = str(step.get("thought") or "").strip().partition("\n")[0]
    name = thought or str(step.get("tool") or "no action")
    return name if len(name) <= TITLE_LIMIT else name[: TITLE_LIMIT - 1] + "…"


def play_call(run: agentwatch.Run, step: Trace) -> None:
    """The call of one step, if it has one."""
    if not step.get("tool"):
        return
    try:
        with run.action(str(step["tool"])[:200], arguments(step), idempotent=True) as action:
            if step.get("error"):
                returned = result(step)
                raise RecordedError(returned if isinstance(returned, str) else json.dumps(returned))
            action.result = result(step)
    except (RecordedError, agentwatch.ToolFailed):
        return


def play(trace: Trace, pause_s: float) -> None:
    """The whole run, from the checkpoint on if there is one."""
    steps = trace["steps"]
    with agentwatch.start(goal=str(trace.get("goal") or trace.get("id") or "Play a recorded run")) as run:
        for number in range(run.state["next"] if run.state else 0, len(steps)):
            step = steps[number]
            with run.step(title(step)):
                play_call(run, step)
                tokens = step.get("tokens")
                if isinstance(tokens, int | float) and tokens > 0:
                    run.usage(input_tokens=int(tokens))
                time.sleep(pause_s)
            for note in run.advice():
                print(f"step {number}: was told: {note}")
            if (number + 1) % CHECKPOINT_EVERY == 0:
                run.checkpoint({"next": number + 1})
        if trace.get("success") is False:
            run.fail("the recorded run did not succeed")
        else:
            run.complete({"steps": len(steps)})


def positive(words: str) -> float:
    """A number from 0 on."""
    number = float(words)
    if not 0 <= number < float("inf"):
        raise ValueError(words)
    return number


positive.__name__ = "speed"  # argparse says "invalid speed value"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("trace", type=Path, metavar="TRACE", help="a file of recorded runs, JSONL or JSONL.gz")
    parser.add_argument("--id", metavar="ID", help="which run: its id or a part that no other id has; else the first")
    parser.add_argument("--speed", type=positive, default=1.0, metavar="X", help="1 is ten steps a second, 0 no pause")
    given = parser.parse_args()
    try:
        trace = chosen(given.trace, given.id)
    except BadTrace as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{trace.get('id')}: {len(trace['steps'])} steps")
    play(trace, 1 / (STEPS_A_SECOND * given.speed) if given.speed else 0.0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
