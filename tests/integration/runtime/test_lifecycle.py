"""Pause, resume, kill and the ends of runs, with real processes."""

from __future__ import annotations

import asyncio
import os
import sys
import time

import psutil
import pytest

from runtime.process import MARKER
from store.events import Kind
from store.states import AT_REST, Status, StopReason
from tests.support.world import World

COUNTER = """
raw = Raw(state=True)
n = (raw.welcome["state"] or {"next": 0})["next"]
while n < 100000:
    raw.step(n + 1)
    raw.begin(f"a{os.getpid()}-{n}", "count", {"n": n}, step=n + 1, idempotent=True)
    note(HERE / "ledger", f"{raw.welcome['attempt']} {n}")
    raw.end(f"a{os.getpid()}-{n}", n)
    n += 1
    raw.checkpoint(f"c{os.getpid()}-{n}", {"next": n}, step=n, covers=f"a{os.getpid()}-{n - 1}")
    time.sleep(0.01)
"""

SLOW_ACTION = """
raw = Raw(state=True)
if raw.welcome["state"]:
    raw.complete()
    sys.exit(0)
raw.checkpoint("c0", {"begun": True})
raw.begin("a1", "send_email", {"to": "ann"}, step=1, check_hint="the Sent folder")
note(HERE / "ledger", "sent")
(HERE / "acting").touch()
wait_for(HERE / "go")
raw.end("a1", "ok")
raw.step(2)
raw.complete()
"""


async def test_pause_holds_at_a_safe_point_and_resume_goes_on_in_the_same_process(world: World) -> None:
    run = await world.start(COUNTER)
    await world.until(run, lambda now: now.step > 2)
    assert (await world.ask("pause", run)).applied
    held = await world.rest(run)
    assert (held.status, held.reason, held.held) == (Status.PAUSED, StopReason.USER_PAUSED, True)
    done = len(world.lines("ledger"))
    answer = await world.ask("resume", run)
    assert (answer.applied, answer.message) == (True, "resumed where it stood")
    going = await world.until(run, lambda now: now.step > held.step + 2)
    assert (going.pid, going.attempt) == (held.pid, 1)
    assert len(world.lines("ledger")) > done


async def test_nothing_happens_while_a_run_is_held(world: World) -> None:
    run = await world.start(COUNTER)
    await world.until(run, lambda now: now.step > 2)
    await world.ask("pause", run)
    await world.rest(run)
    before = world.lines("ledger")
    other = await world.start(COUNTER.replace("ledger", "other"))
    await world.until(other, lambda now: now.step > 10)
    assert world.lines("ledger") == before


async def test_a_second_pause_parks_and_resume_loads_the_checkpoint_in_a_new_attempt(world: World) -> None:
    run = await world.start(COUNTER)
    await world.until(run, lambda now: now.step > 2)
    await world.ask("pause", run)
    held = await world.rest(run)
    assert (await world.ask("pause", run, park=True)).applied
    parked = await world.until(run, lambda now: now.parked)
    assert held.pid is not None
    assert not psutil.pid_exists(held.pid)
    assert parked.checkpoint == held.checkpoint
    answer = await world.ask("resume", run)
    assert parked.checkpoint is not None
    assert answer.message == f"resumed in a new attempt from checkpoint {parked.checkpoint.number}"
    await world.until(run, lambda now: now.attempt == 2 and now.step > parked.step + 2)
    steps = [int(line.split()[1]) for line in world.lines("ledger")]
    assert steps == list(range(len(steps)))


async def test_a_held_run_is_parked_when_its_hold_time_is_over(world: World) -> None:
    run = await world.start(COUNTER, policy="[pause]\nhold_s = 0.2\n")
    await world.until(run, lambda now: now.step > 2)
    await world.ask("pause", run)
    parked = await world.until(run, lambda now: now.parked)
    assert (parked.status, parked.reason) == (Status.PAUSED, StopReason.USER_PAUSED)


