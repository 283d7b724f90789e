"""What keys do to runs: ask where something would be lost, then hand a command to the app, which reports back."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from textual import work
from textual.binding import Binding
from textual.screen import Screen

from store.errors import StoreError
from store.records import Action, CheckpointRef, Run
from store.states import Status
from tui.console import dialogs
from tui.console.can import name, refusal
from tui.console.doubts import doubts
from tui.console.pages import questions
from tui.console.standing import used_up
from tui.console.verdict import observed

if TYPE_CHECKING:
    from tui.console.app import ConsoleApp

ASK_FROM = 4
"""Pausing so many runs or more at once asks first."""

RUN_ID_BYTES = 6
"""Of a run's id, which is written in hexadecimal."""


class ActingScreen(Screen[None]):
    """A screen whose keys act on runs."""

    @property
    def console_app(self) -> ConsoleApp:
        """The app, by its own type."""
        return cast("ConsoleApp", self.app)

    def targets(self) -> list[Run]:
        """The runs that a key acts on."""
        raise NotImplementedError

    def willing(self, action: str) -> list[Run]:
        """The targets that `action` can be done to; says why if there is none."""
        state = self.console_app.state
        runs = self.targets()
        able = [run for run in runs if not refusal(action, run, read_only=state.read_only)]
        if not able:
            said = refusal(action, runs[0] if runs else None, read_only=state.read_only) or "No run is selected."
            state.note(said if len(runs) < 2 else f"None of the {len(runs)} runs: {said}", "warn")
            self.console_app.state_changed()
        elif len(able) < len(runs):
            left = [said for run in runs if (said := refusal(action, run, read_only=state.read_only))]
            state.note(f"Left out {len(left)} of the {len(runs)} runs: {left[0]}", "warn")
            self.console_app.state_changed()
        return able

    # --- pause

    def label(self, binding: Binding) -> str:
        """What a key does to the runs it would act on now; with `…` if it asks first."""
        return _pause_label(self.targets()) if binding.action == "pause" else binding.description

    def action_pause(self) -> None:
        self._pause()

    @work
    async def _pause(self) -> None:
        runs = self.willing("pause")
        if len(runs) == 1:
            await self._pause_one(runs[0])
        elif runs:
            await self._pause_many(runs)

    async def _pause_many(self, runs: list[Run]) -> None:
        if all(run.status is Status.PAUSED for run in runs):
            await self._park(runs)
            return
        going = [run for run in runs if run.status not in (Status.PAUSED, Status.PAUSING) and not run.pause_asked]
        if not going:
            self.console_app.state.note("They are pausing or paused already: press p on one of them to go on.", "warn")
            self.console_app.state_changed()
            return
        frozen = sum(observed(run, time.time()) and run.status is not Status.NEEDS_REVIEW for run in going)
        if len(going) >= ASK_FROM or frozen:
            body = partial(questions.pause_many, len(going), frozen)
            if not await self.ask(dialogs.AskMany(f"Pause {len(going)} runs ?", body)):
                return
        self.console_app.send_many("pause", going)

    async def _pause_one(self, run: Run) -> None:
        now = time.time()
        if run.status is Status.PAUSED:
            await self._park([run])
        elif _pauses(run):
            await self._force(run)
        elif observed(run, now) and run.status is not Status.NEEDS_REVIEW:
            dialog = dialogs.AskFreeze(f"Pause {name(run)} ?", partial(questions.freeze, run, now))
            if await self.ask(dialog):
                self.send("pause", run)
        else:
            self.send("pause", run)

    async def _park(self, runs: list[Run]) -> None:
        title = f"Park {name(runs[0])}?" if len(runs) == 1 else f"Park {len(runs)} runs?"
        if await self.ask(dialogs.AskPark(title, partial(questions.park, runs))):
            self.console_app.send_many("pause", runs, own=_told_of_loss, park=True)

    async def _force(self, run: Run) -> None:
        actions = await self.actions(run)
        recent = self.console_app.state.window(run.run).recent
        body = partial(self._force_body, run.run, actions, recent)
        answer = await self.ask(dialogs.AskForce(f"Force the pause of {name(run)} ?", body))
        if answer == "force" and _pauses(self.console_app.state.run(run.run)):
            self.send("pause", run, attempt=run.attempt, force=True, **_told_of_loss(run))
        elif answer == "undo":
            self.send("resume", run)

    def _force_body(self, run: str, actions: list[Action], recent: Any, width: int) -> list[Any]:
        now = self.console_app.state.run(run)
        if now is None or not _pauses(now):
            said = "This run is not in the record any more." if now is None else f"It is {now.status} by now."
            return questions.say(f"{said} There is nothing to force.", width, "strong")
        return questions.force(now, actions, recent, time.time(), width)

    # --- resume

    def action_resume(self) -> None:
        self._resume()

    @work
    async def _resume(self) -> None:
        runs = self.willing("resume")
        if not runs:
            return
        if all(run.status is Status.PAUSING for run in runs):
            self.console_app.send_many("resume", runs)
            return
        kept = await self.checkpoints(runs[0]) if len(runs) == 1 else []
        title = f"Resume {name(runs[0])} ?" if len(runs) == 1 else f"Resume {len(runs)} runs ?"
        body = partial(questions.resume, runs, time.time())
        args = await self.ask(dialogs.AskResume(title, body, runs, kept, self.picked_of(runs[0])))
        if isinstance(args, dict):
            limits = args.pop("limits", {})
            self.console_app.send_many("resume", runs, own=partial(_raised, limits), **args)

    # --- kill

    def action_kill(self) -> None:
        self._kill()

    @work
    async def _kill(self) -> None:
        runs = self.willing("kill")
        if not runs:
            return
        now = time.time()
        if len(runs) == 1:
            run = runs[0]
            body = partial(questions.kill_one, run, children_of(run.pid), now)
            dialog: dialogs.Dialog = dialogs.Ask(f"Kill {name(run)} ?", body)
        else:
            agents = {run.agent for run in runs}
            whose = f" of {next(iter(agents))}" if len(agents) == 1 else ""
            body = partial(questions.kill_many, runs, now)
            dialog = dialogs.AskNumber(f"Kill {len(runs)} runs{whose} ?", body, len(runs))
        if await self.ask(dialog):
            self.console_app.send_many("kill", runs)

    # --- fork

    def picked_of(self, run: Run) -> CheckpointRef | None:
        """The checkpoint to begin from: the last one, where the screen lets nobody pick another."""
        return run.checkpoint

    def action_fork(self) -> None:
        self._fork()

    @work
    async def _fork(self) -> None:
        runs = self.willing("fork")
        ref = self.picked_of(runs[0]) if runs else None
        if ref is None:
            return
        dialog = dialogs.AskFork(f"Fork {name(runs[0])} ?", partial(questions.fork, runs[0], ref, time.time()))
        if await self.ask(dialog):
            self.send("fork", runs[0], to=secrets.token_hex(RUN_ID_BYTES), checkpoint=ref.number)

    # --- doubt

    def action_doubt(self) -> None:
        self._doubt()

    @work
    async def _doubt(self) -> None:
        runs = self.willing("doubt")
        if not runs:
            return
        run = runs[0]
        asked = doubts(run, self.console_app.state.window(run.run).events, await self.actions(run))
        if not asked:
            self.console_app.push_why(run.run)
            return
        first = asked[0]
        tail = run.evidence.get("log_tail")
        body = partial(questions.doubt, run, first, len(asked) - 1, tail if isinstance(tail, list) else [])
        dialog = dialogs.AskSame if first.why else dialogs.AskDoubt
        answer = await self.ask(
            dialog(f"{name(run)}: {'is this the same' if first.why else 'did this happen'} ?", body)
        )
        if answer in ("done", "retry"):
            self.send("resolve", run, attempt=run.attempt, action=first.id, outcome=answer)
        elif answer == "kill":
            self._kill()

    # --- shared

    async def ask(self, dialog: dialogs.Dialog) -> Any:
        """What the person answers; None for the safe answer, and where another screen was opened meanwhile.

        Keys pressed faster than a dialog opens must not open a second one over the first.
        """
        if self.app.screen is not self:
            return None
        return await self.app.push_screen_wait(dialog)

    def send(self, kind: str, run: Run, *, attempt: int | None = None, **args: Any) -> None:
        """Hand a command on."""
        self.console_app.send(kind, run.run, attempt=attempt, **args)

    async def actions(self, run: Run) -> list[Action]:
        """The actions of a run that are in flight, in doubt or kept; empty where they cannot be read."""
        reader = self.console_app.feed.reader
        try:
            return await reader.actions(run.run) if reader else []
        except StoreError:
            return []

    async def checkpoints(self, run: Run) -> Sequence[CheckpointRef]:
        """The checkpoints of a run; empty where they cannot be read."""
        reader = self.console_app.feed.reader
        try:
            return await reader.checkpoints(run.run) if reader else []
        except StoreError:
            return []

    def state_changed(self, touched: set[str]) -> None:
        """The state is newer; `touched` are the runs that changed."""

    def second(self, now: float) -> None:
        """A second has passed."""


