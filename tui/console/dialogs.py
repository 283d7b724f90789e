"""The dialogs: each bound to the runs it was opened for, each with a safe answer on enter and escape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input

from store.records import CheckpointRef, Run
from tui.console.lines import EMPTY, Line, Span, cells, joined, line, width_of
from tui.console.standing import BUDGET_WORDS, used_up
from tui.console.widgets.painted import Painted
from tui.plain import plain

if TYPE_CHECKING:
    from tui.console.app import ConsoleApp

WIDEST = 84
MARGIN = 6

GUARD_S = 0.3
"""So long after a dialog opened it hears nothing but escape: a key pressed before anybody could have read the question
(a doubled key, the answer to the dialog before) was not meant for it.  A person needs longer than this to react."""


LABEL_WIDTH = 15


class Field(Horizontal):
    """A labelled input."""

    def __init__(self, label: str, entry: Input) -> None:
        super().__init__()
        self._label = label
        self._entry = entry

    def compose(self) -> ComposeResult:
        label = Painted(classes="label")
        label.show([line(Span(self._label, "dim"))])
        label.styles.width = max(LABEL_WIDTH, cells(self._label) + 1)
        yield label
        yield self._entry


def choice(key: str, answer: str, label: str, *, safe: bool = False) -> Binding:
    """A key that answers a dialog."""
    keys = f"{key},escape,enter" if safe else key
    return Binding(keys, f"answer('{answer}')", label, id=f"dialog.{answer}", tooltip=label, key_display=key)


class Dialog(ModalScreen[Any]):
    """A titled box of lines with its answers below; the safe answer is in brackets."""

    SAFE: ClassVar[str] = "no"
    TITLE = ""

    def __init__(self, title: str, body: Callable[[int], list[Line]]) -> None:
        super().__init__()
        self._heading = title
        self._body = body
        self._opened_at: float | None = None

    def hears(self, key: str, now: float) -> bool:
        """Whether a key (or a click, without a name) at `now`, monotonic, can be meant for this dialog."""
        if self._opened_at is None:
            return False
        return key == "escape" or now - self._opened_at >= GUARD_S

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield Painted(id="body")
            yield from self.fields()
            yield Painted(id="answers")

    def fields(self) -> ComposeResult:
        """Inputs between the body and the answers."""
        yield from ()

    def on_mount(self) -> None:
        self._opened_at = cast("ConsoleApp", self.app).clock()
        self.paint()

    def on_resize(self) -> None:
        self.paint()

    def paint(self) -> None:
        """Lay the text out for the room there is."""
        room = max(20, min(WIDEST, self.app.size.width - MARGIN))
        answers = self.answer_lines(room)
        # Borders, the answers with a line above them, and the fields.
        body = squeezed(self._body(room), self.app.size.height - 3 - len(answers) - len(self.query(Field)))
        width = max([width_of(row) for row in [*body, *answers]] + [len(self._heading) + 6, min(room, 50)])
        width = min(width, room)
        box = self.query_one("#box", Vertical)
        box.border_title = Content(plain(self._heading))
        box.styles.width = width + 4
        self.query_one("#body", Painted).show(body)
        shown = [line(" " * max(0, width - width_of(row)), row) for row in answers]
        self.query_one("#answers", Painted).show([EMPTY, *shown])
        for field in self.query(Field):
            field.styles.width = width

    def answer_lines(self, width: int) -> list[Line]:
        """The answers, the safe one in brackets, on as many lines as they need: none of them is hidden."""
        shown: list[Line] = []
        seen: set[str] = set()
        for _, binding in self._bindings:
            if binding.id is None or not binding.id.startswith("dialog.") or binding.id in seen:
                continue
            seen.add(binding.id)
            answer = binding.id.removeprefix("dialog.")
            key, action = binding.key_display or binding.key, f"screen.{binding.action}"
            text: Line = (Span(key, "key", action), Span(f"  {binding.description}", "", action))
            shown.append((Span("[ ", "dim"), *text, Span(" ]", "dim")) if answer == self.SAFE else text)
        rows: list[Line] = []
        for text in shown:
            longer = joined([*rows[-1:], text], "     ")
            if rows and width_of(longer) <= width:
                rows[-1] = longer
            else:
                rows.append(text)
        return rows

    def action_answer(self, answer: str) -> None:
        self.dismiss(None if answer == self.SAFE else answer)


def squeezed(lines: list[Line], height: int) -> list[Line]:
    """`lines` in at most `height` lines: blank ones go first, then the end is cut, and that is said."""
    if len(lines) > height:
        lines = [row for row in lines if row]
    if len(lines) > height:
        lines = [*lines[: max(0, height - 1)], line(Span("… make the terminal larger to read the rest", "warn"))]
    return lines


class Ask(Dialog):
    """Yes or no; no is safe."""

    BINDINGS: ClassVar[list[BindingType]] = [
        choice("n", "no", "keep it", safe=True),
        choice("y", "yes", "kill"),
    ]


class AskFreeze(Dialog):
    """Freeze or let it run."""

    BINDINGS: ClassVar[list[BindingType]] = [
        choice("n", "no", "let it run", safe=True),
        choice("y", "yes", "freeze"),
    ]


class AskLeave(Dialog):
    """Stop everything or stay."""

    BINDINGS: ClassVar[list[BindingType]] = [
        choice("n", "no", "stay", safe=True),
        choice("y", "yes", "pause all and leave"),
    ]


class AskMany(Dialog):
    """Yes or no to something that is done to many and can be undone."""

    BINDINGS: ClassVar[list[BindingType]] = [
        choice("n", "no", "let them run", safe=True),
        choice("y", "yes", "pause them"),
    ]


class AskPark(Dialog):
    """Let them wait where they are held, or end their processes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        choice("n", "no", "let them wait", safe=True),
        choice("y", "yes", "park them"),
    ]


