"""Nothing happens twice: records, keys, divergences, doubts, checkpoints and forks, with real processes."""

from __future__ import annotations

import secrets

import pytest

from store.events import Kind
from store.states import Status, StopReason
from tests.support.world import World

MAILER = """
raw = Raw(state=True)
attempt = raw.welcome["attempt"]
n = (raw.welcome["state"] or {"next": 0})["next"]
def send(n, text, **more):
    ident = f"{attempt}-{n}-{text}"
    answer = raw.begin(ident, "send", {"n": n, "text": text}, step=n + 1, **more)
    if answer["verdict"] == "proceed":
        note(HERE / "ledger", f"{n} {text}")
        raw.end(ident, f"sent {n}")
        return f"sent {n}"
    return answer["result"]
"""


async def test_a_success_after_the_checkpoint_is_replayed_not_done_again(world: World) -> None:
    run = await world.start(
        MAILER
        + """
if attempt == 1:
    raw.checkpoint("c", {"next": 0})
note(HERE / "results", send(0, "hello"))
note(HERE / "results", send(1, "hello"))
if attempt == 1:
    os.abort()
raw.complete()
""",
        restart=1,
    )
    assert (await world.rest(run)).status is Status.COMPLETED
    assert world.lines("ledger") == ["0 hello", "1 hello"]
    assert world.lines("results") == ["sent 0", "sent 1"] * 2
    assert len(await world.events(run, Kind.REPLAYED)) == 2


async def test_each_record_is_consumed_once_so_two_equal_calls_on_purpose_stay_two(world: World) -> None:
    run = await world.start(
        MAILER
        + """
send(0, "same" if attempt == 1 else "same")
if attempt == 1:
    os.abort()
raw.begin("again", "send", {"n": 0, "text": "same"}, step=1)
note(HERE / "ledger", "0 same")
raw.end("again")
raw.complete()
""",
        restart=1,
    )
    assert (await world.rest(run)).status is Status.COMPLETED
    assert world.lines("ledger") == ["0 same", "0 same"]


async def test_a_success_that_the_checkpoint_covers_is_new_when_it_is_called_again(world: World) -> None:
    run = await world.start(
        MAILER
        + """
send(0, "hello")
if attempt == 1:
    raw.checkpoint("c", {"next": 0}, covers="1-0-hello")
    os.abort()
raw.complete()
""",
        restart=1,
    )
    assert (await world.rest(run)).status is Status.COMPLETED
    assert world.lines("ledger") == ["0 hello", "0 hello"]


async def test_an_end_after_the_state_was_taken_stays_replayable_though_the_checkpoint_came_later(world: World) -> None:
    run = await world.start(
        MAILER
        + """
if attempt == 1:
    send(0, "covered")
    send(1, "late")
    raw.checkpoint("c", {"next": 1}, covers="1-0-covered")
    os.abort()
send(1, "late")
raw.complete()
""",
        restart=1,
    )
    assert (await world.rest(run)).status is Status.COMPLETED
    assert world.lines("ledger") == ["0 covered", "1 late"]


async def test_a_key_names_one_action_for_the_runs_life(world: World) -> None:
    run = await world.start(
        MAILER
        + """
send(0, f"worded {attempt}", key="mail-0")
send(0, f"again {attempt}", key="mail-0")
raw.checkpoint(f"c{attempt}", {"next": 0})
if attempt < 3:
    os.abort()
raw.complete()
""",
        restart=2,
    )
    assert (await world.rest(run)).status is Status.COMPLETED
    assert world.lines("ledger") == ["0 worded 1"]


@pytest.mark.parametrize(("outcome", "ledger"), [("done", ["0 hello"]), ("retry", ["0 hello", "0 hi there"])])
async def test_a_call_that_diverges_from_the_record_is_held_for_the_operator(
    world: World, outcome: str, ledger: list[str]
) -> None:
    run = await world.start(
        MAILER
        + """
send(0, "hello" if attempt == 1 else "hi there")
if attempt == 1:
    os.abort()
raw.complete()
""",
        restart=1,
    )
    review = await world.rest(run)
    assert (review.status, review.attempt) == (Status.NEEDS_REVIEW, 2)
    assert [call["args"]["text"] for call in review.evidence["calls"]] == ["hello", "hi there"]
    (held,) = await world.events(run, Kind.HELD)
    assert (await world.ask("resolve", run, attempt=2, action=held.body["id"], outcome=outcome)).applied
    assert (await world.rest(run)).status is Status.COMPLETED
    assert world.lines("ledger") == ledger


