"""Event loops that wait for the runtime: each watches the socket, so that no thread stands between."""

from __future__ import annotations

import asyncio
import os
import threading

from agentwatch._link import Link

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def running() -> asyncio.AbstractEventLoop:
    """The event loop that runs here.  Raises `RuntimeError` where none of asyncio does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError(
            "agentwatch waits in event loops of asyncio, and none runs here (trio and curio have their own): "
            "use asyncio, or tools that are not async"
        ) from None


class Watch:
    """One event loop's eye on the current link.  Its methods run in the loop's thread, save `renew` and `discard`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, readable: Callable[[Link], None]) -> None:
        self.loop = loop
        self._readable = readable
        self._thread = threading.get_ident()
        self._link: Link | None = None
        # A descriptor of its own: the loop can let go of it after the link is closed and its number taken by another.
        self._descriptor = -1

    def attach(self, link: Link | None) -> None:
        """Watch `link` and nothing else."""
        if link is self._link:
            return
        self.detach()
        if link is None:
            return
        try:
            self._descriptor = link.duplicate()
        except OSError:
            return
        self._link = link
        self.loop.add_reader(self._descriptor, self._came, link)

    def detach(self) -> None:
        """Watch nothing."""
        if self._descriptor >= 0:
            if not self.loop.is_closed():
                self.loop.remove_reader(self._descriptor)
                self.loop.remove_writer(self._descriptor)
            os.close(self._descriptor)
        self._link, self._descriptor = None, -1

    def drain(self, link: Link) -> None:
        """Send what the socket had no room for, as soon as it has."""
        if link is self._link:
            self.loop.add_writer(self._descriptor, self._room, link)

    def renew(self, link: Link | None) -> None:
        """Watch another link, asked for by another thread."""
        self.call(self.attach, link)

    def call(self, function: Callable[..., None], *args: object) -> None:
        """Call in the loop's thread; an event loop that is closed waits for nothing."""
        try:
            if threading.get_ident() == self._thread and asyncio._get_running_loop() is self.loop:
                function(*args)
            else:
                self.loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            return

    def discard(self) -> None:
        """Close the descriptor in a forked child, whose copy of the event loop must not be touched."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._link, self._descriptor = None, -1

    def _came(self, link: Link) -> None:
        if link is self._link:
            self._readable(link)

    def _room(self, link: Link) -> None:
        if link is not self._link:
            return
        try:
            done = link.flush()
        except OSError:
            done = True
        if done:
            self.loop.remove_writer(self._descriptor)
