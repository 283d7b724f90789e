"""The five answers, as a table of situations."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from store.events import Kind
from store.records import CheckpointRef, Event, Pending, Run, Warned
from store.states import Status, StopReason
from tui.console.verdict import sentence, verdict

NOW = 10_000.0


def a_run(status: Status = Status.RUNNING, **fields: Any) -> Run:
    given: dict[str, Any] = {
        "run": "3f9a1c",
        "agent": "mailer",
        "goal": "",
        "created_at": NOW - 600,
        "status": status,
        "started_at": NOW - 590,
        "last_event_at": NOW - 3,
        "sdk": True,
        "pid": 77,
        "attempt": 1,
        "step": 12,
    }
    if status in (Status.PAUSED, Status.STOPPED, Status.NEEDS_REVIEW, Status.COMPLETED, Status.KILLED):
        given["rested_at"] = NOW - 60
    return Run(**(given | fields))


CHECKPOINT = CheckpointRef(4, 12, "ticket 12 done", NOW - 3, 200, "00", 1)
MAIL = Pending("a1", "send_email", NOW - 12, False)
PRICE = Pending("a2", "get_price", NOW - 1, True)


class Journal:
    """Events of one run, written in order."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.at = NOW - 300

    def add(self, kind: Kind, **body: Any) -> Journal:
        seq = len(self.events) + 1
        self.events.append(Event(seq, "3f9a1c", seq - 1, self.at, 1, kind, body))
        self.at += 1
        return self

    def call(self, step: int, tool: str, args: Any, result: Any) -> Journal:
        self.add(Kind.STEP_BEGIN, n=step)
        self.add(Kind.ACTION_BEGIN, id=f"a{step}", tool=tool, args=args)
        self.add(Kind.ACTION_END, id=f"a{step}", tool=tool, step=step, ok=True, result=result, duration_s=0.8)
        return self.add(Kind.USAGE, input_tokens=10_000, output_tokens=250, cost_usd=0.155)


def repeating(times: int) -> list[Event]:
    journal = Journal().call(16, "search", {"q": "new"}, ["found"])
    for step in range(17, 17 + times):
        journal.call(step, "search", {"q": "same"}, ["same"])
    return journal.events


def advancing() -> list[Event]:
    journal = Journal()
    for step in range(1, 6):
        journal.call(step, "search", {"page": step}, [step])
    return journal.events


def stopped_twice(reason: str) -> list[Event]:
    journal = Journal()
    for _ in range(2):
        journal.add(Kind.STATUS, **{"from": "pausing", "to": "paused", "reason": reason})
        journal.add(Kind.STATUS, **{"from": "paused", "to": "running"})
    return journal.events


def over_budget(evidence: dict[str, Any]) -> Run:
    limits = {"tokens_per_minute": 100.0, "cost_usd": 5.0}
    return a_run(Status.PAUSED, reason=StopReason.BUDGET_EXCEEDED, cost_usd=0.5, limits=limits, evidence=evidence)


class Situation(NamedTuple):
    name: str
    run: Run
    events: list[Event]
    words: tuple[str, str, str, str, str]
    """stuck, progress, safe pause, can resume, terminate"""
    says: tuple[str, ...] = ()
    """Fragments that the figures must hold."""


def waiting(**fields: Any) -> Run:
    return a_run(Status.WAITING, why="429 from erp.internal", due_at=NOW + 39, **fields)


def loop(**fields: Any) -> Run:
    evidence = {"summary": "The same call gave the same result 5 times in a row."}
    return a_run(Status.PAUSED, reason=StopReason.LOOP_DETECTED, why="same ×5", held=True, evidence=evidence, **fields)


