"""The policy: one frozen section for each rule, every key with its default."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from runtime.policy.canonical import canonical
from runtime.policy.ruling import Level
from store.errors import AgentwatchError

Times = Annotated[int, Meta(ge=2, le=1000)]
Seconds = Annotated[float, Meta(gt=0, le=31_536_000)]
Amount = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=1)]
Share = Annotated[float, Meta(gt=0, lt=1)]


class PolicyError(AgentwatchError):
    """A policy cannot be used; `mistakes` holds one sentence for each reason."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The keys of one rule, as they stand below `[RULE]`."""

    def disorder(self) -> list[str]:
        """Return a sentence fragment for each pair of keys that contradict each other."""
        return []


class Loop(Section, frozen=True):
    """The same calls with the same results, over and over."""

    at_most: Level = Level.PAUSE
    """The highest rung of the ladder that this rule may take."""
    steer_at: Times = 3
    """Rounds of the same calls after which the operator is warned and the agent's model is told."""
    pause_at: Times = 5
    """Rounds of one call after which the run is paused."""
    cycle_pause_at: Times = 4
    """Rounds of a cycle of several calls after which the run is paused."""
    longest_cycle: Annotated[int, Meta(ge=1, le=12)] = 6
    """Longest cycle that is looked for, in calls."""
    same_error_steer_at: Times = 5
    """Calls of one tool in a row that failed in the same way with different arguments after which the model is told."""
    poll_gap_s: Seconds = 60.0
    """A call that comes so long after the one before, with no model asked in between, is a poll and no repetition."""

    def disorder(self) -> list[str]:
        late = []
        if self.pause_at < self.steer_at:
            late.append(f"pause_at ({self.pause_at}) is below steer_at ({self.steer_at})")
        if self.cycle_pause_at < self.steer_at:
            late.append(f"cycle_pause_at ({self.cycle_pause_at}) is below steer_at ({self.steer_at})")
        return late


class Progress(Section, frozen=True):
    """Calls that bring nothing new."""

    at_most: Level = Level.PAUSE
    """The highest rung of the ladder that this rule may take."""
    steer_after: Count = 8
    """Calls in a row that brought nothing new after which the model is told."""
    again_after: Count = 2
    """Further such calls after which a steer counts as unheeded."""
    unheeded_steers: Count = 2
    """Unheeded steers, those of other rules included, after which the run is paused."""


