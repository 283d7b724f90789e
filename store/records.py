"""The frozen records that every room passes around.

Times are seconds since the Unix epoch, UTC, as `float`.  JSON values are what `json.loads` returns.
"""

from __future__ import annotations

from typing import Any

import msgspec

from store.states import AT_REST, RESUMABLE, Status, StopReason

Json = Any
"""None, bool, int, float, str, list of Json, or dict from str to Json."""


class Event(msgspec.Struct, frozen=True):
    """One immutable line of the journal.  `store/events.py` lists the kinds and their bodies."""

    seq: int
    """Global, from 1, without gaps while nothing is pruned."""
    run: str
    """Empty for what concerns the whole home."""
    prev: int
    """`seq` of the event before this one of the same run; 0 for its first."""
    at: float
    attempt: int
    """0 before the first attempt."""
    kind: str
    body: dict[str, Json]


class CheckpointRef(msgspec.Struct, frozen=True):
    """What is said of a checkpoint without reading its state."""

    number: int
    """From 1 within its run."""
    step: int
    label: str | None
    at: float
    size_bytes: int
    digest: str
    """SHA-256 of the stored JSON, hexadecimal."""
    attempt: int


class Checkpoint(msgspec.Struct, frozen=True):
    """A checkpoint with the state that the agent committed."""

    ref: CheckpointRef
    state: Json


class Pending(msgspec.Struct, frozen=True):
    """An action that was allowed to begin and has not ended."""

    id: str
    tool: str
    began_at: float
    idempotent: bool


FORMS = ("", "awaitable", "future", "thread_future")
"""How a result may reach its caller: as it is, or by something awaited, a future of asyncio or of threads."""


class Action(msgspec.Struct, frozen=True):
    """One row of the intents: in flight, in doubt, or a success that is kept to be replayed."""

    run: str
    id: str
    attempt: int
    tool: str
    args: Json
    digest: str
    """HMAC-SHA-256 of tool and canonical arguments, hexadecimal; empty where it is not kept or its arguments are
    opaque."""
    key: str | None
    idempotent: bool
    began_at: float
    ended_at: float | None
    """None while the intent is not cleared."""
    result: Json
    seq: int
    """Event of its begin, or of its end once it ended."""
    check_hint: str | None = None
    """Where a person can see whether the action happened, in the tool's words."""
    kept: bool = False
    """No checkpoint ends this record before it is consumed: a person said that it happened, or the run went back to a
    checkpoint before it."""
    form: str = ""
    """One of `FORMS`."""
    unavailable: bool = False
    """It succeeded, but its result could not be recorded."""
    in_doubt: bool = False
    """Its process is gone and nobody knows whether it happened."""


class Warned(msgspec.Struct, frozen=True):
    """The latest warning of a rule, until something new shows that it no longer holds."""

    rule: str
    level: str
    """`warn` or `steer`."""
    summary: str
    at: float
    seq: int


