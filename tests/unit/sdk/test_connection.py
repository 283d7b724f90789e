"""The connection is kept up; what was not acknowledged is said again, and nothing is done while nobody is there."""

from __future__ import annotations

import json
import threading
import time

import pytest

import agentwatch
from agentwatch import _session
from tests.unit.sdk.fake_runtime import DROP, SILENCE, FakeRuntime


@agentwatch.tool
def act(n: int = 0) -> int:
    return n


def test_a_begin_whose_verdict_was_not_read_is_sent_again_with_the_same_id(runtime: FakeRuntime) -> None:
    runtime.answer("action.begin", DROP)

    assert act(1) == 1

    first, second = runtime.of("action.begin")
    assert first["id"] == second["id"]
    assert first["connection"] != second["connection"]


def test_ends_without_acknowledgement_are_sent_again_before_anything_else(runtime: FakeRuntime) -> None:
    runtime.answer("action.end", SILENCE)
    runtime.answer("action.end", SILENCE)
    act(1)
    act(2)
    runtime.answer("action.begin", DROP)
    act(3)

    again = [message for message in runtime.said if message["connection"] == 2]
    begins = runtime.of("action.begin")
    assert [(message["t"], message.get("id")) for message in again[:4]] == [
        ("hello", None),
        ("action.end", begins[0]["id"]),
        ("action.end", begins[1]["id"]),
        ("action.begin", begins[2]["id"]),
    ]


def test_an_acknowledged_end_is_not_sent_again(runtime: FakeRuntime) -> None:
    act(1)
    runtime.answer("action.begin", DROP)
    act(2)

    assert len([end for end in runtime.of("action.end") if end["result"] == 1]) == 1


def test_a_failed_action_s_end_is_sent_again_and_its_answer_awaited(runtime: FakeRuntime) -> None:
    runtime.answer("action.end", DROP)

    @agentwatch.tool
    def broken() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        broken()

    first, second = runtime.of("action.end")
    assert first["id"] == second["id"]


def test_a_checkpoint_and_the_completion_are_sent_again_until_they_are_answered(runtime: FakeRuntime) -> None:
    runtime.answer("checkpoint", DROP)
    runtime.answer("complete", DROP)
    with agentwatch.start() as run:
        run.checkpoint({"next": 1})

    assert len({message["id"] for message in runtime.of("checkpoint")}) == 1
    assert len(runtime.of("checkpoint")) == 2
    assert len({message["id"] for message in runtime.of("complete")}) == 1
    assert len(runtime.of("complete")) == 2


def test_while_nobody_is_there_nothing_is_done_until_a_successor_comes(runtime: FakeRuntime) -> None:
    act(1)
    runtime.die()
    done = threading.Event()

    @agentwatch.tool
    def later() -> None:
        done.set()

    thread = threading.Thread(target=later)
    thread.start()
    assert not done.wait(0.3)

    runtime.start()

    assert done.wait(5)
    thread.join()


def test_what_needs_no_answer_waits_for_the_successor(runtime: FakeRuntime) -> None:
    with agentwatch.start() as run:
        runtime.die()
        for n in range(5):
            run.progress("read", done=n)
        runtime.start()

    assert [message["done"] for message in runtime.of("progress")][-1] == 4


