"""`log`: what an agent wrote to its standard output and standard error."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import typer

from store.reader import Reader
from store.records import Run
from store.states import FINAL
from tui.cli.options import FollowOption, HomeOption, JsonOption, LastOption, Place, RunArgument, place
from tui.cli.output import complain, say, say_json
from tui.plain import plain_lines

LOOK_EVERY_S = 0.1
BLOCK = 64 * 1024


def log(
    context: typer.Context,
    run: RunArgument,
    follow: FollowOption = False,
    last: LastOption = 0,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Print what an agent wrote, all its attempts in one."""
    asyncio.run(_log(place(context, home), run, follow, last, as_json))


async def _log(where: Place, name: str, follow: bool, last: int, as_json: bool) -> None:
    async with await Reader.open(where.home) as reader:
        run = (await reader.fleet()).find(name)
        path = where.home.log(run.run)
        lines, read = read_lines(path, last, whole=not follow)
        if as_json and not follow:
            say_json(lines)
            return
        for line in lines:
            _say(line, as_json)
        if not lines and not follow:
            complain(f"{run.agent} {run.run} has written nothing.")
        if follow:
            async for line in _added(reader, run, path, read):
                _say(line, as_json)


def _say(line: str, as_json: bool) -> None:
    say(json.dumps(line) if as_json else line)


def read_lines(path: Path, last: int, *, whole: bool) -> tuple[list[str], int]:
    """The last `last` lines of a file (0: all), made plain, and how many bytes they end at.

    Without `whole` a last line that is not ended yet is left for later.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return [], 0
    if not whole:
        content = content[: content.rfind(b"\n") + 1]
    lines = plain_lines(content.decode(errors="replace"))
    if lines[-1] == "":
        lines.pop()
    return (lines[-last:] if last else lines), len(content)


async def _added(reader: Reader, run: Run, path: Path, read: int) -> AsyncIterator[str]:
    """Lines written after the first `read` bytes, as they come, until the run is over for good."""
    rest = b""
    over = False
    while True:
        fresh, read = _bytes_after(path, read)
        *ended, rest = (rest + fresh).split(b"\n")
        for line in ended:
            yield plain_lines(line.decode(errors="replace"))[0]
        if fresh:
            continue
        if over:
            break
        # Once it is seen to be over, one more look finds what came last.
        over = (await reader.fleet()).runs[run.run].status in FINAL
        if not over:
            await asyncio.sleep(LOOK_EVERY_S)
    if rest:
        yield plain_lines(rest.decode(errors="replace"))[0]


def _bytes_after(path: Path, read: int) -> tuple[bytes, int]:
    try:
        with path.open("rb") as file:
            if path.stat().st_size < read:
                # The log was cut to its cap: what it holds now was not printed yet.
                read = 0
            file.seek(read)
            fresh = file.read(BLOCK)
            return fresh, read + len(fresh)
    except FileNotFoundError:
        return b"", read
