"""How often the console hears of the record: the first change at once, what follows gathered into frames."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from store.errors import StoreError
from store.events import Kind
from store.home import Home
from store.reader import Fleet
from store.records import Event
from tests.support.console_fleet import FleetMaker
from tui.console.feed import Feed, Frame
from tui.supervisor import Supervisor


async def test_what_follows_within_a_frame_waits_for_the_next(home: Home) -> None:
    maker = FleetMaker(home)
    maker.script("a1b2c3", "busy", "Go on", 10).start()
    maker.flush()
    frames: list[Frame] = []
    feed = Feed(Supervisor(home), frames.append, lambda text, empty: None, frame_s=3600)
    following = asyncio.create_task(feed.run())
    try:
        while not frames:
            await asyncio.sleep(0.005)
        assert frames[0].whole
        for n in range(1, 6):
            maker.journal.append("a1b2c3", 1, Kind.STEP_BEGIN, {"n": n, "name": ""})
            maker.flush()
            seq = maker.journal.runs["a1b2c3"].last_seq
            while feed._fleet.seq < seq:
                await asyncio.sleep(0.005)
        assert [event.body["n"] for frame in frames[1:] for event in frame.events] == [1]

        feed._send()
        assert [event.body["n"] for event in frames[2].events] == [2, 3, 4, 5]
        assert [run.step for run in frames[2].runs] == [5]
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        maker.close()


class Failing:
    """A record that is empty, and can be read no more."""

    async def fleet(self) -> Fleet:
        return Fleet((), 9)

    async def tail(self, seq: int) -> AsyncIterator[list[Event]]:
        raise StoreError("The disk is gone.")
        yield []


async def test_what_was_not_sent_before_the_record_was_read_anew_is_not_sent_after_it(home: Home) -> None:
    frames: list[Frame] = []
    feed = Feed(Supervisor(home), frames.append, lambda text, empty: None, frame_s=3600)
    feed._send()
    feed._changed = {"gone00"}
    feed._plan()
    with pytest.raises(StoreError):
        await feed._follow(Failing())  # type: ignore[arg-type]
    feed._send()

    assert feed._due is None
    assert frames[1].whole and frames[2].runs == []
