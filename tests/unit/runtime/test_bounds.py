"""What a runtime remembers has an end, however long it lives: who floods it loses its own first."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import pytest

from runtime import breakers as breakers_module
from runtime import connection as connection_module
from runtime import gate as gate_module
from runtime import live as live_module
from runtime.live import LiveRun, PauseOrder, remember
from runtime.policy.breaker import BreakerState
from store.home import Home
from store.states import StopReason
from tests.support.desk import Desk, Peer

ORDER = PauseOrder("ann", StopReason.USER_PAUSED, "by ann")


@pytest.fixture
async def desk(home: Home) -> AsyncIterator[Desk]:
    desk = Desk(home)
    yield desk
    desk.core.journal.close()


def test_only_the_latest_are_remembered() -> None:
    memory: dict[str, int] = {}
    for n in (1, 2, 3, 1, 4):
        remember(memory, str(n), n, 3)
    assert list(memory) == ["3", "1", "4"]


async def test_nothing_more_is_read_from_who_does_not_read_its_answers(desk: Desk) -> None:
    peer = Peer(desk)
    peer.connection.pause_writing()
    assert not peer.transport.reading
    peer.connection.hold_reading(True)
    peer.connection.resume_writing()
    assert not peer.transport.reading
    peer.connection.hold_reading(False)
    assert peer.transport.reading


async def test_who_has_more_calls_waiting_than_anybody_needs_is_cut_off(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_module, "MOST_AT_ONCE", 5)
    desk.lifecycle.ask_pause(desk.live, ORDER)
    peer = Peer(desk)
    for n in range(5):
        peer.begin(f"a{n}")
    assert not peer.transport.closed
    peer.begin("a5")
    assert peer.transport.closed
    assert b"more than 5 calls at once" in peer.transport.written

    peer.lose()
    assert desk.live.waiting == {}
    other = Peer(desk)
    other.begin("b")
    assert other.heard("b") == ["wait"]


async def test_large_requests_that_wait_are_limited_and_those_that_were_answered_do_not_count(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_module, "MOST_WAITING_BYTES", 10_000)
    peer = Peer(desk)
    for n in range(10):
        peer.begin(f"a{n}", args={"text": "x" * 2000}, idempotent=True)
        peer.end(f"a{n}")
    desk.lifecycle.ask_pause(desk.live, ORDER)
    for n in range(4):
        peer.begin(f"b{n}", args={"text": "x" * 2000})
    assert not peer.transport.closed
    peer.begin("b4", args={"text": "x" * 2000})
    assert peer.transport.closed


def another_run(desk: Desk, name: str) -> LiveRun:
    return LiveRun(name, desk.live.launch, desk.live.policy, desk.live.judge)


def call(desk: Desk, live: LiveRun, dependency: str, *, ok: bool, times: int = 1) -> None:
    for n in range(times):
        assert desk.breakers.ask(live, f"{dependency}-{n}", dependency) is None
        desk.breakers.told(live, f"{dependency}-{n}", ok)


async def test_a_run_that_leans_on_endless_hosts_forgets_its_own_and_nobody_elses(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breakers_module, "MOST_BREAKERS", 20)
    crawler = another_run(desk, "crawler")
    call(desk, desk.live, "shop", ok=False, times=5)
    for n in range(200):
        call(desk, crawler, f"host-{n}", ok=False, times=5)
    desk.breakers.tick()
    desk.core.flush()

    assert desk.breakers.state("shop") is BreakerState.OPEN
    assert desk.breakers.state("host-199") is BreakerState.OPEN
    assert desk.breakers.state("host-0") is BreakerState.CLOSED
    assert len(desk.core.journal.breakers()) <= 20


async def test_what_an_operator_holds_open_and_what_calls_wait_for_is_not_forgotten(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breakers_module, "MOST_BREAKERS", 20)
    crawler = another_run(desk, "crawler")
    for name in ("held", "waited-for"):
        call(desk, crawler, name, ok=False, times=5)
    desk.breakers.order("held", "open", "ann")
    assert desk.breakers.ask(crawler, "waits", "waited-for") is not None
    for n in range(50):
        call(desk, crawler, f"host-{n}", ok=True)
    assert desk.breakers.state("held") is BreakerState.OPEN
    assert desk.breakers.state("waited-for") is BreakerState.OPEN


async def test_a_run_has_so_many_connections_and_no_more(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate_module, "MOST_CONNECTIONS", 2)
    peers = [Peer(desk, joined=False) for _ in range(3)]
    for peer in peers:
        peer.hello(os.getpid())
    assert [peer.transport.closed for peer in peers] == [False, False, True]
    peers[0].lose()
    again = Peer(desk, joined=False)
    again.hello(os.getpid())
    assert not again.transport.closed


async def test_who_says_no_hello_is_not_kept(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "HELLO_DUE_S", 0.01)
    silent, speaking = Peer(desk, joined=False), Peer(desk, joined=False)
    speaking.hello(os.getpid())
    async with asyncio.timeout(5):
        while not silent.transport.closed:
            await asyncio.sleep(0.005)
    assert not speaking.transport.closed
