"""What `ps`, `show`, `events`, `checkpoints` and `log` print of a record."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from store.events import Kind
from store.home import Home
from store.states import Status

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Past

Cli = Callable[..., tuple[int, str, str]]

PS = {
    "run", "agent", "goal", "status", "reason", "task", "step", "tool", "attempt", "started_at", "last_event_at",
    "tokens", "cost_usd", "in_flight", "checkpoint", "resumable",
}  # fmt: skip
SHOW = PS | {"pid", "actions_in_flight", "evidence", "transitions", "checkpoints"}


def json_of(answer: tuple[int, str, str]) -> Any:
    code, out, err = answer
    assert (code, err) == (0, "")
    return json.loads(out)


def test_ps_of_a_home_where_nothing_ran_says_how_to_begin(cli: Cli) -> None:
    code, out, _err = cli("ps")
    assert code == 0
    assert "agentwatch run --demo" in out
    assert json_of(cli("ps", "--json")) == []


def test_ps_says_that_no_runtime_is_there_to_know_better(cli: Cli, past: Past) -> None:
    past.run("d810aaaaaaaa", "nightly-deps")
    code, out, err = cli("ps")
    assert code == 0
    assert out.splitlines()[0].split() == [
        "RUN",
        "AGENT",
        "STATUS",
        "TASK",
        "STEP",
        "TOOL",
        "QUIET",
        "TOKENS",
        "COST",
        "WHY",
    ]
    assert out.splitlines()[1].split()[:3] == ["d810", "nightly-deps", "running"]
    assert "No runtime is running" in err


def test_ps_says_as_the_console_does_how_long_a_run_rests_and_what_nobody_reported(cli: Cli, past: Past) -> None:
    past.rest(past.run("7d10aaaaaaaa"), Status.NEEDS_REVIEW, "AGENT_CRASHED", why="signal 9")
    _code, out, _err = cli("ps")
    at = out.splitlines()[0].index("QUIET")
    quiet, tokens, cost = out.splitlines()[1][at - 3 :].replace(" d ", "d ").split()[:3]
    assert (quiet[-1], tokens, cost) == ("d", "–", "–")


def test_ps_for_programs(cli: Cli, past: Past) -> None:
    run = past.run("d810aaaaaaaa", "nightly-deps", "Bump all")
    past.checkpoint(run, 1, "bump 1 done")
    past.begin(run, "a1", "npm")
    [one] = json_of(cli("ps", "--json"))
    assert set(one) >= PS
    assert {key: one[key] for key in ("run", "agent", "goal", "status", "reason", "step", "tool", "attempt")} == {
        "run": run,
        "agent": "nightly-deps",
        "goal": "Bump all",
        "status": "running",
        "reason": None,
        "step": 1,
        "tool": "npm",
        "attempt": 1,
    }
    assert one["started_at"] == one["last_event_at"] == "2025-10-09T08:53:20.000Z"
    assert one["checkpoint"] == {"number": 1, "step": 1, "label": "bump 1 done", "time": "2025-10-09T08:53:20.000Z"}
    assert (one["tokens"], one["cost_usd"], one["in_flight"], one["resumable"]) == (0, 0.0, 1, False)


def test_show_for_programs(cli: Cli, past: Past) -> None:
    run = past.run("7d10aaaaaaaa")
    past.checkpoint(run, 1)
    past.checkpoint(run, 2, "two")
    past.begin(run, "88121", "send_email", in_doubt=True)
    past.rest(run, Status.NEEDS_REVIEW, "AGENT_CRASHED", why="signal 9", evidence={"figures": {"signal": 9}})
    shown = json_of(cli("show", "7d10", "--json"))
    assert set(shown) >= SHOW
    [action] = shown["actions_in_flight"]
    assert (action["id"], action["tool"], action["in_doubt"]) == ("88121", "send_email", True)
    assert action["args"] == {"to": "b.ito@example.com"}
    assert action["began_at"] == "2025-10-09T08:53:20.000Z"
    assert (shown["pid"], shown["reason"], shown["evidence"]) == (None, "AGENT_CRASHED", {"figures": {"signal": 9}})
    assert [move["to"] for move in shown["transitions"]] == ["starting", "running", "needs_review"]
    assert [ref["number"] for ref in shown["checkpoints"]] == [1, 2]


def test_show_answers_what_a_person_asks(cli: Cli, past: Past) -> None:
    run = past.run("7d10aaaaaaaa", "ticket-mailer")
    past.checkpoint(run, 1, "ticket 1 done")
    past.begin(run, "88121", "send_email", in_doubt=True)
    evidence = {"figures": {"signal": "9"}, "log_tail": ["smtp: DATA"], "summary": "The process was killed."}
    past.rest(run, Status.NEEDS_REVIEW, "AGENT_CRASHED", why="signal 9 (out of memory)", evidence=evidence)
    code, out, _err = cli("show", "ticket-mailer")
    assert code == 0
    assert out.startswith("ticket-mailer 7d10: needs you. AGENT_CRASHED, 2025-10-09 08:53:20 ")
    assert "Spent:       no tokens and no cost reported, " in out
    for line in ("Stuck?       Yes.", "Safe pause?  Not applicable.", "Can resume?  ", "Terminate?   No."):
        assert line in out
    assert "In doubt:    send_email b.ito@example.com, begun " in out
    assert "agentwatch resolve 7d10 88121 --done" in out
    assert "agentwatch resolve 7d10 88121 --retry" in out
    assert "smtp: DATA" in out
    assert 'checkpoint 1 "ticket 1 done"' in out


def test_show_of_a_loop_has_the_repeated_calls_and_the_way_on(cli: Cli, past: Past) -> None:
    run = past.run("3f9aaaaaaaaa", "fix-ci")
    calls = [{"event": n, "step": n, "tool": "pytest", "args": {"k": "auth"}, "result": "1 failed"} for n in (3, 4)]
    past.journal.move(run, Status.PAUSING, "asked by loop")
    past.rest(run, Status.PAUSED, "LOOP_DETECTED", why="test ×5, same failure", evidence={"calls": calls})
    _code, out, _err = cli("show", "fix-ci")
    assert "step 3: pytest auth → 1 failed" in out
    assert 'agentwatch resume 3f9a --note "…"' in out


def test_a_run_that_spent_its_budget_is_offered_more_of_it(cli: Cli, past: Past) -> None:
    run = past.run("d810aaaaaaaa", limits={"cost_usd": 5.0})
    past.journal.move(run, Status.PAUSING, "asked by budget")
    evidence = {"figures": {"cost_usd": "$5.00 of $5.00"}}
    past.rest(run, Status.PAUSED, "BUDGET_EXCEEDED", why="$5.00 of $5.00", evidence=evidence)
    _code, out, _err = cli("show", run)
    assert "Figures:     money $5.00 of $5.00" in out
    assert "agentwatch resume d810 --budget cost_usd=10" in out


def test_a_run_that_spent_too_fast_is_offered_a_higher_rate(cli: Cli, past: Past) -> None:
    run = past.run("d810aaaaaaaa", limits={"cost_usd": 50.0, "cost_usd_per_hour": 4.0})
    past.journal.move(run, Status.PAUSING, "asked by budget")
    figures = {"cost_usd_per_hour": "$4.10 of $4.00", "below it again in": "20 min"}
    evidence = {"figures": figures, "below_at": time.time() + 1000}
    past.rest(run, Status.PAUSED, "BUDGET_EXCEEDED", why="$4.10 of $4.00 an hour spent", evidence=evidence)
    _code, out, _err = cli("show", run)
    assert "agentwatch resume d810 --budget cost_usd_per_hour=8" in out
    assert "limits $50.00, $4.00 an hour" in out
    assert "It is below that from " in out


def test_a_run_that_was_held_for_its_pace_is_simply_resumed_once_time_has_passed(cli: Cli, past: Past) -> None:
    run = past.run("d810aaaaaaaa", limits={"tokens_per_minute": 100})
    past.journal.move(run, Status.PAUSING, "asked by budget")
    evidence = {"figures": {"tokens_per_minute": "120 of 100"}, "below_at": time.time() - 1}
    past.rest(run, Status.PAUSED, "BUDGET_EXCEEDED", why="too fast", evidence=evidence)
    _code, out, _err = cli("show", run)
    assert "It is below that now" in out
    assert "agentwatch resume d810\n" in out


def test_commands_that_are_offered_name_the_same_home(cli: Cli, past: Past, home: Home) -> None:
    past.run("d810aaaaaaaa")
    _code, out, _err = cli("--home", str(home.root), "show", "d810")
    assert f"agentwatch pause d810 --home {home.root}" in out


def test_agent_text_cannot_act_on_the_terminal(cli: Cli, past: Past) -> None:
    run = past.run("d810aaaaaaaa", "evil\x1b[2J", "\x1b]0;owned\x07\u202egoal")
    past.begin(run, "x\x1b", "tool\x9b31m")
    for arguments in (("ps",), ("show", run), ("events", run), ("ps", "--json"), ("show", "d810", "--json")):
        _code, out, err = cli(*arguments)
        assert not set(out + err) & {"\x1b", "\x07", "\x9b", "\u202e"}


def test_events_are_listed_oldest_first(cli: Cli, past: Past) -> None:
    run = past.run("d810aaaaaaaa")
    listed = json_of(cli("events", "d810", "--json"))
    assert [one["seq"] for one in listed] == [1, 2, 3, 4, 5]
    assert set(listed[0]) == {"seq", "run", "prev", "at", "attempt", "kind", "body"}
    assert [one["kind"] for one in json_of(cli("events", run, "--json", "--last", "2"))] == ["run.status", "step.begin"]
    _code, out, _err = cli("events", run)
    assert [line.split()[2] for line in out.splitlines()] == [one["kind"] for one in listed]


def test_what_a_model_judged_is_a_line_of_the_events(cli: Cli, past: Past) -> None:
    run = past.run("d810aaaaaaaa")
    said = {"verdict": "not_closer", "why": "It went round.", "steps": [2, 3], "through": 3, "seq": 5}
    cost = {"model": "judge-1", "input_tokens": 1200, "output_tokens": 40, "cost_usd": 0.02}
    past.journal.append(run, 1, Kind.JUDGED, said | cost)
    past.journal.flush()
    _code, out, _err = cli("events", run, "--last", "1")
    for part in ("judge-1", "whether it comes closer: no", "It went round.", "steps 2, 3", "1k tokens", "$0.02"):
        assert part in out


def test_show_tells_what_a_model_judged_and_what_it_cost(cli: Cli, past: Past) -> None:
    run = past.run("d810aaaaaaaa")
    assert "Judge:" not in cli("show", run)[1]
    for n in range(5):
        said = {"verdict": "not_closer", "why": f"Round {n}.", "steps": [n], "through": n, "seq": 5}
        cost = {"model": "judge-1", "input_tokens": 1000, "output_tokens": 0, "cost_usd": 0.02}
        past.journal.append(run, 1, Kind.JUDGED, said | cost)
    past.journal.flush()
    _code, out, _err = cli("show", run)
    assert "Round 1." not in out
    assert all(f"Round {n}." in out for n in (2, 3, 4))
    assert "asked 5 times, 5k tokens, $0.10 in all" in out
    assert [one["why"] for one in json_of(cli("show", run, "--json"))["judged"]] == [f"Round {n}." for n in range(5)]


def test_a_long_past_is_listed_whole(cli: Cli, past: Past) -> None:
    run = past.run("d810aaaaaaaa")
    for n in range(12_000):
        past.journal.append(run, 1, "task", {"name": f"t{n}"})  # type: ignore[arg-type]
    past.journal.flush()
    listed = json_of(cli("events", run, "--json"))
    assert [one["seq"] for one in listed] == list(range(1, 12_006))


def test_checkpoints_are_listed_and_their_state_is_printed(cli: Cli, past: Past) -> None:
    run = past.run("d810aaaaaaaa")
    assert cli("checkpoints", run)[1] == f"Run {run} of mailer has no checkpoint.\n"
    past.checkpoint(run, 1, "one", '{"next": 1, "text": "a\\u001b[2J\\u202eb"}')
    past.checkpoint(run, 2)
    refs = json_of(cli("checkpoints", run, "--json"))
    assert [(ref["number"], ref["label"]) for ref in refs] == [(1, "one"), (2, None)]
    assert json_of(cli("checkpoints", run, "1", "--json"))["state"] == {"next": 1, "text": "a\x1b[2J\u202eb"}
    _code, out, _err = cli("checkpoints", run, "1")
    assert '"next": 1' in out
    assert "\u202e" not in out
    assert cli("checkpoints", run, "7") == (2, "", f"Run {run} has no checkpoint 7: it has 1 to 2.\n")


def test_two_checkpoints_are_compared(cli: Cli, past: Past) -> None:
    run = past.run("d810aaaaaaaa")
    past.checkpoint(run, 1, "one", '{"next": 1, "done": [1], "old": true}')
    past.checkpoint(run, 2, None, '{"next": 2, "done": [1, 2], "new": "\\u202e"}')
    assert cli("checkpoints", run, "1", "2")[1].splitlines() == [
        'from checkpoint 1 "one", step 1',
        "to   checkpoint 2, step 2",
        "~ next: 1 → 2",
        "+ done[1]: 2",
        "- old: true",
        '+ new: "·"',
    ]
    found = json_of(cli("checkpoints", run, "1", "2", "--json"))
    assert (found["from"]["number"], found["to"]["number"]) == (1, 2)
    assert found["changes"][0] == {"path": "next", "what": "changed", "before": 1, "after": 2}
    assert cli("checkpoints", run, "1", "1")[1].endswith("  no difference\n")
    assert cli("checkpoints", run, "1", "7") == (2, "", f"Run {run} has no checkpoint 7: it has 1 to 2.\n")


def test_the_log_is_printed_as_text_that_cannot_act(cli: Cli, past: Past, home: Home) -> None:
    run = past.run("d810aaaaaaaa")
    assert cli("log", run) == (0, "", f"mailer {run} has written nothing.\n")
    home.log(run).write_bytes(b"one\n\x1b[31mtwo\r\nthr\xffee")
    assert cli("log", run) == (0, "one\n·[31mtwo\nthr\ufffdee\n", "")
    assert json_of(cli("log", run, "--last", "1", "--json")) == ["thr\ufffdee"]


def test_following_a_run_that_is_over_ends_at_once(cli: Cli, past: Past, home: Home) -> None:
    run = past.run("d810aaaaaaaa")
    past.rest(run, Status.COMPLETED, "COMPLETED")
    home.log(run).write_text("one\ntwo")
    assert cli("log", run, "--follow") == (0, "one\ntwo\n", "")
    code, out, _err = cli("events", run, "--follow", "--json")
    assert code == 0
    assert [json.loads(line)["kind"] for line in out.splitlines()][-1] == "run.status"
