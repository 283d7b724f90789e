"""A dependency that is down: one banner, one line for all who wait, and the keys that help."""

from __future__ import annotations

from store.events import Kind
from store.states import Status
from tests.integration.console.conftest import Opener
from tests.support.console_fleet import FleetMaker, outage

CAUSE = "shop-api.example.com"


async def test_all_who_wait_for_one_cause_are_one_line(maker: FleetMaker, open_console: Opener) -> None:
    outage(maker, CAUSE)
    async with open_console() as console:
        await console.sees("▸ price-watch ×6", "next try 14:27:54: shop-api")
        await console.sees(
            "6 wait, next try ", "None of them spends", "All 6 are held before a call", "15 of the last 20"
        )
        assert "price-watch-03" not in console.text.split("── 6 runs wait for")[0]


async def test_enter_unfolds_and_folds(maker: FleetMaker, open_console: Opener) -> None:
    outage(maker, CAUSE)
    async with open_console() as console:
        await console.sees("▸ price-watch ×6")
        await console.press("enter")
        await console.sees("▾ price-watch ×6", "price-watch-01", "price-watch-06")
        await console.press("j", "j", "k", "k", "enter")
        await console.sees("▸ price-watch ×6")
        assert "price-watch-03" not in console.text.split("── 6 runs wait for")[0]


async def test_a_key_on_a_folded_line_acts_on_all_of_them_and_asks(maker: FleetMaker, open_console: Opener) -> None:
    outage(maker, CAUSE)
    async with open_console() as console:
        await console.sees("▸ price-watch ×6")
        await console.press("p")
        await console.sees("Pause 6 runs ?")
        await console.press("y")
        await console.until(lambda: len(console.asked) == 6)

        assert {kind for kind, *_ in console.asked} == {"pause"}


async def test_runs_that_go_on_leave_the_fold(maker: FleetMaker, open_console: Opener) -> None:
    outage(maker, CAUSE)
    async with open_console() as console:
        await console.sees("▸ price-watch ×6")
        for index in range(6):
            maker.move(f"b0{index:04d}", Status.RUNNING, "the breaker closed")
        maker.flush()

        await console.until(lambda: "×6" not in console.text)
        await console.sees("price-watch-01", "price-watch-06", "6 running")


async def test_the_breakers_and_what_can_be_done_to_them(maker: FleetMaker, open_console: Opener) -> None:
    outage(maker, CAUSE)
    async with open_console(size=(100, 30)) as console:
        await console.sees("×6")
        await console.press("b")
        await console.sees("›  breakers", "OPEN", "6 wait", "mail.example.com", "closed", "opened     2 times")
        await console.press("t")
        await console.until(lambda: len(console.asked) == 1)
        await console.press("C")
        await console.sees(f"Close {CAUSE} ?", "All calls that are held go out.")
        await console.press("enter")
        await console.until(lambda: "All calls that are held" not in console.text)
        await console.press("o")
        await console.sees("Hold shop-api.example.com open ?")
        await console.press("y")
        await console.until(lambda: len(console.asked) == 2)

        assert [args for *_, args in console.asked] == [{"name": CAUSE, "do": "try"}, {"name": CAUSE, "do": "open"}]


async def test_the_cursor_stays_with_its_breaker_when_another_one_opens(
    maker: FleetMaker, open_console: Opener
) -> None:
    outage(maker, CAUSE)
    async with open_console(size=(100, 30)) as console:
        await console.sees("×6")
        await console.press("b")
        await console.sees("mail.example.com", "opened     2 times")
        maker.journal.put_breaker("a.example.com", {"recent": [[maker.now, False]] * 9, "opened_at": maker.now})
        maker.journal.append("", 0, Kind.BREAKER, {"name": "a.example.com", "state": "open", "why": "all calls failed"})
        maker.flush()
        await console.sees("a.example.com")
        await console.press("t")
        await console.until(lambda: len(console.asked) == 1)

        assert console.asked[0][3] == {"name": CAUSE, "do": "try"}


async def test_without_breakers_the_screen_says_so(recorded: FleetMaker, open_console: Opener) -> None:
    async with open_console() as console:
        await console.sees("ticket-mailer")
        await console.press("b")
        await console.sees("No dependency has a breaker yet.")
        await console.press("t")
        await console.sees("There is no breaker to try")
        assert console.asked == []
        await console.press("escape")
        await console.sees("ticket-mailer")


async def test_a_folded_line_shows_what_became_of_its_breaker_and_which_keys_work(
    maker: FleetMaker, open_console: Opener
) -> None:
    outage(maker, CAUSE)
    maker.beat()
    async with open_console() as console:
        await console.sees("the call that was let out failed", "who waits: 6", "enter unfold")
        await console.press("enter")
        await console.sees("enter fold ")