async def test_a_pause_waits_for_the_action_in_flight_and_says_so(world: World) -> None:
    run = await world.start(SLOW_ACTION)
    await world.file("acting")
    answer = await world.ask("pause", run)
    assert answer.message == "pausing: waits for send_email to end"
    pausing = await world.run(run)
    assert (pausing.status, pausing.waits_for) == (Status.PAUSING, "send_email to end")
    world.touch("go")
    assert (await world.rest(run)).status is Status.PAUSED


async def test_a_pause_can_be_taken_back_before_it_is_reached(world: World) -> None:
    run = await world.start(SLOW_ACTION)
    await world.file("acting")
    await world.ask("pause", run)
    assert (await world.ask("resume", run)).applied
    assert (await world.run(run)).status is Status.RUNNING
    world.touch("go")
    assert (await world.rest(run)).status is Status.COMPLETED


async def test_a_forced_pause_leaves_the_action_in_doubt_and_asks(world: World) -> None:
    run = await world.start(SLOW_ACTION)
    await world.file("acting")
    await world.ask("pause", run)
    answer = await world.ask("pause", run, force=True)
    assert answer.message == "paused by force; in doubt: send_email"
    review = await world.rest(run)
    assert review.status is Status.NEEDS_REVIEW
    assert [pending.tool for pending in review.in_flight] == ["send_email"]
    refused = await world.ask("resume", run)
    assert not refused.applied
    assert "needs an answer first" in refused.message


async def test_kill_ends_the_whole_tree_and_refuses_a_later_resume(world: World) -> None:
    run = await world.start(
        """
import subprocess
subprocess.Popen(["sleep", "1000"])
subprocess.Popen(["sleep", "1001"], start_new_session=True)
subprocess.run([sys.executable, "-c", "import os\\nif os.fork() == 0:\\n os.setsid()\\n if os.fork() == 0: os.execvp('sleep', ['sleep', '1002'])"])
raw = Raw()
raw.checkpoint("c1", {"n": 1})
raw.begin("a1", "send")
wait_for(HERE / "never", 1000)
"""
    )
    await world.until(run, lambda now: len(now.in_flight) == 1)
    assert len(_members(run)) >= 4
    assert (await world.ask("kill", run)).applied
    killed = await world.rest(run)
    assert (killed.status, killed.reason) == (Status.KILLED, StopReason.USER_KILLED)
    assert _members(run) == []
    assert (killed.checkpoint, killed.checkpoints, killed.in_flight) == (None, 0, ())
    assert killed.evidence["in_doubt"][0]["tool"] == "send"
    async with await world.supervisor.reader() as reader:
        assert (await reader.checkpoints(run), await reader.actions(run)) == ([], [])
    assert not world.home.launch(run).exists()
    refused = await world.ask("resume", run)
    assert (refused.applied, "it can never be resumed" in refused.message) == (False, True)


async def test_a_parked_run_can_be_killed(world: World) -> None:
    run = await world.start(COUNTER)
    await world.until(run, lambda now: now.step > 2)
    await world.ask("pause", run, park=True)
    await world.rest(run)
    await world.ask("pause", run, park=True)
    await world.until(run, lambda now: now.parked)
    assert (await world.ask("kill", run)).message == "killed"
    assert (await world.run(run)).status is Status.KILLED


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("sys.exit(3)", "exit code 3"),
        ("os.abort()", "signal 6 (SIGABRT)"),
        ("os.kill(os.getpid(), 9)", "signal 9 (SIGKILL)"),
    ],
)
async def test_a_crash_says_how_it_ended_and_shows_the_log(world: World, code: str, why: str) -> None:
    run = await world.start(f"raw = Raw()\nprint('last words', flush=True)\n{code}")
    crashed = await world.rest(run)
    assert (crashed.status, crashed.reason, crashed.why) == (Status.STOPPED, StopReason.AGENT_CRASHED, why)
    assert "last words" in crashed.evidence["log_tail"]


async def test_an_agent_that_gives_up_says_so_in_its_own_words(world: World) -> None:
    run = await world.start("raw = Raw()\nraw.ask(t='fail', id='f', message='no licence')")
    failed = await world.rest(run)
    assert (failed.status, failed.reason, failed.why) == (Status.STOPPED, StopReason.AGENT_FAILED, "no licence")


