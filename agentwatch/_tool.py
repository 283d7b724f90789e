"""`@agentwatch.tool`: a function whose every call goes through the gate."""

from __future__ import annotations

import functools

from agentwatch import _key
from agentwatch._gate import Call, Traits
from agentwatch._session import current

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from inspect import Signature
    from typing import Any, Protocol, TypeVar, overload

    F = TypeVar("F", bound=Callable[..., Any])

    class Tool(Protocol):
        """Declares a tool, with or without arguments of its own."""

        @overload
        def __call__(self, function: F, /) -> F: ...

        @overload
        def __call__(
            self,
            name: str | None = None,
            *,
            key: str | None = None,
            dependency: str | None = None,
            idempotent: bool = False,
            replay: bool | None = None,
            poll: bool = False,
            timeout_s: float | None = None,
            redact: Iterable[str] = (),
            check_hint: str | None = None,
            ignore: Iterable[str] = (),
        ) -> Callable[[F], F]: ...


def _tool(
    name: Any = None,
    *,
    key: str | None = None,
    dependency: str | None = None,
    idempotent: bool = False,
    replay: bool | None = None,
    poll: bool = False,
    timeout_s: float | None = None,
    redact: Iterable[str] = (),
    check_hint: str | None = None,
    ignore: Iterable[str] = (),
) -> Any:
    """Declare a function, or an `async def`, to be an external action.

    name: what the console calls it; the function's own name if not given.
    key: a template such as "reply-{ticket}", filled from the arguments: names one action for the run's whole life.
    dependency: the host or service it leans on, for the circuit breaker.
    idempotent: doing it twice does no harm, so after a crash it is simply done again.
    replay: whether a success on record is returned in place of doing it again; by default unless idempotent.
    poll: it is called again and again on purpose, to see whether something has changed.
    timeout_s: how long it may take, in seconds.
    redact: names of arguments whose values must not leave this process.
    check_hint: tells a person how to find out whether it happened.
    ignore: names of arguments that do not matter to what the call is, such as a client or a session; they are not told.

    Raises `TypeError` for a key or a redaction that names no parameter, for a trait that has no meaning, and for what
    is no one action: a generator function, a class, a property, a tool.
    """
    if name is not None and not isinstance(name, str):
        return _tool()(name)

    if key is not None and not isinstance(key, str):
        raise TypeError(f"a key must be text such as 'reply-{{ticket}}', not {type(key).__name__}")
    traits = functools.partial(
        Traits,
        dependency=dependency,
        idempotent=idempotent,
        replay=replay,
        poll=poll,
        timeout_s=timeout_s,
        redact=redact,
        check_hint=check_hint,
        ignore=ignore,
    )
    # What is wrong with them shows here, in the line that gives them.
    traits("tool" if name is None else name)

    def declare(function: Any) -> Any:
        if isinstance(function, (staticmethod, classmethod)):
            # Python asks the outer one which it is, so that is what it stays.
            return type(function)(declare(function.__func__))
        called = name or getattr(function, "__name__", type(function).__name__)
        return _guard(function, traits(str(called)), key)

    return declare


_MARK = "__agentwatch_tool__"
"""Which every tool has, and what wraps one with `functools.wraps`."""

tool: Tool = _tool
_tool.__name__ = _tool.__qualname__ = "tool"


def _guard(function: Any, traits: Traits, key: str | None) -> Any:
    import inspect

    if isinstance(function, type):
        raise TypeError(f"{traits.tool} cannot be a tool: it is a class; put @agentwatch.tool on its methods")
    if not callable(function):
        kind = type(function).__name__
        where = f"put @agentwatch.tool below @{kind}, on the function itself" if hasattr(function, "__get__") else ""
        raise TypeError(f"this {kind} cannot be a tool: {where or 'it is no function'}")
    if getattr(function, _MARK, False) is True:
        raise TypeError(f"{traits.tool} is a tool already: declare it once")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(f"{traits.tool} cannot be a tool: a generator has no one moment at which it happens")
    try:
        signature = inspect.signature(function)
    except ValueError:
        # Functions in C may not tell theirs.
        signature = inspect.signature(lambda *args, **kwargs: None)
    _check_names(signature, traits, key)
    template = None if key is None else _key.filled(key, traits.tool, traits.redact)
    named = _names_of(signature)

    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__):

        @functools.wraps(function)
        async def guarded_async(*args: Any, **kwargs: Any) -> Any:
            client = current()
            if client is None:
                return await function(*args, **kwargs)
            call = Call(client, traits, named(args, kwargs), template)
            return await call.run_async(lambda: function(*args, **kwargs))

        setattr(guarded_async, _MARK, True)
        return guarded_async

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        client = current()
        if client is None:
            return function(*args, **kwargs)
        call = Call(client, traits, named(args, kwargs), template)
        return call.run(lambda: function(*args, **kwargs))

    setattr(guarded, _MARK, True)
    return guarded


def _check_names(signature: Signature, traits: Traits, key: str | None) -> None:
    parameters = signature.parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return
    known = {parameter.name for parameter in parameters}
    for names, what in ((traits.redact, "redact"), (traits.ignore, "ignore")):
        for name in names:
            if name not in known:
                raise TypeError(f"{traits.tool} has no parameter {name!r} to {what}")
    for name in _fields(key or ""):
        if name not in known:
            raise TypeError(f"the key {key!r} of {traits.tool} names {name!r}, which is none of its parameters")


def _fields(template: str) -> list[str]:
    """Names that a format string asks for."""
    from string import Formatter

    names = [field for _, field, _, _ in Formatter().parse(template) if field is not None]
    return [name.partition(".")[0].partition("[")[0] for name in names]


def _names_of(signature: Signature) -> Callable[[tuple[Any, ...], dict[str, Any]], dict[str, Any]]:
    """Gives the arguments of a call their names.  Raises `TypeError` as the call would."""
    names = tuple(signature.parameters)
    plain = all(parameter.kind is parameter.POSITIONAL_OR_KEYWORD for parameter in signature.parameters.values())
    if not plain or names[:1] in (("self",), ("cls",)):
        return lambda args, kwargs: _bound(signature, args, kwargs)

    def named(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        # `bind` takes ten times as long, and a call that names every argument in order leaves nothing to find out.
        if kwargs or len(args) != len(names):
            return _bound(signature, args, kwargs)
        return dict(zip(names, args))  # noqa: B905 (Python 3.9 has no strict)

    return named


def _bound(signature: Signature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments by the names of their parameters, defaults filled in.  Raises `TypeError` as the call would."""
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    named: dict[str, Any] = {}
    for number, (name, value) in enumerate(bound.arguments.items()):
        if signature.parameters[name].kind.name == "VAR_KEYWORD":
            # A name that a positional-only parameter has already would hide its value.
            named.update(value if named.keys().isdisjoint(value) else {name: value})
        elif number > 0 or name not in ("self", "cls"):
            named[name] = value
    return named
