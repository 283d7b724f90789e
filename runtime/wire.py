"""Frames of the socket protocol (`docs/PROTOCOL.md`): what agents may say, checked, and what they are answered."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from store.records import Json
from store.texts import readable

VERSION = 1
FRAME_LIMIT_BYTES = 4 * 1024 * 1024

Id = Annotated[str, Meta(min_length=1, max_length=64)]
Name = Annotated[str, Meta(max_length=1000)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Amount = Annotated[float, Meta(ge=0, le=1e12)]
"""Bounded, so that no sum of them grows beyond what JSON can hold."""


class Usage(msgspec.Struct, frozen=True):
    """Tokens and money that were added."""

    input_tokens: Count = 0
    output_tokens: Count = 0
    cached_tokens: Count = 0
    cost_usd: Amount = 0.0
    model: str | None = None


class Failure(msgspec.Struct, frozen=True):
    """How an action failed."""

    type: str = ""
    message: str = ""
    happened: bool | None = None
    """False if the failure proves that the action did not happen."""
    status: int | None = None
    """Of HTTP."""
    retry_after_s: float | None = None
    """As the dependency asked."""
    answered: bool | None = None
    """False if no answer came (timeout, cancellation, connection lost), so that nobody knows whether it happened."""
    errno: int | None = None
    """Of the system."""
    classes: list[str] | None = None
    """Full names of the classes of the exception and of what it wraps."""
    code: str | None = None
    """What the dependency itself calls the failure."""


def told(failure: Failure | None) -> dict[str, Json]:
    """What is said of a failure, as the rules read it."""
    said = msgspec.to_builtins(failure) if failure is not None else {}
    return {name: value for name, value in said.items() if value is not None}


class Frame(msgspec.Struct, frozen=True, tag_field="t"):
    """Anything an agent says."""


class Hello(Frame, tag="hello", frozen=True):
    v: int
    run: str
    attempt: int
    token: str
    pid: int
    sdk: str = ""
    goal: str = ""
    """As long as the agent likes; what is shown of it is cut."""
    state: bool = False


class StepBegin(Frame, tag="step.begin", frozen=True):
    id: Id
    n: Annotated[int, Meta(ge=1, le=2**53)]
    name: Name = ""


class StepEnd(Frame, tag="step.end", frozen=True):
    n: int
    ok: bool = True
    error: Any = None


class Task(Frame, tag="task", frozen=True):
    name: Name


class UsageAdded(Frame, tag="usage", frozen=True):
    input_tokens: Count = 0
    output_tokens: Count = 0
    cached_tokens: Count = 0
    cost_usd: Amount = 0.0
    model: str | None = None


class Progress(Frame, tag="progress", frozen=True):
    label: Name = ""
    done: float | None = None
    of: float | None = None


class ActionBegin(Frame, tag="action.begin", frozen=True):
    id: Id
    tool: Annotated[str, Meta(min_length=1, max_length=200)]
    args: dict[str, Any]
    step: int = 0
    key: Annotated[str, Meta(max_length=500)] | None = None
    dependency: str | None = None
    idempotent: bool = False
    poll: bool = False
    replay: bool | None = None
    timeout_s: float | None = None
    retry_of: str | None = None
    retry: bool = True
    """Whether its caller can try it again when the answer to its end says so."""
    check_hint: str | None = None
    parent: str | None = None
    opaque: list[str] | None = None
    """Arguments whose text does not hold their value: the call equals no other, and is never replayed unasked."""

    @property
    def recorded(self) -> bool:
        """Whether a success of this action is kept, so that a later attempt does not do it again."""
        return self.replay if self.replay is not None else not self.idempotent


class ActionEnd(Frame, tag="action.end", frozen=True):
    id: Id
    ok: bool
    result: Any = None
    result_unavailable: str | bool | None = None
    form: Literal["", "awaitable", "future", "thread_future"] = ""
    """How the result reaches the caller; a replay hands it over in the same form."""
    retry: bool = True
    """False if its caller cannot try it again after all."""
    error: Failure | None = None
    usage: Usage | None = None
    duration_s: float | None = None


class ActionWithdraw(Frame, tag="action.withdraw", frozen=True):
    id: Id


class Checkpoint(Frame, tag="checkpoint", frozen=True):
    id: Id
    state: msgspec.Raw
    step: Count = 0
    label: Name | None = None
    covers: str | None = None


class Complete(Frame, tag="complete", frozen=True):
    id: Id
    result: Any = None


class Fail(Frame, tag="fail", frozen=True):
    id: Id
    message: str
    type: str = ""


Message = (
    Hello
    | StepBegin
    | StepEnd
    | Task
    | UsageAdded
    | Progress
    | ActionBegin
    | ActionEnd
    | ActionWithdraw
    | Checkpoint
    | Complete
    | Fail
)

_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)
_encode = msgspec.json.encode


class BadFrame(Exception):
    """The peer sent something that is no frame of this protocol; the text says what."""


def decode(line: bytes | bytearray) -> Message:
    """Read one frame.  Raises `BadFrame`."""
    try:
        # Fields that are skipped or kept as they came are not looked at by the decoder.
        str(line, "utf-8")
        return _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadFrame(f"this line is no frame of the protocol: {error}") from error


def frame(t: str, **fields: Json) -> bytes:
    """One answer, ready to be written."""
    try:
        return _encode({"t": t, **fields}) + b"\n"
    except UnicodeEncodeError:
        return _encode({"t": t, **readable(fields)}) + b"\n"


def verdict(ident: str, kind: str, **fields: Json) -> bytes:
    """The answer to a begin: proceed, replay, stop, or (interim) wait."""
    return frame("verdict", id=ident, verdict=kind, **fields)


def refused(ident: str, message: str) -> bytes:
    """The answer to a begin that claims an id or a key of another call.

    A `stop` to clients that know no refusal: better an agent that ends than one that acts.
    """
    return verdict(ident, "stop", reason="REFUSED", message=message, refused=True)


def replayed(ident: str, result: Json, form: str) -> bytes:
    """The answer to a begin whose action has happened already."""
    return verdict(ident, "replay", result=result, **({"form": form} if form else {}))
