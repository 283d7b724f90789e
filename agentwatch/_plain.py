"""Any value as one that JSON can say, and whether that still holds the value."""

from __future__ import annotations

import os
import re
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_DEEPEST = 40
_MOST_PARTS = 100_000
_SHOWN = 200
_LARGEST_INT = 2**1024

_surrogate = re.compile("[\ud800-\udfff]")
_address = re.compile(r" at 0x[0-9a-fA-F]+")

_REPR_HOLDS = frozenset(
    {
        "_decimal.Decimal",
        "_pydecimal.Decimal",
        "builtins.complex",
        "builtins.ellipsis",
        "builtins.range",
        "datetime.date",
        "datetime.datetime",
        "datetime.time",
        "datetime.timedelta",
        "datetime.timezone",
        "decimal.Decimal",
        "fractions.Fraction",
        "ipaddress.IPv4Address",
        "ipaddress.IPv4Interface",
        "ipaddress.IPv4Network",
        "ipaddress.IPv6Address",
        "ipaddress.IPv6Interface",
        "ipaddress.IPv6Network",
        "uuid.UUID",
        "zoneinfo.ZoneInfo",
    }
)
"""Classes whose `repr` is different for different values."""


class Telling:
    """One value on its way into JSON."""

    def __init__(self) -> None:
        self.holds = True
        """What was told so far holds the values."""
        self._parts = 0
        self._within: set[int] = set()

    def plain(self, value: Any, depth: int = 0) -> Any:
        """The value with the types of JSON alone.  Never raises."""
        self._parts += 1
        if depth > _DEEPEST or self._parts > _MOST_PARTS:
            self.holds = False
            return "…"
        if value is None or value is True or value is False:
            return value
        try:
            return self._scalar(value) if isinstance(value, (str, int, float)) else self._nested(value, depth)
        except Exception:
            # Whatever it is made of: a call is made all the same.
            self.holds = False
            return f"<{type(value).__name__}>"

    def _scalar(self, value: Any) -> Any:
        if isinstance(value, str):
            return _surrogate.sub(lambda found: f"\ufffd{ord(found[0]):x}", str.__str__(value))
        if isinstance(value, int):
            number = int(value)
            # Python refuses to write very large ones in decimal.
            return number if -_LARGEST_INT < number < _LARGEST_INT else f"int {number:#x}"
        real = float(value)
        return real if real - real == 0 else f"float {real}"

    def _nested(self, value: Any, depth: int) -> Any:
        if id(value) in self._within:
            self.holds = False
            return "… (itself)"
        self._within.add(id(value))
        try:
            return self._parts_of(value, depth + 1)
        finally:
            self._within.discard(id(value))

    def _parts_of(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if isinstance(value, dict):
            told = {self._name(key): self.plain(item, depth) for key, item in value.items()}
            self.holds = self.holds and len(told) == len(value)
            return told
        if isinstance(value, (list, tuple)) or _is(kind, "collections.deque"):
            return [self.plain(item, depth) for item in value]
        if isinstance(value, (set, frozenset)):
            return sorted((self.plain(item, depth) for item in value), key=_sorting)
        if isinstance(value, os.PathLike):
            return self.plain(os.fsdecode(value), depth)
        if isinstance(value, (bytes, bytearray)):
            return by_digest("bytes", bytes(value))
        if _full_name(kind) in _REPR_HOLDS:
            return repr(value)
        return self._made_of(value, kind, depth)

    def _made_of(self, value: Any, kind: type, depth: int) -> Any:
        """Values of classes that tell what they are made of; the text of any other holds nothing."""
        if any(_is(base, "enum.Enum") for base in kind.__mro__):
            return f"{kind.__qualname__}.{value.name}"
        fields = _fields(value, kind)
        if fields is not None:
            return {"type": kind.__qualname__, **{name: self.plain(item, depth) for name, item in fields.items()}}
        if kind.__module__.partition(".")[0] == "numpy" and getattr(value, "shape", None) == ():
            return self.plain(value.item(), depth)
        buffer = _buffer(value)
        if buffer is not None:
            told = by_digest("bytes", buffer.tobytes())
            if isinstance(value, memoryview):
                return told
            return {"type": kind.__qualname__, "shape": list(buffer.shape or ()), "format": buffer.format, **told}
        if _importable(value):
            return f"{value.__module__}.{value.__qualname__}"
        self.holds = False
        return _surrogate.sub("\ufffd", shown(value))

    def _name(self, key: Any) -> str:
        if isinstance(key, str):
            return str(self._scalar(key))
        if key is None or isinstance(key, (bool, int)):
            return _sorting(self.plain(key, _DEEPEST - 2))
        told = self.plain(key, _DEEPEST - 2)
        return told if isinstance(told, str) else _sorting(told)


def by_digest(why: str, encoded: bytes) -> dict[str, Any]:
    """A value named by its digest."""
    import hashlib

    return {"unavailable": why, "bytes": len(encoded), "sha256": hashlib.sha256(encoded).hexdigest()}


def shown(value: Any) -> str:
    """Its repr without the memory address, which no two processes share."""
    try:
        return _address.sub("", repr(value))[:_SHOWN]
    except Exception:
        return f"<{type(value).__name__}>"


def _fields(value: Any, kind: type) -> dict[str, Any] | None:
    """What a value of a known kind of record class is made of; None for others."""
    if isinstance(getattr(kind, "__dataclass_fields__", None), dict):
        return {name: getattr(value, name) for name in kind.__dataclass_fields__ if hasattr(value, name)}  # type: ignore[attr-defined]
    if hasattr(kind, "__attrs_attrs__"):
        return {field.name: getattr(value, field.name) for field in kind.__attrs_attrs__}
    if hasattr(kind, "__struct_fields__"):
        return {name: getattr(value, name) for name in kind.__struct_fields__}
    if hasattr(kind, "model_fields") and hasattr(kind, "__pydantic_validator__"):
        return {**value.__dict__, **(getattr(value, "__pydantic_extra__", None) or {})}
    if _is(kind, "types.SimpleNamespace"):
        return dict(value.__dict__)
    return None


def _buffer(value: Any) -> memoryview | None:
    """What a value holds as bytes, where it says so and they are no addresses."""
    try:
        buffer = memoryview(value)
    except (TypeError, ValueError, BufferError):
        return None
    return None if "O" in (buffer.format or "") or "P" in (buffer.format or "") else buffer


def _importable(value: Any) -> bool:
    """Whether it is a function or class that its full name names in any process."""
    if not isinstance(value, type) and type(value).__name__ not in ("function", "builtin_function_or_method"):
        return False
    found: Any = sys.modules.get(getattr(value, "__module__", None) or "")
    for name in str(getattr(value, "__qualname__", "")).split("."):
        found = getattr(found, name, None)
    return found is value


def _full_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _is(kind: type, name: str) -> bool:
    return _full_name(kind) == name


def _sorting(item: Any) -> str:
    import json

    return json.dumps(item, ensure_ascii=False, separators=(",", ":"))
