"""One connection of one agent process: bytes in, frames out, nothing decided."""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

from runtime import wire

READ_BYTES = 16 * 1024
"""Per turn of the loop and connection, so that a flooding agent slows only itself."""

HELLO_DUE_S = 10.0


class Listener(Protocol):
    """Who is told what a connection brings."""

    def received(self, connection: Connection, message: wire.Message, raw: bytes) -> None:
        """One frame, with the line it came in (without its newline)."""

    def closed(self, connection: Connection) -> None:
        """The peer is gone, and everything it sent was received."""


class Connection(asyncio.BufferedProtocol):
    """Splits the stream into frames."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray(READ_BYTES)
        self._partial = bytearray()
        self._held = False
        self._full = False
        self.run: str | None = None
        """The run it speaks for, once its hello was accepted."""
        self.pid = 0
        self.said_end = False
        """Its process said that it is done."""
        self.began: float | None = None
        """When its process began, as `runtime.process.start_time` tells it; None where nobody can tell."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods of asyncio.Transport without its class.
        self._transport = cast(asyncio.Transport, transport)
        asyncio.get_running_loop().call_later(HELLO_DUE_S, self._miss_hello)

    def _miss_hello(self) -> None:
        if self.run is None:
            self.refuse(f"no hello came within {HELLO_DUE_S:g} s")

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        chunk = self._buffer[:nbytes]
        if b"\n" not in chunk:
            self._partial += chunk
            if len(self._partial) > wire.FRAME_LIMIT_BYTES:
                self.refuse(f"a frame is longer than {wire.FRAME_LIMIT_BYTES} bytes")
            return
        lines = (self._partial + chunk).split(b"\n")
        self._partial = lines.pop()
        for line in lines:
            if self._transport is None:
                return
            self._take(bytes(line))

    def _take(self, line: bytes) -> None:
        if len(line) > wire.FRAME_LIMIT_BYTES:
            self.refuse(f"a frame is longer than {wire.FRAME_LIMIT_BYTES} bytes")
            return
        if not line.strip():
            return
        try:
            message = wire.decode(line)
        except wire.BadFrame as error:
            self.refuse(str(error))
            return
        if self.run is None and not isinstance(message, wire.Hello):
            self.refuse("the first frame of a connection must be hello")
            return
        self._listener.received(self, message, line)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._listener.closed(self)

    @property
    def open(self) -> bool:
        return self._transport is not None

    def send(self, data: bytes) -> None:
        """Write an answer; the peer may be gone, then it is dropped."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def refuse(self, message: str) -> None:
        """Tell the peer its mistake and close."""
        self.send(wire.frame("error", message=message))
        self.close()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def hold_reading(self, hold: bool) -> None:
        """Stop or go on reading: while nothing can be written, nothing more is taken in."""
        self._held = hold
        self._steer()

    def pause_writing(self) -> None:
        # The peer does not read what it is answered: nothing more is taken from it until it does, or its answers would
        # heap up here.
        self._full = True
        self._steer()

    def resume_writing(self) -> None:
        self._full = False
        self._steer()

    def _steer(self) -> None:
        transport, read = self._transport, not (self._held or self._full)
        if transport is None or transport.is_closing() or read == transport.is_reading():
            return
        if read:
            transport.resume_reading()
        else:
            transport.pause_reading()
