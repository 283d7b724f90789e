"""What `backtest` says of trace files, and of the runs of a home."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import tui.cli.judging
from store.events import Kind
from store.launch import Launch, PolicySource, write_launch
from store.states import Status

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Past

Cli = Callable[..., tuple[int, str, str]]


def trace(ident: str, success: bool | None, steps: int, *, same: bool) -> dict[str, Any]:
    """A run that asks the same again and again, or something else each time."""
    return {
        "id": ident,
        "success": success,
        "steps": [
            {"i": n, "tool": "look", "args": {"where": "sofa" if same else f"room {n}"}, "tokens": 100,
             "result": "nothing" if same else f"found {n * 7919}"}
            for n in range(steps)
        ],
    }  # fmt: skip


def written(path: Path, *traces: dict[str, Any]) -> str:
    text = "".join(json.dumps(one) + "\n" for one in traces).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path.name


@pytest.mark.parametrize("name", ["t.jsonl", "t.jsonl.gz"])
def test_which_run_would_have_stopped_where_and_what_that_saves(cli: Cli, tmp_path: Path, name: str) -> None:
    file = written(tmp_path / name, trace("loops", False, 12, same=True), trace("works", True, 12, same=False))
    code, out, err = cli("backtest", file, "--verdicts", "out.jsonl")
    assert (code, err) == (0, f"{name}: 2 runs\n")
    header, row, *rest = out.splitlines()
    assert header.split() == [
        "RUN", "ENDED", "STEPS", "STEERED", "STOPPED", "REASON", "SAVES", "TOKENS", "COST", "WHY"
    ]  # fmt: skip
    assert row.split()[:8] == ["loops", "badly", "12", "3", "5", "LOOP_DETECTED", "7", "steps"]
    assert "2 runs: 1 ended well, 1 badly. Policy: the defaults." in rest
    assert "Stopped: 1 (LOOP_DETECTED 1)." in rest
    assert [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()] == [
        {"id": "loops", "warn_step": 2, "stop_step": 4, "reason": "LOOP_DETECTED"},
        {"id": "works", "warn_step": None, "stop_step": None, "reason": None},
    ]


def test_a_good_run_that_would_have_been_stopped_comes_first_and_is_called_wrong(cli: Cli, tmp_path: Path) -> None:
    file = written(tmp_path / "t.jsonl", trace("bad", False, 9, same=True), trace("good", True, 9, same=True))
    _code, out, _err = cli("backtest", file)
    assert out.splitlines()[1].startswith("good  well: WRONG")
    assert "of those that ended well (wrongly): 1" in out
    found = json.loads(cli("backtest", file, "--json")[1])
    assert found["policies"][0]["stopped_wrongly"] == 1
    assert found["policies"][0]["saved_tokens"] == 2 * 400
    assert [(run["id"], run["wrong"], run["stop_step"]) for run in found["runs"]] == [
        ("bad", False, 4),
        ("good", True, 4),
    ]


def test_two_policies_side_by_side(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "patient.toml").write_text(
        '[loop]\nsteer_at = 8\npause_at = 9\ncycle_pause_at = 9\n[progress]\nat_most = "observe"\n'
    )
    written(tmp_path / "t.jsonl", trace("loops", False, 8, same=True), trace("works", True, 8, same=False))
    _code, out, _err = cli("backtest", ".", "--policy", "patient.toml", "--against", "strict")
    lines = out.splitlines()
    assert lines[1].split()[:5] == ["loops", "badly", "8", "–", "–"]
    assert "LOOP_DETECTED at 3" in lines[1]
    assert "2 RUNS" in out
    assert any(line.split() == ["stopped", "0", "1"] for line in lines)
    found = json.loads(cli("backtest", ".", "--policy", "patient.toml", "--against", "strict", "--json")[1])
    assert [one["policy"] for one in found["policies"]] == ["patient.toml", "strict"]
    assert (found["runs"][0]["stop_step"], found["runs"][0]["against"]["stop_step"]) == (None, 2)
    same = cli("backtest", "t.jsonl", "--against", "strict", "--policy", "strict")[1]
    assert "Both policies stop the same runs at the same steps." in same


def test_what_is_broken_is_named_and_the_rest_is_judged(cli: Cli, tmp_path: Path) -> None:
    good = trace("loops", False, 12, same=True)
    written(tmp_path / "t.jsonl", good, {"id": "no steps"})
    written(tmp_path / "cut.jsonl.gz", good)
    (tmp_path / "cut.jsonl.gz").write_bytes((tmp_path / "cut.jsonl.gz").read_bytes()[:40])
    (tmp_path / "text.jsonl").write_text("no\n" * 9)
    code, out, err = cli("backtest", "t.jsonl", "cut.jsonl.gz", "text.jsonl")
    assert code == 2
    assert "1 run: 1 badly" in out
    sentences = err.splitlines()
    assert any(line.startswith("t.jsonl, line 2 is no trace: ") for line in sentences)
    assert any(line.startswith("cut.jsonl.gz cannot be read") for line in sentences)
    assert "text.jsonl has 4 more lines that are no traces." in sentences


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("none.jsonl",), "There is no trace file none.jsonl."),
        (("some/where",), "There is no trace file some/where."),
        ((".",), "The folder . holds no trace file"),
        (("--policy", "none.toml"), "There is no policy file none.toml."),
        (("--policy", "strikt"), "There is no policy named 'strikt'"),
        ((), "Nothing has run in "),
    ],
)
def test_a_mistake_is_one_sentence(cli: Cli, arguments: tuple[str, ...], said: str) -> None:
    code, out, err = cli("backtest", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(said)


def looped(past: Past, run: str, agent: str) -> None:
    past.run(run, agent)
    for n in range(12):
        call = {"id": f"a{n}", "tool": "look", "step": n + 1}
        past.journal.append(run, 1, Kind.STEP_BEGIN, {"n": n + 1, "name": ""})
        past.journal.append(run, 1, Kind.USAGE, {"input_tokens": 10, "output_tokens": 0, "cost_usd": 0.5})
        past.journal.append(run, 1, Kind.ACTION_BEGIN, call | {"args": {"where": "sofa"}, "idempotent": True})
        past.journal.append(run, 1, Kind.ACTION_END, call | {"ok": True, "result": "nothing"})
    past.rest(run, Status.COMPLETED, "COMPLETED")


def test_the_runs_of_a_home_are_judged_too(cli: Cli, past: Past) -> None:
    looped(past, "d810aaaaaaaa", "finder")
    past.now += 60
    past.run("7d10aaaaaaaa", "mailer")
    found = json.loads(cli("backtest", "--json")[1])
    assert [(run["id"], run["source"]) for run in found["runs"]] == [
        ("d810aaaaaaaa", "finder"),
        ("7d10aaaaaaaa", "mailer"),
    ]
    one = found["runs"][0]
    assert (one["success"], one["reason"], one["wrong"]) == (True, "LOOP_DETECTED", True)
    assert one["saved_usd"] > 3
    assert len(json.loads(cli("backtest", "mailer", "--json")[1])["runs"]) == 1


def launched(past: Past, run: str, agent: str, policy: PolicySource) -> None:
    write_launch(past.home, Launch(run, agent, "", ("x",), "/", {}, policy=policy))


POLICIES = """
[agents.watched]
command = "x"
policy = "lenient"
[policies.lenient.loop]
at_most = "warn"
[policies.lenient.progress]
at_most = "warn"
"""


def test_each_run_is_judged_by_the_policy_it_asked_for(cli: Cli, past: Past, tmp_path: Path) -> None:
    config = tmp_path / "agentwatch.toml"
    config.write_text(POLICIES)
    for run, agent, name in (("a1", "plain", None), ("b2", "mild", "lenient"), ("c3", "hard", "strict")):
        past.now += 60
        looped(past, run * 6, agent)
        launched(past, run * 6, agent, PolicySource(config=str(config), name=name))
    past.now += 60
    looped(past, "d4" * 6, "watched")  # Its launch file is gone: what its agent asks for here counts.

    found = json.loads(cli("backtest", "--json")[1])

    assert [(one["policy"], one["stop_step"]) for one in found["runs"]] == [
        ("agentwatch.toml", 5),
        ("agentwatch.toml + lenient", None),
        ("agentwatch.toml + strict", 3),
        ("agentwatch.toml + lenient", None),
    ]
    assert found["policies"][0]["policy"] == "what each run asked for"
    assert "Policy: what each run asked for." in cli("backtest")[1]
    assert "Policy: agentwatch.toml + strict." in cli("backtest", "hard")[1]
    one = json.loads(cli("backtest", "--policy", "strict", "--json")[1])["runs"]
    assert [(run["stop_step"], "policy" in run) for run in one] == [(3, False)] * 4
    both = json.loads(cli("backtest", "--against", "strict", "--json")[1])["runs"]
    assert [(run["stop_step"], run["against"]["stop_step"]) for run in both] == [(5, 3), (None, 3), (3, 3), (None, 3)]


def test_a_run_whose_policy_is_gone_is_judged_by_what_holds_here(cli: Cli, past: Past, tmp_path: Path) -> None:
    looped(past, "a1" * 6, "mild")
    launched(past, "a1" * 6, "mild", PolicySource(file=str(tmp_path / "gone.toml")))
    code, out, err = cli("backtest", "--json")
    assert (code, json.loads(out)["runs"][0]["stop_step"]) == (0, 5)
    assert "gone.toml cannot be read" in err
    assert "Runs of mild are judged by the defaults." in err


def test_traces_which_hold_no_times_are_not_judged_by_rates(cli: Cli, tmp_path: Path) -> None:
    file = written(tmp_path / "t.jsonl", trace("works", True, 6, same=False))
    (tmp_path / "fast.toml").write_text("[budget]\ntokens_per_minute = 10\n")
    _code, out, err = cli("backtest", file, "--policy", "fast.toml")
    assert "Stopped: 0" in out
    assert "Traces hold no times" in err


def test_several_processes_find_the_same_in_the_same_order(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    traces = [trace(f"t{n}", n % 3 == 0, 6 + n % 5, same=n % 2 == 0) for n in range(60)]
    file = written(tmp_path / "t.jsonl", *traces)
    alone = cli("backtest", file, "--json")
    monkeypatch.setattr(tui.cli.judging, "processes", lambda size_bytes, runs: 2)
    assert cli("backtest", file, "--json") == alone
