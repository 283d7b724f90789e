"""Following a record: nothing is missed, and a quiet one is hardly asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from store import reader as reader_module
from store import watching
from store.events import Kind
from store.home import Home
from store.journal import Journal
from store.reader import Reader
from store.records import Event
from store.watching import Watch


@pytest.fixture
def journal(home: Home) -> Iterator[Journal]:
    home.create()
    journal = Journal(home)
    journal.append("abc", 0, Kind.CREATED, {"agent": "indexer", "goal": "index", "command": ["x"], "cwd": "/"})
    journal.flush()
    yield journal
    journal.close()


def commit(journal: Journal, name: str) -> None:
    journal.append("abc", 1, Kind.TASK, {"name": name})
    journal.flush()


class Followed:
    """A record that is followed, what came of it, and how often it was asked."""

    def __init__(self, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reader = reader
        self.names: list[Any] = []
        self.asked = 0
        rows = reader._rows

        async def counted(sql: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
            self.asked += sql == "PRAGMA data_version"
            return await rows(sql, values)

        monkeypatch.setattr(reader, "_rows", counted)
        self.task = asyncio.create_task(self._follow(reader.tail(1)))

    async def _follow(self, tail: AsyncIterator[list[Event]]) -> None:
        async for events in tail:
            self.names += [event.body["name"] for event in events]

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not true():
                assert not self.task.done(), self.task
                await asyncio.sleep(0.002)

    async def hears(self, name: str) -> None:
        await self.until(lambda: name in self.names)

    async def other_questions(self, number: int) -> None:
        """Let the record be asked for something else, so often."""
        for _ in range(number):
            await self.reader.last_seq()


Follow = Callable[[], Followed]


@pytest.fixture
async def follow(journal: Journal, home: Home, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Follow]:
    """Follows a record that soon counts as quiet and then, without a sign, is asked after an hour only."""
    monkeypatch.setattr(reader_module, "IDLE_AFTER_S", 0.1)
    monkeypatch.setattr(reader_module, "IDLE_POLL_S", 0.001)
    monkeypatch.setattr(reader_module, "ASK_ANYWAY_S", 3600.0)
    begun: list[Followed] = []
    async with await Reader.open(home) as reader:

        def follow() -> Followed:
            begun.append(Followed(reader, monkeypatch))
            return begun[-1]

        yield follow
        for followed in begun:
            followed.task.cancel()
        await asyncio.gather(*(followed.task for followed in begun), return_exceptions=True)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """For how long a watch was waited for, each time."""
    asked: list[float] = []
    wait = Watch.wait

    async def noted(watch: Watch, timeout_s: float) -> None:
        asked.append(timeout_s)
        await wait(watch, timeout_s)

    monkeypatch.setattr(Watch, "wait", noted)
    return asked


async def test_a_quiet_record_is_not_asked_before_its_log_is_written(
    follow: Follow, journal: Journal, home: Home, waits: list[float]
) -> None:
    with Watch(home.journal) as watch:
        if not watch.works:
            pytest.skip("no file can be watched here")
    followed = follow()
    for number, name in enumerate(("one", "two", "three"), 1):
        await followed.until(lambda number=number: len(waits) >= number)  # type: ignore[misc]
        asked = followed.asked
        await followed.other_questions(300)
        assert followed.asked == asked
        commit(journal, name)
        await followed.hears(name)


async def test_nothing_is_missed_while_the_log_is_emptied_and_begun_anew(follow: Follow, journal: Journal) -> None:
    followed = follow()
    for n in range(40):
        commit(journal, f"{n}")
        if n % 5 == 0:
            journal.settle()
        await followed.hears(f"{n}")


async def test_a_watch_that_did_not_tell_is_trusted_no_more(
    follow: Follow, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    async def soon(watch: Watch, timeout_s: float) -> None:
        waited.append(timeout_s)
        await asyncio.sleep(0.001)

    monkeypatch.setattr(Watch, "works", True)
    monkeypatch.setattr(Watch, "written", lambda watch: False)
    monkeypatch.setattr(Watch, "wait", soon)
    followed = follow()
    await followed.until(lambda: len(waited) > 2)
    commit(journal, "one")
    await followed.hears("one")

    until_then, asked = len(waited), followed.asked
    await followed.until(lambda: followed.asked > asked + 50)
    assert len(waited) == until_then
    commit(journal, "two")
    await followed.hears("two")


async def test_a_record_whose_log_cannot_be_watched_is_asked_all_the_same(
    follow: Follow, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_watched", lambda file: -1)
    followed = follow()
    await followed.until(lambda: followed.asked > 50)
    commit(journal, "one")
    await followed.hears("one")


def test_a_file_that_is_not_there_cannot_be_watched(tmp_path: Path) -> None:
    with Watch(tmp_path / "nothing") as watch:
        assert (watch.works, watch.written()) == (False, False)


async def test_a_record_is_asked_again_when_a_write_was_told_before_it_could_be_read(
    follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[bool] = []
    waits: list[float] = []

    async def once(watch: Watch, timeout_s: float) -> None:
        waits.append(timeout_s)
        if len(waits) > 1:
            await asyncio.Event().wait()
        told.append(True)

    monkeypatch.setattr(Watch, "works", True)
    monkeypatch.setattr(Watch, "written", lambda watch: bool(told) and told.pop())
    monkeypatch.setattr(Watch, "wait", once)
    followed = follow()
    await followed.until(lambda: bool(waits))
    asked = followed.asked
    await followed.until(lambda: followed.asked >= asked + 3)
