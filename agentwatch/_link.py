"""One socket to the runtime: frames go out in order, lines come in."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import sys
import threading
from collections import deque

from agentwatch._wire import NotJson, decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TICK_S = 1.0
"""How long one blocking read lasts at most, so that a waiter looks again whether its answer came another way."""
_CHUNK = 16384
_AT_ONCE = int(socket.MSG_DONTWAIT)
_QUIETLY = int(getattr(socket, "MSG_NOSIGNAL", 0)) | _AT_ONCE


class Broken(OSError):
    """The runtime is gone, or speaks no language that we know."""


class Link:
    """A connected socket.  Any thread may send; one at a time receives."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            if sys.platform == "darwin":
                self._socket.setsockopt(socket.SOL_SOCKET, 0x1022, 1)  # SO_NOSIGPIPE, which Python does not name
            self._socket.connect(path)
            # A limit in the kernel: with one set in Python each read would cost a second system call.
            seconds = struct.pack("ll", int(TICK_S), 0)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, seconds)
        except BaseException:
            self._socket.close()
            raise
        self._out: deque[bytes] = deque()
        # Re-entrant, for a signal handler that speaks while its thread is speaking.
        self._sending = threading.RLock()
        self._partial = b""

    def send(self, frame: bytes) -> bool:
        """Send a frame after those before it; False if some of it must wait for `flush`.  Raises `OSError`."""
        self._out.append(frame)
        return self.flush()

    def flush(self) -> bool:
        """Send what there is room for; True if nothing is left to this thread.  Raises `OSError`.

        Never blocks: the runtime may be unable to read until its answers are read, so whoever waits must read, too.
        """
        while self._out:
            if not self._sending.acquire(blocking=False):
                # Whoever is sending now looks for more before it leaves.
                return True
            try:
                while self._out:
                    # Taken out first: a signal handler may speak between any two of these lines.
                    data = self._out.popleft()
                    try:
                        sent = self._socket.send(data, _QUIETLY)
                    except BlockingIOError:
                        sent = 0
                    if sent < len(data):
                        self._out.appendleft(data[sent:])
                        return False
            finally:
                self._sending.release()
        return True

    def await_room(self) -> bool:
        """Wait until there is room to send, or for a moment; True if there is something to read.  Raises `OSError`."""
        import select

        poll = select.poll()
        try:
            poll.register(self._socket, select.POLLIN | select.POLLOUT)
        except ValueError:
            raise Broken("another thread closed the connection") from None
        return any(event & ~select.POLLOUT for _, event in poll.poll(TICK_S * 1000))

    def drain(self) -> list[dict[str, Any]]:
        """Send all that is left; returns the frames that came meanwhile.  Raises `OSError`."""
        came: list[dict[str, Any]] = []
        while not self.flush():
            if self.await_room():
                came += self.receive(block=False)
        return came

    def receive(self, *, block: bool = True) -> list[dict[str, Any]]:
        """Return the frames that came; none if nothing came for a moment.  Raises `OSError`."""
        try:
            chunk = self._socket.recv(_CHUNK, 0 if block else _AT_ONCE)
        except BlockingIOError:
            return []
        if not chunk:
            raise Broken("the runtime closed the connection")
        lines = (self._partial + chunk).split(b"\n")
        self._partial = lines.pop()
        try:
            return [decode(line) for line in lines if line]
        except NotJson as error:
            raise Broken(f"the runtime sent what is no frame: {error}") from None

    def duplicate(self) -> int:
        """A second descriptor of the same socket, for an event loop to watch; the caller closes it."""
        return os.dup(self._socket.fileno())

    def close(self) -> None:
        """End the connection, for all its descriptors."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def abandon(self) -> None:
        """Let go of it in a forked child, without ending it for the parent."""
        self._socket.close()
