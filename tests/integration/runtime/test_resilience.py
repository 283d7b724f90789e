"""What one agent, one request or one file does wrong stays with it: no other run, and no runtime, is held up."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sqlite3
import subprocess
import time
from typing import Any

import pytest

from runtime.process import is_alive, start_time
from store.control import submit
from store.events import Kind
from store.launch import Launch, write_launch
from store.states import Status, StopReason
from tests.support.world import World
from tui.supervisor import Supervisor

IDLE = "raw = Raw()\nwait_for(HERE / 'enough')\nraw.complete()\n"


async def test_numbers_beyond_what_the_record_can_hold_are_the_agents_mistake(world: World) -> None:
    good = await world.start(IDLE)
    bad = await world.start(
        "raw = Raw()\nraw.say(t='checkpoint', id='c', state={}, step=10**30)\nprint(raw.hear())\n"
        "raw = Raw()\nraw.say(t='usage', cost_usd=1e308)\nprint(raw.hear())\n"
    )
    await world.rest(bad)
    assert world.log(bad).count("'error'") == 2
    world.touch("enough")
    assert (await world.rest(good)).status is Status.COMPLETED


async def test_a_state_that_is_no_text_is_never_acknowledged(world: World) -> None:
    run = await world.start(
        "raw = Raw()\nfor _ in range(2):\n"
        '    raw.socket.sendall(b\'{"t":"checkpoint","id":"c","state":"\\xff"}\\n\')\n'
        "    print(raw.hear()['t'])\n    raw = Raw()\n"
    )
    await world.rest(run)
    assert world.log(run).split() == ["error", "error"]


async def test_a_command_that_the_system_refuses_to_start_stops_its_run_alone(world: World) -> None:
    good = await world.start(IDLE)
    answer = await world.ask("start", _launched(world, ("true\0", "x")))
    assert answer.applied
    bad = await world.rest("nul")
    assert (bad.status, bad.reason) == (Status.STOPPED, StopReason.AGENT_CRASHED)
    world.touch("enough")
    assert (await world.rest(good)).status is Status.COMPLETED


def _launched(world: World, argv: tuple[str, ...]) -> str:
    env = dict(os.environ)
    write_launch(world.home, Launch("nul", "nul", "", argv, str(world.folder), env))
    return "nul"


async def test_a_request_that_makes_no_sense_is_refused_and_the_runtime_goes_on(world: World) -> None:
    run = await world.start(IDLE)
    await world.until(run, lambda now: now.sdk)
    beat = world.home.beat()
    assert beat is not None
    for kind, args in (("breaker", {}), ("stop_runtime", {"timeout_s": "soon"}), ("resume", {"limits": 3})):
        answer = await world.ask(kind, run, **args)
        assert not answer.applied
    after = world.home.beat()
    assert after is not None and after.pid == beat.pid
    world.touch("enough")
    await world.rest(run)


async def test_a_request_that_cannot_be_read_is_refused_and_the_next_one_is_dealt_with(world: World) -> None:
    run = await world.start(IDLE)
    with contextlib.closing(sqlite3.connect(world.home.control)) as db, db:
        values = (run, "no json", time.time() + 60)
        db.execute("INSERT INTO commands VALUES (NULL, 'kill', ?, NULL, ?, 'ann', 0, ?)", values)
    assert not (await world.ask("kill", "nobody")).applied
    unreadable = (await world.events(run, Kind.COMMAND))[-1].body
    assert (unreadable["kind"], unreadable["applied"]) == ("unreadable", False)
    world.touch("enough")
    assert (await world.rest(run)).status is Status.COMPLETED


async def test_a_log_beyond_its_limit_is_cut_while_its_agent_goes_on(world: World) -> None:
    run = await world.start("raw = Raw()\nprint('x' * 34_000_000, flush=True)\n" + IDLE.split("\n", 1)[1])
    log = world.home.log(run)
    deadline = time.monotonic() + 20
    while not log.exists() or log.stat().st_size or not log.with_name(f"{run}.log.1").exists():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    world.touch("enough")
    assert (await world.rest(run)).status is Status.COMPLETED


async def test_a_log_that_cannot_be_cut_does_not_end_the_runtime(world: World) -> None:
    run = await world.start("raw = Raw()\nprint('x' * 34_000_000)\n" + IDLE.split("\n", 1)[1])
    world.home.log(run).with_name(f"{run}.log.1").mkdir()
    await world.until(run, lambda now: now.sdk)
    await asyncio.sleep(1.2)
    assert world.home.runtime_alive(), world.runtime_log()
    world.touch("enough")
    assert (await world.rest(run)).status is Status.COMPLETED


async def test_a_policy_broken_while_no_runtime_was_there_abandons_no_live_agent(world: World) -> None:
    run = await world.start(IDLE, policy="[retry]\nmax_wait_s = 100\n")
    before = await world.until(run, lambda now: now.sdk)
    world.kill_runtime()
    (world.folder / f"agent-{run}.toml").write_text("no toml")
    await world.supervisor.ensure_runtime()
    now = await world.run(run)
    assert (now.status, now.pid) == (Status.RUNNING, before.pid)


async def test_a_live_agent_whose_launch_file_is_gone_is_ended_before_its_run_is_at_rest(world: World) -> None:
    run = await world.start("raw = Raw()\ntime.sleep(60)")
    before = await world.until(run, lambda now: now.sdk)
    assert before.pid is not None
    began = start_time(before.pid) or 0.0
    world.kill_runtime()
    world.home.launch(run).unlink()
    await world.supervisor.ensure_runtime()
    now = await world.rest(run)
    assert (now.status, now.reason) == (Status.STOPPED, StopReason.RUNTIME_LOST)
    assert "launch file" in now.why
    assert not is_alive(before.pid, began)


async def test_a_refused_resume_leaves_nothing_behind(world: World) -> None:
    run = await world.start("raise SystemExit(3)")
    assert (await world.rest(run)).status is Status.STOPPED
    answer = await world.ask("resume", run, checkpoint=99)
    assert not answer.applied and "checkpoint 99" in answer.message
    await world.ask("stop_runtime", timeout_s=0.0)
    deadline = time.monotonic() + 10
    while world.home.runtime_alive():
        assert time.monotonic() < deadline, world.runtime_log()
        await asyncio.sleep(0.02)


async def test_resuming_from_a_checkpoint_while_a_pause_waits(world: World) -> None:
    run = await world.start(
        "raw = Raw()\nif raw.welcome['attempt'] == 1:\n    raw.checkpoint('c', {})\n    time.sleep(60)\n"
        + "raw.complete()"
    )
    await world.until(run, lambda now: now.checkpoint is not None)
    await world.ask("pause", run)
    await world.until(run, lambda now: now.status is Status.PAUSING)
    assert (await world.ask("resume", run, checkpoint=1)).applied
    assert (await world.until(run, lambda now: now.attempt == 2 and now.at_rest)).status is Status.COMPLETED


async def test_parking_a_run_whose_restart_is_due_leaves_its_next_attempt_alone(world: World) -> None:
    run = await world.start(
        "raw = Raw()\nif raw.welcome['attempt'] < 4:\n    sys.exit(1)\nwait_for(HERE / 'enough')\nraw.complete()",
        restart=5,
    )
    await world.until(run, lambda now: now.status is Status.WAITING and now.restarts == 2)
    await submit(world.home, "pause", run, park=True, force=True)
    assert (await world.ask("resume", run)).applied
    now = await world.until(run, lambda now: now.sdk and now.attempt == 4)
    await asyncio.sleep(0.5)
    now = await world.run(run)
    assert (now.status, now.attempt) == (Status.RUNNING, 4)


ASKED = """
raw = Raw()
other = Raw()
other.begin("a", "send")
other.say(t="action.end", id="a", ok=False, error={"type": "TimeoutError", "message": "", "answered": False})
wait_for(HERE / "leave")
other.file.close()
other.socket.close()
raw.step(1)
raw.complete()
"""


async def test_a_doubt_whose_asker_is_gone_can_still_be_answered(world: World) -> None:
    run = await world.start(ASKED)
    await world.until(run, lambda now: now.status is Status.NEEDS_REVIEW)
    world.touch("leave")
    await asyncio.sleep(0.3)
    answer = await world.ask("resolve", run, action="a", outcome="done")
    assert answer.applied, answer.message
    assert (await world.until(run, lambda now: now.status is Status.COMPLETED)).in_flight == ()


ANSWERED_LATE = """
raw = Raw()
raw.begin("a", "send")
END = {"t": "action.end", "id": "a", "ok": False, "error": {"type": "TimeoutError", "answered": False}}
raw.say(**END)
wait_for(HERE / "leave")
raw.file.close()
raw.socket.close()
wait_for(HERE / "back")
raw = Raw()
raw.say(**END)
print(json.dumps(raw.answer("a")))
raw.complete()
"""


async def test_an_answer_given_while_the_asker_was_away_is_what_it_hears(world: World) -> None:
    run = await world.start(ANSWERED_LATE)
    await world.until(run, lambda now: now.status is Status.NEEDS_REVIEW)
    world.touch("leave")
    await asyncio.sleep(0.3)
    assert (await world.ask("resolve", run, action="a", outcome="done", result=7)).applied
    world.touch("back")
    await world.until(run, lambda now: now.status is Status.COMPLETED)
    heard = json.loads(world.log(run))
    assert (heard["happened"], heard["result"]) == (True, 7)


DIVERGING = """
raw = Raw()
if raw.welcome["attempt"] == 1:
    raw.begin("a", "send", {"text": "one"})
    raw.end("a")
    os._exit(1)
