"""What an action leans on: the service its tool declares, or the host of a URL among its arguments."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from store.records import Json

_URL = re.compile(r"[a-z][a-z0-9+.-]{1,20}://[^\s/?#]+[^\s]*", re.IGNORECASE)
_NOT_A_HOST = frozenset({"file", "data", "about", "chrome", "javascript", "urn"})


def dependency_of(declared: str | None, args: Json) -> str | None:
    """Return the key of the breaker for a call, or None for a call that leans on nothing.

    Only an argument that is a URL as a whole counts: a text that mentions one leans on nothing.  The key is
    `host` or `host:port`, lower case, without user and password.
    """
    if declared:
        return declared
    if not isinstance(args, dict):
        return None
    for value in args.values():
        if isinstance(value, str) and "://" in value and len(value) <= 4096 and _URL.fullmatch(value.strip()):
            found = _host(value.strip())
            if found:
                return found
    return None


def _host(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or parts.scheme.lower() in _NOT_A_HOST:
        return None
    return f"{host}:{port}" if port else host
