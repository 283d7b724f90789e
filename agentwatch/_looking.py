"""Looking at an object that was not made to be looked at: what raises or hangs is not there."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_PATIENCE_S = 1.0
_MISSING = object()


def look(value: Any, name: str) -> Any:
    """The attribute, or None.

    Stored values are read where they are stored.  A property may do anything, so it is given a second, in a thread
    that nobody waits for; `__getattr__` and the like are never asked: they answer for attributes that are not there.
    """
    try:
        stored = object.__getattribute__(value, "__dict__").get(name, _MISSING)
    except Exception:
        stored = _MISSING
    if stored is not _MISSING:
        return stored
    for kind in type(value).__mro__:
        found = kind.__dict__.get(name, _MISSING)
        if found is not _MISSING:
            return _of_class(value, found)
    return None


def _of_class(value: Any, found: Any) -> Any:
    describe = getattr(type(found), "__get__", None)
    if describe is None:
        return found
    if type(found).__name__ in ("member_descriptor", "getset_descriptor"):
        try:
            return describe(found, value, type(value))
        except Exception:
            return None
    if not isinstance(found, property) and type(found).__name__ != "cached_property":
        return None
    return _patiently(lambda: describe(found, value, type(value)))


def _patiently(read: Any) -> Any:
    import threading

    answers: list[Any] = []

    def reading() -> None:
        try:
            answers.append(read())
        except BaseException:
            answers.append(None)

    if sys.is_finalizing():
        # A thread that is started now may never run.
        return None
    thread = threading.Thread(target=reading, name="agentwatch-look", daemon=True)
    try:
        thread.start()
    except RuntimeError:
        return None
    thread.join(_PATIENCE_S)
    return answers[0] if answers else None
