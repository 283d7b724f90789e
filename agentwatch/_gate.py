"""One external action on its way through the gate: asked for, done, and its end told."""

from __future__ import annotations

import contextlib
import contextvars
import sys
import time
from _thread import get_ident

from agentwatch import _given, _wire
from agentwatch._errors import Stopped, ToolFailed
from agentwatch._failure import describe
from agentwatch._unfinished import follow, in_form

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from typing import Any

    from agentwatch._client import Client
    from agentwatch._key import Key

_MOST_NAMED = 20
_TOOL_LIMIT = 200

_within: contextvars.ContextVar[str] = contextvars.ContextVar("agentwatch_action")
"""Id of the action that the running code is part of."""


_said: set[str] = set()
"""Tools whose opaque arguments were reported already."""


class Traits:
    """What is declared of a tool, whatever its arguments."""

    __slots__ = ("check_hint", "dependency", "idempotent", "ignore", "poll", "redact", "replay", "timeout_s", "tool")

    def __init__(
        self,
        tool: str,
        *,
        dependency: str | None = None,
        idempotent: bool = False,
        replay: bool | None = None,
        poll: bool = False,
        timeout_s: float | None = None,
        redact: Iterable[str] = (),
        check_hint: str | None = None,
        ignore: Iterable[str] = (),
    ) -> None:
        if not isinstance(tool, str):
            raise TypeError(f"a tool's name must be text, not {type(tool).__name__}")
        if not tool or len(tool) > _TOOL_LIMIT:
            raise ValueError(f"a tool needs a name of 1 to {_TOOL_LIMIT} characters, not {tool[:40]!r}")
        self.tool = tool
        self.dependency = None if dependency is None else _given.words(dependency)
        self.idempotent = _given.flag("idempotent", idempotent)
        self.replay = None if replay is None else _given.flag("replay", replay)
        self.poll = _given.flag("poll", poll)
        self.timeout_s = _given.seconds("timeout_s", timeout_s)
        self.redact = _given.names("redact", redact)
        self.ignore = _given.names("ignore", ignore)
        self.check_hint = None if check_hint is None else _given.words(check_hint)


