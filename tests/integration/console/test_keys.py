"""Every key of the console, pressed; what it asks for, and what it says."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import sqlite3
from pathlib import Path

import msgspec
import pytest
from textual.events import MouseScrollDown, MouseScrollUp

from store.events import Kind
from store.home import Home
from store.states import Status
from tests.integration.console.conftest import Opener
from tests.support.console_fleet import FleetMaker, working
from tui.console.lines import text_of
from tui.console.on_demand import GONE_AFTER_S
from tui.console.widgets.lines_view import LinesView

LOOP, DOUBT, BUDGET, CRASHED = "3f9a1c", "7d10be", "c41f02", "55aa90"


async def test_the_list_begins_with_what_needs_a_person(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console() as console:
        await console.sees("4 need you", "send_email in doubt")

        rows = [line for line in console.text.splitlines() if " 7d10be " in line or " 3f9a1c " in line]
        assert "ticket-mailer" in rows[0] and "fix-flaky-ci" in rows[1]
        assert console.selected == DOUBT


async def test_moving_selects_by_run(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console() as console:
        await console.sees("ticket-mailer")
        await console.press("j")
        assert console.selected == LOOP
        await console.press("down", "k", "G", "g")
        assert console.selected == DOUBT


async def test_the_selection_stays_with_its_run_when_the_order_changes(
    recorded: FleetMaker, open_console: Opener
) -> None:
    async with open_console(select="refactor-billing") as console:
        await console.sees("refactor-billing a9e1d4")
        run = recorded.journal.runs["a9e1d4"]
        assert run.status is Status.RUNNING
        recorded.move("a9e1d4", Status.NEEDS_REVIEW, "held", why="two texts differ")
        recorded.flush()
        await console.until(lambda: console.app.state.model.keys[0] == "a9e1d4")

        assert console.selected == "a9e1d4"
        await console.sees("5 need you", "two texts differ")


async def test_the_order_stands_still_while_the_hand_moves(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console() as console:
        await console.sees("ticket-mailer")
        before = list(console.app.state.model.keys)
        await console.press("j")
        recorded.move("a9e1d4", Status.NEEDS_REVIEW, "held", why="two texts differ")
        recorded.flush()
        await console.until(lambda: console.app.state.model.unsettled)
        console.app.fleet_screen.table.settle()

        assert console.app.state.model.keys == before


async def test_a_record_that_is_read_anew_leaves_nothing_out_of_what_is_looked_at(
    recorded: FleetMaker, open_console: Opener
) -> None:
    async with open_console(select="crm-writer") as console:
        await console.until(lambda: "81b3fe" in console.app.state.windows)
        following = console.app._following
        assert following is not None
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        recorded.journal.append("81b3fe", 1, Kind.REFUSED, {"tool": "crm.delete", "reason": "not allowed"})
        recorded.flush()
        console.app.follow()

        await console.sees("refused: crm.delete: not allowed")


async def test_pause_acts_at_once_and_reports_its_outcome(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(select="crm-writer") as console:
        await console.sees("crm-writer 81b3fe")
        await console.press("p")
        await console.sees("pause crm-writer 81b3fe: applied, done")

        assert console.asked == [("pause", "81b3fe", None, {})]


async def test_a_refusal_is_reported_with_its_reason(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(select="crm-writer") as console:
        await console.sees("crm-writer 81b3fe")
        console.supervisor.refuses = "it is in another attempt by now"
        await console.press("p")

        await console.sees("pause crm-writer 81b3fe: refused, it is in another attempt by now")


async def test_no_answer_is_said(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(select="crm-writer") as console:
        await console.sees("crm-writer 81b3fe")
        console.supervisor.silent = True
        await console.press("p")

        await console.sees("refused, The runtime has not answered")


async def test_pause_again_parks_what_is_held_after_a_question(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(select="price-watch-01") as console:
        await console.sees("held at its gate")
        await console.press("p")
        await console.sees("Park price-watch-01 9f0c12?")
        assert console.asked == []
        await console.press("y")
        await console.until(lambda: bool(console.asked))

        assert console.asked == [("pause", "9f0c12", None, {"park": True})]


async def test_parking_what_would_begin_again_says_what_is_lost_and_tells_the_runtime_that_it_was_said(
    maker: FleetMaker, open_console: Opener
) -> None:
    script = maker.script("1a2b3c", "fresh", "Has no checkpoint", 700)
    script.start()
    for number in range(1, 13):
        script.step(number)
    script.move(Status.PAUSING, "asked by mira")
    script.move(Status.PAUSED, "at its gate", reason="USER_PAUSED", why="by mira", held=True)
    maker.flush()
    async with open_console(select="fresh") as console:
        await console.sees("fresh 1a2b3c")
        await console.press("p")
        await console.sees("lost         12 steps of work", "begins again from")
        await console.press("enter")
        await console.until(lambda: "Park fresh" not in console.text)
        assert console.asked == []
        await console.press("p", "y")
        await console.until(lambda: bool(console.asked))

        assert console.asked == [("pause", "1a2b3c", None, {"park": True, "begin_again": True})]


async def test_pause_again_while_it_waits_asks_whether_to_force(recorded: FleetMaker, open_console: Opener) -> None:
    recorded.journal.append("a9e1d4", 1, Kind.PAUSE_ASKED, {"by": "mira", "reason": "USER_PAUSED"})
    recorded.move("a9e1d4", Status.PAUSING, "asked by mira", waits_for="Bash pytest")
    recorded.flush()
    async with open_console(select="refactor-billing") as console:
        await console.sees("pausing")
        await console.press("p")
        await console.sees("Force the pause of refactor-billing a9e1d4 ?", "running 48 s", "If you force it now:")
        assert console.asked == []
        await console.press("F")
        await console.until(lambda: bool(console.asked))

        assert console.asked == [("pause", "a9e1d4", 1, {"force": True})]


async def test_a_pause_that_waits_for_an_answer_cannot_be_forced(recorded: FleetMaker, open_console: Opener) -> None:
    recorded.journal.append("7d10be", 1, Kind.PAUSE_ASKED, {"by": "mira", "reason": "USER_PAUSED"})
    recorded.flush()
    async with open_console(select="ticket-mailer") as console:
        await console.sees("NEEDS YOU")
        await console.press("p")
        await console.sees("will be paused once its question is answered: press d.")

        assert console.asked == [] and "force…" not in console.text


async def test_the_safe_answer_to_force_is_to_wait(recorded: FleetMaker, open_console: Opener) -> None:
    recorded.move("a9e1d4", Status.PAUSING, "asked by mira")
    recorded.flush()
    async with open_console(select="refactor-billing") as console:
        await console.sees("pausing")
        await console.press("p")
        await console.sees("Force the pause")
        await console.press("enter")
        await console.until(lambda: "Force the pause" not in console.text)

        assert console.asked == []


async def test_an_agent_without_the_sdk_is_frozen_only_after_a_question(
    recorded: FleetMaker, open_console: Opener
) -> None:
    async with open_console(select="legacy-scraper") as console:
        await console.sees("watched from outside")
        await console.press("p")
        await console.sees("It can only be frozen", "its memory, as long as this machine runs")
        await console.press("y")
        await console.until(lambda: bool(console.asked))

        assert console.asked == [("pause", "0c7e42", None, {})]


async def test_resume_offers_a_note(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(select="fix-flaky-ci") as console:
        await console.sees("LOOP_DETECTED")
        await console.press("r")
        await console.sees("Resume fix-flaky-ci 3f9a1c ?", "It goes on where it waits")
        await console.press(*"read it", "enter")
        await console.until(lambda: bool(console.asked))

        assert console.asked == [("resume", LOOP, None, {"note": "read it"})]


async def test_resume_of_what_is_out_of_budget_asks_for_more(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(select="lead-enricher") as console:
        await console.sees("BUDGET_EXCEEDED")
        assert console.selected == BUDGET
        await console.press("r")
        await console.sees("used up", "$5.00 of $5.00", "checkpoint 6", "↑ ↓ choose among 6")
        await console.press("down")
        await console.sees("checkpoint 5 “company 25”")
        await console.press("enter")
        await console.until(lambda: bool(console.asked))

        assert console.asked == [("resume", BUDGET, None, {"checkpoint": 5, "limits": {"cost_usd": 10.0}})]


async def test_resume_of_what_spends_too_fast_offers_a_faster_pace(recorded: FleetMaker, open_console: Opener) -> None:
    limits = {"tokens_per_minute": 100}
    run = recorded.script("fa57ed", "hasty", "Read everything", 300, limits=limits).start()
    why, evidence = "130 of 100 tokens a minute spent", {"figures": {"tokens_per_minute": "130 of 100"}}
    run.until(20).move(Status.PAUSING, "ruled by budget")
    run.move(Status.PAUSED, "at its next step", reason="BUDGET_EXCEEDED", why=why, evidence=evidence, held=True)
    recorded.flush()
    async with open_console(select="hasty") as console:
        await console.sees("BUDGET_EXCEEDED", "With a higher limit (130 of 100 tokens a minute)")
        await console.press("r")
        await console.sees("used up", "tokens a minute: 130 of 100", "limit, tokens a minute")
        await console.press("enter")
        await console.until(lambda: bool(console.asked))

        assert console.asked == [("resume", "fa57ed", None, {"limits": {"tokens_per_minute": 200.0}})]


async def test_resume_of_many_raises_the_limit_of_those_that_have_used_it_up(
    recorded: FleetMaker, open_console: Opener
) -> None:
    async with open_console(select="c41f02") as console:
        await console.sees("BUDGET_EXCEEDED")
        console.app.state.model.marks.update((LOOP, BUDGET))
        await console.press("r")
        await console.sees("Resume 2 runs ?", "1 of them has used up a limit", "limit, money")
        await console.press("enter")
        await console.until(lambda: len(console.asked) == 2)

        assert {run: args for _, run, _, args in console.asked} == {LOOP: {}, BUDGET: {"limits": {"cost_usd": 10.0}}}


async def test_escape_leaves_it_paused(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(select="fix-flaky-ci") as console:
        await console.sees("LOOP_DETECTED")
        await console.press("r")
        await console.sees("Resume fix-flaky-ci")
        await console.press("escape")
        await console.until(lambda: "Resume fix-flaky-ci" not in console.text)

        assert console.asked == []


async def test_kill_asks_and_says_what_is_lost(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(select="fix-flaky-ci") as console:
        await console.sees("LOOP_DETECTED")
        await console.press("x")
        await console.sees("Kill fix-flaky-ci 3f9a1c ?", "This cannot be undone.", "5 checkpoints (last: step 21)")
        await console.press("enter")
        await console.until(lambda: "This cannot be undone." not in console.text)
        assert console.asked == []

        await console.press("x")
        await console.sees("This cannot be undone.")
        await console.press("y")
        await console.until(lambda: bool(console.asked))
        assert console.asked == [("kill", LOOP, None, {})]


async def test_killing_many_needs_their_number(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console() as console:
        await console.sees("ticket-mailer")
        await console.press("space", "space", "space")
        await console.sees("3 marked")
        await console.press("x")
        await console.sees("Kill 3 runs ?", "Type 3 to kill them:")
        await console.sees("history, logs and evidence", "stays done", "They cost nothing at rest.")
        await console.press("4", "enter")
        await console.until(lambda: "Type 3" not in console.text)
        assert console.asked == []

        await console.press("x")
        await console.sees("Type 3 to kill them:")
        await console.press("3", "enter")
        await console.until(lambda: len(console.asked) == 3)
        assert {(kind, run) for kind, run, *_ in console.asked} == {("kill", DOUBT), ("kill", LOOP), ("kill", BUDGET)}


async def test_what_came_of_many_is_one_message_with_the_refusal_in_it(
    recorded: FleetMaker, open_console: Opener
) -> None:
    async with open_console(select="support-triage-01") as console:
        await console.sees("support-triage-01 70c201")
        await console.press("space", "space", "p")
        await console.sees("pause 2 runs: 2 applied")
        console.supervisor.refuses = "it ends in a moment"
        await console.press("p")
        await console.sees("pause 2 runs: 0 applied, 2 refused; support-triage-01 70c201: it ends in a moment")


async def test_marked_runs_that_cannot_are_left_out_and_that_is_said(
    recorded: FleetMaker, open_console: Opener
) -> None:
    async with open_console(select="price-watch-01") as console:
        await console.sees("price-watch-01 9f0c12")
        await console.press("space", "space", "r")
        await console.sees("Resume price-watch-01 9f0c12 ?", "Left out 1 of the 2 runs: crm-writer 81b3fe is running")


async def test_an_agent_among_many_that_can_only_be_frozen_is_asked_about(
    recorded: FleetMaker, open_console: Opener
) -> None:
    async with open_console(select="legacy-scraper") as console:
        await console.sees("watched from outside")
        await console.press("space", "space", "p")
        await console.sees("Pause 2 runs ?", "1 of them can only be frozen, in memory alone")
        assert console.asked == []


async def test_pause_again_of_many_asks_whether_to_park_them(recorded: FleetMaker, open_console: Opener) -> None:
    recorded.move("81b3fe", Status.PAUSING, "asked by mira")
    recorded.move("81b3fe", Status.PAUSED, "at its gate", reason="USER_PAUSED", why="by mira", held=True)
    recorded.flush()
    async with open_console(select="crm-writer") as console:
        await console.sees("crm-writer 81b3fe")
        await console.press("space")
        console.app.fleet_screen.table.select("9f0c12")
        await console.press("space", "p")
        await console.sees("Park 2 runs?", "Parking ends their processes")
        await console.press("y")
        await console.until(lambda: len(console.asked) == 2)

        assert {(run, args["park"]) for _, run, _, args in console.asked} == {("81b3fe", True), ("9f0c12", True)}


async def test_a_dialog_acts_on_the_runs_it_was_opened_for(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(select="fix-flaky-ci") as console:
        await console.sees("LOOP_DETECTED")
        await console.press("x")
        await console.sees("Kill fix-flaky-ci")
        recorded.move("a9e1d4", Status.NEEDS_REVIEW, "held", why="two texts differ")
        recorded.flush()
        await console.until(lambda: console.app.state.model.runs["a9e1d4"].status is Status.NEEDS_REVIEW)
        await console.press("y")
        await console.until(lambda: bool(console.asked))

        assert console.asked == [("kill", LOOP, None, {})]


async def test_an_answer_to_a_doubt(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console() as console:
        await console.sees("ticket-mailer 7d10be")
        await console.press("d")
        await console.sees("did this happen ?", "b.ito@example.com", "Sent folder, to:b.ito@example.com")
        await console.press("s")
        await console.until(lambda: bool(console.asked))

        assert console.asked == [("resolve", DOUBT, 1, {"action": f"{DOUBT}-18", "outcome": "retry"})]


async def test_keys_that_cannot_work_say_why(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(select="crm-writer") as console:
        await console.sees("crm-writer 81b3fe")
        await console.press("r")
        await console.sees("crm-writer 81b3fe is running: only what is paused or stopped can be resumed.")
        await console.press("d")
        await console.sees("has no question for you")
        assert console.asked == []


async def test_read_only_refuses_to_act(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(read_only=True) as console:
        await console.sees("ticket-mailer")
        for key in ("p", "r", "x", "d", "R", "Q"):
            await console.press(key)
            await console.sees("This console is read-only")

        assert console.asked == []
        assert not console.supervisor.started


async def test_filter_lists_what_matches_and_escape_clears_it(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console() as console:
        await console.sees("ticket-mailer")
        await console.press("slash", *"status:paused", "enter")
        await console.sees("filter: status:paused", "3 of 23 runs")
        assert "ticket-mailer" not in console.text
        await console.press("escape")
        await console.sees("ticket-mailer")

        await console.press("slash", *"nothing like it", "enter")
        await console.sees("No run matches “nothing like it”")
        await console.press("escape")
        await console.sees("ticket-mailer")


async def test_next_goes_through_what_needs_you(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console() as console:
        await console.sees("ticket-mailer")
        seen = [console.selected]
        for _ in range(4):
            await console.press("n")
            seen.append(console.selected)

        assert seen == [DOUBT, LOOP, BUDGET, CRASHED, DOUBT]


async def test_what_is_copied_works_in_any_shell_as_it_names_the_home(
    recorded: FleetMaker, open_console: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_console() as console:
        await console.sees("ticket-mailer")
        home = console.app.state.home
        await console.press("y")
        await console.sees(f"Copied: agentwatch show {DOUBT}")
        words = shlex.split(console.app.clipboard)
        assert words == ["agentwatch", "show", DOUBT, "--home", str(home.root.absolute())]

        monkeypatch.setattr(Home, "usual", classmethod(lambda cls: home))
        await console.press("w", "y")
        await console.until(lambda: console.app.clipboard == f"agentwatch show {DOUBT}")


async def test_help_lists_the_keys_of_the_screen_it_was_opened_from(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console() as console:
        await console.sees("ticket-mailer")
        await console.press("question_mark")
        await console.sees("Keys: the fleet", "To the next run that needs you", "? needs you")
        await console.press("escape")
        await console.press("l")
        await console.sees("smtp: DATA")
        await console.press("question_mark")
        await console.sees("Keys: log", "To the end, and follow what comes")
        await console.sees("ctrl+l", "Paint anew")


async def test_the_palette_offers_the_keys_by_name(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console() as console:
        await console.sees("ticket-mailer")
        await console.press("colon")
        await console.press(*"checkpoints")
        await console.sees("checkpoints (c)")
        await console.press("enter")
        await console.sees("›  checkpoints", "content of checkpoint 17")


async def test_pages_open_and_escape_returns(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(select="fix-flaky-ci") as console:
        await console.sees("LOOP_DETECTED")
        for key, fragments in {
            "w": ("the calls, compared", "5 of 5 equal", "what you can do now"),
            "c": ("changed since checkpoint 4", "~ failures: 2 → 1", "content of checkpoint 5"),
            "i": ("has nothing in flight",),
            "l": ("AssertionError",),
            "enter": ("steered (loop)", "same"),
        }.items():
            await console.press(key)
            await console.sees(*fragments)
            await console.press("escape")
            await console.sees("AGENT ")


async def test_an_event_opens_in_full(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(select="fix-flaky-ci") as console:
        await console.sees("LOOP_DETECTED")
        await console.press("enter")
        await console.sees("paused, held at its gate")
        await console.press("enter")
        await console.sees("run.status", "reason: ", '"LOOP_DETECTED"')
        await console.press("escape")
        await console.until(lambda: "run.status" not in console.text)
        await console.press("escape")
        await console.sees("AGENT ")


async def test_an_opened_event_can_be_searched(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(select="fix-flaky-ci") as console:
        await console.sees("LOOP_DETECTED")
        await console.press("enter")
        await console.sees("paused, held at its gate")
        await console.press("slash", *"refresh")
        await console.sees("“refresh”: line 1 of ")
        await console.press("enter")
        await console.sees("“refresh”: line 2 of ")
        await console.press(*"xx")
        await console.sees("“refreshxx” is not in this event.")
        await console.press("escape", "escape")
        await console.until(lambda: "run.status" not in console.text)
        await console.press("escape")
        await console.sees("AGENT ")


async def test_a_log_can_be_searched(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(select="fix-flaky-ci") as console:
        await console.sees("LOOP_DETECTED")
        await console.press("l")
        await console.sees("collected 42 items")
        await console.press("slash", *"FAILED")
        await console.sees("“FAILED”: line 1 of 2 ")
        await console.press("enter")
        await console.sees("“FAILED”: line 2 of 2 ")
        assert "“FAILE”" not in console.text
        await console.press("escape", "escape")
        await console.sees("AGENT ")


async def test_a_checkpoint_can_be_searched(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(select="fix-flaky-ci") as console:
        await console.sees("LOOP_DETECTED")
        await console.press("c")
        await console.sees("content of checkpoint 5")
        await console.press("slash", *"token.py")
        await console.sees("“token.py”: line 1 of 1 ")
        await console.press("escape", "down")
        await console.sees("content of checkpoint 4")


async def test_home_goes_to_the_first_event_of_a_long_run(maker: FleetMaker, open_console: Opener) -> None:
    script = maker.script("abc123", "long-runner", "Run on", 4000)
    script.start()
    for n in range(1, 1001):
        script.step(n, f"page {n}", 1).act("Read", {"page": n}, f"text {n}", 1, idempotent=True)
    maker.flush()
    async with open_console() as console:
        await console.sees("long-runner")
        await console.press("enter")
        await console.sees("Read 1000")
        await console.press("home")
        await console.sees("created by mira", "step 1 page 1", "Read 1")
        await console.press("down", "enter")
        await console.sees("event 2 ")
        await console.press("escape", "end")
        await console.sees("Read 1000")
        script.step(1001, "page 1001")
        maker.flush()
        await console.sees("step 1001 page 1001")


async def test_the_log_follows_what_is_written(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(size=(80, 24), select="crm-writer") as console:
        await console.sees("crm-writer 81b3fe")
        await console.press("l")
        await console.sees("It has written nothing yet.")
        path = recorded.home.log("81b3fe")
        path.write_text("".join(f"row {n}\n" for n in range(500)), encoding="utf-8")
        await console.sees("row 499")
        with path.open("a", encoding="utf-8") as file:
            file.write("the last row\n")
        await console.sees("the last row")


async def test_a_runtime_that_is_gone_is_shown_and_can_be_started(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(alive=False) as console:
        await console.sees("runtime ○ not running", "R starts it.")
        await console.press("R")
        await console.sees("The runtime is running.")

        assert console.supervisor.started


async def test_leaving_asks_nothing_and_stopping_everything_asks(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console() as console:
        await console.sees("ticket-mailer")
        await console.press("Q")
        await console.sees("Stop everything ?", "This pauses 13 live runs")
        await console.press("escape")
        await console.until(lambda: "Stop everything" not in console.text)
        assert console.asked == []

        await console.press("q")
        assert console.app.return_code == 0


async def test_changes_reach_the_screen_while_it_is_open(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(size=(160, 60)) as console:
        await console.sees("3 done")
        script = working(
            recorded,
            "abc123",
            "newcomer",
            "Just begun",
            steps=3,
            of=9,
            noun="page",
            tool="Read",
            cost=0.1,
            limit=None,
            in_tool=None,
            ago=60,
        )
        recorded.flush()
        await console.sees("newcomer", "page 3 of 9")
        script.until(1).add(Kind.TASK, name="page 4 of 9")
        recorded.flush()
        await console.sees("page 4 of 9")


async def test_an_empty_home_says_what_to_do_and_fills_by_itself(maker: FleetMaker, open_console: Opener) -> None:
    async with open_console() as console:
        await console.sees("Nothing has run here yet.", "agentwatch run --demo")
        maker.script("abc123", "newcomer", "Begin", 5)
        maker.flush()

        await console.sees("newcomer", "queued")


async def test_needs_me_lists_what_waits_for_a_person_and_begins_at_the_first(
    recorded: FleetMaker, open_console: Opener
) -> None:
    async with open_console(needs_me=True) as console:
        await console.sees("4 need you.", "filter: needs:me", "4 of 23 runs")
        assert console.selected == DOUBT
        assert console.app.state.model.keys == [DOUBT, LOOP, BUDGET, CRASHED]
        await console.press("escape")
        await console.sees("crm-writer")


async def test_needs_me_lists_everything_where_nothing_waits(maker: FleetMaker, open_console: Opener) -> None:
    maker.script("abc123", "newcomer", "Begin", 5)
    maker.flush()
    async with open_console(needs_me=True) as console:
        await console.sees("newcomer", "Nothing needs you.")


async def test_a_fork_begins_from_the_picked_checkpoint_after_a_question(
    recorded: FleetMaker, open_console: Opener
) -> None:
    async with open_console(select="fix-flaky-ci") as console:
        await console.sees("LOOP_DETECTED")
        await console.press("c")
        await console.sees("content of checkpoint 5")
        await console.press("down")
        await console.sees("content of checkpoint 4")
        await console.press("f")
        await console.sees(
            "Fork fix-flaky-ci 3f9a1c ?", "from checkpoint 4 “4 of 6 fixed”", "what this run has done since"
        )
        await console.press("enter")
        await console.until(lambda: "Fork fix-flaky-ci" not in console.text)
        assert console.asked == []

        await console.press("f")
        await console.sees("Fork fix-flaky-ci")
        await console.press("y")
        await console.until(lambda: bool(console.asked))
        [(kind, run, attempt, args)] = console.asked
        assert (kind, run, attempt, args["checkpoint"]) == ("fork", LOOP, None, 4)
        assert len(bytes.fromhex(str(args["to"]))) == 6


async def test_why_forks_from_the_last_checkpoint(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(select="fix-flaky-ci") as console:
        await console.sees("LOOP_DETECTED")
        await console.press("w", "f")
        await console.sees("from checkpoint 5 “5 of 6 fixed”")
        await console.press("y")
        await console.until(lambda: bool(console.asked))
        assert console.asked[0][3]["checkpoint"] == 5


async def test_what_was_killed_cannot_be_forked_and_says_why(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(select="dead01") as console:
        await console.sees("KILLED")
        await console.press("w", "f")
        await console.sees("was killed: its checkpoints are gone, so nothing can be forked from it.")
        assert console.asked == []


async def test_the_bell_rings_once_for_what_newly_needs_a_person(
    recorded: FleetMaker, open_console: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[float] = []
    async with open_console() as console:
        monkeypatch.setattr(console.app, "bell", lambda: rung.append(0.0))
        await console.sees("4 need you")
        assert rung == []
        recorded.move("a9e1d4", Status.NEEDS_REVIEW, "held", why="two texts differ")
        recorded.move("81b3fe", Status.NEEDS_REVIEW, "held", why="two texts differ")
        recorded.flush()
        await console.sees("6 need you")
        assert len(rung) == 1

        await console.press("B")
        await console.sees("The bell is off.")
        recorded.move("d810aa", Status.NEEDS_REVIEW, "held", why="another thing")
        recorded.flush()
        await console.sees("7 need you")
        assert len(rung) == 1


async def test_a_run_that_is_not_there_is_said(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(select="nobody") as console:
        await console.sees("There is no run and no agent called 'nobody'")


async def test_a_groups_by_agent_and_enter_unfolds(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(select="c41f02") as console:
        await console.sees("lead-enricher c41f02")
        await console.press("a")
        await console.sees("▸ lead-enricher ×2", "2 runs of lead-enricher", "enter unfolds them")
        assert "dead01 killed" not in console.text.split("what needs you first")[0]

        await console.press("enter")
        await console.sees("▾ lead-enricher ×2", "enter folds them", "dead01 killed")
        await console.press("j", "left")
        await console.sees("▸ lead-enricher ×2")
        assert console.app.state.model.groups[console.selected or ""].common.name == "lead-enricher"
        await console.press("right")
        await console.sees("▾ lead-enricher ×2")
        await console.press("a")
        await console.until(lambda: "lead-enricher ×2" not in console.text)


async def test_a_key_on_a_group_acts_on_all_its_runs(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(select="c41f02") as console:
        await console.sees("lead-enricher c41f02")
        await console.press("a", "space")
        await console.sees("2 marked")


async def test_what_is_grouped_is_remembered(recorded: FleetMaker, open_console: Opener, tmp_path: Path) -> None:
    remember = tmp_path / "console.json"
    async with open_console(remember=remember) as console:
        await console.sees("ticket-mailer")
        await console.press("a")
        await console.sees("lead-enricher ×2")
    async with open_console(remember=remember) as console:
        await console.sees("lead-enricher ×2")


async def test_what_comes_does_not_bring_a_story_back_that_was_scrolled_with_the_wheel(
    recorded: FleetMaker, open_console: Opener
) -> None:
    async with open_console(size=(120, 30), select="crm-writer") as console:
        await console.sees("crm-writer 81b3fe")
        await console.press("enter")
        await console.sees("step 42")
        view = console.app.screen.query_one("#page", LinesView)
        end = view.scroll_offset.y
        for _ in range(4):
            await console.pilot._post_mouse_events([MouseScrollUp], "#page", (10, 5))
        await console.until(lambda: view.scroll_offset.y < end)
        top = view.scroll_offset.y
        recorded.journal.append("81b3fe", 1, Kind.STEP_BEGIN, {"n": 43, "name": "contact 43"})
        recorded.flush()
        await console.until(lambda: console.app.state.model.runs["81b3fe"].step == 43)
        console.app._second()
        await console.until_quiet()

        assert view.scroll_offset.y == top


async def test_a_list_that_was_scrolled_with_the_wheel_stays_where_it_is(
    recorded: FleetMaker, open_console: Opener
) -> None:
    async with open_console(size=(80, 24)) as console:
        await console.sees("ticket-mailer")
        table = console.app.fleet_screen.table
        for _ in range(4):
            await console.pilot._post_mouse_events([MouseScrollDown], "#fleet", (10, 5))
        await console.until(lambda: table.scroll_offset.y > 3)
        top = table.scroll_offset.y
        recorded.move("a9e1d4", Status.NEEDS_REVIEW, "held", why="two texts differ")
        recorded.flush()
        await console.until(lambda: console.app.state.model.unsettled)
        table.moved_at = float("-inf")
        table.settle()
        await console.until_quiet()
        assert table.scroll_offset.y == top
        assert console.selected == DOUBT

        await console.press("j")
        await console.until(lambda: table.scroll_offset.y < top)


async def test_a_line_of_several_runs_has_no_page_and_says_where_one_is(
    recorded: FleetMaker, open_console: Opener
) -> None:
    async with open_console(select="c41f02") as console:
        await console.sees("lead-enricher c41f02")
        await console.press("a")
        await console.sees("lead-enricher ×2", "enter unfold")
        await console.press("w")
        await console.sees("This line is 2 runs: enter lists them, then pick one.")
        await console.press("y")
        assert "Copied" not in console.text
        await console.press("enter")
        await console.sees("enter fold")
        await console.press("l")
        await console.sees("This line is 2 runs: pick one of those below it.")


async def test_with_no_run_selected_the_keys_say_so(maker: FleetMaker, open_console: Opener) -> None:
    async with open_console() as console:
        await console.sees("Nothing has run here yet.")
        for key in ("space", "y", "enter", "w", "p", "x", "d"):
            console.app.state.notes.clear()
            await console.press(key)
            await console.sees("No run is selected.")


async def test_a_repetition_is_not_accepted_before_it_is_known_what_it_is(
    recorded: FleetMaker, open_console: Opener
) -> None:
    async with open_console(select="fix-flaky-ci") as console:
        await console.sees("LOOP_DETECTED")
        await console.press("w")
        await console.sees("this repetition is fine")
        state = console.app.state
        run = state.model.runs[LOOP]
        state.model.runs[LOOP] = msgspec.structs.replace(run, evidence={})
        state.windows.clear()
        await console.press("a")
        await console.sees("is not read yet: press a once more, or r.")

        assert console.asked == []


async def test_a_question_about_forcing_a_pause_hears_that_it_was_reached(
    recorded: FleetMaker, open_console: Opener
) -> None:
    recorded.move("a9e1d4", Status.PAUSING, "asked by mira", waits_for="Bash pytest")
    recorded.flush()
    async with open_console(select="refactor-billing") as console:
        await console.sees("pausing")
        await console.press("p")
        await console.sees("It waits for this to end:")
        recorded.move("a9e1d4", Status.PAUSED, "at its gate", reason="USER_PAUSED", why="by mira", held=True)
        recorded.flush()

        await console.sees("It is paused by now. There is nothing to force.")
        await console.press("F")
        await console.until(lambda: "There is nothing to force" not in console.text)
        assert console.asked == []


async def test_a_question_about_a_run_that_vanished_says_so(recorded: FleetMaker, open_console: Opener) -> None:
    recorded.move("a9e1d4", Status.PAUSING, "asked by mira", waits_for="Bash pytest")
    recorded.flush()
    async with open_console(select="refactor-billing") as console:
        await console.sees("pausing")
        await console.press("p")
        await console.sees("It waits for this to end:")
        await console.pilot.resize_terminal(80, 24)
        console.app.state.model.runs.clear()
        console.app._second()
        await console.sees("This run is not in the record any more.")


async def test_kill_says_what_the_run_is_and_what_a_pause_would_do(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(select="pr-review") as console:
        await console.sees("AGENT_CRASHED")
        await console.press("x")
        await console.sees("It is stopped now and costs nothing.")
        await console.press("escape")
        console.app.fleet_screen.table.select("0c7e42")
        await console.press("x")
        await console.sees("Pausing (p) would freeze it, in memory alone.")


async def test_a_long_log_does_not_move_under_the_eyes_of_who_reads_above_its_end(
    recorded: FleetMaker, open_console: Opener
) -> None:
    path = recorded.home.log("81b3fe")
    path.write_text("".join(f"line {number:06d}\n" for number in range(60_000)))
    async with open_console(select="crm-writer") as console:
        await console.sees("crm-writer 81b3fe")
        await console.press("l")
        await console.sees("line 059999")
        await console.press("pageup", "pageup")
        view = console.app.screen.query_one("#page", LinesView)
        seen = text_of(view.lines[view.scroll_offset.y])
        assert seen.strip().startswith("line 059")
        with path.open("a") as file:
            file.writelines(f"line {number:06d}\n" for number in range(60_000, 70_000))
        await console.until(lambda: text_of(view.lines[-1]).strip() == "line 069999")
        assert text_of(view.lines[view.scroll_offset.y]) == seen

        await console.press("f")
        await console.sees("line 069999")
        with path.open("a") as file:
            file.write("the last\n")
        await console.sees("the last")
        assert len(view.lines) < 25_000


async def test_tab_leads_to_the_opened_event_and_back(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(size=(80, 24), select="fix-flaky-ci") as console:
        await console.sees("LOOP_DETECTED")
        await console.press("enter", "tab")
        await console.sees("No event is open: enter opens the one that the cursor is on.")
        await console.press("enter")
        await console.sees("enter close", "tab event", 'to: "paused"')
        await console.press("tab")
        await console.sees("tab story")
        await console.press("end")
        await console.until(lambda: 'to: "paused"' not in console.text)
        await console.press("enter")
        await console.sees("enter open")
        await console.press("home")
        await console.sees("created by mira")


async def test_no_answer_of_a_dialog_is_hidden_in_a_small_terminal(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(size=(50, 16)) as console:
        await console.sees("ticket-mailer")
        await console.press("d")
        await console.sees("[ l  leave it ]", "h  it happened", "s  it did not", "x  kill…")
        await console.press("escape", "space", "space", "x")
        await console.sees("Type 2 to kill them:", "ticket-mailer 7d10be", "esc  keep them")


async def test_resume_from_the_checkpoints_begins_at_the_picked_one(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(select="lead-enricher") as console:
        await console.sees("BUDGET_EXCEEDED")
        await console.press("c")
        await console.sees("content of checkpoint 6")
        await console.press("down", "down")
        await console.sees("content of checkpoint 4")
        await console.press("r")
        await console.sees("checkpoint 4 “company 20”, step 20")
        await console.press("enter")
        await console.until(lambda: bool(console.asked))

        assert console.asked[0][3]["checkpoint"] == 4


async def test_the_checkpoints_of_a_run_that_is_killed_are_not_shown_any_more(
    recorded: FleetMaker, open_console: Opener
) -> None:
    async with open_console(select="lead-enricher") as console:
        await console.sees("BUDGET_EXCEEDED")
        await console.press("c")
        await console.sees("content of checkpoint 6")
        await console.press("down")
        recorded.move("c41f02", Status.KILLING, "killed by mira")
        recorded.move("c41f02", Status.KILLED, "killed by mira", reason="USER_KILLED", why="killed by mira")
        recorded.journal.drop_active_state("c41f02")
        recorded.flush()
        await console.sees("no checkpoints")
        await console.until(lambda: "content of checkpoint" not in console.text)


async def test_without_a_runtime_pause_says_what_starts_one(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(alive=False, select="crm-writer") as console:
        await console.sees("crm-writer 81b3fe")
        await console.press("p")
        await console.sees("pause crm-writer 81b3fe: refused, no runtime is running; R in the list starts one")


async def test_a_runtime_that_does_not_end_is_not_left_in_silence(
    recorded: FleetMaker, open_console: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.console.app.LEAVE_S", 0.1)
    async with open_console() as console:
        await console.sees("ticket-mailer")
        await console.press("Q")
        await console.sees("Stop everything ?")
        await console.press("y")
        await console.sees("The runtime has not ended yet: q leaves all the same.")
        assert [kind for kind, *_ in console.asked] == ["stop_runtime"]


async def test_a_message_says_which_run_of_an_agent_it_is_about(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console() as console:
        await console.sees("ticket-mailer")
        script = recorded.script("d0ff11", "slack-digest", "Digest for #ops", 5)
        script.start()
        script.move(Status.KILLING, "killed by mira")
        script.move(Status.KILLED, "killed by mira", reason="USER_KILLED", why="killed by mira")
        recorded.flush()

        await console.sees("slack-digest d0ff11 killed: killed by mira")


async def test_while_words_are_typed_the_bottom_line_names_the_keys_that_are_keys(
    recorded: FleetMaker, open_console: Opener
) -> None:
    async with open_console(select="fix-flaky-ci") as console:
        await console.sees("x kill…")
        await console.press("slash")
        await console.sees("enter to the list", "esc clear the filter")
        assert "x kill…" not in console.text
        await console.press("escape")
        await console.sees("x kill…")
        await console.press("l", "slash")
        await console.sees("enter next place", "esc leave the search")
        await console.press("escape")
        await console.sees("W wrap")


async def test_where_nothing_can_be_folded_the_keys_say_so(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(select="crm-writer") as console:
        await console.sees("crm-writer 81b3fe")
        await console.press("right")
        await console.sees("This line is one run, and in no group that could be folded.")
        await console.press("a")
        console.app.fleet_screen.table.select("c41f02")
        console.app.fleet_screen.table.select(console.app.state.model.keys[2])
        await console.sees("enter unfold")
        await console.press("left")
        await console.sees("This group is folded already.")
        await console.press("right", "down", "right")
        await console.sees("This group is unfolded already.")


async def test_tab_compares_other_calls_of_the_evidence(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(select=LOOP) as console:
        await console.sees("fix-flaky-ci 3f9a1c")
        await console.press("w")
        await console.sees("FIRST  step 17", "LAST  step 21", "tab compares others")
        await console.press("tab", "tab")
        await console.sees("2 OF 5  step 18", "3 OF 5  step 19")
        await console.press("shift+tab", "shift+tab")
        await console.sees("FIRST  step 17", "LAST  step 21")


async def test_the_bottom_line_says_what_p_does_to_this_run(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(select=LOOP) as console:
        await console.sees("p park")
    async with open_console(select="refactor-billing") as console:
        await console.sees("p pause ")
    async with open_console(select="legacy-scraper") as console:
        await console.sees("p pause…")
        recorded.move("0c7e42", Status.PAUSING, "asked by mira")
        recorded.flush()
        await console.sees("p force…")


async def test_the_palette_says_why_a_key_cannot_work_now(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(select=LOOP) as console:
        await console.sees("fix-flaky-ci 3f9a1c")
        await console.press("colon", *"answer")
        await console.sees("answer (d)", "fix-flaky-ci 3f9a1c has no question for you.")


async def test_runs_that_were_pruned_leave_the_list(
    recorded: FleetMaker, open_console: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_console() as console:
        await console.sees("4 need you")
        with contextlib.closing(sqlite3.connect(recorded.home.journal)) as record, record:
            record.execute("DELETE FROM runs WHERE run = ?", (CRASHED,))
        monkeypatch.setattr(console.app, "_seconds", GONE_AFTER_S - 1)
        await console.sees("3 need you")
        assert CRASHED not in console.text and LOOP in console.text


# --- keys pressed faster than anybody reads


OPENERS = [
    ("crm-writer", ("x",), "Kill crm-writer"),
    ("price-watch-01", ("p",), "Park price-watch-01"),
    ("legacy-scraper", ("p",), "Pause legacy-scraper"),
    ("ticket-mailer", ("d",), "did this happen"),
    ("fix-flaky-ci", ("r",), "Resume fix-flaky-ci"),
    ("fix-flaky-ci", ("w", "f"), "Fork fix-flaky-ci"),
    ("fix-flaky-ci", ("w", "a"), "Accept this repetition"),
    ("crm-writer", ("Q",), "Stop everything"),
]
EVERY_ANSWER = ("y", "n", "enter", "h", "s", "F", "u", "w", "x", "d", "p", "r", "f", "a", "Q", "1")


@pytest.mark.parametrize(("agent", "keys", "title"), OPENERS, ids=lambda value: "".join(value)[:16])
async def test_no_key_that_comes_before_a_dialog_could_be_read_answers_it(
    agent: str, keys: tuple[str, ...], title: str, recorded: FleetMaker, open_console: Opener
) -> None:
    async with open_console(select=agent) as console:
        await console.sees(agent, "need you")
        await console.press(*keys)
        await console.sees(title)
        await console.mash_on(*EVERY_ANSWER)

        await console.sees(title)
        assert len([screen for screen in console.app.screen_stack if screen.is_modal]) == 1
        assert console.asked == []
        await console.press("escape")
        await console.until(lambda: title not in console.text)


@pytest.mark.parametrize(("agent", "keys", "title"), OPENERS, ids=lambda value: "".join(value)[:16])
async def test_the_key_that_opened_a_dialog_never_answers_it(
    agent: str, keys: tuple[str, ...], title: str, recorded: FleetMaker, open_console: Opener
) -> None:
    async with open_console(select=agent) as console:
        await console.sees(agent, "need you")
        await console.press(*keys)
        await console.sees(title)
        await console.press(keys[-1], keys[-1])

        await console.sees(title)
        assert console.asked == []


async def test_keys_that_are_pressed_at_once_open_one_dialog(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(select="crm-writer") as console:
        await console.sees("crm-writer 81b3fe")
        screen = console.app.fleet_screen
        screen.action_kill()
        screen.action_quit_all()
        screen.action_kill()
        await console.sees("Kill crm-writer")
        await console.until_quiet()

        assert len([one for one in console.app.screen_stack if one.is_modal]) == 1


async def test_escape_closes_a_dialog_at_once(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(select="crm-writer") as console:
        await console.sees("crm-writer 81b3fe")
        await console.press("x")
        await console.sees("Kill crm-writer")
        await console.mash_on("escape")
        await console.until(lambda: "Kill crm-writer" not in console.text)

        assert console.asked == []


async def test_accepting_a_repetition_asks_first(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console(select="fix-flaky-ci") as console:
        await console.sees("LOOP_DETECTED")
        await console.press("w")
        await console.sees("this repetition is fine")
        await console.press("a")
        await console.sees("Accept this repetition of fix-flaky-ci 3f9a1c?", "never stops the run again")
        assert console.asked == []
        await console.press("y")
        await console.until(lambda: bool(console.asked))

        [(kind, run, _, args)] = console.asked
        assert (kind, run, list(args)) == ("resume", LOOP, ["accept"])


# --- without a runtime


async def test_a_runtime_that_left_because_nothing_is_left_to_do_is_no_alarm(
    maker: FleetMaker, open_console: Opener
) -> None:
    script = maker.script("1a2b3c", "finished", "Is done", 700)
    script.start()
    script.move(Status.COMPLETED, "it said so", reason="COMPLETED")
    maker.flush()
    async with open_console(alive=False) as console:
        await console.sees("finished", "runtime ○ left, nothing to do")
        assert "not running" not in console.text


async def test_nothing_is_said_of_now_about_a_live_run_while_no_runtime_watches(
    recorded: FleetMaker, open_console: Opener
) -> None:
    async with open_console(select="crm-writer", alive=False) as console:
        await console.sees("runtime ○ not running", "Stuck?        UNKNOWN", "No runtime is running, so nobody sees it")
        await console.sees("When it was last seen:", "Safe pause?   n/a")