class Run(msgspec.Struct, frozen=True, omit_defaults=True):
    """A run as the journal tells it: the projection of its events by `store.projection.project`."""

    run: str
    agent: str
    goal: str
    created_at: float
    status: Status = Status.QUEUED
    reason: StopReason | None = None
    why: str = ""
    """A sentence fragment that says why the run stands where it stands; empty while nothing is to say."""
    evidence: dict[str, Json] = {}
    """Of the stop reason: `summary` (a sentence), `figures` {label: value}, `events` [seq],
    `calls` [{event, step, tool, args, result}], `log_tail` [line], `offer` (what can be done now), `scope` (section of
    a common budget), `below_at` (when a rate allows more, epoch seconds); each optional."""
    task: str = ""
    step: int = 0
    step_name: str = ""
    tool: str = ""
    """The tool in flight, else empty."""
    tool_since: float | None = None
    attempt: int = 0
    pid: int | None = None
    """Of the live process of the current attempt, else None."""
    sdk: bool = False
    """The current attempt has said hello over the socket."""
    started_at: float | None = None
    """When the first attempt's process began."""
    last_event_at: float = 0.0
    """Last sign of life of the agent itself (what the supervisor does is none)."""
    rested_at: float | None = None
    """When the run came to rest; None while it does not."""
    input_tokens: int = 0
    """Fresh input tokens."""
    output_tokens: int = 0
    cached_tokens: int = 0
    cost_usd: float = 0.0
    actions: int = 0
    """Actions that were allowed to begin."""
    steps: int = 0
    """Steps begun, over all attempts."""
    going_s: float = 0.0
    """Seconds for which it was going, up to `going_since`; while the supervisor made it wait none passed."""
    going_since: float | None = None
    """Since when its time passes; None while it does not."""
    resumed_s: float = 0.0
    """What `going_s` was when it was started or last resumed."""
    gated: tuple[str, ...] = ()
    """Calls that wait at its gate, by id; while one does its time does not pass."""
    progress_label: str = ""
    progress_done: float | None = None
    progress_of: float | None = None
    progress_at: float | None = None
    in_flight: tuple[Pending, ...] = ()
    """Intents not cleared, in doubt or not, oldest first."""
    checkpoint: CheckpointRef | None = None
    """The last one committed."""
    checkpoints: int = 0
    resumes_from: int | None = None
    """The checkpoint that the next attempt begins from: the last one, unless the run went back and saved none since."""
    went_back: bool = False
    """The attempt that is about to begin goes back: to another checkpoint than where the run stood."""
    resuming: bool = False
    """In review on its way into a new attempt: the last answer lets it go on, whatever it was paused for."""
    overlapped: bool = False
    """Two of its actions were in flight at once, so their order says nothing."""
    pause_asked: bool = False
    """A pause is asked for and not yet reached or taken back."""
    held: bool = False
    """Paused with its process alive, waiting at a safe point."""
    parks_at: float | None = None
    """While held: when it is parked unless it is resumed; None where it stays held."""
    frozen: bool = False
    """Paused by SIGSTOP: lives in memory alone."""
    due_at: float | None = None
    """While waiting: when it goes on by itself, if that is known."""
    dependency: str = ""
    """While waiting: whose breaker holds its call, if one does."""
    waits_for: str = ""
    """What a waiting or pausing run waits for, as a noun phrase."""
    warned: Warned | None = None
    limits: dict[str, float] = {}
    """Budgets in force, e.g. {"cost_usd": 5.0, "tokens": 100000}."""
    granted: dict[str, float] = {}
    """The limits that operators raised, which win over the policy's."""
    judged: dict[str, float] = {}
    """What a model judge has used: `calls`, `tokens`, `cost_usd`."""
    accepted: tuple[str, ...] = ()
    """Signatures of repetitions that operators said are fine for the rest of the run."""
    command: tuple[str, ...] = ()
    cwd: str = ""
    said: str = ""
    """`complete` or `fail` once the main process of the current attempt said so, `part` or `part fail` once another
    process of it did, else empty."""
    lingers: str = ""
    """How the agent was done and what of the current attempt goes on nevertheless; empty while it is not done."""
    said_message: str = ""
    """With `fail`: the agent's own words."""
    restarts: int = 0
    """Restarts made by the restart policy."""
    forked_from: str = ""
    last_seq: int = 0
    """Newest event of this run: the head of its `prev` chain."""

    @property
    def tokens(self) -> int:
        """Fresh input plus output tokens; cached ones are counted apart."""
        return self.input_tokens + self.output_tokens

    @property
    def at_rest(self) -> bool:
        return self.status in AT_REST

    @property
    def resumable(self) -> bool:
        return self.status in RESUMABLE

    @property
    def stands_at(self) -> int | None:
        """The checkpoint that the run goes on from if nobody names another."""
        if self.resumes_from is None and self.checkpoint is not None:
            return self.checkpoint.number  # Of a record that was made before runs said it.
        return self.resumes_from

    @property
    def begins_again(self) -> bool:
        """Once its process is gone it has no checkpoint to go on from: what it did so far is lost."""
        return self.stands_at is None

    @property
    def interrupted(self) -> bool:
        """At rest and resumable, though nobody meant to stop it: the end of a runtime or of the machine did."""
        return self.resumable and (self.reason is StopReason.RUNTIME_LOST or bool(self.evidence.get("interrupted")))

    @property
    def parked(self) -> bool:
        """Paused, and its process is gone."""
        return self.status is Status.PAUSED and not self.held and not self.frozen


class Command(msgspec.Struct, frozen=True):
    """One request of an operator, as a row of the control database."""

    id: int
    kind: str
    """start | pause | resume | kill | fork | resolve | stop_runtime, with `args` as `store/control.py` lists them."""
    run: str
    """Empty where the command concerns the whole home."""
    attempt: int | None
    """Set where the command binds to one attempt (force, resolve)."""
    args: dict[str, Json]
    who: str
    at: float
    expires_at: float


class Answer(msgspec.Struct, frozen=True):
    """What became of a command."""

    command: int
    applied: bool
    message: str
    """What was done, or why it was refused: one sentence."""
    seq: int
