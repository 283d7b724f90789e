"""What the console knows now; the app keeps it up to date, screens only read it."""

from __future__ import annotations

import os
import shlex
import socket
import time
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from store.home import Home
from store.records import Event, Run
from tui.console.fleet_model import FleetModel
from tui.console.glances import Glances
from tui.console.groups import waits_for
from tui.console.recent import WINDOW_EVENTS, WINDOW_MOST, Looking, Recent
from tui.console.telling import Story
from tui.console.verdict import Verdict, judge, unwatched

WINDOWS_KEPT = 12
RATE_WINDOW_S = 300.0
RATE_LEAST_S = 30.0
MINUTE_S = 60.0


class Note(NamedTuple):
    """A line for the message line."""

    at: float
    text: str
    tone: str = ""
    run: str = ""


class Window:
    """The latest events of one run, told and summed up."""

    def __init__(self, events: Iterable[Event]) -> None:
        self.events = list(events)
        self.story = Story(self.events)
        self._looking = Looking()
        self.recent: Recent = self._looking.add(self.events)

    @property
    def last_seq(self) -> int:
        """The newest event that is taken in; 0 without one."""
        return self.events[-1].seq if self.events else 0

    def add(self, events: list[Event]) -> None:
        """Take in later events of the run."""
        fresh = [event for event in events if event.seq > self.last_seq]
        self.events.extend(fresh)
        self.story.add(fresh)
        self.recent = self._looking.add(fresh)


EMPTY_WINDOW = Window(())


class Rates(NamedTuple):
    """What the whole fleet uses at the pace of late; None while that is too short to say."""

    tokens_min: float | None = None
    """At the pace of the last minute."""
    cost_h: float | None = None
    """At the pace of the last five minutes."""


class Today(NamedTuple):
    """Dollars since local midnight, which lies between these two: a run's record holds only its sum.

    They differ by what runs that went on over midnight have cost.
    """

    least: float = 0.0
    most: float = 0.0


class Earlier(NamedTuple):
    """Dollars that were spent before local midnight."""

    sure: float = 0.0
    """By runs that have done nothing since."""
    partly: float = 0.0
    """All that runs have cost which went on over midnight."""


NO_RATES = Rates()
ALL_TODAY = Earlier()


