"""The console: follows one home's record, shows it, and hands commands to its runtime."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.events import Event, InputEvent, Key, MouseMove, Paste, Resize
from textual.filter import LineFilter
from textual.geometry import Size
from textual.message import Message
from textual.screen import Screen
from textual.scrollbar import ScrollBar
from textual.timer import Timer

from store.errors import AgentwatchError, AmbiguousRun, UnknownRun
from store.events import Kind
from store.home import Home
from store.reader import Fleet
from store.records import Run
from tui.console import news, settings
from tui.console.acting import ActingScreen
from tui.console.ascii import AsciiOnly, PlainScrollBar, wants_ascii
from tui.console.bell import Bell
from tui.console.can import refusal
from tui.console.dialogs import Dialog
from tui.console.feed import FRAME_S, REMOTE_FRAME_S, Feed, Frame
from tui.console.fleet_model import SORTS
from tui.console.on_demand import GONE_AFTER_S, OnDemand
from tui.console.pages import questions
from tui.console.palette import KeysProvider
from tui.console.repainting import RepaintingApp
from tui.console.requests import Requests
from tui.console.screens.fleet import FleetScreen
from tui.console.screens.run_page import RunScreen
from tui.console.screens.tiny import TinyScreen, is_tiny
from tui.console.standing import needs_you, order_key, standing
from tui.console.state import State
from tui.console.themes import DARK, LIGHT
from tui.supervisor import Supervisor

NEEDS_ME = "needs:me"
"""The filter that lists what waits for a person."""
LEAVE_S = 15.0
"""So long a runtime that was told to end is waited for."""
LOOK_AROUND_S = 5
"""How often the day's cost and the disk are looked at."""
LOOK_AFTER_S = 0.06
"""A run is read once the cursor has rested on it for so long."""


