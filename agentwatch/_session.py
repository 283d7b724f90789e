"""The one client of this process, made when it is first needed."""

from __future__ import annotations

import os
from _thread import allocate_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentwatch._client import Client

_client: Client | None = None
_looked = False
_looking = allocate_lock()


def current() -> Client | None:
    """This process's client; None where there is no supervision."""
    return _client if _looked else _look()


def _look() -> Client | None:
    global _client, _looked
    with _looking:
        if not _looked:
            _client = _make()
            _looked = True
    return _client


def _make() -> Client | None:
    if not os.environ.get("AGENTWATCH_SOCKET"):
        return None
    import atexit

    from agentwatch import _quiet
    from agentwatch._client import Client
    from agentwatch._settings import Settings

    settings = Settings.found()
    if settings is None:
        return None
    _quiet.install()
    atexit.register(_close)
    os.register_at_fork(after_in_child=_forked)
    return Client(settings)


def forget() -> None:
    """Look at the environment again at the next call; for tests."""
    global _client, _looked
    if _client is not None:
        _client.close()
    _client, _looked = None, False


def _close() -> None:
    if _client is not None:
        _client.close()


def _forked() -> None:
    if _client is not None:
        _client.forked()
