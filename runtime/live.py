"""What the runtime keeps in memory of one run whose process lives, or is about to."""

from __future__ import annotations

import asyncio
import subprocess
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

import msgspec

from runtime.connection import Connection
from runtime.policy.breaker import Permit
from runtime.policy.config import Policy
from runtime.policy.judge import Judge
from runtime.policy.retry import Bucket
from runtime.process import Process
from runtime.wire import ActionBegin, ActionEnd, Checkpoint, StepBegin
from store.launch import Launch
from store.records import Action, Json
from store.states import StopReason

REMEMBERED = 10_000
"""Of what an attempt did: a checkpoint covers one of its latest ends, and only what was asked lately is asked again."""
MOST_AT_ONCE = 10_000
"""Calls of a run that wait or are in flight."""
MOST_WAITING_BYTES = 64 * 1024 * 1024
"""Of requests of a run that wait."""

T = TypeVar("T")


class PauseOrder(msgspec.Struct, frozen=True):
    """A pause that somebody or a rule asked for."""

    by: str
    reason: StopReason
    why: str
    evidence: dict[str, Json] = {}
    park: bool = False
    """Not held at the safe point, but parked there."""


class Outcome(StrEnum):
    """What the end of a process tree is to lead to."""

    NATURAL = "natural"
    """The process ended by itself; how it ended decides."""
    PARKED = "parked"
    STOPPED = "stopped"
    KILLED = "killed"
    RESUMED = "resumed"
    """A new attempt follows at once."""


class Ending(msgspec.Struct, frozen=True):
    """Why a process tree is being ended, and what its run becomes."""

    outcome: Outcome
    reason: StopReason | None = None
    why: str = ""
    evidence: dict[str, Json] = {}
    by: str = ""


class Exit(msgspec.Struct, frozen=True):
    """How a main process ended; code and signal are None where nobody could see it."""

    code: int | None = None
    signal: str | None = None
    machine_restarted: bool = False
    """It ran before the machine last started."""

    @property
    def known(self) -> bool:
        return self.code is not None or self.signal is not None


class Permission(msgspec.Struct, frozen=True):
    """How a call came past its dependency's breaker."""

    dependency: str
    permit: Permit
    since: float
    """When, by the clock that nobody sets."""


class Tries(msgspec.Struct, frozen=True):
    """How often one call was tried so far."""

    dependency: str
    """Its key, or the tool's name for a call that leans on nothing."""
    repeatable: bool
    """Whether its caller can try it again."""
    count: int
    since: float
    """When it was first allowed to begin, by the clock that nobody sets."""


def remember(memory: dict[str, T], name: str, value: T, most: int = REMEMBERED) -> None:
    """Keep a value, and forget the oldest one where there are too many."""
    memory.pop(name, None)
    memory[name] = value
    if len(memory) > most:
        del memory[next(iter(memory))]


@dataclass(slots=True, eq=False)
class Waiting:
    """A call that waits at the gate for its final answer."""

    connection: Connection
    message: ActionBegin | StepBegin | Checkpoint | ActionEnd
    raw: bytes
    dependency: str = ""
    """Whose breaker holds it; empty where something else does."""
    since: float = 0.0
    """By the clock that nobody sets."""
    behind: str = ""
    """Id of the action in flight with the same key, whose end it waits for; empty where it waits for none."""


class Question(msgspec.Struct, frozen=True):
    """Something only a person can say, asked while the agent waits for it."""

    asker: Waiting | Connection
    """The begin that is held, or where the answer to an end is waited for."""
    about: Action
    """The recorded success it may be, or the action that may have happened."""
    why: str


