"""Reads recorded traces of other agents, and tells each as the events that its run would have left in a journal."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

import msgspec

from store.errors import AgentwatchError
from store.events import Kind
from store.records import Event, Json

SECONDS_PER_STEP = 1.0
"""Traces hold no times; their steps follow each other faster than any clock of a rule can tell."""

_WITHOUT_DIGITS = str.maketrans("0123456789abcdef", "ghijklmnopqrstuv")


class TraceError(AgentwatchError):
    """A trace file cannot be read."""


class TraceStep(msgspec.Struct, frozen=True):
    """One step of a trace; extra keys are ignored."""

    i: int
    thought: str | None = None
    tool: str | None = None
    args: Json = None
    """None where it was not recorded."""
    result: Json = None
    """None where it was not recorded."""
    error: bool | None = None
    tokens: float | None = None
    args_sha: str | None = None
    """Identifies the arguments before they were truncated."""
    result_sha: str | None = None


class Trace(msgspec.Struct, frozen=True):
    """One recorded run."""

    id: str
    steps: list[TraceStep]
    goal: str | None = ""
    success: bool | None = None


def read_traces(path: Path) -> Iterator[Trace]:
    """Yield the traces of a JSON lines file, gzipped or not.  Raises `TraceError` naming file and line."""
    for number, line, _position in numbered_lines(path):
        yield trace_of(path, number, line)


def numbered_lines(path: Path) -> Iterator[tuple[int, bytes, int]]:
    """Yield the lines of a file, gzipped or not, that are not blank.  Raises `TraceError`.

    Each comes with its number, from 1, and with how many bytes of the file were read by then.
    """
    number = 0
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            lines = cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if zipped else file
            position = 0
            for number, line in enumerate(lines, 1):
                position = file.tell() if zipped else position + len(line)
                if line.strip():
                    yield number, line, position
    except (OSError, EOFError, zlib.error) as error:
        beyond = f" beyond line {number}" if number else ""
        raise TraceError(f"{path} cannot be read{beyond}: {getattr(error, 'strerror', None) or error}.") from error


def trace_of(path: Path, number: int, line: bytes) -> Trace:
    """Return the trace that a line holds.  Raises `TraceError`."""
    try:
        return msgspec.json.decode(line, type=Trace)
    except msgspec.MsgspecError as error:
        raise TraceError(f"{path}, line {number} is no trace: {error}.") from error


def events(trace: Trace) -> Iterator[Event]:
    """Yield what a supervisor would have journalled of the trace's run, in order."""
    telling = _Telling(trace.id)
    yield telling.event(Kind.CREATED, agent=trace.id, goal=trace.goal or "", command=[], cwd="", restart=0, limits={})
    yield telling.event(Kind.STATUS, **{"from": "queued", "to": "starting", "cause": "trace"})
    yield telling.event(Kind.ATTEMPT_STARTED, pid=0, process_started=0.0, checkpoint=None)
    yield telling.event(Kind.STATUS, **{"from": "starting", "to": "running", "cause": "trace"})
    for position, step in enumerate(trace.steps):
        telling.at += SECONDS_PER_STEP
        n = position + 1
        yield telling.event(Kind.STEP_BEGIN, n=n, name="")
        if step.tokens:
            yield telling.event(Kind.USAGE, input_tokens=step.tokens, output_tokens=0, cached_tokens=0, cost_usd=0.0)
        if step.tool:
            call: dict[str, Any] = {"id": f"s{n}", "tool": step.tool, "step": n}
            yield telling.event(Kind.ACTION_BEGIN, args=_args(step), idempotent=False, poll=False, **call)
            yield telling.event(Kind.ACTION_END, **_outcome(step), **call)
        yield telling.event(Kind.STEP_END, n=n, ok=True)


class _Telling:
    """Numbers the events."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._seq = 0
        self.at = 0.0

    def event(self, kind: Kind, **body: Json) -> Event:
        self._seq += 1
        return Event(self._seq, self._run, self._seq - 1, self.at, 1, kind, body)


def _args(step: TraceStep) -> Json:
    if step.args is None:
        return _unrecorded(step)
    args = step.args if isinstance(step.args, dict) else {"input": step.args}
    return args | ({"…": _spelled(step.args_sha)} if step.args_sha else {})


def _outcome(step: TraceStep) -> dict[str, Json]:
    result = _unrecorded(step) if step.result is None else step.result
    if step.result_sha:
        result = {"text": result, "…": _spelled(step.result_sha)}
    if not step.error:
        return {"ok": True, "result": result}
    message = result if isinstance(result, str) else msgspec.json.encode(result).decode()
    return {"ok": False, "result": None, "error": {"type": "error", "message": message}}


def _unrecorded(step: TraceStep) -> Json:
    """What was not recorded equals nothing."""
    return {"not recorded in step": step.i}


def _spelled(sha: str) -> str:
    """Write a digest in letters, so that nothing takes it for an id that may be left out of a comparison."""
    return sha.lower().translate(_WITHOUT_DIGITS)
