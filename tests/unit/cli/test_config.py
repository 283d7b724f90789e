"""Reading `agentwatch.toml`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tui import config


def written(folder: Path, text: str) -> Path:
    path = folder / config.FILE_NAME
    path.write_text(text)
    return path


def mistakes(folder: Path, text: str) -> list[str]:
    path = written(folder, text)
    with pytest.raises(config.ConfigError) as caught:
        config.read(path)
    return [mistake.removeprefix(f"{path}, ") for mistake in caught.value.mistakes]


def test_an_agent_has_what_stands_in_its_table(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "keys.env").write_text("# secrets\nexport KEY='a b'\nEMPTY=\nB=from file\n")
    path = written(
        tmp_path,
        """
        [agents.fix-tests]
        command = ["python", "fix.py"]
        goal = "Make the tests pass"
        cwd = "work"
        env = { B = "from table", PORT = 8080 }
        env_file = "keys.env"
        policy = "strict"
        restart = 2
        count = 3
        """,
    )
    assert config.read(path).agents["fix-tests"] == config.Agent(
        name="fix-tests",
        command=("python", "fix.py"),
        goal="Make the tests pass",
        cwd=(tmp_path / "work").resolve(),
        env={"KEY": "a b", "EMPTY": "", "B": "from table", "PORT": "8080"},
        policy="strict",
        restart=2,
        count=3,
    )


def test_a_command_in_one_string_is_split_as_a_shell_splits(tmp_path: Path) -> None:
    path = written(tmp_path, "[agents.a]\ncommand = \"python -c 'print(1)' x\"\n")
    assert config.read(path).agents["a"].command == ("python", "-c", "print(1)", "x")


def test_placeholders_name_the_interpreter_and_the_folder_of_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, '[agents.a]\ncommand = ["{python}", "{here}/a.py", "{other}"]\nenv = { D = "{here}" }\n')
    agent = config.read(path).agents["a"]
    assert agent.command == (sys.executable, f"{tmp_path}/a.py", "{other}")
    assert agent.env == {"D": str(tmp_path)}


def test_the_file_is_found_in_a_folder_above(tmp_path: Path) -> None:
    path = written(tmp_path, "")
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert config.find(below) == path


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("[agents.a]\ncommand = python\n", "line 2, at 'command': this is not TOML: invalid value."),
        ('[agents.a\ncommand = "x"\n', "line 1, at 'agents.a': this is not TOML: expected"),
        ('[agents.a]\ncommand = "x\n', "line 2, at 'command': this is not TOML: "),
        (
            '[agents.a]\ncommand = "x"\ngaol = "y"\n',
            "line 3: [agents.a] has an unknown key 'gaol'. Did you mean 'goal'?",
        ),
        ("[agnets.a]\n", "line 1: unknown section 'agnets'. Did you mean 'agents'?"),
        ("[agents.a]\ngoal = 'x'\n", "line 1: [agents.a] has no command: "),
        ("[agents.a]\ncommand = []\n", "line 2: command of agent a is empty."),
        ("[agents.a]\ncommand = 'a \"b'\n", "line 2: command of agent a cannot be split: no closing quotation."),
        ("[agents.a]\ncommand = [\n 'a',\n 3]\n", "line 2: command of agent a must be a list of strings, or a string."),
        ("[agents.a]\ncommand = 'x'\nrestart = true\n", "line 3: restart of agent a must be a whole number, 0 or more"),
        (
            "[agents.a]\ncommand = 'x'\ncount = 0\n",
            "line 3: count of agent a must be a whole number, 1 or more, not 0.",
        ),
        (
            "[agents.a]\ncommand = 'x'\nenv = { K = [] }\n",
            "line 3: K in env of agent a must be a string, not an array.",
        ),
        ("[agents.a]\ncommand = 'x'\ncwd = 'nowhere'\n", "line 3: cwd of agent a: there is no folder "),
        ("[agents.a]\ncommand = 'x'\nenv_file = 'no.env'\n", "line 3: env_file of agent a: "),
        ("[agents.'a b']\ncommand = 'x'\n", "line 1: 'a b' cannot name an agent"),
        ("agents = 3\n", "line 1: agents holds tables: write [agents.NAME]."),
        ("[agents]\na = 'x'\n", "line 2: agents.a must be a table: write [agents.a]."),
    ],
)
def test_a_mistake_is_one_sentence_with_its_line_and_key(tmp_path: Path, text: str, mistake: str) -> None:
    assert [found.startswith(mistake) for found in mistakes(tmp_path, text)] == [True], mistakes(tmp_path, text)


def test_every_mistake_is_told_in_the_order_of_the_lines(tmp_path: Path) -> None:
    found = mistakes(tmp_path, "[agents.a]\ngaol = 1\n\n[agents.b]\ncommand = 3\n")
    assert [mistake.split(":")[0] for mistake in found] == ["line 1", "line 2", "line 5"]


def test_a_line_of_an_environment_file_is_named_without_its_content(tmp_path: Path) -> None:
    (tmp_path / "k.env").write_text("A=1\nsecret without equals\n")
    path = written(tmp_path, "[agents.a]\ncommand = 'x'\nenv_file = 'k.env'\n")
    with pytest.raises(config.ConfigError) as caught:
        config.read(path)
    assert str(caught.value) == f"{tmp_path}/k.env, line 2: expected KEY=VALUE."


def test_what_one_agent_lacks_keeps_no_other_from_being_run(tmp_path: Path) -> None:
    path = written(tmp_path, "[agents.a]\ncommand = 'x'\n[agents.b]\ncommand = 'y'\nenv_file = 'no.env'\ncwd = 'no'\n")
    assert set(config.read(path, ("a",)).agents) == {"a", "b"}
