"""The runtime dies; its successor takes over what lives and tells what became of the rest."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import agentwatch.__main__ as launcher
from store.control import Commands, submit
from store.events import Kind
from store.states import Status, StopReason
from tests.support.world import World

RECONNECTING = """
import agentwatch
with agentwatch.start() as run:
    n = run.state["next"] if run.state else 0
    while n < 100000:
        with run.step(f"{n}"):
            with run.action("count", {"n": n}) as action:
                note(HERE / "ledger", f"{run.attempt} {n}")
                action.result = n
        n += 1
        run.checkpoint({"next": n})
        time.sleep(0.005)
        if (HERE / "enough").exists():
            break
"""


async def test_a_successor_takes_over_a_live_agent_and_nothing_happens_twice(world: World) -> None:
    run = await world.start(RECONNECTING)
    before = await world.until(run, lambda now: now.step > 5)
    for _ in range(3):
        world.kill_runtime()
        await world.supervisor.ensure_runtime()
        step = (await world.run(run)).step
        now = await world.until(run, lambda now, step=step: now.step > step + 3)  # type: ignore[misc]
        assert (now.pid, now.attempt) == (before.pid, 1)
    world.touch("enough")
    assert (await world.rest(run)).status is Status.COMPLETED
    assert world.lines("ledger") == [f"1 {n}" for n in range(len(world.lines("ledger")))]


async def test_an_agent_does_nothing_external_while_no_runtime_is_there(world: World) -> None:
    run = await world.start(RECONNECTING)
    await world.until(run, lambda now: now.step > 3)
    world.kill_runtime()
    # One action may have been allowed before the end came.
    time.sleep(0.1)
    before = world.lines("ledger")
    time.sleep(0.3)
    assert world.lines("ledger") == before
    await world.supervisor.ensure_runtime()
    await world.until(run, lambda now: now.step > len(before) + 2)


async def test_an_agent_that_died_with_its_runtime_is_runtime_lost_and_resumable(world: World) -> None:
    run = await world.start("raw = Raw()\nraw.checkpoint('c', {'n': 1})\nraw.step(1)\nwait_for(HERE / 'go', 1000)")
    alive = await world.until(run, lambda now: now.step == 1)
    world.kill_runtime()
    assert alive.pid is not None
    os.kill(alive.pid, signal.SIGKILL)
    await world.supervisor.ensure_runtime()
    lost = await world.rest(run)
    assert (lost.status, lost.reason, lost.resumable) == (Status.STOPPED, StopReason.RUNTIME_LOST, True)
    assert (await world.ask("resume", run)).applied


CRASHES_ONCE = """
raw = Raw()
raw.step(1)
note(HERE / "ledger", os.environ["AGENTWATCH_ATTEMPT"])
if os.environ["AGENTWATCH_ATTEMPT"] == "1":
    wait_for(HERE / "go", 1000)
raw.complete()
"""


@pytest.mark.parametrize("rebooted", [False, True])
async def test_a_restart_policy_outlives_the_runtime_and_the_machine(world: World, rebooted: bool) -> None:
    run = await world.start(CRASHES_ONCE, restart=1)
    alive = await world.until(run, lambda now: now.step == 1)
    world.kill_runtime()
    assert alive.pid is not None
    os.kill(alive.pid, signal.SIGKILL)
    if rebooted:
        world.forget_boot()
    await world.supervisor.ensure_runtime()
    over = await world.until(run, lambda now: now.attempt == 2 and now.at_rest)
    assert (over.status, over.restarts, world.lines("ledger")) == (Status.COMPLETED, 1, ["1", "2"])


async def test_a_command_that_ran_when_the_machine_went_down_starts_again(world: World) -> None:
    command = (
        f"echo $AGENTWATCH_ATTEMPT >> {world.folder}/ledger; touch {world.folder}/noted; "
        '[ "$AGENTWATCH_ATTEMPT" = 2 ] || sleep 1000'
    )
    run = await world.start(argv=("/bin/sh", "-c", command), restart=1)
    await world.file("noted")
    alive = await world.until(run, lambda now: now.pid is not None)
    world.kill_runtime()
    assert alive.pid is not None
    os.killpg(alive.pid, signal.SIGKILL)
    world.forget_boot()
    await world.supervisor.ensure_runtime()
    over = await world.until(run, lambda now: now.attempt == 2 and now.at_rest)
    assert (over.status, over.restarts, world.lines("ledger")) == (Status.COMPLETED, 1, ["1", "2"])


async def test_an_agent_that_does_known_calls_anew_after_crashes_is_not_taken_for_standing_still(world: World) -> None:
    run = await world.start(
        """
import agentwatch
@agentwatch.tool(idempotent=True)
def read(n):
    return f"content {n}"
with agentwatch.start() as run:
    for n in range(30):
        with run.step(f"read {n}"):
            read(n)
    if run.attempt < 4:
        os._exit(9)