class Contract(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a user knows about the results of one tool; it goes before everything else."""

    fails_if: str | None = None
    """A regular expression; a result in whose text or JSON it is found is a failure."""
    succeeds_if: str | None = None
    """A regular expression; where `fails_if` is not set, a result in which it is not found is a failure."""


class Outcome(Section, frozen=True):
    """Results that were called a success and are none."""

    at_most: Level = Level.PAUSE
    """The highest rung of the ladder that this rule may take."""
    steer_at: Times = 3
    """Hidden failures of the same kind in a row after which the model is told."""
    pause_at: Times = 5
    """Hidden failures of the same kind in a row after which the run is paused."""
    contracts: dict[str, Contract] = {}
    """By tool: `fails_if` and `succeeds_if`, regular expressions over its result."""

    def contract(self, tool: str) -> Contract | None:
        """Return what the user knows about the results of `tool`."""
        return self.contracts.get(tool)

    def disorder(self) -> list[str]:
        wrong = []
        if self.pause_at < self.steer_at:
            wrong.append(f"pause_at ({self.pause_at}) is below steer_at ({self.steer_at})")
        for tool, contract in self.contracts.items():
            for expression in filter(None, (contract.fails_if, contract.succeeds_if)):
                try:
                    re.compile(expression)
                except re.error as error:
                    wrong.append(f"{expression!r} of {tool} is no regular expression: {error}")
        return wrong


class Stall(Section, frozen=True):
    """Silence, on three clocks."""

    at_most: Level = Level.STOP
    """The highest rung of the ladder that this rule may take."""
    model_warn_s: Seconds = 300.0
    """Seconds of silence between actions, where an agent waits for its model, after which the operator is warned."""
    model_pause_s: Seconds | None = 1200.0
    """Seconds of such silence after which the run is paused."""
    tool_warn_s: Seconds = 300.0
    """Seconds of silence while an action that declares no timeout is in flight after which the operator is warned."""
    tool_pause_s: Seconds | None = 1200.0
    """Seconds of such silence after which the run is paused."""
    silence_warn_s: Seconds = 300.0
    """Seconds without a line of output, of an agent that does not speak with us, after which the operator is warned."""
    silence_pause_s: Seconds | None = None
    """Seconds of such silence after which the run is paused; not set, because it may well be at work."""
    give_up_s: Seconds | None = 60.0
    """Seconds after the pause of an agent that is silent between actions, and so reaches no safe point, after which its
    process is ended."""

    def disorder(self) -> list[str]:
        pairs = [(clock, getattr(self, f"{clock}_warn_s"), getattr(self, f"{clock}_pause_s")) for clock in CLOCKS]
        return [
            f"{clock}_pause_s ({pause_s:g}) is below {clock}_warn_s ({warn_s:g})"
            for clock, warn_s, pause_s in pairs
            if pause_s is not None and pause_s < warn_s
        ]


class Retry(Section, frozen=True):
    """When a failed action is tried again; in one place, so that no agent needs to."""

    transient_s: Seconds = 0.2
    """Base of the back-off after a refused connection, no answer, or a fault of the server."""
    throttled_s: Seconds = 1.0
    """Base of the back-off where the dependency said that it has too much to do."""
    longest_s: Seconds = 30.0
    """No back-off is longer, unless the dependency itself names a time."""
    most_tries: Count = 10
    """Tries of one action, the first included."""
    bucket: Count = 10
    """Retries that a run may have in hand for one dependency."""
    refill: Share = 0.1
    """What each success adds to them."""
    max_wait_s: Seconds = 3600.0
    """How long an action waits in all before its run is paused with RETRY_LIMIT_REACHED."""


class Breaking(Section, frozen=True):
    """When a dependency is left alone, by all agents of the home together."""

    window_calls: Count = 20
    """Latest calls that are looked at."""
    window_s: Seconds = 300.0
    """Older calls are not looked at."""
    least_calls: Count = 5
    """Fewer calls prove nothing."""
    failed_share: Share = 0.5
    """Share of failed calls at which it opens."""
    open_s: Seconds = 30.0
    """How long it stays open at first; twice as long each time it opens again."""
    longest_open_s: Seconds = 600.0
    """It never stays open longer."""
    probes: Count = 3
    """Calls that are tried one after the other when it half-opens."""
    probes_ok: Count = 2
    """Successes among them that close it."""
    probe_s: Seconds = 60.0
    """A probe that has not answered by then has failed."""

    def disorder(self) -> list[str]:
        wrong = []
        if self.probes_ok > self.probes:
            wrong.append(f"probes_ok ({self.probes_ok}) is above probes ({self.probes})")
        if self.longest_open_s < self.open_s:
            wrong.append(f"longest_open_s ({self.longest_open_s:g}) is below open_s ({self.open_s:g})")
        if self.least_calls > self.window_calls:
            wrong.append(f"least_calls ({self.least_calls}) is above window_calls ({self.window_calls})")
        return wrong


class SharedBudget(Section, frozen=True):
    """What several runs may spend together; a key that is not set is no limit."""

    at_most: Level = Level.PAUSE
    """The highest rung of the ladder that this rule may take."""
    warn_at: Share = 0.8
    """Share of a limit at which the operator of a run is warned, once."""
    cost_usd: Amount | None = None
    """Dollars."""
    tokens: Count | None = None
    """Fresh input tokens and output tokens together."""
    actions: Count | None = None
    """Actions that were allowed to begin."""
    cost_usd_per_hour: Amount | None = None
    """Dollars within any 60 minutes."""
    tokens_per_minute: Count | None = None
    """Fresh input tokens and output tokens together within any 60 seconds."""
    actions_per_minute: Count | None = None
    """Actions that were allowed to begin within any 60 seconds."""

    @property
    def limits(self) -> dict[str, float]:
        """The limits that are set, rates included, e.g. {"cost_usd": 5.0, "tokens": 100000}."""
        return {key: value for key in BUDGETS if (value := getattr(self, key, None)) is not None}


class Budget(SharedBudget, frozen=True):
    """What one run may spend; a key that is not set is no limit."""

    cached_tokens: Count | None = None
    """Input tokens that came from the model's cache."""
    steps: Count | None = None
    """Steps finished."""
    wall_s: Seconds | None = None
    """Seconds in which the run was going; while the supervisor makes it wait none pass."""


class ModelJudge(Section, frozen=True):
    """A model that is asked whether a run comes closer to its goal; off unless `model` and `base_url` are set."""

    at_most: Level = Level.PAUSE
    """The highest rung of the ladder that this rule may take."""
    model: str | None = None
    """Name of the model, as its endpoint knows it."""
    base_url: str | None = None
    """Where an OpenAI-compatible API answers, e.g. `http://127.0.0.1:11434/v1`."""
    key_env: str = "OPENAI_API_KEY"
    """Name of the environment variable of the run, or else of the runtime, that holds the key."""
    every_steps: Count = 25
    """Steps after which it is asked in any case."""
    apart_steps: Count = 10
    """It is asked no more often than once in so many steps, even where other rules warn."""
    pause_at: Count = 2
    """Verdicts in a row that it comes no closer after which it is paused; after those before, its model is told."""
    timeout_s: Seconds = 60.0
    """How long an answer may take; the run goes on meanwhile."""
    most_calls: Count = 40
    """Questions for one run."""
    most_tokens: Count = 400_000
    """Tokens for the questions and answers of one run."""
    most_usd: Amount | None = None
    """Dollars for the questions and answers of one run; needs `input_usd` and `output_usd`."""
    input_usd: Amount | None = None
    """Dollars for a million tokens of a question."""
    output_usd: Amount | None = None
    """Dollars for a million tokens of an answer."""

    @property
    def on(self) -> bool:
        """Whether there is a model to ask."""
        return bool(self.model and self.base_url)

    def price_usd(self, input_tokens: int, output_tokens: int) -> float:
        """Dollars for a question and its answer, as far as prices are known."""
        return (input_tokens * (self.input_usd or 0.0) + output_tokens * (self.output_usd or 0.0)) / 1e6

    def disorder(self) -> list[str]:
        wrong = []
        if self.base_url is not None and not re.fullmatch(r"https?://[^\s@]+", self.base_url):
            wrong.append("base_url must begin with http:// or https:// and hold no password: policies are recorded")
        if (self.model is None) != (self.base_url is None):
            wrong.append("model and base_url go together")
        if self.most_usd is not None and (self.input_usd is None or self.output_usd is None):
            wrong.append("most_usd needs input_usd and output_usd")
        if self.every_steps < self.apart_steps:
            wrong.append(f"every_steps ({self.every_steps}) is below apart_steps ({self.apart_steps})")
        return wrong


class Timeout(Section, frozen=True):
    """How long things may take; while the supervisor makes a run wait no time passes."""

    at_most: Level = Level.STOP
    """The highest rung of the ladder that this rule may take."""
    action_s: Seconds | None = None
    """One action, where its tool declares no timeout of its own."""
    step_s: Seconds | None = None
    """One step."""
    run_s: Seconds | None = None
    """The run since it was started or last resumed."""
    linger_s: Annotated[float, Meta(ge=0, le=31_536_000)] = 10.0
    """What still goes on once the agent is done, and says nothing; then it is ended."""


class Redaction(Section, frozen=True):
    """What is hidden before anything is recorded."""

    on: bool = True
    """Whether anything is hidden."""
    fields: tuple[str, ...] = ()
    """Names of fields whose values are hidden whole, besides those that are known to hold secrets."""
    patterns: tuple[str, ...] = ()
    """Regular expressions: what they find in a text is hidden, or of it their first group."""
    keep: tuple[str, ...] = ()
    """Names of fields that are known to hold secrets, and do not here."""

    def disorder(self) -> list[str]:
        wrong = []
        for pattern in self.patterns:
            try:
                if re.compile(pattern).search(""):
                    wrong.append(f"the pattern {pattern!r} matches an empty text, and so would hide nothing everywhere")
            except re.error as error:
                wrong.append(f"{pattern!r} is no regular expression: {error}")
        both = sorted({*self.fields} & {*self.keep})
        return wrong + [f"{field!r} stands in fields and in keep" for field in both]


class Pause(Section, frozen=True):
    """What becomes of a run that is paused."""

    hold_s: Annotated[float, Meta(ge=0, le=31_536_000)] = 600.0
    """How long a paused process waits at its gate before it is parked: ended, to go on from its checkpoint.

    Without a checkpoint it stays held: parked, it would begin again from nothing.
    """


class Gate(Section, frozen=True):
    """What agents do when nobody rules on their actions."""

    grace_s: Annotated[float, Meta(ge=0, le=86_400)] = 600.0
    """How long an agent waits at its gate for a runtime that is gone before it ends itself."""


CLOCKS = ("model", "tool", "silence")
"""Clocks of `[stall]`."""

RATES = {
    "cost_usd_per_hour": ("cost_usd", 3600.0),
    "tokens_per_minute": ("tokens", 60.0),
    "actions_per_minute": ("actions", 60.0),
}
"""Budgets that limit how fast something is spent: what, and within how many seconds."""

BUDGETS = ("cost_usd", "tokens", "cached_tokens", "steps", "actions", "wall_s", *RATES)
"""Keys of `[budget]` that are limits."""


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All rules of one run; equal policies have equal digests."""

    loop: Loop = Loop()
    progress: Progress = Progress()
    outcome: Outcome = Outcome()
    stall: Stall = Stall()
    retry: Retry = Retry()
    breaker: Breaking = Breaking()
    budget: Budget = Budget()
    agent_budget: SharedBudget = SharedBudget()
    home_budget: SharedBudget = SharedBudget()
    judge: ModelJudge = ModelJudge()
    timeout: Timeout = Timeout()
    redaction: Redaction = Redaction()
    pause: Pause = Pause()
    gate: Gate = Gate()

    @property
    def digest(self) -> str:
        """SHA-256 of the policy in canonical JSON, hexadecimal."""
        return hashlib.sha256(canonical(msgspec.to_builtins(self))).hexdigest()

    @property
    def limits(self) -> dict[str, float]:
        """The budgets of one run that are set."""
        return self.budget.limits

    @property
    def timeless(self) -> Policy:
        """This policy without its rates, for recordings that do not tell when things were spent."""
        return replace(self, budget=replace(self.budget, **dict.fromkeys(RATES)))

    def with_limits(self, limits: dict[str, float]) -> Policy:
        """Return this policy with budgets that an operator granted.  Raises `PolicyError` for what is no budget."""
        mistakes = [f"{key} is no budget; there are {', '.join(BUDGETS)}." for key in limits if key not in BUDGETS]
        mistakes += [
            f"The budget {key} must be a number above 0, not {value}."
            for key, value in limits.items()
            if not 0 < value < float("inf")
        ]
        if mistakes:
            raise PolicyError(mistakes)
        return replace(self, budget=replace(self.budget, **{key: _limit(key, limits[key]) for key in limits}))


def _limit(key: str, value: float) -> float:
    return value if key in ("cost_usd", "cost_usd_per_hour", "wall_s") else int(value)


DEFAULT = Policy()
"""What holds where nobody says anything."""
