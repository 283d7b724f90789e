"""The one client of this process, made when it is first needed."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentwatch._client import Client

_client: Client | None = None
_looked = False


def current() -> Client | None:
    """This process's client; None where there is no supervision."""
    return _client if _looked else _look()


def _look() -> Client | None:
    global _client, _looked
    if os.environ.get("AGENTWATCH_SOCKET"):
        import atexit

        from agentwatch._client import Client
        from agentwatch._settings import Settings

        settings = Settings.found()
        if settings is not None:
            _client = Client(settings)
            atexit.register(_close)
            os.register_at_fork(after_in_child=_forked)
    _looked = True
    return _client


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