SITUATIONS = (
    Situation(
        "getting on, nothing in flight",
        a_run(checkpoint=CHECKPOINT, progress_label="tickets", progress_done=12, progress_of=40, progress_at=NOW - 8),
        [],
        ("NO", "YES", "YES", "YES", "NO"),
        ("Tickets 12 of 40; last new result 8.0 s ago", "Nothing in flight. Checkpoint of step 12, 3.0 s old."),
    ),
    Situation(
        "in an action that must not be done twice",
        a_run(in_flight=(MAIL,), tool="send_email", tool_since=NOW - 12, checkpoint=CHECKPOINT),
        advancing(),
        ("NO", "YES", "NOT YET", "YES", "NO"),
        ("In send_email for 12 s", "Pausing would wait for send_email (12 s so far)"),
    ),
    Situation(
        "in an action that is safe to repeat",
        a_run(in_flight=(PRICE,), tool="get_price", tool_since=NOW - 1, checkpoint=CHECKPOINT),
        advancing(),
        ("NO", "YES", "YES", "YES", "NO"),
        ("would wait for get_price",),
    ),
    Situation(
        "repeating itself",
        a_run(checkpoint=CHECKPOINT),
        repeating(4),
        ("YES", "NO", "YES", "YES", "NOT YET"),
        (
            "The last 4 calls were the same search with the same result, since step 17.",
            "No new result for 3 steps, since step 17; spent since: 41k tokens, $0.62.",
        ),
    ),
    Situation(
        "warned by a rule",
        a_run(warned=Warned("progress", "warn", "9 steps, no new result", NOW - 40, 7), checkpoint=CHECKPOINT),
        advancing(),
        ("YES", "NO", "YES", "YES", "NOT YET"),
        ("9 steps, no new result (40 s ago).", "Suggest: pause it first (p), because a rule has warned;"),
    ),
    Situation(
        "warned by a rule, and getting on again",
        a_run(warned=Warned("progress", "warn", "9 steps, no new result", NOW - 290, 7), checkpoint=CHECKPOINT),
        advancing(),
        ("YES", "YES", "YES", "YES", "NOT YET"),
    ),
    Situation(
        "warned of its limit alone",
        a_run(warned=Warned("budget", "warn", "$0.825 of $1.00 spent", NOW - 40, 7), checkpoint=CHECKPOINT),
        advancing(),
        ("NO", "YES", "YES", "YES", "NO"),
    ),
    Situation(
        "silent, nothing in flight",
        a_run(last_event_at=NOW - 900),
        [],
        ("UNKNOWN", "UNKNOWN", "YES", "NOT YET", "NO"),
        ("No sign of life for 15 m 00 s",),
    ),
    Situation(
        "an agent without the SDK",
        a_run(sdk=False, step=0),
        [],
        ("NO", "UNKNOWN", "ASK", "UNKNOWN", "NO"),
        ("its log grew 3.0 s ago", "can only be frozen"),
    ),
    Situation(
        "just begun",
        a_run(sdk=True, step=0),
        [],
        ("NO", "NOT YET", "YES", "NOT YET", "NO"),
        ("It has just begun.", "No checkpoint yet"),
    ),
    Situation(
        "queued",
        a_run(Status.QUEUED, pid=None, sdk=False, started_at=None),
        [],
        ("WAITING", "NOT YET", "NOT YET", "NOT YET", "NO"),
    ),
    Situation("starting", a_run(Status.STARTING, step=0), [], ("NO", "NOT YET", "YES", "NOT YET", "NO")),
    Situation(
        "made to wait",
        waiting(checkpoint=CHECKPOINT),
        advancing(),
        ("WAITING", "HELD", "YES", "YES", "NO"),
        ("429 from erp.internal. It goes on by itself at",),
    ),
    Situation(
        "on its way to a pause",
        a_run(Status.PAUSING, in_flight=(MAIL,), checkpoint=CHECKPOINT),
        advancing(),
        ("NO", "YES", "WAITING", "YES", "NO"),
        ("it waits for send_email (12 s so far)",),
    ),
    Situation(
        "paused by hand, held",
        a_run(Status.PAUSED, reason=StopReason.USER_PAUSED, why="by mira", held=True),
        advancing(),
        ("PAUSED", "PAUSED", "PAUSED", "YES", "NO"),
        (
            "Paused by mira 1 m 00 s ago.",
            "stays held: no checkpoint, parking would lose 12 steps of work",
            "Goes on at step 12, where it waits",
        ),
    ),
    Situation(
        "paused by hand, parked",
        a_run(Status.PAUSED, reason=StopReason.USER_PAUSED, why="by mira", pid=None, checkpoint=CHECKPOINT),
        advancing(),
        ("PAUSED", "PAUSED", "PAUSED", "YES", "NO"),
        ("parked: its process is gone", "From checkpoint 4 “ticket 12 done”, step 12."),
    ),
    Situation(
        "paused by the loop rule",
        loop(checkpoint=CHECKPOINT),
        repeating(5),
        ("YES", "NO", "PAUSED", "YES", "NOT YET"),
        (
            "The same call gave the same result 5 times in a row.",
            "spent since:",
            "Suggest: resume with a note (r), because it got somewhere until step 17",
        ),
    ),
    Situation(
        "paused in a loop from its first call on",
        loop(),
        repeating(5)[4:],
        ("YES", "NO", "PAUSED", "YES", "NOT YET"),
        ("Suggest: resume with a note (r); kill only if it comes back.",),
    ),
    Situation(
        "a tool that says it worked and did not",
        a_run(Status.PAUSED, reason=StopReason.TOOL_FAILURE, why="book_seat ×5: it says ok: false", held=True),
        advancing(),
        ("YES", "NO", "PAUSED", "YES", "NOT YET"),
        ("then resume with a note (r) that says what to do",),
    ),
    Situation(
        "what it depends on stayed away",
        a_run(Status.PAUSED, reason=StopReason.RETRY_LIMIT_REACHED, why="shop-api was down for 900 s", held=True),
        advancing(),
        ("YES", "NO", "PAUSED", "YES", "NOT YET"),
        ("resume it (r) once what it depends on answers again",),
    ),
    Situation(
        "paused by the loop rule again",
        loop(),
        stopped_twice("LOOP_DETECTED"),
        ("YES", "UNKNOWN", "PAUSED", "YES", "YES"),
        ("stopped for the same reason 2 times",),
    ),
    Situation(
        "out of money",
        a_run(
            Status.PAUSED,
            reason=StopReason.BUDGET_EXCEEDED,
            cost_usd=5.0,
            limits={"cost_usd": 5.0},
            checkpoint=CHECKPOINT,
        ),
        advancing(),
        ("YES", "NO", "PAUSED", "ASK", "NO"),
        ("$5.00 of $5.00 is spent", "raise the limit"),
    ),
    Situation(
        "spending too fast",
        over_budget({"figures": {"tokens_per_minute": "130 of 100"}, "below_at": NOW + 60}),
        advancing(),
        ("YES", "NO", "PAUSED", "ASK", "NO"),
        ("With a higher limit (130 of 100 tokens a minute), or as it is from ",),
    ),
    Situation(
        "spent too fast, a while ago",
        over_budget({"figures": {"tokens_per_minute": "130 of 100"}, "below_at": NOW - 60}),
        advancing(),
        ("YES", "NO", "PAUSED", "YES", "NO"),
        ("It is below that pace again.",),
    ),
    Situation(
        "a limit that it shares with others is reached",
        over_budget({"figures": {"cost_usd of all runs": "$9.00 of $9.00"}, "scope": "home_budget"}),
        advancing(),
        ("YES", "NO", "PAUSED", "ASK", "NO"),
        ("Once [home_budget] is raised in its policy.", "raise the limit that it shares with others"),
    ),
    Situation(
        "crashed",
        a_run(Status.STOPPED, reason=StopReason.AGENT_CRASHED, why="exit code 1", pid=None),
        advancing(),
        ("YES", "NO", "n/a", "YES", "NOT YET"),
        ("Exit code 1.", "No checkpoint: it begins again from step 1", "read its log"),
    ),
    Situation(
        "in doubt",
        a_run(Status.NEEDS_REVIEW, reason=StopReason.AGENT_CRASHED, pid=None, in_flight=(MAIL,), checkpoint=CHECKPOINT),
        advancing(),
        ("YES", "NO", "n/a", "ASK", "NO"),
        ("did send_email happen?", "after you answer 1 question"),
    ),
    Situation(
        "held for an answer",
        a_run(Status.NEEDS_REVIEW, why="two texts differ", checkpoint=CHECKPOINT),
        advancing(),
        ("YES", "NO", "HELD", "ASK", "NO"),
        ("Goes on at step 12, where it waits, after you answer 1 question",),
    ),
    Situation(
        "watched from outside, the clock turned back",
        a_run(sdk=False, step=0, started_at=NOW + 3000, last_event_at=NOW + 3600),
        [],
        ("NO", "UNKNOWN", "ASK", "UNKNOWN", "NO"),
        ("it can only be frozen",),
    ),
    Situation(
        "waiting for longer than it was to",
        a_run(Status.WAITING, why="429 from erp", due_at=NOW - 180, checkpoint=CHECKPOINT),
        [],
        ("WAITING", "HELD", "YES", "YES", "NO"),
        ("It was due to go on at", "3 m 00 s ago."),
    ),
    Situation(
        "completed",
        a_run(Status.COMPLETED, reason=StopReason.COMPLETED, pid=None),
        [],
        ("NO", "YES", "n/a", "NO", "n/a"),
    ),
    Situation(
        "completed, and said how far it came",
        a_run(
            Status.COMPLETED,
            reason=StopReason.COMPLETED,
            pid=None,
            progress_label="files indexed",
            progress_done=40.0,
            progress_of=40.0,
        ),
        [],
        ("NO", "YES", "n/a", "NO", "n/a"),
        ("Files indexed 40 of 40.",),
    ),
    Situation(
        "killed",
        a_run(Status.KILLED, reason=StopReason.USER_KILLED, pid=None),
        advancing(),
        ("NO", "NO", "n/a", "NO", "n/a"),
    ),
    Situation("stopping", a_run(Status.STOPPING), advancing(), ("NO", "YES", "n/a", "NOT YET", "n/a")),
    Situation("killing", a_run(Status.KILLING), advancing(), ("NO", "YES", "n/a", "NO", "n/a")),
    Situation(
        "far longer in a tool than usual",
        a_run(in_flight=(Pending("z", "search", NOW - 900, True),), tool="search", tool_since=NOW - 900),
        advancing(),
        ("UNKNOWN", "UNKNOWN", "YES", "NOT YET", "NO"),
        ("In search for 15 m 00 s, usual 0.8 s. Far longer than usual.", "ago; in search for 15 m 00 s."),
    ),
    Situation(
        "near its limit",
        a_run(cost_usd=4.2, limits={"cost_usd": 5.0}, checkpoint=CHECKPOINT),
        advancing(),
        ("NO", "YES", "YES", "YES", "NO"),
        ("84% of its money is used",),
    ),
)


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.name)
def test_the_five_answers(situation: Situation) -> None:
    told = verdict(situation.run, situation.events, NOW)

    said = " | ".join(answer.figures for answer in told)
    assert tuple(answer.word for answer in told) == situation.words, said
    for fragment in situation.says:
        assert fragment in said


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("reason", [None, *StopReason])
def test_every_answer_has_a_word_and_a_sentence(status: Status, reason: StopReason | None) -> None:
    told = verdict(a_run(status, reason=reason), [], NOW)

    for answer in told:
        assert answer.word in {"YES", "NO", "HELD", "WAITING", "ASK", "NOT YET", "UNKNOWN", "PAUSED", "n/a"}
        assert answer.figures.endswith((".", "?", "!"))


