"""One clear sentence for each mistake, an exit code that is not 0, and never a traceback."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import agentwatch.__main__ as launcher
import tui.cli.listings
from store.home import Home
from tui.cli import main

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Past

Cli = Callable[..., tuple[int, str, str]]


def sentence(answer: tuple[int, str, str], code: int = 2) -> str:
    got, out, err = answer
    assert (got, out) == (code, "")
    assert "Traceback" not in err
    assert err.count("\n") == 1
    return err.strip()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("pss",), "No such command 'pss'. Did you mean 'ps'? See `agentwatch --help`."),
        (("ps", "--jsn"), "No such option: --jsn (Possible options: --json). See `agentwatch ps --help`."),
        (("show",), "Missing argument 'RUN'. See `agentwatch show --help`."),
        (("checkpoints", "x", "one"), "Invalid value for '[NUMBER]': "),
        (("run",), "Nothing to run. "),
        (("run", "--if-active", "maybe", "--", "true"), "Invalid value for '--if-active': "),
        (("run", "--headless", "--timeout", "soon", "--", "true"), "--timeout: 'soon' is no duration: "),
        (("run", "--json", "--", "true"), "--json goes with --headless."),
        (("run", "--timeout", "3s", "--", "true"), "--timeout goes with --headless."),
        (("run", "--", "true"), "run opens the console, and here is no terminal: add --headless"),
        (("run", "--headless", "--", "no-such-program"), "The command of no-such-program cannot be run: there is no "),
        (("attach",), "attach opens the console, and here is no terminal: "),
        (("show", "x"), "Nothing has run in "),
        (("pause", "x"), "Nothing has run in "),
        (("resume", "x", "--budget", "cost"), "--budget cost: write KEY=VALUE with a number above 0"),
        (("resume", "x", "--budget", "cost_usd=-1"), "--budget cost_usd=-1: write KEY=VALUE with a number above 0"),
        (("resolve", "x", "1"), "Say either --done (it happened) or --retry (it did not)."),
        (("resolve", "x", "1", "--done", "--retry"), "Say either --done"),
        (("resolve", "x", "1", "--retry", "--result", "1"), "--result goes with --done"),
        (("resolve", "x", "1", "--done", "--result", "sent"), "--result: this is no JSON "),
        (("breaker", "shop"), "Say one of --try, --open and --reset."),
        (("breaker", "shop", "--try", "--reset"), "Say one of --try, --open and --reset."),
        (("breaker", "shop", "--try"), "There is no breaker 'shop': `agentwatch breakers` lists what there is."),
        (("fork", "x"), "Nothing has run in "),
        (("runtime", "--idle", "x"), "--idle: 'x' is no duration"),
        (("policy", "check", "no.toml"), "no.toml cannot be read: "),
    ],
)
def test_a_mistake_on_the_command_line(cli: Cli, arguments: tuple[str, ...], said: str) -> None:
    assert said in sentence(cli(*arguments))


def test_a_broken_agentwatch_toml_is_named_with_line_and_key(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "agentwatch.toml").write_text("[agents.a]\ncommand = python\n")
    said = sentence(cli("run", "--headless", "a"))
    assert said.startswith(f"{tmp_path}/agentwatch.toml, line 2, at 'command': this is not TOML: ")


def test_an_unknown_run_and_an_ambiguous_prefix(cli: Cli, past: Past) -> None:
    past.run("d810aaaaaaaa", "one")
    past.run("d810bbbbbbbb", "two")
    assert sentence(cli("show", "nope")).startswith("There is no run and no agent called 'nope': ")
    assert sentence(cli("show", "d8")).startswith("'d8' begins 2 runs: d810aaaaaaaa (one), d810bbbbbbbb (two).")
    assert sentence(cli("kill", "d810b", "nope", "--yes")).startswith("There is no run and no agent called 'nope'")


def test_a_home_that_cannot_be_written(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for home in (tmp_path / "file", tmp_path / "file" / "below"):
        said = sentence(cli("run", "--headless", "--home", str(home), "--", sys.executable, "-V"))
        assert said.startswith(f"The home {home} cannot be used: ")
        assert "--home" in said


def test_a_socket_path_that_is_too_long(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / ("long" * 30)))
    said = sentence(cli("run", "--headless", "--", sys.executable, "-V"))
    assert said.startswith("The socket path ")
    assert "is longer than the" in said
    assert sentence(cli("runtime")).startswith("The socket path ")


def test_a_database_of_a_newer_version(cli: Cli, past: Past, home: Home) -> None:
    past.run("d810aaaaaaaa")
    past.close()
    with sqlite3.connect(home.journal) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    for arguments in (("ps",), ("show", "d810"), ("run", "--headless", "--", sys.executable, "-V"), ("runtime",)):
        said = sentence(cli(*arguments))
        assert said.startswith(f"{home.journal} was written by a newer agentwatch (format 99, ")


def test_a_file_that_is_no_database(home: Home) -> None:
    home.create()
    home.journal.write_bytes(b"this is no database at all" * 100)
    for arguments in (("ps",), ("events", "x"), ("run", "--headless", "--", sys.executable, "-V")):
        command = [sys.executable, "-P", str(launcher.__file__), "--home", str(home.root), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
        said = sentence((done.returncode, done.stdout, done.stderr))
        assert f"{home.journal} is damaged or no SQLite database" in said


def test_kill_without_a_terminal_wants_yes(cli: Cli, past: Past) -> None:
    past.run("d810aaaaaaaa")
    assert sentence(cli("kill", "d810")) == "kill asks first and here is no terminal to answer at: add --yes."


def test_what_needs_a_runtime_says_that_there_is_none(cli: Cli, past: Past) -> None:
    past.run("d810aaaaaaaa")
    assert sentence(cli("pause", "d810")).startswith("No runtime is running in ")


def test_stop_without_a_runtime_has_nothing_to_do(cli: Cli, home: Home) -> None:
    assert cli("stop") == (0, f"No runtime is running in {home.root}: there is nothing to stop.\n", "")


def test_an_action_that_is_not_in_doubt(cli: Cli, past: Past) -> None:
    run = past.run("d810aaaaaaaa")
    past.begin(run, "88121", "send", in_doubt=True)
    past.begin(run, "88122", "send", in_doubt=True)
    assert "'7' is no action in doubt of mailer" in sentence(cli("resolve", "d810", "7", "--done"))
    assert "'8812' begins several actions" in sentence(cli("resolve", "d810", "8812", "--done"))


def test_every_mistake_in_a_policy_is_told(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text("[loop]\npause_at = 'x'\n[nonsense]\n")
    code, _out, err = cli("policy", "check", "p.toml")
    assert code == 2
    assert [("line 2" in line, "line 3" in line) for line in err.splitlines()] == [(True, False), (False, True)]
    (tmp_path / "p.toml").write_text("[loop]\npause_at = 9\n")
    assert cli("policy", "check", "p.toml") == (0, "p.toml is good.\n", "")


def test_policy_check_reads_every_policy_of_an_agentwatch_toml(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "agentwatch.toml").write_text("[policy.loop]\npause_at = 9\n[policies.strict.loop]\npause_at = 'x'\n")
    assert "policies.strict.loop" in sentence(cli("policy", "check", "agentwatch.toml"))


def test_policy_show_prints_what_is_in_force(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "agentwatch.toml").write_text(
        "[agents.a]\ncommand = 'x'\npolicy = 'strict'\n"
        "[policy.loop]\npause_at = 9\n[policies.strict.loop]\npause_at = 4\n"
    )
    assert "pause_at = 9\n" in cli("policy", "show")[1]
    assert "pause_at = 4\n" in cli("policy", "show", "--agent", "a")[1]
    assert "Did you mean" not in sentence(cli("policy", "show", "--agent", "zzz"))


def test_a_fault_of_our_own_is_one_sentence_and_its_traceback_a_file(
    cli: Cli, past: Past, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the moon")

    past.run("d810aaaaaaaa")
    monkeypatch.setattr(tui.cli.listings, "_row", broken)
    said = sentence(cli("ps"), code=1)
    assert said.startswith("agentwatch itself failed: RuntimeError: the moon. The traceback was added to ")
    crash = home.root / "crash.log"
    assert said.endswith(f"{crash}.")
    assert "RuntimeError: the moon" in crash.read_text()
    assert crash.stat().st_mode & 0o777 == 0o600


def test_ctrl_c_at_a_listing_is_quiet(monkeypatch: pytest.MonkeyPatch, cli: Cli) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(tui.cli.listings, "place", interrupted)
    assert cli("ps") == (130, "", "")


def test_init_writes_what_it_says_and_never_over_anything(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "hello_agent.py").write_text("mine")
    code, out, _err = cli("init")
    assert code == 0
    assert "Next: agentwatch run hello" in out
    assert (tmp_path / "hello_agent.py").read_text() == "mine"
    assert cli("policy", "check", "agentwatch.toml") == (0, "agentwatch.toml is good.\n", "")
    assert sentence(cli("init")) == f"{tmp_path}/agentwatch.toml exists already and is left as it is."


def test_main_without_arguments_reads_those_of_the_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["agentwatch", "--version"])
    assert main() == 0
    assert capsys.readouterr().out.startswith("agentwatch ")


def test_accepting_a_repetition_where_there_is_none(cli: Cli, past: Past) -> None:
    past.run("d810aaaaaaaa")
    said = sentence(cli("resume", "d810", "--accept"))
    assert said == "mailer d810aaaaaaaa was not stopped for a repetition: --accept accepts nothing."


def test_a_breaker_is_only_ordered_about_where_a_runtime_heeds_it(cli: Cli, past: Past) -> None:
    past.journal.put_breaker("shop.example.com", {})
    past.journal.flush()
    assert "Did you mean 'shop.example.com'?" in sentence(cli("breaker", "shop.example.org", "--try"))
    assert sentence(cli("breaker", "shop.example.com", "--try")).startswith("No runtime is running in ")