async def test_a_crashed_agent_is_started_again_as_often_as_its_definition_allows(world: World) -> None:
    run = await world.start("raw = Raw()\nsys.exit(0 if raw.welcome['attempt'] == 3 else 1)", restart=2)
    done = await world.rest(run)
    assert (done.status, done.attempt, done.restarts) == (Status.COMPLETED, 3, 2)


async def test_a_restart_never_passes_an_action_in_doubt(world: World) -> None:
    run = await world.start("raw = Raw()\nraw.begin('a1', 'send')\nos.abort()", restart=5)
    review = await world.rest(run)
    assert (review.status, review.attempt) == (Status.NEEDS_REVIEW, 1)


async def test_a_doubt_about_a_safe_action_asks_nobody(world: World) -> None:
    run = await world.start(
        """
raw = Raw()
raw.begin(f"a{raw.welcome['attempt']}", "fetch", idempotent=True)
if raw.welcome["attempt"] == 1:
    os.abort()
raw.end("a2")
raw.complete()
""",
        restart=1,
    )
    assert (await world.rest(run)).status is Status.COMPLETED


async def test_a_command_that_cannot_be_executed_is_a_crash_with_its_reason(world: World) -> None:
    run = await world.start(argv=("/nowhere/agent",))
    stopped = await world.rest(run)
    assert (stopped.status, stopped.reason) == (Status.STOPPED, StopReason.AGENT_CRASHED)
    assert "No such file" in stopped.why


async def test_an_agent_without_the_sdk_completes_crashes_and_can_be_frozen(world: World) -> None:
    done = await world.rest(await world.start(argv=("sh", "-c", "echo hello")))
    assert done.status is Status.COMPLETED
    failed = await world.rest(await world.start(argv=("sh", "-c", "echo sorry; exit 4")))
    assert (failed.reason, failed.why) == (StopReason.AGENT_CRASHED, "exit code 4")
    run = await world.start(argv=("sh", "-c", "while :; do echo tick; sleep 0.02; done"))
    await world.until(run, lambda now: now.status is Status.RUNNING)
    await world.ask("pause", run)
    frozen = await world.rest(run)
    assert (frozen.status, frozen.frozen) == (Status.PAUSED, True)
    size = len(world.log(run))
    time.sleep(0.2)
    assert len(world.log(run)) == size
    assert (await world.ask("resume", run)).applied
    await world.until(run, lambda now: now.status is Status.RUNNING and len(world.log(run)) > size)


async def test_the_runtime_parks_what_lives_before_it_leaves(world: World) -> None:
    run = await world.start(COUNTER)
    await world.until(run, lambda now: now.step > 2)
    await world.ask("stop_runtime", timeout_s=10.0)
    await world.until(run, lambda now: now.parked)
    deadline = time.monotonic() + 10
    while world.home.runtime_alive():
        assert time.monotonic() < deadline
    assert (await world.ask("resume", run)).applied
    await world.until(run, lambda now: now.attempt == 2 and now.status is Status.RUNNING)


async def test_every_transition_that_was_journalled_is_allowed_and_has_a_cause(world: World) -> None:
    run = await world.start(COUNTER)
    await world.until(run, lambda now: now.step > 2)
    for _ in range(3):
        await world.ask("pause", run)
        await world.rest(run)
        await world.ask("resume", run)
    await world.ask("kill", run)
    await world.rest(run)
    moves = await world.events(run, Kind.STATUS)
    assert [move.body["from"] for move in moves[1:]] == [move.body["to"] for move in moves[:-1]]
    assert all(move.body["cause"] for move in moves)
    assert all(move.body.get("reason") for move in moves if move.body["to"] in AT_REST)


