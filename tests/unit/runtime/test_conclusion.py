"""What becomes of a run whose processes are gone, as a table of situations."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from runtime.conclusion import conclude
from runtime.live import Ending, Exit, Outcome
from store.launch import Launch
from store.records import Run
from store.states import Status, StopReason

LAUNCH = Launch("abc", "agent", "goal", ("x",), "/", {})
RUN = Run("abc", "agent", "goal", 1.0, status=Status.RUNNING, attempt=1)
DOUBT = [{"id": "a1", "tool": "send", "args": {}, "began_at": 1.0}]
NATURAL = Ending(Outcome.NATURAL)


@pytest.mark.parametrize(
    ("said", "exit", "status", "reason", "why"),
    [
        ("", Exit(code=0), Status.COMPLETED, StopReason.COMPLETED, "exited with 0"),
        ("part", Exit(code=0), Status.COMPLETED, StopReason.COMPLETED, "exited with 0"),
        ("part", Exit(code=3), Status.STOPPED, StopReason.AGENT_CRASHED, "exit code 3"),
        ("part", Exit(), Status.COMPLETED, StopReason.COMPLETED, "a process of it said that it is complete"),
        ("part fail", Exit(code=0), Status.STOPPED, StopReason.AGENT_FAILED, "no licence"),
        ("complete", Exit(code=1), Status.COMPLETED, StopReason.COMPLETED, ""),
        ("complete", Exit(), Status.COMPLETED, StopReason.COMPLETED, ""),
        ("fail", Exit(code=1), Status.STOPPED, StopReason.AGENT_FAILED, "no licence"),
        ("", Exit(code=3), Status.STOPPED, StopReason.AGENT_CRASHED, "exit code 3"),
        ("", Exit(signal="9 (SIGKILL)"), Status.STOPPED, StopReason.AGENT_CRASHED, "signal 9 (SIGKILL)"),
        ("", Exit(), Status.STOPPED, StopReason.RUNTIME_LOST, "ended while no runtime watched"),
        ("", None, Status.STOPPED, StopReason.RUNTIME_LOST, "ended while no runtime watched"),
    ],
)
def test_an_end_by_itself(said: str, exit: Exit | None, status: Status, reason: StopReason, why: str) -> None:
    run = Run(
        **{name: getattr(RUN, name) for name in RUN.__struct_fields__} | {"said": said, "said_message": "no licence"}
    )
    ended = conclude(run, LAUNCH, NATURAL, exit, [], [])
    assert (ended.status, ended.reason, ended.why) == (status, reason, why)


@pytest.mark.parametrize(
    "ending",
    [NATURAL, Ending(Outcome.PARKED, StopReason.USER_PAUSED), Ending(Outcome.STOPPED, StopReason.TIMEOUT)],
)
def test_a_doubt_goes_to_review_whatever_ended_the_process(ending: Ending) -> None:
    ended = conclude(RUN, LAUNCH, ending, Exit(code=1), DOUBT, [])
    assert (ended.status, ended.evidence["in_doubt"]) == (Status.NEEDS_REVIEW, DOUBT)


@pytest.mark.parametrize(
    ("log_tail", "why"),
    [
        (["Traceback (most recent call last):", "  File x, line 88", "KeyError: 'hunks'", ""], "KeyError: 'hunks'"),
        (["KeyError: 'hunks'", "went on"], "exit code 1"),
        ([], "exit code 1"),
    ],
)
def test_a_crash_is_told_by_the_exception_that_its_log_ends_with(log_tail: list[str], why: str) -> None:
    ended = conclude(RUN, LAUNCH, NATURAL, Exit(code=1), [], log_tail)

    assert (ended.reason, ended.why) == (StopReason.AGENT_CRASHED, why)
    assert "exit code 1" in str(ended.evidence["summary"]) and why in str(ended.evidence["summary"])


def test_a_command_that_exits_0_in_the_middle_of_an_action_is_not_complete() -> None:
    ended = conclude(RUN, LAUNCH, NATURAL, Exit(code=0), DOUBT, [])
    assert (ended.status, ended.reason) == (Status.NEEDS_REVIEW, StopReason.AGENT_CRASHED)
    assert ended.evidence["in_doubt"] == DOUBT
    said = replace(RUN, said="complete")
    assert conclude(said, LAUNCH, NATURAL, Exit(code=0), DOUBT, []).status is Status.COMPLETED


def test_a_kill_wins_over_everything_and_keeps_the_doubt_as_evidence() -> None:
    ended = conclude(RUN, LAUNCH, Ending(Outcome.KILLED, by="ann"), Exit(code=0), DOUBT, [])
    assert (ended.status, ended.reason, ended.evidence["in_doubt"]) == (Status.KILLED, StopReason.USER_KILLED, DOUBT)


def test_a_restart_is_due_only_while_restarts_are_left_and_nothing_is_in_doubt() -> None:
    launch = Launch("abc", "agent", "goal", ("x",), "/", {}, restart=1)
    assert conclude(RUN, launch, NATURAL, Exit(code=1), [], []).restart
    assert not conclude(RUN, launch, NATURAL, Exit(code=1), DOUBT, []).restart
    spent = Run("abc", "agent", "goal", 1.0, status=Status.RUNNING, attempt=2, restarts=1)
    assert not conclude(spent, launch, NATURAL, Exit(code=1), [], []).restart


RESTARTS = Launch("abc", "agent", "goal", ("x",), "/", {}, restart=1)


@pytest.mark.parametrize(
    "sdk, exit, restarts",
    [
        (True, None, True),
        (True, Exit(), True),
        (True, Exit(machine_restarted=True), True),
        (False, Exit(machine_restarted=True), True),
        (False, Exit(), False),
    ],
)
def test_what_was_certainly_cut_off_unseen_starts_again_and_what_may_have_ended_well_does_not(
    sdk: bool, exit: Exit | None, restarts: bool
) -> None:
    run = Run("abc", "agent", "goal", 1.0, status=Status.RUNNING, attempt=1, sdk=sdk)
    ended = conclude(run, RESTARTS, NATURAL, exit, [], [])
    assert (ended.reason, ended.restart) == (StopReason.RUNTIME_LOST, restarts)
    assert ("may have ended well" in str(ended.evidence["summary"])) is not restarts
    assert not conclude(replace(run, restarts=1), RESTARTS, NATURAL, exit, [], []).restart
    assert not conclude(replace(run, pause_asked=True), RESTARTS, NATURAL, exit, [], []).restart
    assert not conclude(run, RESTARTS, NATURAL, exit, DOUBT, []).restart


def test_a_held_process_that_dies_is_parked_with_its_reason() -> None:
    held = Run(
        "abc", "agent", "goal", 1.0, status=Status.PAUSED, reason=StopReason.LOOP_DETECTED, why="loop", held=True
    )
    ended = conclude(held, LAUNCH, NATURAL, Exit(signal="9 (SIGKILL)"), [], [])
    assert (ended.status, ended.reason, ended.why) == (Status.PAUSED, StopReason.LOOP_DETECTED, "loop")


@pytest.mark.parametrize(
    ("said", "exit", "how"),
    [("complete", Exit(code=1), "said that it is complete"), ("", Exit(code=0), "exited with 0")],
)
def test_what_was_cut_off_is_named_by_what_is_completed(said: str, exit: Exit, how: str) -> None:
    run = Run("abc", "agent", "goal", 1.0, status=Status.RUNNING, attempt=1, said=said)
    ended = conclude(run, LAUNCH, NATURAL, exit, [], [], [f"{n} (work)" for n in range(7)])
    named = "0 (work), 1 (work), 2 (work), 3 (work), 4 (work) and 2 more"
    assert (ended.status, ended.why) == (Status.COMPLETED, f"{how}; 7 processes that went on were ended: {named}")


def test_what_a_part_of_it_said_proves_nothing_where_another_part_was_cut_off() -> None:
    run = Run("abc", "agent", "goal", 1.0, status=Status.RUNNING, attempt=1, said="part")
    assert conclude(run, LAUNCH, NATURAL, Exit(), [], [], ["7 (work)"]).status is Status.STOPPED