async def test_actions_that_overlapped_are_no_divergence(world: World) -> None:
    run = await world.start(
        """
raw = Raw()
attempt = raw.welcome["attempt"]
for n in range(2):
    raw.begin(f"{attempt}-{n}", "send", {"n": n, "attempt": attempt})
for n in range(2):
    raw.end(f"{attempt}-{n}")
if attempt == 1:
    os.abort()
raw.complete()
""",
        restart=1,
    )
    assert (await world.rest(run)).status is Status.COMPLETED


async def test_a_result_that_was_not_recorded_goes_to_review(world: World) -> None:
    run = await world.start(
        """
raw = Raw()
attempt = raw.welcome["attempt"]
answer = raw.begin(f"a{attempt}", "send", {"n": 1})
if attempt == 1:
    raw.ask(t="action.end", id="a1", ok=True, result_unavailable="too large")
    os.abort()
note(HERE / "results", str(answer["result"]))
raw.complete()
""",
        restart=1,
    )
    assert (await world.rest(run)).status is Status.NEEDS_REVIEW
    assert (await world.ask("resolve", run, action="a2", outcome="done", result=42)).applied
    assert (await world.rest(run)).status is Status.COMPLETED
    assert world.lines("results") == ["42"]


@pytest.mark.parametrize(("outcome", "ledger"), [("done", ["tried"]), ("retry", ["tried", "tried"])])
async def test_an_action_in_doubt_after_a_crash_waits_for_an_answer(
    world: World, outcome: str, ledger: list[str]
) -> None:
    run = await world.start(
        """
raw = Raw()
attempt = raw.welcome["attempt"]
if raw.begin(f"a{attempt}", "send", {"to": "ann"}, check_hint="Sent folder")["verdict"] == "proceed":
    note(HERE / "ledger", "tried")
    if attempt == 1:
        os.abort()
    raw.end("a2")
raw.complete()
"""
    )
    review = await world.rest(run)
    assert (review.status, review.reason) == (Status.NEEDS_REVIEW, StopReason.AGENT_CRASHED)
    async with await world.supervisor.reader() as reader:
        (doubt,) = await reader.actions(run)
    assert (doubt.in_doubt, doubt.check_hint, doubt.args) == (True, "Sent folder", {"to": "ann"})
    assert not (await world.ask("resume", run)).applied
    assert (await world.ask("resolve", run, attempt=1, action="a1", outcome=outcome, result="ok")).applied
    assert (await world.until(run, lambda now: now.attempt == 2 and now.at_rest)).status is Status.COMPLETED
    assert world.lines("ledger") == ledger


async def test_an_answer_for_an_older_attempt_is_refused(world: World) -> None:
    run = await world.start("raw = Raw()\nraw.begin(f\"a{raw.welcome['attempt']}\", 'send')\nos.abort()")
    await world.rest(run)
    assert (await world.ask("resolve", run, attempt=1, action="a1", outcome="retry")).applied
    await world.until(run, lambda now: now.attempt == 2 and now.at_rest)
    refused = await world.ask("resolve", run, attempt=1, action="a2", outcome="retry")
    assert (refused.applied, "Attempt 1 is over" in refused.message) == (False, True)


async def test_a_pause_asked_for_in_review_is_honoured_by_the_last_answer(world: World) -> None:
    run = await world.start("raw = Raw()\nraw.begin('a1', 'send')\nos.abort()")
    await world.rest(run)
    assert (await world.ask("pause", run)).applied
    answered = await world.ask("resolve", run, action="a1", outcome="done")
    assert answered.applied and "it stays paused" in answered.message
    paused = await world.until(run, lambda now: now.status is not Status.NEEDS_REVIEW)
    assert (paused.status, paused.reason, paused.attempt) == (Status.PAUSED, StopReason.USER_PAUSED, 1)


