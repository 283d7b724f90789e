"""Frames: Python values as the JSON lines of `docs/PROTOCOL.md`, and back."""

from __future__ import annotations

import json
import os
import re

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
_DEEPEST = 40
_SHOWN = 200

_strict: Callable[[Any], str] = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_read: Callable[[str], Any] = json.JSONDecoder().decode
_surrogate = re.compile("[\ud800-\udfff]")
_address = re.compile(r" at 0x[0-9a-fA-F]+")


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
    except (TypeError, ValueError, RecursionError):
        return _strict(_plain(value, 0)).encode()


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


def arguments(args: dict[str, Any]) -> bytes:
    """Arguments as they go over the wire; large values are named by their digest if all together are too large."""
    encoded = encode_loosely(args)
    if len(encoded) <= VALUE_LIMIT_BYTES:
        return encoded
    share = VALUE_LIMIT_BYTES // (len(args) + 1)
    parts = {name: encode_loosely(value) for name, value in args.items()}
    small = {
        name: args[name] if len(part) <= share else _named_by_digest("too large", part) for name, part in parts.items()
    }
    return encode_loosely(small)


def result(value: Any) -> tuple[bytes, bool]:
    """A result as it goes over the wire, and whether it is only a description of one that could not be sent."""
    try:
        encoded = encode(value)
    except NotJson:
        about = {"unavailable": "not JSON", "type": type(value).__name__, "repr": text(_shown(value), _SHOWN)}
        return encode_loosely(about), True
    if len(encoded) > VALUE_LIMIT_BYTES:
        return encode_loosely(_named_by_digest("too large", encoded)), True
    return encoded, False


def redacted(value: Any, secret: str) -> str:
    """A mark in place of a value: equal for equal values, and no way back without the secret."""
    import hmac

    return f"[redacted {hmac.digest(secret.encode(), encode_loosely(value), 'sha256').hex()[:16]}]"


def _named_by_digest(why: str, encoded: bytes) -> dict[str, Any]:
    import hashlib

    return {"unavailable": why, "bytes": len(encoded), "sha256": hashlib.sha256(encoded).hexdigest()}


def _plain(value: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        return "…"
    if isinstance(value, str):
        return _surrogate.sub(lambda found: f"\ufffd{ord(found[0]):x}", value)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if isinstance(value, dict):
        return {_plain(_name(key), depth + 1): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((_plain(item, depth + 1) for item in value), key=_sorting)
    if isinstance(value, os.PathLike):
        return _plain(os.fsdecode(value), depth + 1)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _named_by_digest("bytes", bytes(value))
    return _plain(_shown(value), depth + 1)


def _name(key: Any) -> str:
    return key if isinstance(key, str) else _strict(key) if key is None or isinstance(key, (bool, int)) else _shown(key)


def _sorting(item: Any) -> str:
    return _strict(item)


def _shown(value: Any) -> str:
    """Its repr without the memory address, which no two processes share."""
    try:
        return _address.sub("", repr(value))
    except Exception:
        return f"<{type(value).__name__}>"
