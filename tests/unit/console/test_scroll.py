"""A long story, read from its end: what it tells is what it would tell if it had been read from the beginning."""

from __future__ import annotations

import random
from typing import Any

from store.events import Kind
from store.records import Event
from tui.console.scroll import Scroll
from tui.console.telling import Story


def events(count: int, seed: int = 0) -> list[Event]:
    """Steps with calls, some of which overlap and end much later, and waits in between."""
    rng = random.Random(seed)
    told: list[Event] = []
    flying: list[str] = []

    def add(kind: Kind, **body: Any) -> None:
        seq = 2 * len(told) + 2
        told.append(Event(seq, "r", seq - 2 if told else 0, float(seq), 1, kind, body))

    while len(told) < count:
        step = len(told)
        if rng.random() < 0.05:
            add(Kind.STATUS, to=rng.choice(["waiting", "running", "paused"]), cause="so it was")
        elif flying and rng.random() < 0.4:
            ident = flying.pop(rng.randrange(len(flying)))
            add(Kind.ACTION_END, id=ident, tool="Read", ok=True, result=ident, step=step)
        elif rng.random() < 0.6:
            flying.append(f"a{step}")
            add(Kind.ACTION_BEGIN, id=f"a{step}", tool="Read", args={"path": str(step)}, step=step)
        else:
            add(Kind.STEP_BEGIN, n=step, name="look")
    return told


def read_back(told: list[Event], page: int) -> Scroll:
    scroll = Scroll()
    scroll.take(told[-40:])
    at = len(told) - 40
    flying = {entry.ident for entry in Story(told).in_flight}
    while scroll.before:
        before = len(scroll)
        older = told[max(0, at - page) : at]
        moved = scroll.put_before(older, Story(older), flying)
        assert len(scroll) == before + moved
        at -= page
    return scroll


def test_read_in_pages_it_tells_what_it_tells_in_one_go() -> None:
    for seed in range(20):
        told = events(400, seed)
        for page in (7, 50, 1000):
            scroll = read_back(told, page)

            assert [scroll[index] for index in range(len(scroll))] == Story(told).entries


def test_what_comes_later_is_added_and_nothing_is_told_twice() -> None:
    told = events(300)
    scroll = Scroll()
    for end in range(10, 300, 10):
        scroll.take(told[max(0, end - 25) : end])

    assert [scroll[index] for index in range(len(scroll))] == Story(told[:290]).entries


def test_after_a_gap_it_begins_anew() -> None:
    told = events(300)
    scroll = Scroll()
    scroll.take(told[:50])
    scroll.take(told[100:150])

    assert scroll.before == told[99].seq
    assert scroll.put_before(told[:50], Story(told[:50])) == 0


def test_an_entry_is_found_by_its_event() -> None:
    scroll = read_back(events(400), 60)

    for index in range(len(scroll)):
        assert scroll.at(scroll[index].seq) == index
    assert scroll.at(10**9) == len(scroll) - 1


def test_what_was_cut_off_long_ago_is_not_in_flight() -> None:
    told = events(400)
    scroll = Scroll()
    scroll.take(told[-40:])
    scroll.put_before(told[:-40], Story(told[:-40]))

    entries = [scroll[index] for index in range(len(scroll))]
    assert all(entry.outcome == "no answer" for entry in entries if not entry.end_seq and entry.ident and entry.ended)
    assert all(entry.ended for entry in entries if entry.seq < told[-40].seq and entry.ident)


def test_a_wait_lasts_until_the_next_status() -> None:
    body = {"to": "waiting", "cause": "429"}
    waits = Event(1, "r", 0, 10.0, 1, Kind.STATUS, body)
    goes_on = Event(3, "r", 1, 42.0, 1, Kind.STATUS, {"to": "running", "cause": "it goes on"})

    assert [entry.ended for entry in Story([waits]).entries] == [False]
    assert [entry.duration_s for entry in Story([waits, goes_on]).entries] == [32.0, None]
