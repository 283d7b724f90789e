"""Requests of operators: a small database that clients write and the runtime only reads.

Commands and their arguments (`?` may be absent):

start         run; agent, goal, restart (int), command [str] and cwd for display; the rest lies in the launch file
pause         run; park? (bool), force? (bool: bound to `attempt`), begin_again? (bool: whoever asks knows that the run
              has no checkpoint, so that its work is lost with its process)
resume        run; note? (str, for the model), checkpoint? (int), limits? {budget: new limit}, accept? (signature)
kill          run
fork          run; to (id of the new run), checkpoint? (int)
breaker       -; name, do ("try" | "open" | "reset")
resolve       run, attempt; action (id), outcome ("done" | "retry"), result?
stop_runtime  -; timeout_s (float: what is not at a safe point after it is parked by force, or frozen without a
              checkpoint)
"""

from __future__ import annotations

import asyncio
import getpass
import os
import sqlite3
import time
from collections.abc import Callable
from typing import Any

import msgspec

from store.connecting import connected
from store.database import open_writer, refuse_newer, translated
from store.events import Kind
from store.home import Home
from store.reader import Reader
from store.records import Answer, Command, Json
from store.texts import readable

EXPIRES_S = 60.0
"""A command that no runtime has read for so long is not applied any more."""


def who_asks() -> str:
    """The operator's name, for the record."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


async def submit(
    home: Home,
    kind: str,
    run: str = "",
    *,
    attempt: int | None = None,
    expires_s: float = EXPIRES_S,
    **args: Json,
) -> int:
    """Record one request and return its id.  Raises the errors of `store.database.open_writer`."""
    home.create()
    await asyncio.to_thread(lambda: open_writer(home.control, "control").close())
    now = time.time()
    try:
        db = await connected(home.control, isolation_level=None)
        try:
            await db.execute("PRAGMA busy_timeout = 10000")
            cursor = await db.execute(
                "INSERT INTO commands (kind, run, attempt, args, who, at, expires_at) VALUES (?,?,?,?,?,?,?)",
                (kind, run, attempt, msgspec.json.encode(readable(args)).decode(), who_asks(), now, now + expires_s),
            )
            number = cursor.lastrowid
        finally:
            await db.close()
    except sqlite3.Error as error:
        raise translated(error, home.control) from error
    assert number is not None
    return number


async def answer(reader: Reader, command: int, *, after_seq: int, timeout_s: float) -> Answer | None:
    """Wait for the journalled answer to `command`, looking only at events after `after_seq`.

    Returns None if there is none within `timeout_s`.
    """
    try:
        async with asyncio.timeout(timeout_s):
            async for events in reader.tail(after_seq):
                for event in events:
                    if event.kind == Kind.COMMAND and event.body.get("command") == command:
                        return Answer(command, event.body["applied"], event.body["message"], event.seq)
    except TimeoutError:
        return None
    return None


class Commands:
    """The runtime's side: reads requests in order, never writes.  Belongs to one thread."""

    def __init__(self, home: Home, *, clock: Callable[[], float] = time.time) -> None:
        self._home = home
        self._clock = clock
        open_writer(home.control, "control").close()
        self._db = sqlite3.connect(f"{home.control.as_uri()}?mode=ro", uri=True, isolation_level=None)
        refuse_newer(int(self._db.execute("PRAGMA user_version").fetchone()[0]), home.control, "control")
        self._version = -1

    def after(self, applied: int) -> list[Command]:
        """Requests with an id above `applied`, in order; empty at once where the file did not change."""
        version = int(self._db.execute("PRAGMA data_version").fetchone()[0])
        if version == self._version:
            return []
        rows = self._db.execute(
            "SELECT id, kind, run, attempt, args, who, at, expires_at FROM commands WHERE id > ? ORDER BY id",
            (applied,),
        ).fetchall()
        self._version = version
        return [_command(row) for row in rows]

    def close(self) -> None:
        self._db.close()


def _command(row: tuple[Any, ...]) -> Command:
    """A request from its row; one whose arguments cannot be read is of a kind that nobody knows, and is refused."""
    number, kind, run, attempt, args, who, at, expires_at = row
    try:
        read = msgspec.json.decode(args, type=dict[str, Any])
    except (msgspec.DecodeError, TypeError):
        kind, read = "unreadable", {}
    return Command(number, kind, run, attempt, read, who, at, expires_at)