async def test_a_budget_that_is_spent_pauses_and_is_resumed_only_with_more(world: World) -> None:
    run = await world.start(
        "raw = Raw()\nfor n in range(1, 100000):\n    raw.step(n)\n    raw.say(t='usage', cost_usd=0.1)\n    time.sleep(0.002)",
        policy="[budget]\ncost_usd = 1.0\n",
    )
    spent = await world.rest(run)
    assert (spent.status, spent.reason) == (Status.PAUSED, StopReason.BUDGET_EXCEEDED)
    assert 1.0 <= spent.cost_usd < 1.3
    assert not (await world.ask("resume", run)).applied
    assert not (await world.ask("resume", run, limits={"cost_usd": 0.5})).applied
    assert (await world.ask("resume", run, limits={"cost_usd": 2.0})).applied
    again = await world.until(run, lambda now: now.at_rest and now.cost_usd > 1.5)
    assert again.reason is StopReason.BUDGET_EXCEEDED
    assert 2.0 <= again.cost_usd < 2.3


async def test_an_action_that_outlasts_its_timeout_ends_the_attempt(world: World) -> None:
    run = await world.start(
        "raw = Raw()\nraw.begin('a1', 'fetch', idempotent=True, timeout_s=0.3)\nwait_for(HERE / 'never', 1000)"
    )
    stopped = await world.rest(run)
    assert (stopped.status, stopped.reason) == (Status.STOPPED, StopReason.TIMEOUT)


async def test_an_edited_policy_takes_effect_on_a_live_run_and_a_broken_one_does_not(world: World) -> None:
    run = await world.start(
        "raw = Raw()\nfor n in range(1, 100000):\n    raw.step(n)\n    raw.say(t='usage', cost_usd=0.1)\n    time.sleep(0.01)",
        policy="[budget]\ncost_usd = 1000000.0\n",
    )
    await world.until(run, lambda now: now.cost_usd > 0.5)
    file = next(world.folder.glob("*.toml"))
    file.write_text("[budget]\ncost_usd = 'lots'\n", "utf-8")
    async with await world.supervisor.reader() as reader:
        async for events in reader.tail(0):
            if refused := [e for e in events if e.kind == Kind.POLICY and not e.body["accepted"]]:
                assert "cost_usd" in refused[0].body["message"]
                break
    assert not (await world.run(run)).at_rest
    file.write_text("[budget]\ncost_usd = 1.0\n", "utf-8")
    assert (await world.rest(run)).reason is StopReason.BUDGET_EXCEEDED


async def test_a_loop_is_steered_then_paused_with_the_repeated_call_as_evidence(world: World) -> None:
    run = await world.start(
        """
raw = Raw()
for n in range(1, 20):
    answers = raw.step(n), raw.begin(f"a{n}", "search", {"q": "same"}, step=n, idempotent=True)
    for answer in (each for each in answers if each.get("note")):
        note(HERE / "notes", answer["note"].replace("\\n", " "))
    raw.end(f"a{n}", ["same"])
"""
    )
    looped = await world.rest(run)
    assert (looped.status, looped.reason, looped.step) == (Status.PAUSED, StopReason.LOOP_DETECTED, 5)
    assert [call["args"] for call in looped.evidence["calls"]] == [{"q": "same"}] * 5
    assert len(world.lines("notes")) == 1
    answer = await world.ask("resume", run, note="look elsewhere")
    assert answer.applied
    await world.until(run, lambda now: now.step >= 10)


def _members(run: str) -> list[int]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARKER) == run and process.pid != os.getpid():
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


async def test_a_park_asked_for_while_an_action_is_in_flight_is_remembered(world: World) -> None:
    run = await world.start(SLOW_ACTION)
    await world.file("acting")
    assert (await world.ask("pause", run, park=True)).applied
    world.touch("go")
    parked = await world.until(run, lambda now: now.parked)
    assert parked.reason is StopReason.USER_PAUSED


async def test_the_agents_own_words_name_its_goal_where_nobody_gave_one(world: World) -> None:
    run = await world.start("raw = Raw(goal='label every ticket')\nraw.complete()", goal="")
    assert (await world.rest(run)).goal == "label every ticket"
    long = await world.start("raw = Raw(goal='why ' * 5000)\nraw.complete()", goal="")
    assert (await world.rest(long)).goal.startswith("why why")


SPENDS = "raw = Raw()\nfor n in range(1, 100000):\n    raw.step(n)\n    raw.say(t='usage', cost_usd=0.05)\n    time.sleep(0.01)"