@dataclass
class State:
    """One home as the console sees it."""

    home: Home
    read_only: bool = False
    host: str = field(default_factory=lambda: socket.gethostname().split(".")[0])
    model: FleetModel = field(default_factory=FleetModel)
    windows: OrderedDict[str, Window] = field(default_factory=OrderedDict)
    reading: dict[str, list[Event]] = field(default_factory=dict)
    """By the run whose window is being read, what came meanwhile."""
    glances: Glances = field(default_factory=Glances)
    """What is known of the runs in the list that have no window."""
    notes: deque[Note] = field(default_factory=lambda: deque(maxlen=200))
    runtime_alive: bool = False
    runtime_age_s: float | None = None
    runtime_trouble: str = ""
    _beat: tuple[float, float] = (0.0, 0.0)
    """The last sign of life, by the runtime's clock, and the monotonic time at which it was first seen."""
    heard_at: float = float("-inf")
    """Monotonic time at which the record was last seen to hold nothing that is not shown."""
    trouble: str = ""
    """Why the record cannot be read; empty while it can."""
    empty: bool = True
    """No record was ever found."""
    rates: Rates = NO_RATES
    earlier: Earlier = ALL_TODAY
    disk_free: float | None = None
    """Share of the home's file system that is free; None where it cannot be read."""
    policy_version: int | None = None
    """Of the policy that was last put into force; None before the first."""
    breakers: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By name, as the record holds them."""
    breaker_events: list[Event] = field(default_factory=list)
    """What became of breakers lately, oldest first."""
    _samples: deque[tuple[float, int, float]] = field(default_factory=lambda: deque(maxlen=400))

    def run(self, name: str | None) -> Run | None:
        """A run by its id."""
        return self.model.runs.get(name) if name else None

    def command(self, text: str) -> str:
        """`agentwatch …` as it works in any shell of this user: it names the home unless it is the one used anyway."""
        root = self.home.root.absolute()
        option = "" if root == Home.usual().root.absolute() else f" --home {shlex.quote(str(root))}"
        return f"agentwatch {text}{option}"

    def window(self, name: str) -> Window:
        """The latest events of a run, as far as they are read."""
        return self.windows.get(name, EMPTY_WINDOW)

    def keep(self, name: str, window: Window) -> None:
        """Hold a window, with what came while it was read; the one that was least recently read goes."""
        window.add(self.reading.pop(name, []))
        self.windows[name] = window
        self.windows.move_to_end(name)
        while len(self.windows) > WINDOWS_KEPT:
            self.windows.popitem(last=False)

    def take(self, events: list[Event]) -> None:
        """Let the open windows take in what is new."""
        mine: dict[str, list[Event]] = {}
        for event in events:
            if event.run in self.reading:
                self.reading[event.run].append(event)
            if event.run in self.windows:
                mine.setdefault(event.run, []).append(event)
        self.glances.take(events)
        for name, fresh in mine.items():
            window = self.windows[name]
            if len(window.events) + len(fresh) > WINDOW_MOST:
                self.windows[name] = Window((window.events + fresh)[-WINDOW_EVENTS:])
            else:
                window.add(fresh)

    def verdict(self, run: Run, now: float) -> Verdict:
        """The five answers about a run."""
        said = judge(run, self.window(run.run).recent, now)
        return said if self.runtime_alive else unwatched(said, run, now)

    @property
    def at_rest(self) -> bool:
        """Whether nothing is left that a runtime would have to look after: it leaves then, and that is no alarm."""
        return all(run.at_rest and not run.held for run in self.model.runs.values())

    def recent(self, name: str) -> Recent | None:
        """What a run's latest events amount to; None where they are not read yet."""
        window = self.windows.get(name)
        return window.recent if window is not None else self.glances.recent(name)

    def waiting_for(self) -> dict[str, int]:
        """How many runs wait for each dependency."""
        found: dict[str, int] = {}
        if self.model.counts.get("waiting"):
            for run in self.model.runs.values():
                if name := waits_for(run):
                    found[name] = found.get(name, 0) + 1
        return found

    def note(self, text: str, tone: str = "", run: str = "", at: float | None = None) -> None:
        """Say something in the message line."""
        self.notes.appendleft(Note(time.time() if at is None else at, text, tone, run))

    def look_at_runtime(self) -> None:
        """Read the runtime's sign of life."""
        self.runtime_alive = self.home.runtime_alive()
        beat = self.home.beat() if self.runtime_alive else None
        self.runtime_age_s = None if beat is None else self._age_of(beat.at)
        self.runtime_trouble = beat.trouble if beat else ""

    def _age_of(self, beat_at: float) -> float:
        """How old a sign of life is; one from the future, for the clock was turned back, since it was first seen."""
        if beat_at != self._beat[0]:
            self._beat = (beat_at, time.monotonic())
        age = time.time() - beat_at
        return age if age >= 0 else time.monotonic() - self._beat[1]

    def load(self, runs: Iterable[Run]) -> None:
        """Show these runs from now on, and none of the others."""
        self.model.load(runs)
        # What came in or went out with runs was not spent just now.
        self._samples.clear()
        self._samples.clear()
        self.look_around()

    def sample(self) -> None:
        """Measure what the fleet uses; called once a second."""
        now = time.monotonic()
        tokens, cost = self.model.tokens, self.model.cost_usd
        self._samples.append((now, tokens, cost))
        while now - self._samples[0][0] > RATE_WINDOW_S:
            self._samples.popleft()
        began, _, cost_then = self._samples[0]
        if now - began < RATE_LEAST_S:
            self.rates = NO_RATES
            return
        # Who was suspended has no sample of each second.
        minute, tokens_then, latest = next(
            (sample for sample in reversed(self._samples) if now - sample[0] >= MINUTE_S), self._samples[0]
        )
        per_minute = (tokens - tokens_then) * 60 / (now - minute)
        # Where nothing was spent for a minute, the minutes before say nothing of what is being spent.
        per_hour = (cost - cost_then) * 3600 / (now - began) if cost > latest else 0.0
        self.rates = Rates(per_minute, per_hour)

    def look_around(self) -> None:
        """Add up what was spent before today, and see how full the disk is."""
        self.earlier = before_today(self.model.runs.values(), time.time())
        self.disk_free = free_share(self.home.root)

    @property
    def today(self) -> Today:
        """What today has cost by now."""
        most = max(0.0, self.model.cost_usd - self.earlier.sure)
        return Today(max(0.0, most - self.earlier.partly), most)

    def events_of_breaker(self, name: str) -> list[Event]:
        """What became of a breaker lately, oldest first."""
        return [event for event in self.breaker_events if event.body.get("name") == name]

    def open_breakers(self) -> int:
        """How many dependencies are down, or held to be."""
        return sum(body.get("opened_at") is not None for body in self.breakers.values())


def before_today(runs: Iterable[Run], now: float) -> Earlier:
    """What `runs` had cost before local midnight."""
    here = time.localtime(now)
    midnight = time.mktime((here.tm_year, here.tm_mon, here.tm_mday, 0, 0, 0, 0, 0, -1))
    sure = over = 0.0
    for run in runs:
        if run.last_event_at < midnight and run.created_at < midnight:
            sure += run.cost_usd
        elif run.created_at < midnight:
            over += run.cost_usd
    return Earlier(sure, over)


def free_share(place: Path) -> float | None:
    """Share of a file system that is free for its user."""
    try:
        found = os.statvfs(place)
    except OSError:
        return None
    return found.f_bavail / found.f_blocks if found.f_blocks else None