raw.say(t="action.begin", id="b", tool="send", args={"text": "two"})
wait_for(HERE / "withdraw")
raw.ask(t="action.withdraw", id="b")
raw.step(1)
raw.complete()
"""


async def test_a_question_about_a_call_that_was_cancelled_is_a_question_no_more(world: World) -> None:
    run = await world.start(DIVERGING, restart=1)
    await world.until(run, lambda now: now.status is Status.NEEDS_REVIEW)
    world.touch("withdraw")
    assert (await world.until(run, lambda now: now.status is Status.COMPLETED)).in_flight == ()


async def test_a_silent_agent_that_was_just_started_runs_under_the_next_runtime(world: World) -> None:
    run = await world.start(argv=("sleep", "60"))
    await world.until(run, lambda now: now.pid is not None)
    world.kill_runtime()
    await world.supervisor.ensure_runtime()
    await world.until(run, lambda now: now.status is Status.RUNNING, deadline_s=6)


async def test_a_pause_taken_back_and_asked_again_still_freezes_a_silent_agent(world: World) -> None:
    run = await world.start(argv=("sleep", "60"))
    await world.until(run, lambda now: now.pid is not None)
    for kind in ("pause", "resume", "pause"):
        assert (await world.ask(kind, run)).applied
    await world.until(run, lambda now: now.frozen, deadline_s=6)


async def test_a_run_started_while_the_runtime_leaves_is_paused_too(world: World) -> None:
    first = await world.start(
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "raw = Raw()\nraw.checkpoint('c', {})\nraw.begin('a', 'slow')\ntime.sleep(60)"
    )
    await world.until(first, lambda now: bool(now.in_flight))
    await world.ask("stop_runtime", timeout_s=0.0)
    await world.until(first, lambda now: now.pause_asked)
    await asyncio.sleep(0.2)
    second = await world.start("raw = Raw()\ntime.sleep(60)")
    deadline = time.monotonic() + 15
    while world.home.runtime_alive():
        assert time.monotonic() < deadline, world.runtime_log()
        await asyncio.sleep(0.02)
    assert (await world.run(second)).status is Status.PAUSED


NEVER_READS = """
raw = Raw()
raw.socket.settimeout(1.0)
said = 0
try:
    for said in range(300_000):
        raw.say(t="action.withdraw", id=f"w{said}")
