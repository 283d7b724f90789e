"""The timeout rule: actions, steps and runs that take too long, and waiting that does not count."""

from __future__ import annotations

from msgspec.structs import replace

from runtime.policy.config import DEFAULT, Stall, Timeout
from runtime.policy.judge import Judge
from runtime.policy.ruling import Level
from store.events import Kind
from store.states import StopReason
from tests.unit.policy.story import Story

NEVER = Stall(model_warn_s=1e7, model_pause_s=None, tool_warn_s=1e7, tool_pause_s=None, silence_warn_s=1e7)


def story(action_s: float | None = None, step_s: float | None = None, run_s: float | None = None) -> Story:
    timeout = Timeout(action_s=action_s, step_s=step_s, run_s=run_s)
    return Story(Judge(replace(DEFAULT, timeout=timeout, stall=NEVER)))


def test_no_time_is_limited_by_default() -> None:
    told = story()
    told.begin("sleep")

    assert told.tick(10**6) == []


def test_an_action_that_takes_longer_than_it_declared_is_stopped_once() -> None:
    told = story()
    told.begin("fetch", timeout_s=30)

    assert told.tick(29) == []
    (stop,) = told.tick(2)
    assert told.tick(60) == []
    assert (stop.level, stop.reason) == (Level.STOP, StopReason.TIMEOUT)
    assert stop.evidence["figures"] == {"took": "31 s", "limit": "30 s"}
    assert stop.summary == "fetch took longer than 30 s"


def test_what_a_tool_declares_wins_over_the_policy() -> None:
    told = story(action_s=10)
    told.begin("slow", timeout_s=100)
    told.begin("other")

    assert [r.summary for r in told.tick(50)] == ["other took longer than 10 s"]


def test_an_action_that_ended_has_no_clock() -> None:
    told = story(action_s=10)
    told.call("fetch")

    assert told.tick(1000) == []


def test_a_step_is_stopped_when_its_time_is_over() -> None:
    told = story(step_s=60)
    told.add(Kind.STEP_BEGIN, n=4, name="four")

    assert [r.summary for r in told.tick(61)] == ["step 4 took longer than 1 min"]


def test_each_step_has_its_own_time() -> None:
    told = story(step_s=60)
    for n in range(1, 5):
        told.add(Kind.STEP_BEGIN, n=n, name="")
        assert told.tick(50) == []
        told.add(Kind.STEP_END, n=n, ok=True)


def test_no_clock_counts_while_a_call_is_held_at_the_gate() -> None:
    told = story(step_s=60)
    told.add(Kind.STEP_BEGIN, n=1, name="")
    told.add(Kind.HELD, id="x", tool="mail", why="pause")

    assert told.tick(1000) == []
    told.begin("mail", id="x")
    assert told.tick(59) == []
    assert len(told.tick(2)) == 1


def test_no_clock_counts_while_the_run_is_paused_or_waits_for_a_breaker() -> None:
    told = story(run_s=60)
    told.status("running", "waiting", waits_for="the breaker of api")
    told.tick(1000)
    told.status("waiting", "running")
    told.tick(30)
    told.status("running", "needs_review")

    assert told.tick(1000) == []


def test_an_action_in_flight_goes_on_being_timed_while_a_pause_waits_for_it() -> None:
    told = story()
    told.begin("fetch", timeout_s=30)
    told.status("running", "pausing")

    assert len(told.tick(31)) == 1


def test_a_run_that_is_resumed_has_its_whole_time_again() -> None:
    told = story(run_s=60)
    assert len(told.tick(61)) == 1
    told.status("running", "stopping")
    told.status("stopping", "stopped")
    told.status("stopped", "starting")
    told.status("starting", "running")

    assert told.tick(59) == []
    assert len(told.tick(2)) == 1


def test_a_new_attempt_has_no_actions_of_the_old_one() -> None:
    told = story(action_s=30)
    told.begin("fetch")
    told.add(Kind.ATTEMPT_ENDED, known=True, exit_code=1, log_tail=[])

    assert told.tick(100) == []


def test_a_judge_rebuilt_from_the_journal_rules_at_the_same_moment() -> None:
    told = story(action_s=30)
    told.begin("fetch")
    told.now += 20
    told.add(Kind.OUTPUT, bytes=1, line="")
    policy = replace(DEFAULT, timeout=Timeout(action_s=30))
    told.judge = Judge.rebuild(policy, told.run, told.events)

    assert told.tick(9) == []
    assert len(told.tick(2)) == 1
    told.judge = Judge.rebuild(policy, told.run, told.events)
    assert told.tick(5) == []
