"""The story of a run: what an event becomes."""

from __future__ import annotations

from typing import Any

import pytest

from store.events import Kind
from store.home import Home
from store.records import Event, Run
from tui.console.doubts import Doubt
from tui.console.lines import text_of
from tui.console.pages.detail import detail
from tui.console.pages.questions import doubt
from tui.console.state import State
from tui.console.telling import Story, brief, brief_result, call


def event(seq: int, kind: Kind, /, **body: Any) -> Event:
    return Event(seq, "r", seq - 1, 100.0 + seq, 1, kind, body)


def test_a_call_and_its_end_are_one_entry() -> None:
    story = Story([event(1, Kind.ACTION_BEGIN, id="a", tool="Bash", args={"command": "pytest -q"}, step=3)])
    assert not story.entries[0].ended

    story.add([event(2, Kind.ACTION_END, id="a", tool="Bash", ok=True, result="1 failed\n", duration_s=2.5)])

    (entry,) = story.entries
    assert (entry.what, entry.step, entry.duration_s, entry.outcome) == ("Bash pytest -q", 3, 2.5, "1 failed")
    assert (entry.novelty, entry.ended) == ("new", True)


def test_the_same_call_with_the_same_result_is_told_so() -> None:
    story = Story()
    for n in range(2):
        story.add([event(2 * n + 1, Kind.ACTION_BEGIN, id=f"a{n}", tool="t", args={"q": 1})])
        story.add([event(2 * n + 2, Kind.ACTION_END, id=f"a{n}", tool="t", ok=True, result=[1])])

    assert [entry.novelty for entry in story.entries] == ["new", "same"]


def test_what_the_process_took_with_it_got_no_answer() -> None:
    story = Story(
        [
            event(1, Kind.ACTION_BEGIN, id="a", tool="send", args={}),
            event(2, Kind.ATTEMPT_ENDED, exit_code=None, signal="SIGKILL", known=True, log_tail=[]),
        ]
    )

    assert [entry.outcome for entry in story.entries] == ["no answer", ""]
    assert story.entries[1].what == "process ended by SIGKILL"


def test_a_failure_is_told_with_its_words() -> None:
    story = Story([event(1, Kind.ACTION_BEGIN, id="a", tool="get", args={})])
    story.add([event(2, Kind.ACTION_END, id="a", tool="get", ok=False, error={"type": "HTTPError", "message": "503"})])

    assert story.entries[0].outcome == "HTTPError: 503"
    assert story.entries[0].tone == "warn"


def test_an_end_without_its_begin_is_told_too() -> None:
    story = Story([event(7, Kind.ACTION_END, id="a", tool="get", ok=True, result=None, step=2)])

    assert [(entry.what, entry.step) for entry in story.entries] == [("get", 2)]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            {"verdict": "not_closer", "why": "it reads one page again.", "steps": [4, 7], "cost_usd": 0.0123},
            "small-model was asked at step 9 whether it comes closer: no (steps 4, 7): it reads one page again."
            " · 930 tokens, $0.01",
        ),
        (
            {"verdict": "closer", "why": "a new file.", "steps": [8], "cost_usd": 0.0},
            "small-model was asked at step 9 whether it comes closer: yes (steps 8): a new file. · 930 tokens",
        ),
        (
            {"verdict": "unclear", "why": "", "steps": []},
            "small-model was asked at step 9 whether it comes closer: unclear · 930 tokens",
        ),
        (
            {"verdict": "failed", "why": "timed out", "steps": [], "input_tokens": 0, "output_tokens": 0},
            "small-model was asked at step 9 whether it comes closer: no answer: timed out",
        ),
    ],
)
def test_what_a_model_was_asked_is_told_with_its_answer_and_its_cost(said: dict[str, Any], told: str) -> None:
    asked = {"model": "small-model", "through": 9, "seq": 40, "input_tokens": 900, "output_tokens": 30}
    (entry,) = Story([event(41, Kind.JUDGED, **asked | said)]).entries
    assert entry.what == told


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            {"kind": "pause", "applied": True, "message": "paused at its gate"},
            "mira asked to pause it: paused at its gate",
        ),
        ({"kind": "kill", "applied": False, "message": "it is over"}, "mira asked to kill it: refused, it is over"),
    ],
)
def test_what_a_person_asked_for_is_told_with_what_became_of_it(body: dict[str, Any], told: str) -> None:
    (entry,) = Story([event(1, Kind.COMMAND, who="mira", **body)]).entries
    assert entry.what == told


def test_every_kind_of_event_can_be_told_with_an_empty_body() -> None:
    for kind in Kind:
        Story([event(1, kind)])


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"command": "ls  -l\nx"}, "ls -l x"),
        ({"to": "a@b", "subject": "Hi"}, "a@b subject=Hi"),
        ([1, 2], "[1, 2]"),
        (None, ""),
        (7, "7"),
    ],
)
def test_arguments_in_brief(value: Any, shown: str) -> None:
    assert brief(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [("a\nb\n\n", "b"), ("", "empty"), ({"hits": 3, "ok": True}, "hits=3, ok=true"), (None, "")]
)
def test_results_in_brief(value: Any, shown: str) -> None:
    assert brief_result(value) == shown


def test_long_paths_keep_their_end() -> None:
    assert call("Read", {"path": "/usr/lib/python3.11/json/decoder.py"}) == "Read …/json/decoder.py"
    assert call("get", {"url": "https://example.com/a/b/c/d/e"}) == "get https://example.com/a/b/c/d/e"
    assert call("Read", {"path": "/tmp/x.py"}) == "Read /tmp/x.py"


@pytest.mark.parametrize(
    "value",
    ["word " * 100, {"text": "word " * 100}, list(range(500)), {f"key{n}": n for n in range(9)}],
    ids=("text", "arguments", "list", "many"),
)
def test_what_is_cut_says_so(value: Any) -> None:
    assert brief(value).endswith("…") and len(brief(value)) <= 200
    assert brief_result(value).endswith("…") and len(brief_result(value)) <= 200


def test_a_question_says_that_there_is_more_of_what_it_asks_about() -> None:
    args: Any = {"text": "Dear customer, " * 40} | {f"key{n}": n for n in range(8)}
    run = Run("a1", "mailer", "", 0.0)

    said = [text_of(row) for row in doubt(run, Doubt("a1-1", "send_email", args, 0.0, False, "", ""), 0, [], 70)]

    assert sum(row.endswith("…") for row in said) == 1
    assert any("… and 3 arguments more: leave it, then i shows all" in row for row in said)


def test_a_goal_that_is_longer_than_its_room_says_so(home: Home) -> None:
    run = Run("a1", "mailer", "Find every contact of every company. " * 20, 0.0)

    goal = [text_of(row) for row in detail(State(home), run, 10.0, 120, 24)][1:3]

    assert goal[1].endswith("…") and "Find" in goal[0]
