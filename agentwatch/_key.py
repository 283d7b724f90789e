"""Keys: text that names one action, the same in every process; what has no such text is refused in one sentence."""

from __future__ import annotations

import sys

from agentwatch import _wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from typing import Any

    Hide = Callable[[Any], str]
    """Puts a mark in place of a value that must not leave this process."""
    Key = Callable[[dict[str, Any], Hide], str]
    """Makes the key of a call from its arguments.

    Raises `TypeError` or `ValueError` where one is missing or has no text that holds its value.
    """

_LIMIT = 500
_STEADY = (
    ("uuid", "UUID"),
    ("datetime", "date"),
    ("datetime", "time"),
    ("datetime", "timedelta"),
    ("ipaddress", "_IPAddressBase"),
)
"""Classes whose text holds their value.  A value of a module that nobody has imported cannot be here."""


class _Unsteady(Exception):
    """Why a value cannot be in a key; at fault is its type, or only its value."""

    def __init__(self, why: str, fault: type[Exception] = TypeError) -> None:
        super().__init__(why)
        self.fault = fault


def filled(template: str, tool: str, secret: Collection[str]) -> Key:
    """A key that a template makes of a call's arguments.

    secret: names of arguments that are redacted in it.
    """

    def key(args: dict[str, Any], hide: Hide) -> str:
        try:
            return _short(template.format_map(_Parts(args, secret, hide)))
        except _Unsteady as error:
            raise error.fault(f"the key {template!r} of {tool} cannot be made: {error}") from None
        except Exception as error:
            raise ValueError(f"the key {template!r} of {tool} cannot be made: {error}") from error

    return key


def given(value: Any, tool: str) -> Key:
    """A key that is no template.  Raises `TypeError` or `ValueError` where it has no text that holds its value."""
    try:
        text = _short(_text(_steady(value, "it")))
    except _Unsteady as error:
        raise error.fault(f"the key of {tool} cannot be used: {error}") from None
    except Exception as error:
        raise ValueError(f"the key of {tool} cannot be used: {error}") from error
    return lambda args, hide: text


class _Parts:
    """The arguments by their names, as `format_map` asks for them."""

    def __init__(self, args: dict[str, Any], secret: Collection[str], hide: Hide) -> None:
        self._args = args
        self._secret = secret
        self._hide = hide

    def __getitem__(self, name: str) -> _Part:
        if name not in self._args:
            raise _Unsteady(f"this call has no argument {name!r}; give it one")
        return _Part(self._args[name], name, self._hide if name in self._secret else None)


class _Part:
    """An argument, or what a template finds in one, on its way into the key.  All its attributes are the argument's."""

    __slots__ = ("_found",)

    def __init__(self, value: Any, name: str, hide: Hide | None) -> None:
        object.__setattr__(self, "_found", (value, name, hide))

    def __getattribute__(self, attribute: str) -> Any:
        value, name, hide = object.__getattribute__(self, "_found")
        try:
            return _Part(getattr(value, attribute), f"{name}.{attribute}", hide)
        except Exception as error:
            raise _Unsteady(f"{name}.{attribute} cannot be read ({type(error).__name__})") from error

    def __getitem__(self, index: Any) -> _Part:
        value, name, hide = object.__getattribute__(self, "_found")
        try:
            return _Part(value[index], f"{name}[{index}]", hide)
        except Exception as error:
            raise _Unsteady(f"{name}[{index}] cannot be read ({type(error).__name__})") from error

    def __format__(self, spec: str) -> str:
        value, name, hide = object.__getattribute__(self, "_found")
        steady = _steady(value, name)
        if hide is not None:
            return format(hide(steady), spec)
        return format(steady, spec) if spec else _text(steady)

    def __str__(self) -> str:
        return format(self, "")

    def __repr__(self) -> str:
        value, name, hide = object.__getattribute__(self, "_found")
        steady = _steady(value, name)
        return repr(steady) if hide is None and isinstance(steady, (str, int, float)) else repr(str(self))


