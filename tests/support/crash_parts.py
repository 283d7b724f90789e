"""External actions on real parts: a SQLite database, an HTTP server, an SMTP server."""

from __future__ import annotations

import contextlib
import smtplib
import sqlite3
import urllib.request
from urllib.parse import urlsplit


def do(part: str, n: int) -> None:
    """Do item `n` to the part that this URL names: sqlite:PATH, http://…, smtp://HOST:PORT."""
    scheme = urlsplit(part).scheme
    if scheme == "sqlite":
        with contextlib.closing(sqlite3.connect(part.removeprefix("sqlite:"), timeout=30)) as db, db:
            db.execute("INSERT INTO sent VALUES (?)", (n,))
    elif scheme == "http":
        request = urllib.request.Request(part, data=str(n).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=30) as answer:
            answer.read()
    else:
        where = urlsplit(part)
        with smtplib.SMTP(where.hostname or "", where.port or 0, timeout=30) as server:
            server.sendmail("agent@example.com", ["ann@example.com"], f"Subject: item {n}\r\n\r\n{n}\r\n")
