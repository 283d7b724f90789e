"""`agentwatch.start`: the agent's own side of its run."""

from __future__ import annotations

from agentwatch import _given, _key, _wire
from agentwatch._errors import Replayed, Stopped, ToolFailed
from agentwatch._failure import describe
from agentwatch._gate import Call, Traits, stopped
from agentwatch._unfinished import unfinished

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from agentwatch._client import Client

_NAME_LIMIT = 1000


def _label(given: object) -> str:
    return "" if given is None else _wire.text(_given.words(given), _NAME_LIMIT)


class Step:
    """One turn of the agent's loop, as a `with` or an `async with` block."""

    def __init__(self, client: Client | None, name: str) -> None:
        self._client = client
        self._name = name
        self.n = 0
        """Its number, from 1; goes on where the checkpoint was taken."""

    def __enter__(self) -> Step:
        if self._client is not None:
            self._ruled(self._client.ask(*self._begin(self._client)))
        return self

    async def __aenter__(self) -> Step:
        if self._client is not None:
            self._ruled(await self._client.ask_async(*self._begin(self._client)))
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._end(error, block=True)

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._end(error, block=False)

    def _begin(self, client: Client) -> tuple[str, bytes]:
        client.step += 1
        self.n = client.step
        ident = client.new_id()
        fields = {"t": "step.begin", "id": ident, "n": self.n, "name": _label(self._name)}
        return ident, _wire.frame(fields)

    def _ruled(self, answer: dict[str, Any]) -> None:
        if answer.get("verdict") == "stop":
            raise stopped(answer)

    def _end(self, error: BaseException | None, *, block: bool) -> None:
        if self._client is None or issubclass(type(error), Stopped):
            return
        fields: dict[str, Any] = {"t": "step.end", "n": self.n, "ok": error is None}
        if error is not None:
            fields["error"] = describe(error)
        self._client.tell(_wire.frame(fields), block=block)


class Action:
    """One external action as a block; what it returned goes into `result`."""

    def __init__(self, call: Call | None, tool: str) -> None:
        self._call = call
        self._tool = tool
        self.result: Any = None
        self.retry_after_s: float | None = None
        """After a failure, seconds until the runtime would allow another try: a block cannot repeat itself."""

    def __enter__(self) -> Action:
        if self._call is not None and not self._call.begin():
            raise Replayed(self._tool, self._call.result)
        return self

    async def __aenter__(self) -> Action:
        if self._call is not None and not await self._call.begin_async():
            raise Replayed(self._tool, self._call.result)
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if error is None:
            self._check_finished(block=True)
        if self._call is None:
            return False
        if error is None:
            self._call.succeeded(self.result)
        elif isinstance(error, Exception):
            self.retry_after_s = self._call.failed(error)
            return self._failed(error)
        else:
            self._call.interrupted(error)
        return False

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if error is None:
            self._check_finished(block=False)
        if self._call is None:
            return False
        if error is None:
            self._call.succeeded(self.result, block=False)
        elif isinstance(error, Exception):
            self.retry_after_s = await self._call.failed_async(error)
            return self._failed(error)
        else:
            self._call.interrupted(error, block=False)
        return False

    def _check_finished(self, *, block: bool) -> None:
        """Raises `TypeError` for a result that is still to come."""
        if unfinished(self.result):
            error = TypeError(f"the result of {self._tool} has not finished: await it, or iterate it, within the block")
            if self._call is not None:
                self._call.interrupted(error, block=block)
            raise error

    def _failed(self, error: Exception) -> bool:
        """Whether the exception is dealt with: a person said that the action happened."""
        assert self._call is not None
        if self._call.happened:
            self.result = self._call.result
            return True
        if self._call.gave_up:
            raise ToolFailed(self._call.gave_up) from error
        return False