except TimeoutError:
    note(HERE / "blocked", str(said))
raw.socket.settimeout(None)
wait_for(HERE / "enough")
"""


async def test_an_agent_that_never_reads_is_read_no_more_and_others_are(world: World) -> None:
    run = await world.start(NEVER_READS)
    await world.file("blocked")
    assert int(world.lines("blocked")[0]) < 50_000
    good = await world.start("raw = Raw()\nraw.step(1)\nraw.complete()")
    assert (await world.rest(good)).status is Status.COMPLETED
    world.touch("enough")
    assert (await world.rest(run)).status is Status.COMPLETED


async def test_who_loses_the_race_to_start_a_runtime_leaves_none_behind_that_would_take_over(world: World) -> None:
    started = await asyncio.gather(*(Supervisor(world.home).ensure_runtime() for _ in range(4)))
    assert sum(started) == 1
    assert len(world.runtimes()) == 1


async def test_many_requests_of_one_client_start_one_runtime(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def noted(*args: Any, **options: Any) -> subprocess.Popen[bytes]:
        begun.append(popen(*args, **options))
        return begun[-1]

    monkeypatch.setattr(subprocess, "Popen", noted)
    started = await asyncio.gather(*(world.supervisor.ensure_runtime() for _ in range(4)))
    assert sum(started) == 1
    assert len(begun) == 1


async def test_what_is_asked_of_a_runtime_that_is_just_leaving_is_answered_by_the_next(world: World) -> None:
    run = await world.start(IDLE)
    world.kill_runtime()
    leaving = world.home.acquire()
    asked = asyncio.create_task(world.supervisor.submit("kill", run))
    with contextlib.closing(sqlite3.connect(world.home.control)) as requests:
        while not requests.execute("SELECT 1 FROM commands WHERE kind = 'kill'").fetchall():
            await asyncio.sleep(0.01)
    os.close(leaving)
    assert (await asked).applied
    assert (await world.rest(run)).status is Status.KILLED
