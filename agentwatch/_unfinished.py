"""What a tool may return before it has finished: the action ends when that does.

A coroutine, any other awaitable, or a generator comes back in a wrapper that reports its end.  A future or a task comes
back as it is: a done-callback reports its end.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
    from typing import Any

    from agentwatch._gate import Call

_PLAIN = frozenset((type(None), bool, int, float, str, bytes, list, tuple, dict, set))
_ITERABLE_COROUTINE = 0x100
"""Flag of a generator that `types.coroutine` made awaitable."""


def follow(call: Call, result: Any, again: Callable[[], Any], *, block: bool = True) -> Any:
    """What the caller is to get in place of a `result` that is not finished; the result itself if it is.

    again: does the action anew, for a try that the runtime allows.
    """
    kind = type(result)
    if kind in _PLAIN:
        call.succeeded(result, block=block)
        return result
    form = _form_of_future(kind)
    if form:
        call.hand_over(form)
        result.add_done_callback(lambda future: _settled(call, future))
        return result
    if kind.__name__ == "generator" and not result.gi_code.co_flags & _ITERABLE_COROUTINE:
        return _watched(call, _generated(call, result), result)
    if kind.__name__ == "async_generator":
        return _watched(call, _generated_async(call, result), result)
    if kind.__name__ in ("coroutine", "generator"):
        return _watched(call, call.run_async(again, begun=result), result)
    if hasattr(kind, "__await__"):
        return Followed(call, result, again)
    call.succeeded(result, block=block)
    return result


def unfinished(result: Any) -> bool:
    """Whether it is something that has yet to be awaited, or iterated."""
    kind = type(result)
    if kind in _PLAIN:
        return False
    if _form_of_future(kind):
        return not result.done()
    return hasattr(kind, "__await__") or kind.__name__ in ("generator", "async_generator")


def in_form(form: str, result: Any) -> Any:
    """A result on record as the function gave it: a value, or what gives it when it is awaited."""
    if form == "awaitable":
        return _given(result)
    if form == "future":
        import asyncio

        future: Any = asyncio.get_running_loop().create_future()
    elif form == "thread_future":
        import concurrent.futures

        future = concurrent.futures.Future()
    else:
        return result
    future.set_result(result)
    return future


async def _given(result: Any) -> Any:
    return result


def _form_of_future(kind: type) -> str:
    if hasattr(kind, "_asyncio_future_blocking"):
        return "future"
    futures = sys.modules.get("concurrent.futures")
    return "thread_future" if futures is not None and issubclass(kind, futures.Future) else ""


def _settled(call: Call, future: Any) -> None:
    if future.cancelled():
        try:
            future.result()
        except BaseException as error:
            call.interrupted(error, block=False)
        return
    # Asked for in public, the exception would count as retrieved, and asyncio would not tell that nobody looked.
    failure = getattr(future, "_exception", None)
    if failure is None:
        call.succeeded(future.result(), block=False)
    else:
        call.ended_badly(failure)


def _watched(call: Call, wrapper: Any, inner: Any) -> Any:
    """The wrapper, which tells it when it is dropped before it was begun."""
    import weakref

    call.hand_over()
    wrapper.__name__, wrapper.__qualname__ = inner.__name__, inner.__qualname__
    weakref.finalize(wrapper, _dropped, call)
    return wrapper


def _dropped(call: Call) -> None:
    if not call.told:
        call.interrupted(RuntimeError("what it returned was never awaited, or never iterated"), block=False)


def _generated(call: Call, inner: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    try:
        result = yield from inner
    except GeneratorExit:
        # Whoever iterates has had enough.
        call.succeeded(inner, block=False)
        raise
    except BaseException as error:
        call.ended_badly(error)
        raise
    call.succeeded(inner, block=False)
    return result


async def _generated_async(call: Call, inner: AsyncGenerator[Any, Any]) -> AsyncGenerator[Any, Any]:
    try:
        item = await inner.__anext__()
        while True:
            try:
                sent = yield item
            except GeneratorExit:
                await inner.aclose()
                raise
            except BaseException as error:
                item = await inner.athrow(error)
            else:
                item = await inner.asend(sent)
    except (StopAsyncIteration, GeneratorExit) as error:
        call.succeeded(inner, block=False)
        if type(error) is GeneratorExit:
            raise
    except BaseException as error:
        call.ended_badly(error)
        raise


class Followed:
    """An awaitable that is no coroutine: awaited, or entered by `async with`, it tells its end."""

    def __init__(self, call: Call, inner: Any, again: Callable[[], Awaitable[Any]]) -> None:
        call.hand_over()
        self._call, self._inner, self._again = call, inner, again

    def __await__(self) -> Generator[Any, None, Any]:
        return self._call.run_async(self._again, begun=self._inner).__await__()

    async def __aenter__(self) -> Any:
        try:
            return await self._inner.__aenter__()
        except BaseException as error:
            self._call.ended_badly(error)
            raise

    async def __aexit__(self, kind: Any, error: BaseException | None, trace: Any) -> Any:
        try:
            swallowed = await self._inner.__aexit__(kind, error, trace)
        except BaseException as another:
            self._call.ended_badly(another)
            raise
        if error is None or swallowed:
            self._call.succeeded(self._inner, block=False)
        else:
            self._call.ended_badly(error)
        return swallowed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __del__(self) -> None:
        _dropped(self._call)