class _Face:
    """What a run offers whether its block is `with` or `async with`."""

    _block = True

    def __init__(self, client: Client | None, goal: str) -> None:
        self._client = client
        self._goal = goal
        self._ended = False

    @property
    def _welcome(self) -> dict[str, Any]:
        return self._client.welcome if self._client is not None else {}

    @property
    def goal(self) -> str:
        """What the run is for: the operator's words if there are any, else the agent's own."""
        return str(self._welcome.get("goal") or self._goal)

    @property
    def attempt(self) -> int:
        """Number of this process's attempt at the run, from 1."""
        return self._client.settings.attempt if self._client is not None else 1

    @property
    def state(self) -> Any:
        """The state of the checkpoint to go on from; None if there is none."""
        return self._welcome.get("state")

    @property
    def in_flight(self) -> list[dict[str, Any]]:
        """Actions that had begun and not ended when this process arrived: objects with id, tool and args."""
        return list(self._welcome.get("in_flight") or ())

    def step(self, name: str = "") -> Step:
        """One turn of the loop, as a `with` or an `async with` block.  Raises `Stopped`."""
        return Step(self._client, name)

    def task(self, name: str) -> None:
        """Name what the run is busy with."""
        self._tell({"t": "task", "name": _label(name)})

    def usage(
        self,
        input_tokens: float | None = 0,
        *,
        output_tokens: float | None = 0,
        cached_tokens: float | None = 0,
        cost_usd: float | None = 0.0,
        model: str | None = None,
    ) -> None:
        """Report what was spent since the last report; None is nothing."""
        spent: dict[str, Any] = {
            "t": "usage",
            "input_tokens": _given.count("input_tokens", input_tokens),
            "output_tokens": _given.count("output_tokens", output_tokens),
            "cached_tokens": _given.count("cached_tokens", cached_tokens),
            "cost_usd": _given.amount("cost_usd", cost_usd),
        }
        self._tell(spent if model is None else {**spent, "model": _given.words(model)[:_NAME_LIMIT]})

    def progress(self, label: str, *, done: float | None = None, of: float | None = None) -> None:
        """Say how far the run has come towards its goal."""
        said: dict[str, Any] = {"t": "progress", "label": _label(label)}
        for name, number in (("done", done), ("of", of)):
            known = _given.measure(number)
            if known is not None:
                said[name] = known
            elif isinstance(number, str):
                said["label"] = _label(f"{said['label']} {number}")
        self._tell(said)

    def advice(self) -> list[str]:
        """Notes for the agent's model that came since the last call."""
        notes: list[str] = []
        while self._client is not None and self._client.notes:
            notes.append(self._client.notes.popleft())
        return notes

    def action(
        self,
        tool: str,
        args: dict[str, Any] | None = None,
        *,
        key: str | None = None,
        dependency: str | None = None,
        idempotent: bool = False,
        replay: bool | None = None,
        poll: bool = False,
        timeout_s: float | None = None,
        redact: Iterable[str] = (),
        check_hint: str | None = None,
    ) -> Action:
        """One external action as a `with` or an `async with` block.

        The arguments are those of `agentwatch.tool`, save that `key` is taken as it is.  Raises `Stopped`, and
        `Replayed` in place of entering a block whose action already happened.
        """
        traits = Traits(
            tool,
            dependency=dependency,
            idempotent=idempotent,
            replay=replay,
            poll=poll,
            timeout_s=timeout_s,
            redact=redact,
            check_hint=check_hint,
        )
        if self._client is None:
            return Action(None, tool)
        named = None if key is None else _key.given(key, tool)
        return Action(Call(self._client, traits, dict(args or {}), named, repeatable=False), tool)

    def _tell(self, fields: dict[str, Any]) -> None:
        if self._client is not None:
            self._client.tell(_wire.frame(fields), block=self._block)

    # --- frames whose answers are awaited

    def _checkpoint(self, state: Any, label: str | None) -> tuple[str, bytes]:
        try:
            encoded = _wire.encode(state)
        except _wire.NotJson as error:
            raise TypeError(f"a checkpoint's state must be JSON: {error}") from None
        if len(encoded) > _wire.FRAME_LIMIT_BYTES - 4096:
            raise ValueError(f"a checkpoint's state may have up to 4 MiB as JSON; this one has {len(encoded)} bytes")
        if self._client is None:
            return "", b""
        ident = self._client.new_id()
        fields: dict[str, Any] = {"t": "checkpoint", "id": ident, "step": self._client.step}
        if label is not None:
            fields["label"] = _label(label)
        if self._client.last_end:
            fields["covers"] = self._client.last_end
        return ident, _wire.frame(fields, state=encoded)

    def _complete(self, result: Any) -> tuple[str, bytes]:
        self._ended = True
        ident = self._client.new_id() if self._client is not None else ""
        encoded, unavailable = _wire.result(result)
        fields: dict[str, Any] = {"t": "complete", "id": ident}
        if unavailable:
            fields["result_unavailable"] = True
        return ident, _wire.frame(fields, result=encoded)

    def _fail(self, message: str, kind: str) -> tuple[str, bytes]:
        self._ended = True
        ident = self._client.new_id() if self._client is not None else ""
        return ident, _wire.frame({"t": "fail", "id": ident, "message": _wire.text(message), "type": kind})


class Run(_Face):
    """One run, from inside a `with` block."""

    def checkpoint(self, state: Any, label: str | None = None) -> None:
        """Commit a state from which a later attempt can go on; durable when it returns.

        Raises `TypeError` for a state that is not JSON, `ValueError` for one above 4 MiB, `Stopped`.
        """
        ident, said = self._checkpoint(state, label)
        if self._client is not None:
            self._read(self._client.ask(ident, said))

    def complete(self, result: Any = None) -> None:
        """Say that the goal is reached."""
        ident, said = self._complete(result)
        if self._client is not None:
            self._read(self._client.ask(ident, said, kept=True))

    def fail(self, why: str) -> None:
        """Say that the goal cannot be reached."""
        self._say_failed(_given.words(why), "")

    def _say_failed(self, why: str, kind: str) -> None:
        ident, said = self._fail(why, kind)
        if self._client is not None:
            self._read(self._client.ask(ident, said, kept=True))

    def _read(self, answer: dict[str, Any]) -> None:
        if answer.get("verdict") == "stop":
            raise stopped(answer)


class AsyncRun(_Face):
    """One run, from inside an `async with` block."""

    _block = False

    async def checkpoint(self, state: Any, label: str | None = None) -> None:
        """Commit a state from which a later attempt can go on; durable when it returns.

        Raises `TypeError` for a state that is not JSON, `ValueError` for one above 4 MiB, `Stopped`.
        """
        ident, said = self._checkpoint(state, label)
        await self._ask(ident, said, kept=False)

    async def complete(self, result: Any = None) -> None:
        """Say that the goal is reached."""
        ident, said = self._complete(result)
        await self._ask(ident, said, kept=True)

    async def fail(self, why: str) -> None:
        """Say that the goal cannot be reached."""
        await self._say_failed(_given.words(why), "")

    async def _say_failed(self, why: str, kind: str) -> None:
        ident, said = self._fail(why, kind)
        await self._ask(ident, said, kept=True)

    async def _ask(self, ident: str, said: bytes, *, kept: bool) -> None:
        if self._client is not None:
            answer = await self._client.ask_async(ident, said, kept=kept)
            if answer.get("verdict") == "stop":
                raise stopped(answer)
