"""What a user gives, as the runtime can take it; what has no meaning is refused in one sentence, at once."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MOST_COUNTED = 2**53
_MOST_SPENT = 1e12
_SHOWN = 60


def words(value: Any) -> str:
    """Any value as text; one whose own text raises is named by its type."""
    try:
        return value if isinstance(value, str) else str(value)
    except Exception:
        return f"<{type(value).__name__}>"


def flag(name: str, value: Any) -> bool:
    """True or False; None is False.  Raises `TypeError`: "no" would count as true."""
    if value is None or isinstance(value, int):
        return bool(value)
    raise TypeError(f"{name} must be True or False, not {_shown(value)}")


def names(name: str, value: Any) -> tuple[str, ...]:
    """One name, or several."""
    if isinstance(value, str):
        return (value,)
    try:
        found = tuple(value or ())
    except TypeError:
        found = (value,)
    for each in found:
        if not isinstance(each, str):
            raise TypeError(f"{name} must name arguments, such as ('token',); it has {_shown(each)}")
    return found


def seconds(name: str, value: Any) -> float | None:
    """How long something may take; None where there is no limit, which infinity says, too."""
    if value is None:
        return None
    length = getattr(value, "total_seconds", None)
    number = _number(name, length() if callable(length) else value, "a number of seconds, or None for no limit")
    if not number > 0:
        raise ValueError(f"{name} must be more than 0 seconds, or None for no limit; it is {_shown(value)}")
    return number if number < float("inf") else None


def count(name: str, value: Any) -> int:
    """A number of things that were used; None is none."""
    return int(min(_spent(name, value), _MOST_COUNTED))


def amount(name: str, value: Any) -> float:
    """An amount of money that was spent; None is none."""
    return min(_spent(name, value), _MOST_SPENT)


def measure(value: Any) -> float | int | None:
    """How far something has come; None for what is no finite number: a total of infinity is an unknown one."""
    try:
        number = _number("", value, "a number")
    except TypeError:
        return None
    if number - number != 0:
        return None
    return int(number) if number == int(number) and not isinstance(value, float) else number


def _spent(name: str, value: Any) -> float:
    if value is None:
        return 0.0
    number = _number(name, value, "a number")
    if number - number != 0:
        raise ValueError(f"{name} must be a finite number; it is {_shown(value)}")
    return max(0.0, number)


def _number(name: str, value: Any, wanted: str) -> float:
    """As a float, whatever kind of number it is: a `Decimal`, a fraction, an array's element."""
    if not isinstance(value, (str, bytes, bytearray)):
        try:
            return float(value)
        except OverflowError:
            return float("inf") if value > 0 else float("-inf")
        except Exception:
            pass
    raise TypeError(f"{name} must be {wanted}, not {_shown(value)}") from None


def _shown(value: Any) -> str:
    try:
        shown = repr(value)
    except Exception:
        shown = f"a {type(value).__name__}"
    return shown if len(shown) <= _SHOWN else shown[: _SHOWN - 1] + "…"
