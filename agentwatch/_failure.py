"""What a tool's exception says, and whether it proves that nothing happened."""

from __future__ import annotations

import errno

from agentwatch._given import words
from agentwatch._looking import look
from agentwatch._wire import text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_NEVER_ARRIVED = frozenset({errno.ECONNREFUSED, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EHOSTDOWN})
_THROTTLED = 429
_LOST = frozenset(
    {
        "CancelledError",
        "RemoteDisconnected",
        "IncompleteRead",
        "ReadTimeout",
        "ReadError",
        "SMTPServerDisconnected",
        "ServerDisconnectedError",
        "Stopped",
    }
)
_DEEPEST = 8


def describe(error: BaseException) -> dict[str, Any]:
    """The `error` of an `action.end`: {type, message, happened?, answered?, status?, retry_after_s?}."""
    told: dict[str, Any] = {"type": text(type(error).__name__, 200), "message": text(_message(error))}
    try:
        return {**told, **_judged(error)}
    except Exception:
        # Whatever it is made of: the agent's own error matters more than what we could have known of it.
        return told


def _judged(error: BaseException) -> dict[str, Any]:
    told: dict[str, Any] = {}
    status, after = _status(error), None
    if status is not None:
        told["status"] = status
        after = _retry_after(error)
    if after is not None:
        told["retry_after_s"] = after
    said = look(error, "happened")
    if isinstance(said, bool):
        told["happened"] = said
    elif status == _THROTTLED or (status is None and _never_arrived(error)):
        told["happened"] = False
    elif status is None and _no_answer(error):
        told["answered"] = False
    return told


def _message(error: BaseException) -> str:
    notes = look(error, "__notes__")
    lines = [words(error), *map(words, notes if isinstance(notes, list) else ())]
    return "\n".join(lines)


def _never_arrived(error: BaseException) -> bool:
    """Whether the connection was refused or had nowhere to go."""
    return any(
        isinstance(seen, ConnectionRefusedError)
        or type(seen).__name__ == "gaierror"
        or (isinstance(seen, OSError) and seen.errno in _NEVER_ARRIVED)
        for seen in _layers(error)
    )


def _no_answer(error: BaseException) -> bool:
    """Whether it was cancelled, timed out or lost its connection, so that nobody knows whether it happened."""
    return not isinstance(error, Exception) or any(
        isinstance(seen, (TimeoutError, ConnectionResetError, ConnectionAbortedError, BrokenPipeError))
        or type(seen).__name__ in _LOST
        for seen in _layers(error)
    )


def _layers(error: BaseException) -> Iterator[BaseException]:
    """The exception and what it wraps.

    `__context__` is never followed: an earlier attempt at something else whose failure was being dealt with proves
    nothing about this one.
    """
    seen: BaseException | None = error
    for _ in range(_DEEPEST):
        if seen is None:
            return
        yield seen
        seen = _wrapped(seen)


def _wrapped(error: BaseException) -> BaseException | None:
    args = look(error, "args")
    first = args[0] if isinstance(args, tuple) and args else None
    for inner in (error.__cause__, look(error, "reason"), first):
        if isinstance(inner, BaseException):
            return inner
    return None


def _status(error: BaseException) -> int | None:
    """The HTTP status, as urllib (`code`), aiohttp (`status`), httpx and requests (`response.status_code`) tell it."""
    response = look(error, "response")
    for owner, name in ((error, "status_code"), (error, "status"), (response, "status_code"), (error, "code")):
        found = look(owner, name)
        if isinstance(found, int) and 100 <= found <= 599 and not isinstance(error, SystemExit):
            return int(found)
    return None


def _retry_after(error: BaseException) -> float | None:
    headers = look(error, "headers") or look(look(error, "response"), "headers")
    try:
        seconds = float(headers.get("Retry-After")) if headers is not None else -1.0
    except (AttributeError, TypeError, ValueError):
        return None
    return seconds if 0 <= seconds <= 86_400 else None