async def test_a_pause_during_a_back_off_is_honoured(world: World) -> None:
    run = await world.start("raw = Raw()\nsys.exit(1)", restart=5)
    await world.until(run, lambda now: now.restarts >= 2 and now.status is Status.WAITING)
    assert (await world.ask("pause", run)).applied
    paused = await world.rest(run)
    assert (paused.status, paused.pid) == (Status.PAUSED, None)


@pytest.mark.parametrize(("outcome", "ledger"), [("done", 1), ("retry", 2)])
async def test_a_failure_that_tells_nothing_holds_the_run_until_somebody_says_what_happened(
    world: World, outcome: str, ledger: int
) -> None:
    run = await world.start(
        """
raw = Raw()
for n in (1, 2):
    raw.begin(f"a{n}", "send")
    note(HERE / "ledger", "tried")
    if n == 2:
        raw.end("a2")
        break
    answer = raw.ask(t="action.end", id="a1", ok=False, error={"type": "TimeoutError", "message": "timed out"})
    if answer.get("happened"):
        note(HERE / "results", answer["result"])
        break
raw.complete()
"""
    )
    review = await world.rest(run)
    assert (review.status, review.reason) == (Status.NEEDS_REVIEW, StopReason.TOOL_FAILURE)
    assert [pending.tool for pending in review.in_flight] == ["send"]
    assert (await world.ask("resolve", run, action="a1", outcome=outcome, result="it did")).applied
    assert (await world.rest(run)).status is Status.COMPLETED
    assert len(world.lines("ledger")) == ledger


async def test_a_failure_that_proves_that_nothing_happened_goes_on(world: World) -> None:
    run = await world.start(
        """
raw = Raw()
raw.begin("a1", "send")
raw.ask(t="action.end", id="a1", ok=False, error={"type": "ConnectionRefusedError", "message": "", "happened": False})
raw.complete()
"""
    )
    done = await world.rest(run)
    assert (done.status, done.in_flight) == (Status.COMPLETED, ())


COUNTS = """
raw = Raw(state=True)
begin = (raw.welcome["state"] or {"next": 0})["next"]
note(HERE / "began", f"{os.environ['AGENTWATCH_RUN']} {begin}")
for n in range(begin, 5):
    raw.step(n + 1)
    raw.checkpoint(f"c{n}", {"next": n + 1}, step=n + 1, label=f"done {n}")
raw.ask(t="fail", id="f", message="stop here")
"""


async def test_a_run_goes_on_from_any_of_its_checkpoints(world: World) -> None:
    run = await world.start(COUNTS)
    await world.rest(run)
    assert (await world.ask("resume", run, checkpoint=2)).message == "resumed in a new attempt from checkpoint 2"
    await world.until(run, lambda now: now.attempt == 2 and now.at_rest)
    assert world.lines("began") == [f"{run} 0", f"{run} 2"]
    refused = await world.ask("resume", run, checkpoint=99)
    assert (refused.applied, "has no checkpoint 99" in refused.message) == (False, True)


async def test_a_fork_starts_from_a_checkpoint_and_leaves_the_old_run_as_it_was(world: World) -> None:
    run = await world.start(COUNTS)
    before = await world.rest(run)
    other = secrets.token_hex(6)
    assert (await world.ask("fork", run, to=other, checkpoint=3)).applied
    forked = await world.until(other, lambda now: now.at_rest)
    assert forked.forked_from == f"{run} checkpoint 3"
    assert world.lines("began") == [f"{run} 0", f"{other} 3"]
    after = await world.run(run)
    assert (after.status, after.checkpoint, after.attempt) == (before.status, before.checkpoint, 1)


async def test_a_held_run_can_go_on_from_an_older_checkpoint(world: World) -> None:
    run = await world.start(
        COUNTS.replace('raw.ask(t="fail"', "wait_for(HERE / 'go')\nraw.step(9)\nraw.ask(t=\"fail\"")
    )
    await world.until(run, lambda now: now.checkpoints == 5)
    await world.ask("pause", run)
    world.touch("go")
    await world.rest(run)
    assert (await world.ask("resume", run, checkpoint=1)).applied
    await world.until(run, lambda now: now.attempt == 2 and now.at_rest)
    assert world.lines("began") == [f"{run} 0", f"{run} 1"]