def test_when_the_grace_time_is_over_the_process_must_end_and_ends_go_to_the_spool(
    runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AGENTWATCH_GRACE_S", "0.3")
    runtime.answer("action.end", SILENCE)
    act(1)
    runtime.die()
    began = time.monotonic()

    with pytest.raises(agentwatch.Stopped) as told:
        act(2)

    assert told.value.reason == "RUNTIME_LOST"
    assert 0.3 <= time.monotonic() - began < 3
    (file,) = runtime.spool.glob("2-*.jsonl")
    (line,) = file.read_text().splitlines()
    assert json.loads(line)["t"] == "action.end"
    assert json.loads(line)["id"] == runtime.of("action.begin")[0]["id"]
    assert file.stat().st_mode & 0o777 == 0o600
    assert "RUNTIME_LOST" in capsys.readouterr().err
    with pytest.raises(agentwatch.Stopped):
        act(3)


def test_an_action_that_ends_after_the_grace_time_goes_to_the_spool_too(
    runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTWATCH_GRACE_S", "0.1")

    @agentwatch.tool
    def slow() -> str:
        runtime.die()
        with pytest.raises(agentwatch.Stopped):
            act(1)
        return "it happened"

    assert slow() == "it happened"

    lines = [json.loads(line) for file in runtime.spool.glob("2-*.jsonl") for line in file.read_text().splitlines()]
    assert [line["result"] for line in lines] == ["it happened"]


def test_a_completion_that_nobody_heard_is_written_down(runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTWATCH_GRACE_S", "0.2")
    with pytest.raises(agentwatch.Stopped), agentwatch.start() as run:
        runtime.die()
        run.complete("all done")

    lines = [json.loads(line) for file in runtime.spool.glob("2-*.jsonl") for line in file.read_text().splitlines()]
    assert [(line["t"], line["result"]) for line in lines] == [("complete", "all done")]


def test_a_fenced_process_must_end(runtime: FakeRuntime, capsys: pytest.CaptureFixture[str]) -> None:
    runtime.answer("hello", {"t": "fenced", "message": "attempt 3 has taken over"})

    with pytest.raises(agentwatch.Stopped) as told:
        act()

    assert told.value.reason == "FENCED"
    assert "attempt 3 has taken over" in capsys.readouterr().err
    assert runtime.of("action.begin") == []


def test_a_process_that_is_fenced_while_it_waits_must_end(runtime: FakeRuntime) -> None:
    runtime.answer("action.begin", {"t": "fenced", "message": "attempt 3 has taken over"})

    with pytest.raises(agentwatch.Stopped) as told:
        act()

    assert told.value.reason == "FENCED"


def test_a_refused_hello_ends_the_process_with_the_runtime_s_own_sentence(
    runtime: FakeRuntime, capsys: pytest.CaptureFixture[str]
) -> None:
    runtime.answer("hello", {"t": "error", "message": "this runtime speaks version 2"})

    with pytest.raises(agentwatch.Stopped) as told:
        act()

    assert told.value.reason == "REFUSED"
    assert "speaks version 2" in capsys.readouterr().err


def test_a_frame_that_is_refused_again_and_again_ends_the_process(runtime: FakeRuntime) -> None:
    for _ in range(3):
        runtime.answer("action.begin", {"t": "error", "message": "this line is no frame"}, DROP)

    with pytest.raises(agentwatch.Stopped) as told:
        act()

    assert (told.value.reason, told.value.message) == ("REFUSED", "this line is no frame")


def test_a_peer_that_speaks_another_language_is_like_nobody(
    runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTWATCH_GRACE_S", "0.2")
    for _ in range(50):
        runtime.answer("hello", {"t": "welcome"}, DROP)
    monkeypatch.setattr("agentwatch._link.decode", _no_frame)

    with pytest.raises(agentwatch.Stopped) as told:
        act()

    assert told.value.reason == "RUNTIME_LOST"


def _no_frame(line: bytes) -> dict[str, object]:
    from agentwatch._wire import NotJson

    raise NotJson("HTTP/1.1 400")


def test_large_frames_arrive_whole(runtime: FakeRuntime) -> None:
    text = "x" * 900_000
    with agentwatch.start() as run:
        run.checkpoint({"text": text})
    assert runtime.of("checkpoint")[0]["state"]["text"] == text

    runtime.welcome = {"state": {"text": text}, "checkpoint": {"number": 1, "step": 3, "label": None}}
    _session.forget()
    with agentwatch.start() as run:
        assert run.state == {"text": text}


def test_a_runtime_that_reads_only_when_its_answers_are_read_does_not_get_stuck(runtime: FakeRuntime) -> None:
    chatter = [{"t": "ended", "id": f"x{n}", "message": "y" * 500} for n in range(2000)]
    runtime.answer("task", *chatter)
    with agentwatch.start() as run:
        for n in range(3000):
            run.task(f"{n} " + "z" * 200)

    assert len(runtime.of("task")) == 3000
    assert len(runtime.of("complete")) == 1
