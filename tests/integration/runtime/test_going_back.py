"""`resume --from`: what was done after that checkpoint is not done again, however often things die meanwhile."""

from __future__ import annotations

import pytest

from store.events import Kind
from store.states import Status
from tests.support.world import World

SENDER = """
import agentwatch, signal
@agentwatch.tool
def send(n):
    note(HERE / "ledger", str(n))
    return n
@agentwatch.tool
def greet():
    note(HERE / "ledger", "hello")
with agentwatch.start() as run:
    n = run.state["n"] if run.state else 0
    note(HERE / "begun", f"{run.attempt} {n}")
    while n < 8:
        send(n)
        greet()
        n += 1
        run.checkpoint({"n": n})
        if (HERE / f"die-{run.attempt}-{n}").exists():
            os.kill(os.getpid(), signal.SIGKILL)
    if run.attempt == 1:
        wait_for(HERE / "go", 1000)
"""
ALL = sorted([*map(str, range(8)), *["hello"] * 8])


async def _all_sent(world: World) -> str:
    run = await world.start(SENDER)
    await world.until(run, lambda now: now.checkpoint is not None and now.checkpoint.number == 8)
    await world.ask("pause", run, force=True)
    await world.rest(run)
    return run


@pytest.mark.parametrize("deaths", [(), (5,), (4, 6), (4, 5, 6, 7)])
async def test_going_back_repeats_nothing_through_any_number_of_crashes(world: World, deaths: tuple[int, ...]) -> None:
    for number, at in enumerate(deaths):
        world.touch(f"die-{2 + number}-{at}")
    run = await _all_sent(world)
    assert (await world.ask("resume", run, checkpoint=3)).applied
    for number, at in enumerate(deaths):
        died = await world.until(run, lambda now, n=number: now.at_rest and now.attempt == 2 + n)  # type: ignore[misc]
        assert died.status is Status.STOPPED
        world.kill_runtime()
        assert (await world.ask("resume", run)).applied
        begun = await world.until(run, lambda now, n=number: now.attempt == 3 + n)  # type: ignore[misc]
        assert begun.attempt == 3 + number
        del at
    over = await world.until(run, lambda now: now.status is Status.COMPLETED)
    assert (over.attempt, sorted(world.lines("ledger"))) == (2 + len(deaths), ALL)
    assert world.lines("begun") == ["1 0", "2 3", *(f"{3 + n} {at}" for n, at in enumerate(deaths))]


async def test_going_back_further_and_forward_again_repeats_nothing(world: World) -> None:
    world.touch("die-2-6")
    world.touch("die-3-3")
    world.touch("die-4-7")
    run = await _all_sent(world)
    for attempt, checkpoint in ((2, 4), (3, 1), (4, 5), (5, 2)):
        assert (await world.ask("resume", run, checkpoint=checkpoint)).applied
        await world.until(run, lambda now, n=attempt: now.at_rest and now.attempt == n)  # type: ignore[misc]
    assert (await world.run(run)).status is Status.COMPLETED
    assert sorted(world.lines("ledger")) == ALL
    assert world.lines("begun") == ["1 0", "2 4", "3 1", "4 5", "5 2"]


async def test_a_run_that_went_back_and_died_before_it_saved_anything_goes_on_from_there(world: World) -> None:
    run = await world.start(
        SENDER.replace("while n < 8", "if run.attempt == 2: os.kill(os.getpid(), signal.SIGKILL)\n    while n < 8")
    )
    await world.until(run, lambda now: now.checkpoint is not None and now.checkpoint.number == 8)
    await world.ask("pause", run, force=True)
    await world.rest(run)
    await world.ask("resume", run, checkpoint=3)
    await world.until(run, lambda now: now.at_rest and now.attempt == 2)
    world.kill_runtime()
    assert (await world.ask("resume", run)).message == "resumed in a new attempt from checkpoint 3"
    await world.until(run, lambda now: now.status is Status.COMPLETED)
    assert world.lines("begun") == ["1 0", "2 3", "3 3"]
    assert sorted(world.lines("ledger")) == ALL


async def test_a_doubt_that_going_back_leaves_is_answered_and_the_run_goes_back(world: World) -> None:
    run = await world.start(
        """
raw = Raw(state=True)
if os.environ["AGENTWATCH_ATTEMPT"] == "1":
    raw.checkpoint("c1", {"n": 1})
    raw.checkpoint("c2", {"n": 2})
    raw.begin("a", "send", {"n": 1})
    (HERE / "acting").touch()
    raw.step(2)
    wait_for(HERE / "go", 1000)
note(HERE / "ledger", str(raw.welcome["state"]["n"]))
raw.complete()
"""
    )
    await world.file("acting")
    await world.ask("pause", run)
    await world.until(run, lambda now: now.status is Status.PAUSING)
    assert (await world.ask("resume", run, checkpoint=1)).applied
    await world.until(run, lambda now: now.status is Status.NEEDS_REVIEW)
    answer = await world.ask("resolve", run, action="a", outcome="done")
    assert answer.message == "recorded; that was the last one, it goes on"
    assert (await world.until(run, lambda now: now.at_rest and now.attempt == 2)).status is Status.COMPLETED
    assert world.lines("ledger") == ["1"]
    assert [e.body["checkpoint"] for e in await world.events(run, Kind.ATTEMPT_STARTED)] == [None, 1]
