"""Reading the record: whatever is wrong with it is said in one sentence."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator

import pytest

from store.errors import StoreError
from store.events import Kind
from store.home import Home
from store.journal import Journal
from store.reader import Reader


@pytest.fixture
def journal(home: Home) -> Iterator[Journal]:
    home.create()
    journal = Journal(home)
    journal.append("abc", 0, Kind.CREATED, {"agent": "indexer", "goal": "index", "command": ["x"], "cwd": "/"})
    journal.settle()
    yield journal
    journal.close()


async def test_who_still_reads_when_the_record_is_closed_is_told_so(journal: Journal, home: Home) -> None:
    async with await Reader.open(home) as reader:
        assert await reader.names() == {"abc"}

    with pytest.raises(StoreError, match="closed"):
        await reader.names()


async def test_an_event_that_cannot_be_decoded_is_a_fault_of_the_record(journal: Journal, home: Home) -> None:
    with contextlib.closing(sqlite3.connect(home.journal)) as record, record:
        record.execute("UPDATE events SET body = '{'")

    async with await Reader.open(home) as reader:
        with pytest.raises(StoreError, match=r"journal\.db"):
            await reader.events_of(1)