async def test_runs_are_held_when_they_have_spent_together_what_their_home_may_spend(world: World) -> None:
    policy = "[home_budget]\ncost_usd = 2.0\n"
    less_alone = SPENDS.replace("cost_usd=0.05", "cost_usd=0.05 if n <= 30 else 0")
    runs = [await world.start(less_alone, policy=policy, agent=f"spender-{n}") for n in range(3)]
    spent = [await world.rest(run) for run in runs]
    assert {run.reason for run in spent} == {StopReason.BUDGET_EXCEEDED}
    assert max(run.cost_usd for run in spent) < 2.0 <= sum(run.cost_usd for run in spent)
    refused = await world.ask("resume", runs[0])
    assert (refused.applied, "raise [home_budget]" in refused.message) == (False, True)


async def test_one_agents_common_budget_does_not_hold_another_agent(world: World) -> None:
    policy = "[agent_budget]\ncost_usd = 1.0\n"
    first = await world.start(SPENDS, policy=policy, agent="spender")
    other = await world.start(SPENDS, policy=policy.replace("1.0", "1000000.0"), agent="other")
    held = await world.rest(first)
    assert held.reason is StopReason.BUDGET_EXCEEDED
    assert "all runs of spender" in held.why
    assert not (await world.run(other)).at_rest


async def test_a_budget_that_was_raised_in_the_policy_lets_the_run_go_on(world: World) -> None:
    run = await world.start(SPENDS, policy="[budget]\ncost_usd = 0.5\n")
    await world.rest(run)
    next(world.folder.glob("*.toml")).write_text("[budget]\ncost_usd = 1000.0\n", "utf-8")
    deadline = time.monotonic() + 20
    while not (await world.ask("resume", run)).applied:
        assert time.monotonic() < deadline
    await world.until(run, lambda now: now.cost_usd > 0.8)


async def test_what_an_agent_writes_has_the_mode_its_user_is_used_to(world: World) -> None:
    run = await world.start("raw = Raw()\n(HERE / 'report').write_text('x')\nraw.complete()")
    await world.rest(run)
    assert (world.folder / "report").stat().st_mode & 0o777 == 0o644


async def test_a_crash_is_told_by_what_its_own_attempt_wrote(world: World) -> None:
    run = await world.start("if Raw().welcome['attempt'] == 1:\n    raise KeyError('hunks')\nos._exit(1)")
    first = await world.rest(run)
    assert first.why == "KeyError: 'hunks'"

    assert (await world.ask("resume", run)).applied
    second = await world.until(run, lambda now: now.attempt == 2 and now.at_rest)
    assert (second.why, second.evidence["log_tail"]) == ("exit code 1", [])


# --- what would begin again from nothing

FRESH = COUNTER.replace("    raw.checkpoint(", "    0 and raw.checkpoint(")
"""Works for long and commits no checkpoint."""

FRESH_IN_ACTION = SLOW_ACTION.replace('raw.checkpoint("c0", {"begun": True})\n', "")


async def left(world: World) -> None:
    """Stop the runtime and wait until it is gone."""
    await world.ask("stop_runtime", timeout_s=0.5)
    deadline = time.monotonic() + 20
    while world.home.runtime_alive():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_a_held_run_says_when_it_is_parked(world: World) -> None:
    run = await world.start(COUNTER, policy="[pause]\nhold_s = 300\n")
    await world.until(run, lambda now: now.step > 2)
    before = time.time()
    await world.ask("pause", run)
    held = await world.rest(run)
    assert held.parks_at is not None and before + 300 <= held.parks_at <= time.time() + 300


async def test_a_held_run_without_a_checkpoint_is_never_parked_by_itself(world: World) -> None:
    run = await world.start(FRESH, policy="[pause]\nhold_s = 0.2\n")
    other = await world.start(COUNTER, policy="[pause]\nhold_s = 0.4\n", agent="other")
    for one in (run, other):
        await world.until(one, lambda now: now.step > 2)
        await world.ask("pause", one)
    await world.until(other, lambda now: now.parked)
    held = await world.run(run)
    assert (held.held, held.parks_at) == (True, None)
    assert (await world.ask("resume", run)).applied
    assert (await world.until(run, lambda now: now.step > held.step)).attempt == 1


