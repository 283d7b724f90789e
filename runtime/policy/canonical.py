"""One text for equal arguments, whatever their order or spelling (RFC 8785, JSON Canonicalization Scheme)."""

from __future__ import annotations

import contextlib
import hmac
import json
import re
from collections.abc import Iterable
from typing import Any

import msgspec
import rfc8785

from store.records import Json

_FALLBACK_MARK = b"\x00"
"""No RFC 8785 text begins with it, so a fallback never equals one."""

_LARGEST = 2**53 - 1
"""The largest integer that a JSON number surely holds."""

_WHOLE = re.compile(rb"\.0(?:[,}\]]|$)")


def canonical(args: Json) -> bytes:
    """Return the canonical bytes of a JSON value.

    What RFC 8785 cannot say (integers beyond 2^53, NaN, infinities, keys that are no strings, lone surrogates, great
    depth) gets a text of our own that is just as deterministic.
    """
    with contextlib.suppress(RecursionError, UnicodeEncodeError):
        if _is_plain(args):
            return msgspec.json.encode(args, order="sorted")
    try:
        return rfc8785.dumps(args)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError):
        return _FALLBACK_MARK + "".join(_tokens(args)).encode("ascii")


def quick(value: Json) -> bytes:
    """Return bytes that are equal for equal JSON values, much faster than `canonical`, for keys that nobody keeps."""
    try:
        encoded = msgspec.json.encode(value, order="sorted")
    except (ValueError, TypeError, RecursionError):
        return canonical(value)
    if b".0" in encoded and _WHOLE.search(encoded):
        return canonical(value)  # 1.0 is 1.
    return encoded


def call_digest(secret: bytes, tool: str, args: Json) -> str:
    """Return HMAC-SHA-256 of a tool's name and its canonical arguments, hexadecimal."""
    named = tool.encode("utf-8", "surrogatepass") + b"\x00" + canonical(args)
    return hmac.digest(secret, named, "sha256").hex()


def _is_plain(value: Json) -> bool:
    """Whether the encoder writes a value as RFC 8785 has it: not so floats and large integers, and the order of keys
    beyond ASCII.
    """
    if isinstance(value, str) or value is None or isinstance(value, bool):
        return True
    if isinstance(value, int):
        return -_LARGEST <= value <= _LARGEST
    if isinstance(value, dict):
        return all(isinstance(key, str) and key.isascii() and _is_plain(item) for key, item in value.items())
    return isinstance(value, list) and all(map(_is_plain, value))


def _tokens(value: Json) -> Iterable[str]:
    """Yield the pieces of a value's text, without recursion, so that depth is no matter."""
    stack: list[Any] = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, _Piece):
            yield item
        elif isinstance(item, dict):
            yield "{"
            stack.append(_Piece("}"))
            for key in sorted(item, key=_key_text, reverse=True):
                stack.extend((_Piece(","), item[key], _Piece(_key_text(key) + ":")))
        elif isinstance(item, list | tuple):
            yield "["
            stack.append(_Piece("]"))
            for element in reversed(item):
                stack.extend((_Piece(","), element))
        else:
            yield _scalar_text(item)


class _Piece(str):
    """A finished piece of text among values that wait to be told."""


def _key_text(key: Any) -> str:
    return _scalar_text(key) if isinstance(key, str) else f"{type(key).__name__} {_scalar_text(key)}"


def _scalar_text(item: Any) -> str:
    if item is None or isinstance(item, bool | str):
        return json.dumps(item)
    if isinstance(item, float) and item.is_integer():
        return str(int(item))
    if isinstance(item, int | float):
        return repr(item)
    return json.dumps(f"{type(item).__name__} {item!r}")
