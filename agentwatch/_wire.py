"""Frames: Python values as the JSON lines of `docs/PROTOCOL.md`, and back."""

from __future__ import annotations

import json

from agentwatch._plain import Telling, by_digest, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

VERSION = 1
FRAME_LIMIT_BYTES = 4 * 1024 * 1024
VALUE_LIMIT_BYTES = 1024 * 1024
"""Of one result, or of the arguments of one action."""
TEXT_LIMIT = 8000
"""Characters of a message or another free text."""
_SHOWN = 200

_strict: Callable[[Any], str] = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_read: Callable[[str], Any] = json.JSONDecoder().decode


class NotJson(ValueError):
    """A value has no JSON form."""


def encode(value: Any) -> bytes:
    """Encode what JSON can say.  Raises `NotJson` for anything else."""
    try:
        return _strict(value).encode()
    except UnicodeEncodeError as error:
        raise NotJson(f"{error.object[error.start]!a} is a byte that is no text") from None
    except (TypeError, ValueError, RecursionError) as error:
        raise NotJson(str(error)) from None


def encode_loosely(value: Any) -> bytes:
    """Encode any value: what JSON cannot say becomes text that is equal for equal values."""
    try:
        return _strict(value).encode()
    except Exception:
        return _strict(Telling().plain(value)).encode()


def tell(value: Any) -> tuple[bytes, bool]:
    """Encode any value, and say whether that holds it: equal bytes then mean equal values."""
    try:
        return _strict(value).encode(), True
    except Exception:
        telling = Telling()
        return _strict(telling.plain(value)).encode(), telling.holds


def frame(fields: dict[str, Any], **parts: bytes) -> bytes:
    """One line: `fields`, and `parts` which are JSON already."""
    body = encode_loosely(fields)
    if parts:
        body = body[:-1] + b"".join(b',"%s":%s' % (name.encode(), part) for name, part in parts.items()) + b"}"
    return body + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """Read one line.  Raises `NotJson`."""
    try:
        message = _read(line.decode())
    except ValueError as error:
        raise NotJson(str(error)) from None
    if not isinstance(message, dict):
        raise NotJson("a frame must be an object")
    return message


def text(value: object, limit: int = TEXT_LIMIT) -> str:
    """Text of bounded length; what is cut off is told by an ellipsis."""
    words = value if isinstance(value, str) else str(value)
    return words if len(words) <= limit else words[: limit - 1] + "…"


def arguments(args: dict[str, Any]) -> tuple[bytes, list[str]]:
    """Arguments as they go over the wire, and the names of those whose text does not hold their value.

    Large values are named by their digest if all together are too large.
    """
    encoded, holds = tell(args)
    if len(encoded) <= VALUE_LIMIT_BYTES:
        return encoded, [] if holds else [name for name, value in args.items() if not tell(value)[1]]
    share = VALUE_LIMIT_BYTES // (len(args) + 1)
    parts = {name: tell(value) for name, value in args.items()}
    small = {
        name: args[name] if len(part) <= share else by_digest("too large", part) for name, (part, _) in parts.items()
    }
    return encode_loosely(small), [name for name, (_, known) in parts.items() if not known]


def result(value: Any) -> tuple[bytes, bool]:
    """A result as it goes over the wire, and whether it is only a description of one that could not be sent."""
    try:
        encoded = encode(value)
    except NotJson:
        about = {"unavailable": "not JSON", "type": type(value).__name__, "repr": text(shown(value), _SHOWN)}
        return encode_loosely(about), True
    if len(encoded) > VALUE_LIMIT_BYTES:
        return encode_loosely(by_digest("too large", encoded)), True
    return encoded, False


def redacted(value: Any, secret: str) -> str:
    """A mark in place of a value: equal for equal values, and no way back without the secret."""
    import hmac

    return f"[redacted {hmac.digest(secret.encode(), encode_loosely(value), 'sha256').hex()[:16]}]"
