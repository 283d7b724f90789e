"""`demo_agents/replay.py` plays recorded runs, and says in one sentence what is wrong with a file."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.sdk.conftest import ROOT, environment
from tests.unit.sdk.fake_runtime import FakeRuntime

STEPS: list[dict[str, Any]] = [
    {"i": 0, "thought": "look around\nand more", "tool": "bash", "args": "ls", "result": "a b", "error": False, "tokens": 90},
    {"i": 1, "tool": "bash", "args": {"cmd": "rm"}, "result": "no such file", "error": True, "tokens": None},
    {"i": 2, "thought": "only thinking", "tool": None, "args": None, "result": None, "error": None},
    {"i": 3, "tool": "read", "args": None, "result": "long", "args_sha": "aa", "result_sha": "bb"},
]  # fmt: skip


def trace(ident: str, success: bool | None = True) -> dict[str, Any]:
    return {"id": ident, "goal": "tidy up", "success": success, "steps": STEPS, "labels": {"x": 1}}


def written(path: Path, *lines: Any) -> Path:
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def play(*words: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "demo_agents" / "replay.py"), *map(str, words)]
    return subprocess.run(command, env=environment(**more), capture_output=True, text=True, timeout=60)


def test_a_recorded_run_goes_through_the_gate_as_it_was(runtime: FakeRuntime, tmp_path: Path) -> None:
    path = written(tmp_path / "t.jsonl.gz", trace("other"), trace("src/one"))

    done = play(path, "--id", "one", "--speed", "0", **runtime.env())

    assert (done.returncode, done.stderr) == (0, "")
    assert runtime.of("hello")[0]["goal"] == "tidy up"
    assert [step["name"] for step in runtime.of("step.begin")] == ["look around", "bash", "only thinking", "read"]
    begins = [(begin["tool"], begin["args"], begin["idempotent"]) for begin in runtime.of("action.begin")]
    assert begins == [
        ("bash", {"input": "ls"}, True),
        ("bash", {"cmd": "rm"}, True),
        ("read", {"args_sha": "aa"}, True),
    ]
    ends = runtime.of("action.end")
    assert [end["ok"] for end in ends] == [True, False, True]
    assert ends[0]["result"] == "a b"
    assert ends[1]["error"]["message"] == "no such file"
    assert ends[2]["result"] == {"result": "long", "result_sha": "bb"}
    assert [spent["input_tokens"] for spent in runtime.of("usage")] == [90]
    assert len(runtime.of("complete")) == 1


@pytest.mark.parametrize(("success", "said"), [(True, "complete"), (None, "complete"), (False, "fail")])
def test_it_ends_as_it_is_recorded_to_have_ended(
    runtime: FakeRuntime, tmp_path: Path, success: bool | None, said: str
) -> None:
    play(written(tmp_path / "t.jsonl", trace("one", success)), "--speed", "0", **runtime.env())

    assert [message["t"] for message in runtime.said if message["t"] in ("complete", "fail")] == [said]


def test_it_goes_on_from_its_checkpoint(runtime: FakeRuntime, tmp_path: Path) -> None:
    runtime.welcome = {"state": {"next": 3}, "checkpoint": {"number": 1, "step": 3, "label": None}}

    play(written(tmp_path / "t.jsonl", trace("one")), "--speed", "0", **runtime.env())

    assert [begin["tool"] for begin in runtime.of("action.begin")] == ["read"]


def test_without_a_supervisor_it_plays_to_nobody(tmp_path: Path) -> None:
    done = play(written(tmp_path / "t.jsonl", trace("one")), "--speed", "0")
    assert (done.returncode, done.stdout, done.stderr) == (0, "one: 4 steps\n", "")


@pytest.mark.parametrize(
    ("name", "content", "words", "sentence"),
    [
        ("t.jsonl", [trace("a/one"), trace("a/two")], ["--id", "a/"], "'a/' is part of 2 ids in"),
        ("t.jsonl", [trace("a/one"), trace("a/two")], ["--id", "a/twoo"], "no trace 'a/twoo'; nearest are a/two"),
        ("t.jsonl", [trace("one"), "{nonsense"], ["--id", "x"], "line 2 is not JSON"),
        ("t.jsonl", [{"id": "one"}], [], "line 1 is no trace"),
        ("t.jsonl", [{"id": "one", "steps": [3]}], [], "each of its steps must be an object"),
        ("t.jsonl", [], [], "holds no trace"),
        ("t.jsonl", [trace("one")], ["--speed", "-1"], "invalid speed value: '-1'"),
    ],
)
def test_a_file_that_cannot_be_played_is_told_in_one_sentence(
    tmp_path: Path, name: str, content: list[Any], words: list[str], sentence: str
) -> None:
    done = play(written(tmp_path / name, *content), *words)

    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_damaged_files_are_told_in_one_sentence(tmp_path: Path) -> None:
    whole = written(tmp_path / "t.jsonl.gz", *(trace(str(n)) for n in range(50))).read_bytes()
    cut, false, missing = tmp_path / "cut.jsonl.gz", tmp_path / "false.jsonl.gz", tmp_path / "missing.jsonl"
    cut.write_bytes(whole[: len(whole) // 2])
    false.write_text("{}")

    for path, sentence in (
        (cut, "cut off"),
        (false, "not compressed"),
        (missing, "No such file"),
        (tmp_path, "directory"),
    ):
        done = play(path, "--id", "none")
        assert done.returncode == 2
        assert sentence in done.stderr
        assert done.stderr.count("\n") == 1