def _steady(value: Any, name: str) -> Any:
    """The value as a key takes it: equal numbers are one.  Raises `_Unsteady`."""
    # By its type: a mock, or a proxy, answers with another class when it is asked.
    kind = type(value)
    if value is None:
        raise _Unsteady(f"{name} is None, which would make different calls one; give it a value, or leave the key out")
    if issubclass(kind, str):
        return str.__str__(value)
    if kind is bool:
        return value
    if issubclass(kind, int):
        return int.__pos__(value)
    if issubclass(kind, float):
        return _number(value, name)
    if issubclass(kind, bytes):
        try:
            value.decode()
        except UnicodeDecodeError:
            raise _Unsteady(f"{name} holds bytes that are no text; give its digest, as hex", ValueError) from None
        return repr(value)
    if kind in (list, tuple):
        # Made here and not by `str`, which shows the items in ways of their own.
        items = ", ".join(_shown(_steady(item, f"{name}[{at}]")) for at, item in enumerate(value))
        return f"[{items}]" if kind is list else f"({items}{',' if len(value) == 1 else ''})"
    if _is(kind, "enum", "Enum"):
        # Its text has changed from one Python to the next.
        return f"{kind.__name__}.{value._name_ or value._value_}"
    if _is(kind, "decimal", "Decimal") or _is(kind, "numbers", "Real"):
        return _number(value, name)
    if _is(kind, "pathlib", "PurePath"):
        return value.__fspath__()
    if any(_is(kind, module, of) for module, of in _STEADY):
        if value != value:
            raise _Unsteady(f"{name} is {value}, which equals nothing", ValueError)
        return value
    if kind in (set, frozenset):
        raise _Unsteady(f"{name} is a {kind.__name__}, which has no order; give a sorted list")
    part = f"{name}[id]" if issubclass(kind, dict) else f"{name}.id"
    raise _Unsteady(
        f"{name} is of type {kind.__name__}, whose text may differ in the next process; "
        + (
            "give text or a number"
            if name == "it"
            else f"name a part of it, such as {{{part}}}, or give text or a number"
        )
    )


def _is(kind: type, module: str, name: str) -> bool:
    known = getattr(sys.modules.get(module), name, None)
    return isinstance(known, type) and issubclass(kind, known)


def _number(value: Any, name: str) -> Any:
    """One form for equal numbers: an int if it is whole, else a float if that says it all, else a fraction as text."""
    if hasattr(value, "__index__"):
        return value.__index__()
    try:
        if _is(type(value), "decimal", "Decimal") and abs(value.adjusted()) > _LIMIT:
            raise _Unsteady(f"{name} is too far from 1 to be written out; give it as text", ValueError)
        above, below = value.as_integer_ratio()
    except (ValueError, OverflowError):
        raise _Unsteady(
            f"{name} is {value}, which is no number to count with; give it a finite one", ValueError
        ) from None
    if below == 1:
        return above
    from fractions import Fraction

    try:
        near = above / below
    except OverflowError:
        return f"{above}/{below}"
    # Decimal("0.1") and 0.1 are meant to be one, though no float is a tenth.
    exact = Fraction(above, below)
    return near if near == exact or Fraction(repr(near)) == exact else f"{above}/{below}"


def _text(steady: Any) -> str:
    try:
        return str(steady)
    except ValueError:
        # Python refuses to write thousands of digits, save in powers of two.
        return hex(steady)


def _shown(steady: Any) -> str:
    return repr(steady) if isinstance(steady, str) else _text(steady)


def _short(key: str) -> str:
    """The key, or where it is too long its beginning with a digest: different keys must stay different."""
    if len(key) <= _LIMIT:
        return key
    import hashlib

    return f"{key[:400]}…{hashlib.sha256(_wire.encode_loosely(key)).hexdigest()}"
