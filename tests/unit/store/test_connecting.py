"""A connection that is given up while it opens leaves no thread behind that answers a loop which is gone."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from store.connecting import connected


@pytest.mark.parametrize("turns", range(5))
def test_what_is_cancelled_half_way_is_closed_before_its_loop(
    turns: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really, said = sqlite3.connect, []

    def slowly(*args: Any, **options: Any) -> sqlite3.Connection:
        time.sleep(0.05)
        return really(*args, **options)

    async def give_up() -> None:
        opening = asyncio.ensure_future(connected(tmp_path / "some.db"))
        for _ in range(turns):
            await asyncio.sleep(0)
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)

    monkeypatch.setattr(sqlite3, "connect", slowly)
    monkeypatch.setattr(threading, "excepthook", said.append)
    before = set(threading.enumerate())
    asyncio.run(give_up())
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
        assert not thread.is_alive()

    assert said == []


def test_what_cannot_be_opened_is_said_and_leaves_no_thread(tmp_path: Path) -> None:
    before = set(threading.enumerate())

    async def fail() -> None:
        with pytest.raises(sqlite3.OperationalError):
            await connected(tmp_path / "nowhere" / "some.db")
        for thread in set(threading.enumerate()) - before:
            thread.join(5)
            assert not thread.is_alive()

    for _ in range(20):
        asyncio.run(fail())
