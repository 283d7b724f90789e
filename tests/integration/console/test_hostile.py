"""Hostile agent text through every widget: nothing that a terminal would act on leaves the console."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from store.events import Kind
from store.states import Status
from tests.integration.console.conftest import Console, Opener
from tests.support.console_fleet import FleetMaker
from tests.support.hostile import HOSTILE, acts


def hostile_run(maker: FleetMaker, run: str, text: str) -> None:
    """A run that says `text` wherever an agent can say anything."""
    script = maker.script(run, f"a{text}", f"g{text}", 60, command=[text], limits={"cost_usd": 1.0})
    script.start()
    script.step(1, text, 1)
    script.add(Kind.TASK, name=text)
    script.act(f"t{text}", {f"k{text}": text, "list": [text, {text: text}]}, {text: text}, 1)
    script.act(f"t{text}", text, text, 1, error={"type": text, "message": text})
    script.add(Kind.PROGRESS, label=text, done=1, of=2)
    script.checkpoint({"same": 1, text: text})
    script.checkpoint({"same": 2, text: [text, text]}, text)
    script.add(Kind.OUTPUT, bytes=1, line=text)
    script.add(
        Kind.RULING, rule=text, level="steer", summary=text, note=text, evidence={"summary": text}, signature=text
    )
    script.add(Kind.ADVICE, note=text, by=text)
    script.add(Kind.HELD, tool=text, args={}, why=text)
    script.add(Kind.COMMAND, command=1, kind=text, who=text, applied=False, message=text)
    script.begin(f"t{text}", {"to": text}, hint=text)
    script.add(Kind.ATTEMPT_ENDED, exit_code=1, known=True, signal=text, log_tail=[text])
    evidence = {
        "summary": text,
        "figures": {text: text},
        "calls": [{"event": 1, "step": 1, "tool": text, "args": {text: text}, "result": text}] * 2,
        "log_tail": [text],
        "offer": text,
    }
    script.move(Status.NEEDS_REVIEW, text, reason="AGENT_CRASHED", why=text, evidence=evidence)
    script.log(f"{text}\n{text}")


def batches() -> Iterator[str]:
    """The corpus in few texts, so that few consoles show all of it; a journal holds no lone surrogates."""
    short = [text.encode("utf-8", "surrogatepass").decode("utf-8", "replace") for text in HOSTILE if len(text) < 200]
    for at in range(0, len(short), 4):
        yield " ".join(short[at : at + 4])
    yield from (text for text in HOSTILE if len(text) >= 200)


async def no_screen_acts(console: Console) -> None:
    for key in (None, "w", "c", "i", "l", "enter", "d", "x", "r"):
        if key is not None:
            await console.press(key)
            await console.pilot.pause()
        if key == "enter":
            await console.press("enter")
        await console.pilot.pause(0.05)
        for row in console.text.splitlines():
            assert acts(row) == [], (key, row)
        while len(console.app.screen_stack) > 1:
            before = len(console.app.screen_stack), console.text
            await console.press("escape")
            await console.until(lambda before=before: (len(console.app.screen_stack), console.text) != before)


@pytest.mark.parametrize("text", list(batches()), ids=lambda text: ascii(text)[:40])
async def test_no_widget_lets_a_text_act(text: str, maker: FleetMaker, open_console: Opener) -> None:
    hostile_run(maker, "abc123", text)
    maker.flush()
    async with open_console(size=(120, 40)) as console:
        await console.until(lambda: "abc123" in console.app.state.windows)
        await no_screen_acts(console)


async def test_markup_is_shown_as_it_is(maker: FleetMaker, open_console: Opener) -> None:
    hostile_run(maker, "abc123", "[bold]x[/] [@click=app.quit]y[/]")
    maker.flush()
    async with open_console(size=(160, 50)) as console:
        await console.sees("[bold]x[/]", "[@click=app.quit]y[/]")
        await console.press("x")
        await console.sees("Kill a[bold]x[/] [@click=app.qui… abc123 ?")
