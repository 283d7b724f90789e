"""What a successor must know of a live attempt does not depend on how long ago it happened."""

from __future__ import annotations

from store.events import Kind
from store.states import Status
from tests.support.crash_world import CrashWorld

LONG = """
import agentwatch
@agentwatch.tool
def send(n):
    note(HERE / "ledger", str(n))
    return n
def live_long(name):
    for _ in range(6000):
        run.usage(input_tokens=1)
    with run.step():
        (HERE / name).touch()
        wait_for(HERE / f"go-{name}")
"""


async def test_a_record_that_a_checkpoint_has_taken_in_is_not_replayed_to_an_old_attempt(crash: CrashWorld) -> None:
    run = await crash.start(
        LONG
        + """
with agentwatch.start() as run:
    send(1)
    if run.attempt == 1:
        os.abort()
    run.checkpoint("taken in")
    live_long("long")
    send(1)
""",
        restart=1,
    )
    await crash.file("long")
    crash.kill_runtime()
    await crash.supervisor.ensure_runtime()
    crash.touch("go-long")
    assert (await crash.rest(run)).status is Status.COMPLETED
    assert crash.lines("ledger") == ["1", "1"]


async def test_a_checkpoint_takes_in_an_end_of_long_ago(crash: CrashWorld) -> None:
    run = await crash.start(
        LONG
        + """
with agentwatch.start() as run:
    if run.attempt == 1:
        send(1)
        live_long("long")
        run.checkpoint("taken in")
        os.abort()
    send(1)
""",
        restart=1,
    )
    await crash.file("long")
    crash.kill_runtime()
    await crash.supervisor.ensure_runtime()
    crash.touch("go-long")
    rested = await crash.rest(run)
    if rested.status is Status.STOPPED:
        assert (await crash.ask("resume", run)).applied
    assert (await crash.until(run, lambda now: now.status is Status.COMPLETED)).attempt == 2
    assert crash.lines("ledger") == ["1", "1"]
    assert await crash.events(run, Kind.REPLAYED) == []
