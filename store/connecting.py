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
    return await aiosqlite.connect(database, **options)