async def test_parking_what_has_no_checkpoint_is_refused_unless_that_is_known(world: World) -> None:
    run = await world.start(FRESH)
    await world.until(run, lambda now: now.step > 2)
    assert "would begin again from nothing" in (await world.ask("pause", run, park=True)).message
    assert (await world.run(run)).status is Status.RUNNING
    await world.ask("pause", run)
    await world.rest(run)
    for args in ({"park": True}, {"force": True}):
        answer = await world.ask("pause", run, **args)
        assert not answer.applied and "--park --yes" in answer.message
    assert (await world.run(run)).held
    assert (await world.ask("pause", run, park=True, begin_again=True)).applied
    await world.until(run, lambda now: now.parked)


async def test_a_forced_pause_freezes_what_has_no_checkpoint(world: World) -> None:
    run = await world.start(FRESH_IN_ACTION)
    await world.file("acting")
    await world.ask("pause", run)
    answer = await world.ask("pause", run, force=True, attempt=1)
    assert answer.applied and "frozen" in answer.message
    frozen = await world.rest(run)
    assert (frozen.frozen, frozen.status, frozen.pid is not None) == (True, Status.PAUSED, True)
    world.touch("go")
    assert (await world.ask("resume", run)).applied
    done = await world.until(run, lambda now: now.status is Status.COMPLETED)
    assert (done.attempt, world.lines("ledger")) == (1, ["sent"])


FRESH_SDK = """
import pathlib, sys, time
import agentwatch

HERE = pathlib.Path(sys.argv[1])

@agentwatch.tool
def send(n):
    with (HERE / "ledger").open("a") as ledger:
        ledger.write(f"{n}\\n")
    (HERE / "acting").touch()
    while n == 3 and not (HERE / "go").exists():
        time.sleep(0.01)
    return n

with agentwatch.start() as run:
    for n in range(1, 6):
        with run.step(str(n)):
            send(n)
            if n == 2:
                (HERE / "two").touch()
                while not (HERE / "on").exists():
                    time.sleep(0.01)
"""
"""With the SDK, and without a checkpoint; its third call lasts until it may end."""


def fresh_sdk(world: World) -> tuple[str, ...]:
    script = world.folder / "fresh.py"
    script.write_text(FRESH_SDK, "utf-8")
    return (sys.executable, str(script), str(world.folder))


@pytest.mark.parametrize("paused", [False, True])
async def test_the_runtime_freezes_what_has_no_checkpoint_before_it_leaves_and_the_next_lets_it_go_on(
    paused: bool, world: World
) -> None:
    run = await world.start(argv=fresh_sdk(world))
    await world.file("two")
    if paused:
        await world.ask("pause", run)
        world.touch("on")
        await world.rest(run)
    await left(world)
    frozen = await world.run(run)
    assert (frozen.frozen, frozen.interrupted) == (True, not paused)
    assert frozen.pid is not None and psutil.Process(frozen.pid).status() == psutil.STATUS_STOPPED
    for name in ("on", "go"):
        world.touch(name)
    assert (await world.ask("resume", run)).applied
    done = await world.until(run, lambda now: now.status is Status.COMPLETED)
    assert (done.attempt, world.lines("ledger")) == (1, ["1", "2", "3", "4", "5"])


async def test_an_action_that_the_runtime_froze_as_it_left_ends_under_the_next(world: World) -> None:
    run = await world.start(argv=fresh_sdk(world))
    world.touch("on")
    await world.until(run, lambda now: now.step == 3 and len(now.in_flight) == 1)
    await left(world)
    assert (await world.run(run)).frozen
    world.touch("go")
    assert (await world.ask("resume", run)).applied
    done = await world.until(run, lambda now: now.status is Status.COMPLETED)
    assert (done.attempt, world.lines("ledger")) == (1, ["1", "2", "3", "4", "5"])