def _pauses(run: Run | None) -> bool:
    """Whether a pause is asked for and not reached: forced after that, it would end a process that is held."""
    if run is None or run.status is Status.NEEDS_REVIEW:
        # A pause of what waits for an answer waits for the answer: there is nothing to force.
        return False
    return run.status is Status.PAUSING or run.pause_asked


def _told_of_loss(run: Run) -> dict[str, Any]:
    """What a request to end the process of `run` carries where the question said that its work is lost."""
    return {"begin_again": True} if run.begins_again else {}


def _raised(limits: dict[str, float], run: Run) -> dict[str, Any]:
    """What of `limits` a resume of `run` carries: only what it has used up is raised."""
    mine = {budget: limits[budget] for budget in used_up(run) if budget in limits}
    return {"limits": mine} if mine else {}


def children_of(pid: int | None) -> list[str]:
    """Names of the processes that a process has started, as far as they can be seen."""
    if pid is None:
        return []
    import psutil

    try:
        return [child.name() for child in psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return []


def _pause_label(runs: list[Run]) -> str:
    """As `ActingScreen` pauses: parks what is held, asks whether to force what waits, or to freeze."""
    if len(runs) > 1:
        depth = "park" if all(run.status is Status.PAUSED for run in runs) else "pause"
        return f"{depth}…" if depth == "park" or len(runs) >= ASK_FROM else depth
    for run in runs:
        if run.status is Status.PAUSED:
            return "park…" if run.held else "pause"
        if _pauses(run):
            return "force…"
        if observed(run, time.time()) and run.status is not Status.NEEDS_REVIEW:
            return "pause…"
    return "pause"