""",
        restart=5,
    )
    over = await world.until(run, lambda now: now.at_rest)
    assert (over.status, over.attempt) == (Status.COMPLETED, 4)
    assert [event.body["summary"] for event in await world.events(run, Kind.RULING)] == []


async def test_a_process_that_exits_0_in_the_middle_of_an_action_leaves_a_doubt(world: World) -> None:
    run = await world.start(
        """
raw = Raw()
if os.environ["AGENTWATCH_ATTEMPT"] == "1":
    raw.begin("a", "send", {"to": "ann"})
    os._exit(0)
assert raw.begin("b", "send", {"to": "ann"})["verdict"] == "replay"
raw.complete()
"""
    )
    asked = await world.rest(run)
    assert (asked.status, asked.reason) == (Status.NEEDS_REVIEW, StopReason.AGENT_CRASHED)
    assert (await world.ask("resolve", run, attempt=1, action="a", outcome="done")).applied
    assert (await world.until(run, lambda now: now.at_rest and now.attempt == 2)).status is Status.COMPLETED


async def test_a_restart_that_was_due_when_the_runtime_died_counts_as_one(world: World) -> None:
    run = await world.start("raw = Raw()\nraw.step(1)\nsys.exit(1)", restart=4)
    await world.until(run, lambda now: now.status is Status.WAITING and now.restarts == 2)
    for _ in range(2):
        world.kill_runtime()
        await world.supervisor.ensure_runtime()
        await world.until(run, lambda now: now.status in (Status.WAITING, Status.STOPPED))
    over = await world.until(run, lambda now: now.status is Status.STOPPED)
    assert (over.reason, over.attempt, over.restarts) == (StopReason.AGENT_CRASHED, 5, 4)


async def test_a_success_that_only_the_agent_knows_reaches_the_successor_through_the_spool(world: World) -> None:
    run = await world.start(
        """
import agentwatch
os.environ["AGENTWATCH_GRACE_S"] = "0.3"
@agentwatch.tool()
def send(to):
    note(HERE / "ledger", "sent")
    (HERE / "acting").touch()
    wait_for(HERE / "go")
    return "sent"
with agentwatch.start() as run:
    if run.attempt == 1:
        run.checkpoint({"n": 0})
    send("ann")
    run.step("next").__enter__()