class Call:
    """An action with its arguments.  Each try of it has an id of its own."""

    def __init__(
        self,
        client: Client,
        traits: Traits,
        args: dict[str, Any],
        key: Key | None = None,
        *,
        repeatable: bool = True,
    ) -> None:
        self._repeatable = repeatable
        self.client = client
        self._traits = traits
        self._args = args
        self._key = key
        self._fields: dict[str, Any] = {}
        self._encoded = b""
        self._began = 0.0
        self._token: contextvars.Token[str] | None = None
        self._form = ""
        self.told = False
        """The end of its latest try was told."""
        self.id = ""
        self.result: Any = None
        """What was recorded, once `begin` said that the action is not to be done."""
        self.gave_up = ""
        """Why the runtime wants no further try."""
        self.happened = False
        """A person said that the action happened though it failed: its `result` is what they gave."""

    # --- as a whole, with its retries

    def run(self, function: Callable[[], Any]) -> Any:
        """Do the action once the runtime allows it, and again as often as the runtime says."""
        while self.begin():
            failure: Exception
            try:
                result = function()
            except Exception as error:
                failure = error
            except BaseException as error:
                self.interrupted(error)
                raise
            else:
                return follow(self, result, function)
            delay_s = self.failed(failure)
            if self.happened:
                break
            if delay_s is None:
                self._give_up(failure)
            else:
                time.sleep(delay_s)
        return in_form(self._form, self.result)

    async def run_async(self, function: Callable[[], Awaitable[Any]], begun: Awaitable[Any] | None = None) -> Any:
        """The same without blocking the event loop.

        begun: the first try, which a plain function returned and the runtime has allowed.
        """
        while begun is not None or await self.begin_async():
            failure: Exception
            try:
                doing, begun = begun, None
                if doing is None:
                    result = await function()
                else:
                    self._form = "awaitable"
                    self._enter()
                    result = await doing
            except Exception as error:
                failure = error
            except BaseException as error:
                self.interrupted(error, block=False)
                raise
            else:
                return follow(self, result, function, block=False)
            if not _in_asyncio():
                self.ended_badly(failure)
                raise failure
            delay_s = await self.failed_async(failure)
            if self.happened:
                break
            if delay_s is None:
                self._give_up(failure)
            else:
                import asyncio

                await asyncio.sleep(delay_s)
        return self.result

    def _give_up(self, failure: Exception) -> None:
        if self.gave_up:
            raise ToolFailed(self.gave_up) from failure
        raise failure

    # --- piece by piece

    def begin(self) -> bool:
        """Ask; True if the action is to be done now, False if its `result` is on record.  Raises `Stopped`."""
        if not self.client.welcome:
            self.client.connect()
        asked = self._ask()
        if self.client.handed_over.get(self._fields.get("key", "")) == get_ident():
            raise RuntimeError(
                f"the call of {self._traits.tool} with the key {self._fields['key']!r} has not finished, and would "
                "wait for this one: await it, or iterate it to its end, before the next"
            )
        try:
            return self._ruled(self.client.ask(self.id, asked))
        except BaseException as error:
            self._withdraw(error, block=True)
            raise

    async def begin_async(self) -> bool:
        """The same without blocking the event loop."""
        if not self.client.welcome:
            await self.client.connect_async()
        asked = self._ask()
        try:
            return self._ruled(await self.client.ask_async(self.id, asked))
        except BaseException as error:
            self._withdraw(error, block=False)
            raise

    def succeeded(self, result: Any, *, block: bool = True) -> None:
        """Tell that it happened; not waited for."""
        encoded, unavailable = _wire.result(result)
        fields = self._end(ok=True)
        if unavailable:
            fields["result_unavailable"] = True
        if self._form:
            fields["form"] = self._form
        self._tell_end(_wire.frame(fields, result=encoded), block=block)

    def interrupted(self, error: BaseException, *, block: bool = True) -> None:
        """Tell that the code doing it was cancelled, so that nobody knows whether it happened."""
        told = describe(error) | {"answered": False}
        self._tell_end(_wire.frame(self._end(ok=False) | {"error": told}), block=block)

    def failed(self, error: Exception) -> float | None:
        """Tell that it failed; seconds until the next try, None if there is none.  Raises `Stopped`."""
        said = self._failure(error)
        return self._after_failure(self.client.ask(self.id, said, kept=True))

    async def failed_async(self, error: Exception) -> float | None:
        """The same without blocking the event loop."""
        said = self._failure(error)
        return self._after_failure(await self.client.ask_async(self.id, said, kept=True))

    def ended_badly(self, error: BaseException) -> None:
        """Tell that it failed, or was interrupted, where nobody here can try it again; not waited for."""
        if issubclass(type(error), Exception):
            said = {**self._end(ok=False), "error": describe(error), "retry": False}
            self._tell_end(_wire.frame(said), block=False)
        else:
            self.interrupted(error, block=False)

    def hand_over(self, form: str = "") -> None:
        """It goes on, outside the code that began it; its result will reach the caller in this form."""
        self._form = form or self._form
        self._leave()
        if "key" in self._fields and form != "thread_future":
            self.client.handed_over[self._fields["key"]] = get_ident()

    # --- frames

    def _ask(self) -> bytes:
        """The begin of the next try."""
        if not self._fields:
            self._fields = self._begin_fields()
        else:
            self._fields["retry_of"] = self.id
        self.id = self._fields["id"] = self.client.new_id()
        return _wire.frame(self._fields, args=self._encoded)

    def _begin_fields(self) -> dict[str, Any]:
        """Everything but the arguments, which are encoded once: the tool may change what it was given."""
        traits, args = self._traits, self._args

        def hide(value: Any) -> str:
            return _wire.redacted(value, self.client.redact_key)

        key = None if self._key is None else self._key(args, hide)
        unknown = [name for name in traits.redact if name in args and not _wire.tell(args[name])[1]]
        for name in traits.redact:
            if name in args:
                args = args | {name: hide(args[name])}
        shown = {name: value for name, value in args.items() if name not in traits.ignore} if traits.ignore else args
        self._encoded, opaque = _wire.arguments(shown)
        opaque = [name for name in (*opaque, *unknown) if name not in traits.ignore]
        fields: dict[str, Any] = {
            "t": "action.begin",
            "id": "",
            "tool": traits.tool,
            "step": self.client.step,
            "idempotent": traits.idempotent,
        }
        if opaque:
            fields["opaque"] = opaque[:_MOST_NAMED]
            self._say_once(opaque[0])
        if key is not None:
            fields["key"] = key
        if traits.poll:
            fields["poll"] = True
        if not self._repeatable:
            fields["retry"] = False
        for name in ("dependency", "replay", "timeout_s", "check_hint"):
            if getattr(traits, name) is not None:
                fields[name] = getattr(traits, name)
        parent = _within.get("")
        if parent:
            fields["parent"] = parent
        return fields

    def _say_once(self, name: str) -> None:
        """Report an opaque argument to the agent's author, once for each tool."""
        tool = self._traits.tool
        if tool in _said:
            return
        _said.add(tool)
        kind = type(self._args.get(name)).__name__
        with contextlib.suppress(Exception):
            print(
                f"agentwatch: the argument {name!r} of {tool} ({kind}) does not tell its value, so no two calls of it "
                "count as equal, and after a crash a person is asked: give it what identifies it (an id, a dataclass), "
                f"a key=, or leave it out with @agentwatch.tool(ignore=({name!r},)).",
                file=sys.stderr,
                flush=True,
            )

    def _ruled(self, answer: dict[str, Any]) -> bool:
        verdict = answer.get("verdict")
        if verdict == "stop" and answer.get("refused") is True:
            raise ValueError(str(answer.get("message") or "the runtime refused this call"))
        if verdict == "stop":
            raise stopped(answer)
        if verdict == "replay":
            self.result, self._form = answer.get("result"), str(answer.get("form") or "")
            self.client.last_end = self.id
            return False
        self._began = time.perf_counter()
        self.told = False
        self._enter()
        return True

    def _enter(self) -> None:
        self._token = _within.set(self.id)

    def _leave(self) -> None:
        if self._token is not None:
            # A block may be left in another context than it was entered in (an async generator's, say).
            with contextlib.suppress(ValueError):
                _within.reset(self._token)
            self._token = None

    def _withdraw(self, error: BaseException, *, block: bool) -> None:
        if not issubclass(type(error), Stopped):
            self.client.end(self.id, _wire.frame({"t": "action.withdraw", "id": self.id}), block=block)

    def _end(self, *, ok: bool) -> dict[str, Any]:
        duration = round(time.perf_counter() - self._began, 6)
        self._leave()
        self.client.handed_over.pop(self._fields.get("key", ""), None)
        self.told = True
        return {"t": "action.end", "id": self.id, "ok": ok, "duration_s": duration}

    def _failure(self, error: Exception) -> bytes:
        said = _wire.frame(self._end(ok=False) | {"error": describe(error)})
        self.client.last_end = self.id
        return said

    def _tell_end(self, said: bytes, *, block: bool) -> None:
        self.client.end(self.id, said, block=block)
        self.client.last_end = self.id

    def _after_failure(self, answer: dict[str, Any]) -> float | None:
        if answer.get("verdict") == "stop":
            raise stopped(answer)
        if answer.get("happened"):
            self.happened, self.result = True, answer.get("result")
            return None
        delay_s = answer.get("retry_after_s")
        if isinstance(delay_s, (int, float)):
            return max(0.0, float(delay_s))
        self.gave_up = str(answer.get("message") or "")
        return None


def _in_asyncio() -> bool:
    """Whether an event loop of asyncio runs here; in another one, too, what a plain function returned is followed."""
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None


def stopped(answer: dict[str, Any]) -> Stopped:
    """The exception that a stop verdict asks for."""
    return Stopped(str(answer.get("reason")), str(answer.get("message") or ""))