@dataclass(slots=True, eq=False)
class LiveRun:
    """One run with a process, or one that is about to get one.  Belongs to the event loop."""

    run: str
    launch: Launch
    policy: Policy
    judge: Judge
    token: str = ""
    """SHA-256 of the attempt's fencing token, hexadecimal."""
    process: Process | None = None
    child: subprocess.Popen[bytes] | None = None
    spawned_at: float = 0.0
    """When this runtime started or took over the process, by the loop's clock."""
    exit: Exit | None = None
    checkpoint: int | None = None
    """The checkpoint this attempt began from."""
    began_seq: int = 0
    """Event with which the attempt began: a checkpoint that covers no end of it covers all before it."""
    connections: set[Connection] = field(default_factory=set)
    waiting: dict[str, Waiting] = field(default_factory=dict)
    actions: dict[str, Action] = field(default_factory=dict)
    """Intents that are not cleared, by id."""
    ends: dict[str, int] = field(default_factory=dict)
    """Sequence number of each end of this attempt since the last checkpoint, by action id."""
    replayable: list[Action] = field(default_factory=list)
    """Unkeyed successes after the checkpoint of this attempt, not consumed yet."""
    keyed: dict[str, Action] = field(default_factory=dict)
    """Successes that bear a key: each names one action for the run's life."""
    replayed: dict[str, Action] = field(default_factory=dict)
    """What each replayed call of this attempt was answered with, should it be sent again."""
    came_bytes: int = 0
    """At least as many as the calls that wait have."""
    questions: dict[str, Question] = field(default_factory=dict)
    """What waits for a person's answer, by action id."""
    answers: dict[str, bytes] = field(default_factory=dict)
    """What a person answered to ends, should one be sent again, by action id."""
    allowed: set[str] = field(default_factory=set)
    """Calls that a person said are no repetition of what is on record."""
    permissions: dict[str, Permission] = field(default_factory=dict)
    """Actions in flight that a breaker let out."""
    doers: dict[str, Connection] = field(default_factory=dict)
    """Where an action in flight was asked for, if that was under this runtime."""
    tries: dict[str, Tries] = field(default_factory=dict)
    """By action id, while it is in flight or may be tried again."""
    buckets: dict[str, Bucket] = field(default_factory=dict)
    """Retries in hand, by dependency."""
    saved: dict[str, int] = field(default_factory=dict)
    """Checkpoint numbers of this attempt by request id, so that one sent again is not stored again."""
    step_id: str = ""
    notes: list[str] = field(default_factory=list)
    """What a steer ruling or an operator wants the model to hear with the next verdict."""
    warned: set[str] = field(default_factory=set)
    """Common budgets of which this run was warned, by signature."""
    pause: PauseOrder | None = None
    ending: Ending | None = None
    ending_task: asyncio.Task[None] | None = None
    lingering: asyncio.Task[None] | None = None
    """Waits for what goes on though the agent is done."""
    heard_at: float = 0.0
    """When a process of it last said anything, by the loop's clock."""
    cut_off: list[str] = field(default_factory=list)
    """What still went on when the attempt was ended: process ids and commands."""
    still: bool = False
    """Its processes are to stand still (SIGSTOP); a run that knows no gate is paused like that."""
    freezing: asyncio.Task[None] | None = None
    """Brings them to that."""
    stuck: bool = False
    """Some of its processes cannot be ended; they are waited for, by a successor if need be."""
    timers: set[asyncio.TimerHandle] = field(default_factory=set)
    hold: asyncio.TimerHandle | None = None
    """When a held pause is parked."""
    log_bytes: int = 0
    log_began: int = 0
    """Bytes that stood in the log when the attempt began; 0 where this runtime has not begun it."""
    process_descriptor: int = -1

    def ended(self, ident: str, seq: int) -> None:
        """Remember the event of an end, should a checkpoint cover it."""
        remember(self.ends, ident, seq)

    def cleared(self, ident: str) -> Action | None:
        """An action is in flight no more."""
        self.doers.pop(ident, None)
        return self.actions.pop(ident, None)

    def crowded(self, came_bytes: int) -> str:
        """Why one more request of so many bytes is too much; empty where it is not."""
        if len(self.waiting) + len(self.actions) >= MOST_AT_ONCE:
            return f"more than {MOST_AT_ONCE} calls at once"
        self.came_bytes += came_bytes
        if self.came_bytes > MOST_WAITING_BYTES:
            # Most of what came since has been answered: now it is counted.
            self.came_bytes = came_bytes + sum(len(call.raw) for call in self.waiting.values())
        return "too many bytes in calls that wait" if self.came_bytes > MOST_WAITING_BYTES else ""

    @property
    def in_the_middle(self) -> list[Action]:
        """Actions that keep a pause from being clean, oldest first."""
        return sorted(self.actions.values(), key=lambda action: action.began_at)

    def cancel_timers(self) -> None:
        for timer in self.timers:
            timer.cancel()
        self.timers.clear()