"""
    )
    await world.file("acting")
    world.kill_runtime()
    world.touch("go")
    spool = world.home.spool_of(run)
    deadline = time.monotonic() + 20
    while not list(spool.glob("1-*.jsonl")):
        assert time.monotonic() < deadline, world.log(run)
        time.sleep(0.02)
    await world.supervisor.ensure_runtime()
    lost = await world.rest(run)
    assert (lost.status, lost.reason, lost.in_flight) == (Status.STOPPED, StopReason.RUNTIME_LOST, ())
    assert (await world.ask("resume", run)).applied
    assert (await world.until(run, lambda now: now.attempt == 2 and now.at_rest)).status is Status.COMPLETED
    assert world.lines("ledger") == ["sent"]


@pytest.mark.parametrize("name", ["1.jsonl", "1-x.jsonl", "1-.jsonl", "1--5.jsonl", "x-1.jsonl"])
async def test_a_spool_that_is_named_oddly_keeps_no_run_from_its_end(world: World, name: str) -> None:
    run = await world.start("raw = Raw()\nraw.step(1)\nwait_for(HERE / 'go')\nraw.complete()")
    await world.until(run, lambda now: now.step == 1)
    world.home.spool_of(run).mkdir(parents=True, exist_ok=True)
    (world.home.spool_of(run) / name).write_text('{"t":"complete","id":"c"}\n')
    world.touch("go")
    assert (await world.rest(run)).status is Status.COMPLETED


async def test_a_pause_survives_the_runtimes_death(world: World) -> None:
    run = await world.start(RECONNECTING)
    await world.until(run, lambda now: now.step > 3)
    await world.ask("pause", run)
    held = await world.rest(run)
    world.kill_runtime()
    await world.supervisor.ensure_runtime()
    before = world.lines("ledger")
    time.sleep(0.3)
    still = await world.run(run)
    assert (still.status, still.pid, world.lines("ledger")) == (Status.PAUSED, held.pid, before)
    assert (await world.ask("resume", run)).applied
    await world.until(run, lambda now: now.step > held.step + 2)


async def test_a_kill_that_a_dead_runtime_began_is_finished_by_its_successor(world: World) -> None:
    run = await world.start("raw = Raw()\nraw.step(1)\nwait_for(HERE / 'go', 1000)")
    await world.until(run, lambda now: now.step == 1)
    await submit(world.home, "kill", run)
    world.kill_runtime()
    await world.supervisor.ensure_runtime()
    assert (await world.rest(run)).status is Status.KILLED


async def test_a_command_is_applied_once_however_often_the_runtime_dies(world: World) -> None:
    run = await world.start(RECONNECTING)
    await world.until(run, lambda now: now.step > 2)
    await world.ask("pause", run)
    await world.rest(run)
    await world.ask("resume", run)
    for _ in range(2):
        world.kill_runtime()
        await world.supervisor.ensure_runtime()
    await world.until(run, lambda now: now.status is Status.RUNNING)
    answers = await world.events(run, Kind.COMMAND)
    commands = Commands(world.home)
    asked = [command.id for command in commands.after(0)]
    commands.close()
    assert [answer.body["command"] for answer in answers] == asked


async def test_a_request_that_nobody_read_in_time_is_not_applied(world: World) -> None:
    run = await world.start(RECONNECTING)
    await world.until(run, lambda now: now.step > 2)
    world.kill_runtime()
    await submit(world.home, "kill", run, expires_s=-1.0)
    await world.supervisor.ensure_runtime()
    await world.until(run, lambda now: now.step > 5)
    (answer,) = [e for e in await world.events(run, Kind.COMMAND) if e.body["kind"] == "kill"]
    assert not answer.body["applied"]


async def test_a_second_runtime_in_a_home_is_refused_in_one_sentence(world: World) -> None:
    await world.supervisor.ensure_runtime()
    second = subprocess.run(
        [sys.executable, "-P", str(launcher.__file__), "_serve", "--home", str(world.home.root)],
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert second.returncode == 2
    assert second.stderr.startswith("A runtime already serves") and second.stderr.count("\n") == 1


async def test_the_runtime_leaves_when_it_is_idle(world: World) -> None:
    world.home.create()
    process = subprocess.Popen(
        [sys.executable, "-P", str(launcher.__file__), "_serve", "--home", str(world.home.root), "--idle-s", "0.2"]
    )
    assert process.wait(timeout=20) == 0
    assert not Path(world.home.socket).exists()


@pytest.mark.parametrize("damage", ["noise", "truncated"])
async def test_a_damaged_journal_is_said_so_and_left_as_it_is(world: World, damage: str) -> None:
    world.home.create()
    content = b"not a database at all" * 400 if damage == "noise" else b"SQLite format 3\x00" + b"\x07" * 3000
    world.home.journal.write_bytes(content)
    second = subprocess.run(
        [sys.executable, "-P", str(launcher.__file__), "_serve", "--home", str(world.home.root)],
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert second.returncode == 2
    assert "damaged" in second.stderr
    assert world.home.journal.read_bytes() == content


async def test_a_runtime_serves_at_no_socket_that_somebody_else_could_reach(world: World) -> None:
    world.home.socket.parent.symlink_to(world.folder)
    refused = subprocess.run(
        [sys.executable, "-P", str(launcher.__file__), "_serve", "--home", str(world.home.root)],
        capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert refused.stderr.startswith(f"The socket folder {world.home.socket.parent} cannot be used")


async def test_a_clock_that_jumped_back_by_hours_stops_nothing(world: World) -> None:
    from store.journal import Journal

    world.home.create()
    future = time.time() + 6 * 3600
    journal = Journal(world.home, clock=lambda: future)
    journal.append("", 0, Kind.RUNTIME_STARTED, {"pid": 1, "version": "0"})
    journal.close()
    run = await world.start(RECONNECTING, policy="[budget]\nwall_s = 3600.0\n[timeout]\nrun_s = 3600.0\n")
    await world.until(run, lambda now: now.step > 5)
    world.touch("enough")
    assert (await world.rest(run)).status is Status.COMPLETED


async def test_a_runtime_may_be_asked_to_sync_each_commit(world: World) -> None:
    world.home.create()
    command = [sys.executable, "-P", str(launcher.__file__), "--home", str(world.home.root), "runtime", "--full"]
    process = subprocess.Popen(command)
    deadline = time.monotonic() + 20
    while not world.home.runtime_alive() or not world.home.socket.exists():
        assert time.monotonic() < deadline
    run = await world.start("raw = Raw()\nraw.step(1)\nraw.complete()")
    assert (await world.rest(run)).status is Status.COMPLETED
    assert "FULL" in Path(f"/proc/{process.pid}/cmdline").read_text() if sys.platform == "linux" else True
    await world.ask("stop_runtime", timeout_s=0.0)
    assert process.wait(timeout=20) == 0


TWINS = """
import agentwatch, threading
@agentwatch.tool(key="mail-{to}")
def send(to):
    note(HERE / "ledger", to)
    (HERE / "sending").touch()
    wait_for(HERE / "go")
    return "sent"
@agentwatch.tool(key="mail-{to}")
def send_within(to):
    return send(to)
with agentwatch.start():
    threads = [threading.Thread(target=lambda: note(HERE / "results", {call}("ann"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


@pytest.mark.parametrize("call", ["send", "send_within"])
async def test_calls_with_one_key_happen_once_though_the_runtime_dies_while_one_is_in_flight(
    world: World, call: str
) -> None:
    run = await world.start(TWINS.replace("{call}", call))
    await world.file("sending")
    world.kill_runtime()
    await world.supervisor.ensure_runtime()
    await world.until(run, lambda now: now.pid is not None)
    world.touch("go")
    assert (await world.rest(run)).status is Status.COMPLETED
    assert (world.lines("ledger"), world.lines("results")) == (["ann"], ["sent"] * 3)