class ConsoleApp(RepaintingApp):
    """The Textual application."""

    CSS_PATH = "console.tcss"
    TITLE = "agentwatch"
    COMMANDS: ClassVar[set[Any]] = {KeysProvider}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "ctrl+c",
            "leave",
            "Leave",
            show=False,
            system=True,
            priority=True,
            id="app.leave",
            tooltip="Leave the console; the agents go on",
        ),
    ]

    class Arrived(Message):
        """The feed has a frame."""

        def __init__(self, frame: Frame) -> None:
            super().__init__()
            self.frame = frame

    class Troubled(Message):
        """The record cannot be read."""

        def __init__(self, text: str, empty: bool) -> None:
            super().__init__()
            self.text = text
            self.empty = empty

    def __init__(
        self,
        home: Home,
        *,
        select: str | None = None,
        needs_me: bool = False,
        read_only: bool = False,
        supervisor: Supervisor | None = None,
        ascii_only: bool | None = None,
        remember: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.clock = clock
        self.state = State(home, read_only=read_only)
        self.supervisor = supervisor or Supervisor(home)
        self.requests = Requests(self.state, self.supervisor, self.state_changed)
        self.feed = Feed(
            self.supervisor,
            self._deliver,
            self._hear_trouble,
            REMOTE_FRAME_S if os.environ.get("SSH_CONNECTION") else FRAME_S,
        )
        self.on_demand = OnDemand(self.state, lambda: self.feed.reader, self.state_changed)
        self.ascii_only = wants_ascii(os.environ) if ascii_only is None else ascii_only
        self._ascii = AsciiOnly()
        self._select = select
        self._needs_me = needs_me
        self._looking: Timer | None = None
        self._following: asyncio.Task[None] | None = None
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self._remember = remember
        kept = settings.load(remember) if remember else settings.Settings()
        self.theme = kept.theme if kept.theme in (DARK.name, LIGHT.name) else DARK.name
        self.rings = kept.bell
        self._bell = Bell()
        self._heard_once = False
        self._seconds = 0
        if kept.sort in SORTS:
            self.state.model.sort = kept.sort
        self.state.model.by_agent = kept.by_agent

    def get_default_screen(self) -> Screen[Any]:
        return FleetScreen(self.state)

    def get_line_filters(self) -> Sequence[LineFilter]:
        filters = super().get_line_filters()
        return [*filters, self._ascii] if self.ascii_only else filters

    def on_mount(self) -> None:
        if self.ascii_only:
            self.add_class("-ascii")
            ScrollBar.renderer = PlainScrollBar
        self.state.look_at_runtime()
        self.set_interval(1.0, self._second)

    async def on_event(self, event: Event) -> None:
        if isinstance(event, InputEvent | Paste) and not event.is_forwarded and not self._meant(event):
            return
        await super().on_event(event)

    def _meant(self, event: InputEvent | Paste) -> bool:
        """Whether input can be meant for what is open: a dialog that only just opened was not read yet."""
        top = self.screen_stack[-1] if self.screen_stack else None
        if not isinstance(top, Dialog) or isinstance(event, MouseMove):
            return True
        return top.hears(event.key if isinstance(event, Key) else "", self.clock())

    def on_resize(self, event: Resize) -> None:
        self.cover_if_tiny(event.size)

    def cover_if_tiny(self, size: Size) -> None:
        """Say so where nothing can be read, instead of the screen that is open."""
        if is_tiny(size) and self.screen_stack and not isinstance(self.screen, TinyScreen):
            self.push_screen(TinyScreen())

    def action_command_palette(self) -> None:
        if not isinstance(self.screen, TinyScreen):
            super().action_command_palette()

    def follow(self) -> None:
        """Begin to follow the record; the first screen is there to show it."""
        self._following = asyncio.create_task(self.feed.run(), name="feed")
        self._following.add_done_callback(self._feed_ended)

    async def on_unmount(self) -> None:
        if self._remember is not None:
            settings.save(self._remember, self._chosen())
        # Awaited: the reader's thread must have let go of the loop before the loop closes.
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)

    def _chosen(self) -> settings.Settings:
        model = self.state.model
        return settings.Settings(self.theme, model.sort, model.by_agent, self.rings)

    def _feed_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._handle_exception(error)  # type: ignore[arg-type]

    # --- told by the feed

    def _deliver(self, frame: Frame) -> None:
        self.post_message(self.Arrived(frame))

    def _hear_trouble(self, text: str, empty: bool) -> None:
        self.post_message(self.Troubled(text, empty))

    @property
    def fleet_screen(self) -> FleetScreen:
        """The screen at the bottom of the stack."""
        screen = self.screen_stack[0]
        assert isinstance(screen, FleetScreen)
        return screen

    def on_console_app_arrived(self, event: Arrived) -> None:
        if not self.screen_stack:
            return  # It is being closed: nobody is there to be shown anything.
        frame, state = event.frame, self.state
        state.trouble, state.empty = "", False
        self._hear()
        touched = {run.run for run in frame.runs}
        state.take(frame.events)
        if frame.whole:
            state.heard_at = time.monotonic()
            # What happened while the record could not be read is in none of them.
            state.windows.clear()
            state.glances.clear()
            state.load(frame.runs)
            news.recall(state)
            self._first_selection()
            self.fleet_screen.loaded()
            self._look_again()
        else:
            lines = state.model.update(frame.runs)
            news.tell(state, frame.events)
            self.fleet_screen.changed(lines, touched)
        if frame.whole or any(event.kind in _OF_THE_HOME for event in frame.events):
            self._read_home()
        self._ring(frame.runs)
        self.state_changed(touched, below=False)

    def _look_again(self) -> None:
        """Read the run that is looked at, where it was looked at before the record was read anew."""
        pages = [screen.run_id for screen in self.screen_stack if isinstance(screen, RunScreen)]
        looked_at = pages[-1] if pages else self.fleet_screen.table.selected
        if looked_at is not None and self.state.run(looked_at) is not None:
            self.look_at(looked_at)

    def _ring(self, runs: list[Run]) -> None:
        """Ring for what newly needs a person; what needed one when the console was opened is seen without it."""
        newly = self._bell.hear(runs)
        if newly and self.rings and self._heard_once:
            self.bell()
        self._heard_once = True

    def toggle_bell(self) -> None:
        """Ring from now on, or be silent; remembered."""
        self.rings = not self.rings
        self.state.note("The bell rings when something newly needs you." if self.rings else "The bell is off.")
        self.state_changed()

    def on_console_app_troubled(self, event: Troubled) -> None:
        if self.screen_stack and (self.state.trouble, self.state.empty) != (event.text, event.empty):
            self.state.trouble = event.text
            self.state.empty = event.empty and not self.state.model.runs
            self.fleet_screen.lay_out()

    def _hear(self) -> None:
        if self.feed.reader is not None:
            self.state.heard_at = self.feed.reader.caught_up_at

    def _first_selection(self) -> None:
        model = self.state.model
        wanted, self._select = self._select, None
        if wanted is not None:
            try:
                run = Fleet(model.runs.values(), 0).find(wanted)
            except (UnknownRun, AmbiguousRun) as error:
                self.state.note(str(error), "warn")
            else:
                self.fleet_screen.table.load()
                self.fleet_screen.table.select(run.run)
        elif self._needs_me:
            waiting = sorted((run for run in model.runs.values() if needs_you(run)), key=order_key)
            if waiting:
                self.fleet_screen.list_only(NEEDS_ME)
                self.fleet_screen.table.select(waiting[0].run)
            self.state.note(f"{len(waiting)} need you." if waiting else "Nothing needs you.")
        self._needs_me = False

    def state_changed(self, touched: set[str] | None = None, *, below: bool = True) -> None:
        """Let the screens show what is new."""
        for screen in self.screen_stack:
            if isinstance(screen, ActingScreen) and (below or screen is not self.fleet_screen) and screen.is_mounted:
                screen.state_changed(touched or set())

    def _second(self) -> None:
        if not self.screen_stack:
            return  # It is being closed.
        self._hear()
        alive = self.state.runtime_alive
        self.state.look_at_runtime()
        self.state.sample()
        self._seconds += 1
        if self._seconds % LOOK_AROUND_S == 0:
            self.state.look_around()
        if self._seconds % GONE_AFTER_S == 0:
            self._leave_out_gone()
        if alive != self.state.runtime_alive:
            if not alive:
                self.state.note("The runtime is running.")
            elif self.state.at_rest:
                self.state.note("Nothing is left to do, so the runtime has left. It starts again when it is needed.")
            else:
                self.state.note("The runtime has ended.", "warn")
        now = time.time()
        top = self.screen_stack[-1]
        for screen in (self.fleet_screen, top) if top.is_modal else (top,):
            if isinstance(screen, ActingScreen):
                screen.second(now)
        if isinstance(top, Dialog) and top.query("#answers"):
            top.paint()

    # --- reading on demand

    def look_at(self, run: str, *, now: bool = False) -> None:
        """Read a run's latest events soon, unless they are held already."""
        if self._looking is not None:
            self._looking.stop()
        if run in self.state.windows:
            self.state.windows.move_to_end(run)
            return
        self._looking = self.set_timer(0.001 if now else LOOK_AFTER_S, partial(self._read, run))

    def _read(self, run: str) -> None:
        self.run_worker(self.on_demand.run(run), group="look", exclusive=True)

    def _read_home(self) -> None:
        self.run_worker(self.on_demand.home(), group="home", exclusive=True)

    @work(group="gone", exclusive=True)
    async def _leave_out_gone(self) -> None:
        gone = await self.on_demand.gone(time.time())
        if gone and self.screen_stack:
            runs = self.state.model.runs
            self.state.load([run for name, run in runs.items() if name not in gone])
            self.fleet_screen.loaded()

    def push_why(self, run: str) -> None:
        """Open the page that says why a run stopped."""
        from tui.console.screens import of_run

        self.push_screen(of_run("why", run))

    # --- acting

    def send(self, kind: str, run: str = "", *, attempt: int | None = None, **args: Any) -> None:
        """Ask the runtime for something; its answer, or why there is none, comes to the message line."""
        self.run_worker(self.requests.one(kind, run, attempt, args))

    def send_many(
        self, kind: str, runs: Sequence[Run], *, own: Callable[[Run], dict[str, Any]] | None = None, **args: Any
    ) -> None:
        """Ask the runtime for the same of many; what came of it is one message, with the first refusal in it.

        `own` gives what is asked for one run alone.
        """
        asked_for = [args | (own(run) if own is not None else {}) for run in runs]
        if len(runs) == 1:
            self.send(kind, runs[0].run, **asked_for[0])
        else:
            self.run_worker(self.requests.many(kind, runs, asked_for))

    @work(exclusive=True, group="runtime")
    async def start_runtime(self) -> None:
        """Start the home's runtime."""
        said = refusal("start_runtime", None, read_only=self.state.read_only)
        if said:
            self.state.note(said, "warn")
        else:
            self.state.note("Starting the runtime …")
            self.state_changed()
            try:
                started = await self.supervisor.ensure_runtime()
                self.state.note("The runtime is running." if started else "The runtime was running already.")
            except AgentwatchError as error:
                self.state.note(str(error), "needs")
        self.state.look_at_runtime()
        self.state_changed()

    def refuses(self, action: str) -> bool:
        """Whether nothing may be done at all; says why."""
        said = refusal(action, None, read_only=self.state.read_only)
        if said:
            self.state.note(said, "warn")
            self.state_changed()
        return bool(said)

    def action_leave(self) -> None:
        self.leave()

    def leave(self) -> None:
        """Close the console; the agents go on."""
        self.exit(0)

    @work
    async def leave_all(self) -> None:
        """Pause all, stop the runtime, close the console."""
        said = refusal("quit_all", None, read_only=self.state.read_only)
        if said or not self.state.runtime_alive:
            self.state.note(said or "The runtime is not running: q leaves.", "warn")
            self.state_changed()
            return
        from tui.console.dialogs import AskLeave

        runs = self.state.model.runs.values()
        live = sum(standing(run).rank in (2, 3, 5) for run in runs)
        fresh = sum(run.begins_again and run.pid is not None for run in runs)
        if self.screen is not self.fleet_screen:
            return
        if not await self.push_screen_wait(
            AskLeave("Stop everything ?", lambda width: questions.leave(live, fresh, width))
        ):
            return
        if await self.requests.one("stop_runtime", "", None, {"timeout_s": 10.0}):
            deadline = time.monotonic() + LEAVE_S
            while self.state.home.runtime_alive():
                if time.monotonic() > deadline:
                    self.state.note("The runtime has not ended yet: q leaves all the same.", "needs")
                    self.state_changed()
                    return
                await asyncio.sleep(0.1)
            self.exit(0)


_OF_THE_HOME = frozenset({Kind.BREAKER, Kind.POLICY})


def run_console(home: Home, *, select: str | None = None, needs_me: bool = False, read_only: bool = False) -> int:
    """Show the console until it is left; returns the exit code.

    `select` is a run or agent to begin at, `needs_me` begins at what waits for a person, `read_only` refuses to act.
    """
    app = ConsoleApp(home, select=select, needs_me=needs_me, read_only=read_only, remember=settings.place())
    code = app.run()
    return code if code is not None else app.return_code or 0
