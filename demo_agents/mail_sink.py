"""A mail server that keeps what it is sent: it speaks SMTP (RFC 5321) on loopback and delivers each mail as a file.

    python mail_sink.py FOLDER

Prints its port.  A mail is in the folder before the server says that it has taken it, as with every mail server: who
hears no answer cannot know.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from pathlib import Path

TAKES_S = 0.3
"""From delivering a mail to saying so."""
LONGEST_LINE = 1 << 16


class Sink:
    """Serves any number of connections."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count(1)

    async def serve(self) -> None:
        """Serve for ever, from a port that is printed first."""
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0, limit=LONGEST_LINE)
        print(server.sockets[0].getsockname()[1], flush=True)
        async with server:
            await server.serve_forever()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 a demo's mail server\r\n")
        try:
            while line := await reader.readline():
                answer = await self._answer(line, reader, writer)
                writer.write(answer + b"\r\n")
                await writer.drain()
                if answer.startswith(b"221"):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, ValueError):
            pass
        finally:
            writer.close()

    async def _answer(self, line: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        verb = line[:4].upper()
        if verb == b"DATA":
            writer.write(b"354 go on, end with a dot\r\n")
            self._deliver(await self._message(reader))
            await asyncio.sleep(TAKES_S)
            return b"250 taken"
        if verb == b"QUIT":
            return b"221 bye"
        return b"250 ok" if verb in (b"EHLO", b"HELO", b"MAIL", b"RCPT", b"RSET", b"NOOP") else b"502 not known here"

    async def _message(self, reader: asyncio.StreamReader) -> bytes:
        lines: list[bytes] = []
        while (line := await reader.readline()) != b".\r\n":
            if not line.endswith(b"\n"):
                raise asyncio.IncompleteReadError(line, None)
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    def _deliver(self, message: bytes) -> None:
        name = f"{time.strftime('%H%M%S')}-{next(self._numbers)}"
        unfinished = self._folder / f"{name}.tmp"
        unfinished.write_bytes(message)
        unfinished.rename(self._folder / f"{name}.eml")


if __name__ == "__main__":
    asyncio.run(Sink(Path(sys.argv[1])).serve())
