"""Recorded runs of real agents, played through the SDK under the installed command."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from store.home import Home

ROOT = Path(__file__).parents[2]
TRACES = Path(os.environ.get("AGENTWATCH_TRACES", ROOT.parent / "shared" / "traces"))
AGENTWATCH = [sys.executable, "-P", str(ROOT / "agentwatch" / "__main__.py")]

pytestmark = pytest.mark.skipif(
    not TRACES.is_dir(), reason="the recorded runs are not here (AGENTWATCH_TRACES names them)"
)

OTHERS = (
    "agentrx_tau_retail",
    "hotpot_react",
    "intercode_sql",
    "study_openhands",
    "taubench_airline",
    "whowhen_hand",
)


def play(home: Home, source: str, ident: str) -> tuple[int, str]:
    """Play one recorded run to its end; the exit code and what was printed."""
    replay = [
        sys.executable,
        str(ROOT / "demo_agents" / "replay.py"),
        str(TRACES / f"{source}.jsonl.gz"),
        "--id",
        ident,
    ]
    done = subprocess.run(
        [*AGENTWATCH, "--home", str(home.root), "run", "--headless", "--", *replay, "--speed", "0"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


def recorded(source: str) -> list[tuple[str, bool | None]]:
    """Id and success of each recorded run of a source."""
    with gzip.open(TRACES / f"{source}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [(trace["id"], trace["success"]) for trace in map(json.loads, lines)]


@pytest.fixture
def stopped_home(home: Home) -> Home:
    """A home whose runtime is ended afterwards."""
    yield home  # type: ignore[misc]
    subprocess.run([*AGENTWATCH, "--home", str(home.root), "stop", "--timeout", "1s"], capture_output=True, timeout=60)


def test_an_agent_that_resubmits_one_fix_is_stopped_as_a_loop_with_the_call_as_evidence(stopped_home: Home) -> None:
    code, said = play(stopped_home, "study_repairagent", "Closure_54")
    assert code == 3, said
    shown = subprocess.run(
        [*AGENTWATCH, "--home", str(stopped_home.root), "show", "replay", "--json"], capture_output=True, text=True
    )
    run = json.loads(shown.stdout)
    assert (run["status"], run["reason"]) == ("paused", "LOOP_DETECTED")
    calls = run["evidence"]["calls"]
    assert len(calls) >= 2
    assert len({json.dumps(call["args"], sort_keys=True) for call in calls}) == 1
    assert {call["tool"] for call in calls} == {"write_fix"}


def test_successful_runs_complete_without_any_ruling(stopped_home: Home) -> None:
    good = [ident for ident, success in recorded("miniswe_gemini3pro") if success][:6]
    for ident in good:
        code, said = play(stopped_home, "miniswe_gemini3pro", ident)
        assert code == 0, said
        for word in ("warned", "steered", "PAUSED"):
            assert word not in said


@pytest.mark.parametrize("source", OTHERS)
def test_a_recorded_run_ends_as_it_was_recorded_or_with_a_reason(stopped_home: Home, source: str) -> None:
    ident, success = recorded(source)[0]
    code, said = play(stopped_home, source, ident)
    assert code == (0 if success else 3), said
    assert success or "AGENT_FAILED" in said or "PAUSED by rule" in said