class AskHold(Dialog):
    """Keep a breaker open for all agents, or leave it to itself."""

    BINDINGS: ClassVar[list[BindingType]] = [
        choice("n", "no", "leave it", safe=True),
        choice("y", "yes", "hold it open"),
    ]


class AskClose(Dialog):
    """Close a breaker for all agents, or leave it to itself."""

    BINDINGS: ClassVar[list[BindingType]] = [
        choice("n", "no", "leave it", safe=True),
        choice("y", "yes", "close it"),
    ]


class AskAccept(Dialog):
    """Never stop a run for a repetition again, or leave it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        choice("n", "no", "leave it", safe=True),
        choice("y", "yes", "accept and resume"),
    ]


class AskFork(Dialog):
    """Begin a new run, or leave it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        choice("n", "no", "leave it", safe=True),
        choice("y", "yes", "fork"),
    ]


class AskForce(Dialog):
    """Wait for the action, force the pause, or take it back."""

    SAFE = "wait"
    BINDINGS: ClassVar[list[BindingType]] = [
        choice("w", "wait", "wait", safe=True),
        choice("F", "force", "force now"),
        choice("u", "undo", "take the pause back"),
    ]


class AskDoubt(Dialog):
    """Did it happen?"""

    SAFE = "leave"
    BINDINGS: ClassVar[list[BindingType]] = [
        choice("l", "leave", "leave it", safe=True),
        choice("h", "done", "it happened"),
        choice("s", "retry", "it did not"),
        choice("x", "kill", "kill…"),
    ]


class AskSame(Dialog):
    """Is a held call the one that happened before, in other words?"""

    SAFE = "leave"
    BINDINGS: ClassVar[list[BindingType]] = [
        choice("l", "leave", "leave it", safe=True),
        choice("h", "done", "the same"),
        choice("s", "retry", "another one"),
        choice("x", "kill", "kill…"),
    ]


