"""What `run` decides to start."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from runtime.policy.config import PolicyError
from tui.cli.options import UsageMistake
from tui.cli.plan import Wish, default_name, launches

ENV = {"PATH": os.environ["PATH"], "KEY": "mine"}


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["python", "my_agent.py"], "my_agent"),
        (["/usr/bin/python3.11", "-u", "-X", "dev", "src/fix tests.py", "--fast"], "fix-tests"),
        (["python", "-m", "crew.main"], "crew.main"),
        (["python", "-c", "print(1)"], "python"),
        (["./fixer.py"], "fixer"),
        (["node", "agent.js"], "agent"),
        (["claude", "-p", "do it"], "claude"),
        (["bash", "-c", "true"], "bash"),
    ],
)
def test_an_agent_is_named_after_its_script_or_program(command: list[str], name: str) -> None:
    assert default_name(command) == name


def test_a_command_runs_with_the_callers_environment_and_working_directory(tmp_path: Path) -> None:
    inherited = {"AGENTWATCH_SOCKET": "/s", "AGENTWATCH_RUN": "r", "AGENTWATCH_TOKEN": "t", "AGENTWATCH_HOME": "/h"}
    [launch] = launches(Wish(command=(sys.executable, "a.py"), goal="go"), tmp_path, ENV | inherited)
    assert launch.env == {**ENV, "AGENTWATCH_HOME": "/h"}
    assert (launch.cwd, launch.agent, launch.goal) == (str(tmp_path), "a", "go")
    assert len(launch.run) == 12


def test_an_agent_of_the_file_brings_its_own_and_wins_over_the_caller(tmp_path: Path) -> None:
    (tmp_path / "agentwatch.toml").write_text(
        "[agents.a]\ncommand = ['{python}', 'a.py']\ngoal = 'as written'\ncwd = '.'\nenv = { KEY = 'theirs' }\n"
        "restart = 1\ncount = 2\npolicy = 'strict'\n[policies.strict.loop]\npause_at = 4\n"
    )
    below = tmp_path / "below"
    below.mkdir()
    first, second = launches(Wish(agents=("a",)), below, ENV)
    assert first.run != second.run
    assert (first.cwd, first.env["KEY"], first.goal, first.restart) == (str(tmp_path), "theirs", "as written", 1)
    assert (first.policy.config, first.policy.name) == (str(tmp_path / "agentwatch.toml"), "strict")
    assert len(launches(Wish(agents=("a",), count=5), below, ENV)) == 5


def test_a_policy_file_is_named_by_its_absolute_path(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text("[loop]\npause_at = 9\n")
    [launch] = launches(Wish(command=(sys.executable, "a.py"), policy_file=Path("p.toml")), tmp_path, ENV)
    assert launch.policy.file == str(tmp_path / "p.toml")


def test_a_broken_policy_is_told_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text("[loop]\npause_at = 'nine'\n")
    with pytest.raises(PolicyError, match="line 2"):
        launches(Wish(command=(sys.executable, "a.py"), policy_file=Path("p.toml")), tmp_path, ENV)


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        (Wish(), "Nothing to run.*--demo.*agentwatch run -- .*agentwatch init"),
        (Wish(command=()), "Nothing stands behind `--`"),
        (Wish(command=("x",), agents=("a",)), "Run either the agent a or the command behind `--`"),
        (Wish(command=("x",), demo=True), "Run either --demo or the command behind `--`"),
        (Wish(command=("no-such-program",)), "there is no program 'no-such-program'"),
        (Wish(command=("./nothing.sh",)), "nothing.sh does not exist"),
        (Wish(agents=("a",)), "There is no agentwatch.toml in .* `agentwatch init` writes one"),
    ],
)
def test_a_mistake_is_one_sentence_that_says_what_to_do(tmp_path: Path, wish: Wish, sentence: str) -> None:
    with pytest.raises(UsageMistake, match=sentence):
        launches(wish, tmp_path, ENV)


def test_a_program_is_looked_for_where_the_agent_will_stand(tmp_path: Path) -> None:
    (tmp_path / "go.sh").write_text("#!/bin/sh\n")
    with pytest.raises(UsageMistake, match=r"go\.sh is not executable"):
        launches(Wish(command=("./go.sh",)), tmp_path, ENV)
    with pytest.raises(UsageMistake, match=r"there is no program 'go\.sh'\. Write \./go\.sh for the one in"):
        launches(Wish(command=("go.sh",)), tmp_path, ENV)
    (tmp_path / "go.sh").chmod(0o755)
    assert launches(Wish(command=("./go.sh",)), tmp_path, ENV)[0].argv == ("./go.sh",)


def test_an_agent_that_is_not_defined_is_likened_to_one_that_is(tmp_path: Path) -> None:
    (tmp_path / "agentwatch.toml").write_text("[agents.mailer]\ncommand = ['{python}']\n")
    with pytest.raises(UsageMistake, match=r"has no agent 'mialer': it has mailer\. Did you mean 'mailer'\?"):
        launches(Wish(agents=("mialer",)), tmp_path, ENV)
