"""Agents that die in the middle of real work: what a database, an HTTP server and an SMTP server count decides."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from store.home import Home
from tests.support.crash_world import CrashWorld

ITEMS = 6
POINTS = [
    ("action has not happened", "both"),
    ("action has happened", "agent"),
    ("action has happened", "both"),
    ("end is sent", "runtime"),
    ("saved is read", "both"),
]
"""Where an item that follows a success without a checkpoint is struck, and who dies."""


@pytest.fixture
async def crash(home: Home, tmp_path: Path) -> AsyncIterator[CrashWorld]:
    """A world of its own, ended afterwards with everything it started."""
    world = CrashWorld(home, tmp_path)
    yield world
    await world.close()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """An empty table that takes everything, the same item twice too."""
    path = tmp_path / "real.db"
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE sent (n INTEGER)")
        db.commit()
    return path


class Web(ThreadingHTTPServer):
    """Counts what is posted to it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Taking)
        self.posted: list[int] = []
        self.unanswered: int | None = None
        """An item that is taken, and the connection broken in place of an answer."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/items"


class Taking(BaseHTTPRequestHandler):
    """Takes an item and says so."""

    server: Web

    def do_POST(self) -> None:
        n = int(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.posted.append(n)
        if n == self.server.unanswered:
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def web() -> Iterator[Web]:
    """An HTTP server on loopback."""
    server = Web()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


class Mailbox:
    """Keeps which items came by mail."""

    def __init__(self) -> None:
        self.items: list[int] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.items.append(int(envelope.content.split()[-1]))
        return "250 taken"


async def die_and_be_brought_to_an_end(
    crash: CrashWorld, part: str, counted: Callable[[], list[int]], point: str, victim: str
) -> None:
    crash.truth = lambda run, n: n in counted()  # type: ignore[method-assign]
    nth = 2 if point.startswith("saved") else 4
    run = await crash.send_items(items=ITEMS, part=part, point=point, nth=nth, victim=victim)
    await crash.struck(run)
    await crash.bring_to_an_end(run)
    assert sorted(counted()) == list(range(ITEMS))
    await crash.check(run)


@pytest.mark.parametrize(("point", "victim"), POINTS)
async def test_each_row_is_in_the_database_once(crash: CrashWorld, database: Path, point: str, victim: str) -> None:
    def rows() -> list[int]:
        with contextlib.closing(sqlite3.connect(database)) as db:
            return [n for (n,) in db.execute("SELECT n FROM sent")]

    await die_and_be_brought_to_an_end(crash, f"sqlite:{database}", rows, point, victim)


@pytest.mark.parametrize(("point", "victim"), POINTS)
async def test_each_item_is_posted_once(crash: CrashWorld, web: Web, point: str, victim: str) -> None:
    await die_and_be_brought_to_an_end(crash, web.url, lambda: web.posted, point, victim)


@pytest.mark.parametrize(("point", "victim"), POINTS)
async def test_each_mail_is_delivered_once(crash: CrashWorld, point: str, victim: str) -> None:
    box = Mailbox()
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(box), "127.0.0.1", 0)
    async with server:
        url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await die_and_be_brought_to_an_end(crash, url, lambda: box.items, point, victim)


async def test_a_post_that_was_taken_but_never_answered_is_asked_about_and_not_repeated(
    crash: CrashWorld, web: Web
) -> None:
    web.unanswered = 2
    crash.truth = lambda run, n: n in web.posted  # type: ignore[method-assign]
    run = await crash.send_items(items=ITEMS, part=web.url)
    review = await crash.rest(run)
    assert [pending.tool for pending in review.in_flight] == ["send"]
    await crash.bring_to_an_end(run)
    assert sorted(web.posted) == list(range(ITEMS))