async def test_what_a_person_said_happened_is_not_done_again_though_a_checkpoint_came_between(world: World) -> None:
    run = await world.start(
        """
raw = Raw()
attempt = raw.welcome["attempt"]
raw.checkpoint(f"c{attempt}", {"n": 1})
if raw.begin(f"a{attempt}", "send", {"to": "ann"})["verdict"] == "proceed":
    note(HERE / "ledger", "sent")
    if attempt == 1:
        os.abort()
    raw.end(f"a{attempt}")
raw.complete()
"""
    )
    await world.rest(run)
    assert (await world.ask("resolve", run, action="a1", outcome="done")).applied
    assert (await world.until(run, lambda now: now.attempt == 2 and now.at_rest)).status is Status.COMPLETED
    assert world.lines("ledger") == ["sent"]


@pytest.mark.parametrize(("outcome", "ledger", "results"), [("done", 1, ["it did"]), ("retry", 2, ["sent"])])
async def test_a_tool_that_timed_out_returns_what_the_operator_says_or_is_tried_again(
    world: World, outcome: str, ledger: int, results: list[str]
) -> None:
    run = await world.start(
        """
import agentwatch
@agentwatch.tool()
def send(to):
    note(HERE / "ledger", "tried")
    if len((HERE / "ledger").read_text().splitlines()) == 1:
        raise TimeoutError("no answer")
    return "sent"
with agentwatch.start():
    note(HERE / "results", send("ann"))
"""
    )
    review = await world.rest(run)
    assert (review.status, review.held) == (Status.NEEDS_REVIEW, False)
    (doubt,) = review.in_flight
    assert (await world.ask("resolve", run, action=doubt.id, outcome=outcome, result="it did")).applied
    assert (await world.rest(run)).status is Status.COMPLETED
    assert (len(world.lines("ledger")), world.lines("results")) == (ledger, results)


@pytest.mark.parametrize("adopted", [False, True])
async def test_a_checkpoint_takes_in_what_was_replayed_before_it(world: World, adopted: bool) -> None:
    run = await world.start(
        """
import agentwatch
@agentwatch.tool()
def send(n):
    note(HERE / "ledger", str(n))
    if n == 1:
        os.abort()
with agentwatch.start() as run:
    begin = run.state["next"] if run.state else 1
    for n in range(begin, 4):
        send(n)
        if run.attempt == 2:
            (HERE / "replayed").touch()
            wait_for(HERE / "go")
            run.checkpoint({"next": n + 1})
            os.abort()
"""
    )
    await world.rest(run)
    assert (await world.ask("resolve", run, action=(await world.run(run)).in_flight[0].id, outcome="done")).applied
    await world.file("replayed")
    if adopted:
        world.kill_runtime()
        await world.supervisor.ensure_runtime()
    world.touch("go")
    assert (await world.until(run, lambda now: now.attempt == 2 and now.at_rest)).status is Status.STOPPED
    assert (await world.ask("resume", run)).applied
    assert (await world.until(run, lambda now: now.attempt == 3 and now.at_rest)).status is Status.COMPLETED
    assert world.lines("ledger") == ["1", "2", "3"]


async def test_two_processes_of_an_attempt_that_call_the_same_key_do_it_once(world: World) -> None:
    run = await world.start(
        """
children = []
for n in range(2):
    child = os.fork()
    if child == 0:
        raw = Raw(parent=os.getppid())
        (HERE / f"ready-{n}").touch()
        wait_for(HERE / f"ready-{1 - n}")
        answer = raw.begin(f"a{n}", "send", {"to": "ann"}, key="mail-ann")
        if answer["verdict"] == "proceed":
            note(HERE / "ledger", "sent")
            time.sleep(0.2)
            raw.end(f"a{n}", "sent")
        note(HERE / "verdicts", answer["verdict"])
        os._exit(0)
    children.append(child)
for child in children:
    os.waitpid(child, 0)
Raw().complete()
"""
    )
    assert (await world.rest(run)).status is Status.COMPLETED
    assert world.lines("ledger") == ["sent"]
    assert sorted(world.lines("verdicts")) == ["proceed", "replay"]
