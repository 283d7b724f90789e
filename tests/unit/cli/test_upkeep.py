"""`doctor` and `prune` on homes in good and bad shape."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

import tui.cli.findings
from store import health
from store.home import Beat, Home
from store.states import Status

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Past

Cli = Callable[..., tuple[int, str, str]]


def findings(cli: Cli, code: int = 0) -> dict[str, tuple[str, str]]:
    got, out, err = cli("doctor", "--json")
    assert got == code, out + err
    return {one["what"]: (one["grade"], one["said"]) for one in json.loads(out)}


def test_doctor_of_a_home_that_is_not_there_yet(cli: Cli, home: Home) -> None:
    found = findings(cli)
    assert {"python", "sqlite", "orphans", "process ends", "home", "disk", "socket", "runtime", "record"} <= set(found)
    assert found["home"] == ("good", f"{home.root} does not exist yet; it can be made.")
    assert found["record"] == ("good", "Nothing has run here yet.")
    assert not home.root.exists()


def test_doctor_says_what_is_bad_and_exits_3(cli: Cli, past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    past.run("d810aaaaaaaa")
    past.home.journal.chmod(0o644)
    monkeypatch.setattr(tui.cli.findings, "LEAST_FREE_BYTES", 1 << 62)
    monkeypatch.setattr(health, "sqlite_version", lambda: (3, 50, 6))
    found = findings(cli, code=3)
    assert found["home"][0] == "bad"
    assert "Other users may read journal.db" in found["home"][1]
    assert found["disk"][0] == "bad"
    assert found["sqlite"][0] == "note"
    assert "went on when the last runtime ended" in found["leftovers"][1]
    code, out, _err = cli("doctor")
    assert code == 3
    assert any(line.startswith("BAD   disk") for line in out.splitlines())


def test_doctor_finds_damage_and_strays(cli: Cli, past: Past) -> None:
    stopped(past, past.run("d810aaaaaaaa"))
    (past.home.logs / "gone.log").write_text("")
    assert "1 file of runs that are not on record" in findings(cli)["leftovers"][1]
    past.close()
    pages = bytearray(past.home.journal.read_bytes())
    pages[4096:] = b"x" * (len(pages) - 4096)
    past.home.journal.write_bytes(pages)
    assert findings(cli, code=3)["record"][0] == "bad"


def test_doctor_reports_a_runtime_that_hangs(cli: Cli, past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    past.home.write_beat(Beat(7, "0", time.time() - 90, time.time() - 60))
    monkeypatch.setattr(Home, "runtime_alive", lambda home: True)
    grade, said = findings(cli, code=3)["runtime"]
    assert grade == "bad"
    assert "it hangs" in said


def stopped(past: Past, run: str) -> None:
    past.journal.move(run, Status.STOPPING, "its process is gone")
    past.rest(run, Status.STOPPED, "AGENT_CRASHED")


def over(past: Past) -> None:
    past.rest(past.run("d810aaaaaaaa", "old"), Status.COMPLETED, "COMPLETED")
    stopped(past, past.run("7d10aaaaaaaa", "stopped"))
    past.now = time.time()
    past.rest(past.run("3f9aaaaaaaaa", "fresh"), Status.COMPLETED, "COMPLETED")
    past.journal.settle()


def agents(cli: Cli) -> list[Any]:
    return [run["agent"] for run in json.loads(cli("ps", "--json")[1])]


def test_prune_forgets_what_was_over_long_ago(cli: Cli, past: Past) -> None:
    over(past)
    assert cli("prune", "--older-than", "30d", "--dry-run")[1].splitlines()[-1] == "1 run would be forgotten."
    assert set(agents(cli)) == {"old", "stopped", "fresh"}
    code, out, err = cli("prune", "--older-than", "30d")
    assert (code, err) == (0, "")
    assert out.startswith("Forgot 1 run with 7 events; ")
    assert set(agents(cli)) == {"stopped", "fresh"}
    assert json.loads(cli("prune", "--older-than", "30d", "--all", "--json")[1])["runs"] == ["7d10aaaaaaaa"]
    assert cli("prune", "--older-than", "30d")[1].startswith("Nothing to forget: ")


def test_prune_is_refused_while_a_runtime_serves(cli: Cli, past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    over(past)
    monkeypatch.setattr(Home, "runtime_alive", lambda home: True)
    code, _out, err = cli("prune", "--older-than", "30d")
    assert code == 2
    assert err.startswith(f"A runtime serves {past.home.root}, and nothing is pruned under it: ")
    assert cli("prune", "--older-than", "soon")[2].startswith("--older-than: 'soon' is no duration")
