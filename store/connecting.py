"""An aiosqlite connection of which nothing stays behind: its thread answers the event loop that opened it."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import aiosqlite


async def connected(database: str | Path, **options: Any) -> aiosqlite.Connection:
    """Open `database` with the options of `sqlite3.connect`; the caller closes it.

    Where this is cancelled half way, the connection is closed before the cancellation goes on: else its thread would
    answer a loop that is closed by then.  Raises `sqlite3.Error`.
    """
    opening = asyncio.ensure_future(_open(database, options))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        with contextlib.suppress(sqlite3.Error):
            await (await opening).close()
        raise


async def _open(database: str | Path, options: dict[str, Any]) -> aiosqlite.Connection:
    failed: list[sqlite3.Error] = []

    def connector() -> sqlite3.Connection:
        # An error here would end the thread without waiting for it: it is raised once that has been closed in order.
        try:
            connection: sqlite3.Connection = sqlite3.connect(database, **options)
            return connection
        except sqlite3.Error as error:
            failed.append(error)
            return sqlite3.connect(":memory:")

    db = await aiosqlite.Connection(connector, iter_chunk_size=64)
    if failed:
        await db.close()
        raise failed[0]
    return db
