"""The SDK in agents whose Python does not have it."""

from __future__ import annotations

import sys
import venv
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.acceptance.cli.conftest import Shell

README = Path(__file__).parents[3] / "README.md"


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment in which nothing is installed; `python` of it."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False)
    return folder / "bin" / "python"


def packages(python: Path) -> Path:
    (found,) = python.parent.parent.glob("lib/python*/site-packages")
    return found


def test_the_example_of_the_readme_runs_with_a_python_that_has_nothing_installed(shell: Shell, bare: Path) -> None:
    example = README.read_text("utf-8").split("```python\n")[1].split("```")[0]
    (shell.folder / "my_agent.py").write_text(example)
    shell.env["PATH"] = f"{bare.parent}:{shell.env['PATH']}"
    shell.call("run", "--headless", "--", "python", "my_agent.py")
    [run] = shell.json("ps")
    assert (run["status"], run["actions"]) == ("completed", 40)


def test_the_path_that_was_set_stays_first_and_textual_is_not_brought_along(shell: Shell, bare: Path) -> None:
    shell.env["PYTHONPATH"] = str(shell.folder / "mine")
    (shell.folder / "see.py").write_text(
        "import importlib.util, os, agentwatch\n"
        "print(os.environ['PYTHONPATH'].split(':')[0], importlib.util.find_spec('textual'), agentwatch.start.__name__)"
    )
    shell.call("run", "--headless", "--", str(bare), "see.py")
    assert shell.call("log", "see").stdout == f"{shell.folder / 'mine'} None start\n"


def test_an_agentwatch_of_the_agents_own_wins_and_a_foreign_one_is_named(shell: Shell, bare: Path) -> None:
    foreign = packages(bare) / "agentwatch.py"
    foreign.write_text("mine = 'a package of another maker'\n")
    try:
        (shell.folder / "see.py").write_text("import agentwatch\nfrom agentwatch import mine\nprint(agentwatch.mine)")
        shell.call("run", "--headless", "--", str(bare), "see.py")
        said = f"this agent imports another package named agentwatch, from {foreign}"
        log = shell.call("log", "see").stdout
        assert said in log and log.endswith("a package of another maker\n")
    finally:
        foreign.unlink()


def test_the_path_is_left_alone_where_the_file_says_so(shell: Shell, bare: Path) -> None:
    (shell.folder / "see.py").write_text("import os; print(os.environ.get('PYTHONPATH'))")
    shell.env.pop("PYTHONPATH", None)
    (shell.folder / "agentwatch.toml").write_text(f'[agents.see]\ncommand = ["{bare}", "see.py"]\nsdk_path = false\n')
    shell.call("run", "--headless", "see")
    assert shell.call("log", "see").stdout == "None\n"


def test_doctor_names_a_module_that_agents_would_take_for_the_sdk(shell: Shell) -> None:
    (shell.folder / "agentwatch.py").touch()
    assert f"{shell.folder / 'agentwatch.py'} is another module" in shell.call("doctor", code=3).stdout


def test_the_installed_sdk_is_taken_where_the_agent_has_it(shell: Shell) -> None:
    shell.call("run", "--headless", "--", sys.executable, "quick.py")
    assert shell.json("ps")[0]["status"] == "completed"