class AskNumber(Dialog):
    """A number must be typed, so that many runs are never killed by one key."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "answer('no')", "keep them", id="dialog.no", tooltip="Keep them", key_display="esc")
    ]

    def __init__(self, title: str, body: Callable[[int], list[Line]], number: int) -> None:
        super().__init__(title, body)
        self._number = number

    def fields(self) -> ComposeResult:
        yield Field(
            f"Type {self._number} to kill them:",
            Input(id="number", restrict=r"[0-9]*", max_length=9, select_on_focus=False),
        )

    def on_input_submitted(self, event: Input.Submitted) -> None:
        # Anything but the number keeps them: enter on an empty field is the safe answer.
        self.dismiss("yes" if event.value == str(self._number) else None)


class AskResume(Dialog):
    """A note for the agent's model, the checkpoint to begin from, more of what is used up."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,ctrl+n", "older(1)", "older checkpoint", id="resume.older", tooltip="From an older checkpoint"),
        Binding("up,ctrl+b", "older(-1)", "newer checkpoint", id="resume.newer", tooltip="From a newer checkpoint"),
        Binding("escape", "answer('no')", "leave it", id="dialog.no", tooltip="Leave it", key_display="esc"),
        Binding("enter", "go", "resume", id="dialog.go", tooltip="Resume", key_display="enter"),
    ]

    def __init__(
        self,
        title: str,
        body: Callable[[int], list[Line]],
        runs: Sequence[Run],
        checkpoints: Sequence[CheckpointRef],
        picked: CheckpointRef | None = None,
    ) -> None:
        super().__init__(title, lambda width: [*body(width), *self._choices()])
        self._runs = runs
        self._checkpoints = list(reversed(checkpoints))
        numbers = [ref.number for ref in self._checkpoints]
        self._picked = numbers.index(picked.number) if picked is not None and picked.number in numbers else 0
        one = runs[0] if len(runs) == 1 else None
        self._choosing = one is not None and not one.held and not one.frozen and len(self._checkpoints) > 1
        self._over: dict[str, float] = {}
        """Limits that are used up, each with twice the highest one as a proposal."""
        for run in runs:
            for budget, limit in used_up(run).items():
                self._over[budget] = max(self._over.get(budget, 0.0), 2 * limit)

    def _choices(self) -> list[Line]:
        if not self._choosing:
            return []
        ref = self._checkpoints[self._picked]
        label = f" “{ref.label}”" if ref.label else ""
        newest = " (the last)" if self._picked == 0 else ""
        return [
            line(
                Span("  from         ", "dim"),
                Span(f"checkpoint {ref.number}{label}, step {ref.step}{newest}", "strong"),
            ),
            line(Span(f"               ↑ ↓ choose among {len(self._checkpoints)}", "dim")),
            EMPTY,
        ]

    def fields(self) -> ComposeResult:
        for budget, limit in self._over.items():
            entry = Input(f"{limit:g}", id=f"limit-{budget}", restrict=r"[0-9]*\.?[0-9]*")
            yield Field(f"  limit, {BUDGET_WORDS.get(budget, budget)}", entry)
        hint = "what the agent’s model should read first; may stay empty"
        yield Field("  note", Input(placeholder=hint, id="note", max_length=2000))

    def action_older(self, delta: int) -> None:
        if self._choosing:
            self._picked = max(0, min(self._picked + delta, len(self._checkpoints) - 1))
            self.paint()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.action_go()

    def action_go(self) -> None:
        """Answer with the arguments of the command."""
        args: dict[str, Any] = {}
        note = self.query_one("#note", Input).value.strip()
        if note:
            args["note"] = note
        if self._choosing and self._picked > 0:
            args["checkpoint"] = self._checkpoints[self._picked].number
        limits = {}
        for budget in self._over:
            value = self.query_one(f"#limit-{budget}", Input).value
            if value.strip(". "):
                limits[budget] = float(value)
        if limits:
            args["limits"] = limits
        self.dismiss(args)