def test_a_queued_run_is_not_said_to_have_a_process() -> None:
    answer = verdict(a_run(Status.QUEUED, pid=None, sdk=False, started_at=None), [], NOW).resume

    assert answer == ("NOT YET", "It has not begun.")


def test_a_call_that_is_declared_to_ask_again_and_again_is_no_loop() -> None:
    journal = Journal()
    for step in range(1, 8):
        journal.add(Kind.STEP_BEGIN, n=step)
        journal.add(Kind.ACTION_BEGIN, id=f"a{step}", tool="job_state", args={"id": 7}, poll=True)
        journal.add(Kind.ACTION_END, id=f"a{step}", tool="job_state", step=step, ok=True, result="running")

    answers = verdict(a_run(), journal.events, NOW)

    assert (answers.stuck.word, answers.terminate.word) == ("NO", "NO")


def test_a_call_that_comes_again_after_a_long_while_without_a_model_is_no_loop() -> None:
    journal = Journal()
    journal.at = NOW - 600
    for step in range(1, 8):
        journal.add(Kind.ACTION_BEGIN, id=f"a{step}", tool="job_state", args={"id": 7})
        journal.add(Kind.ACTION_END, id=f"a{step}", tool="job_state", ok=True, result="running")
        journal.at += 70

    assert verdict(a_run(), journal.events, NOW).stuck.word == "NO"


def test_a_repetition_that_a_person_accepted_is_no_loop_any_more() -> None:
    journal = Journal()
    for step in range(1, 6):
        journal.call(step, "Bash", {"command": "make"}, "nothing to be done")
    assert verdict(a_run(), journal.events, NOW).stuck.word == "YES"

    journal.add(Kind.ACCEPTED, signature="loop:1", by="mira")
    journal.add(Kind.STATUS, **{"from": "paused", "to": "running"})
    for step in range(6, 11):
        journal.call(step, "Bash", {"command": "make"}, "nothing to be done")

    assert verdict(a_run(), journal.events, NOW).stuck.word == "NO"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("its limit is reached", "Its limit is reached."),
        ("build_status was called 5 times.", "build_status was called 5 times."),
        ("", ""),
    ],
)
def test_a_sentence_begins_with_a_capital_unless_it_begins_with_a_tool(text: str, said: str) -> None:
    assert sentence(text) == said
