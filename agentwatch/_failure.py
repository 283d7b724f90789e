"""What a tool's exception says of itself: what that means is judged by the runtime."""

from __future__ import annotations

from agentwatch._given import words
from agentwatch._looking import look
from agentwatch._wire import text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_MOST_CLASSES = 24
_LONGEST_WAIT_S = 86_400.0
_DEEPEST = 8


def describe(error: BaseException) -> dict[str, Any]:
    """The `error` of an `action.end`.

    {type, message, classes, errno?, status?, code?, happened?, answered?, retry_after_s?}.
    """
    told: dict[str, Any] = {"type": text(type(error).__name__, 200), "message": text(_message(error))}
    try:
        return {**told, **_judged(error)}
    except Exception:
        # Whatever it is made of: the agent's own error matters more than what we could have known of it.
        return told


def _judged(error: BaseException) -> dict[str, Any]:
    told: dict[str, Any] = {"classes": _classes(error)}
    for seen in _layers(error):
        if isinstance(seen, OSError) and isinstance(seen.errno, int):
            told["errno"] = seen.errno
            break
    status, after = _status(error), _retry_after(error)
    if status is not None:
        told["status"] = status
    code = _code(error)
    if code:
        told["code"] = text(code, 200)
    if after is not None:
        told["retry_after_s"] = after
    said = look(error, "happened")
    if isinstance(said, bool):
        told["happened"] = said
    elif not isinstance(error, Exception):
        told["answered"] = False
    return told


def _message(error: BaseException) -> str:
    notes = look(error, "__notes__")
    lines = [words(error), *map(words, notes if isinstance(notes, list) else ())]
    return "\n".join(lines)


def _classes(error: BaseException) -> list[str]:
    """Full names of the classes of the exception and of what it wraps, without those that say nothing."""
    found: list[str] = []
    for seen in _layers(error):
        for kind in type(seen).__mro__:
            name = text(f"{kind.__module__}.{kind.__qualname__}", 200)
            if kind not in (object, BaseException, Exception) and name not in found:
                found.append(name)
    return found[:_MOST_CLASSES]


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
    for inner in (error.__cause__, look(error, "reason"), *(args[:4] if isinstance(args, tuple) else ())):
        if isinstance(inner, BaseException):
            return inner
    return None


def _status(error: BaseException) -> int | None:
    """The HTTP status, as urllib (`code`), aiohttp (`status`), httpx and requests (`response.status_code`) tell it."""
    response = look(error, "response")
    if isinstance(response, dict):
        metadata = response.get("ResponseMetadata")
        response = None
        found = metadata.get("HTTPStatusCode") if isinstance(metadata, dict) else None
        if isinstance(found, int) and 100 <= found <= 599:
            return int(found)
    for owner, name in ((error, "status_code"), (error, "status"), (response, "status_code"), (error, "code")):
        found = look(owner, name)
        if isinstance(found, int) and 100 <= found <= 599 and not isinstance(error, SystemExit):
            return int(found)
    return None


def _code(error: BaseException) -> str:
    """What the dependency calls the failure: botocore's `response["Error"]["Code"]`, gRPC's `code()`, or a `code`."""
    response = look(error, "response")
    if isinstance(response, dict) and isinstance(response.get("Error"), dict):
        return str(response["Error"].get("Code") or "")
    if any(str(kind.__module__).partition(".")[0] == "grpc" for kind in type(error).__mro__):
        code = error.code() if callable(getattr(error, "code", None)) else None  # type: ignore[attr-defined]
        return str(getattr(code, "name", ""))
    code = look(error, "code")
    return code if isinstance(code, str) else ""


def _retry_after(error: BaseException) -> float | None:
    """Seconds after which the dependency wants to be asked again.

    `Retry-After` (RFC 9110, 10.2.3), or the milliseconds that OpenAI and Azure send.
    """
    response = look(error, "response")
    headers = look(error, "headers") or look(response, "headers")
    if headers is None and isinstance(response, dict):
        metadata = response.get("ResponseMetadata")
        headers = metadata.get("HTTPHeaders") if isinstance(metadata, dict) else None
    if headers is None:
        return None
    try:
        given = {str(name).lower(): str(value) for name, value in list(headers.items())[:200]}
    except Exception:
        return None
    for name in ("retry-after-ms", "x-ms-retry-after-ms"):
        ms = _number(given.get(name))
        if ms is not None:
            return min(ms / 1000.0, _LONGEST_WAIT_S)
    said = given.get("retry-after")
    seconds = _number(said)
    if seconds is None and said:
        seconds = _until(said)
    return None if seconds is None else min(seconds, _LONGEST_WAIT_S)


def _number(said: str | None) -> float | None:
    try:
        value = float(said) if said is not None else -1.0
    except ValueError:
        return None
    return value if value >= 0 else None  # NaN is not.


def _until(date: str) -> float | None:
    """Seconds until an HTTP date; 0 for one that is past."""
    import time
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(date).timestamp() - time.time())
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
