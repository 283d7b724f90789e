"""The wheel that is shipped: one top-level package, and it works where nothing but it is installed."""

from __future__ import annotations

import os
import site
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from store.home import Home

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (found,) = folder.glob("*.whl")
    return found


def test_only_one_name_lands_in_site_packages(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"agentwatch"}
    for needed in (
        "agentwatch/py.typed",
        "agentwatch/_path/agentwatch/__init__.py",
        "agentwatch/_app/store/migrations/journal/0001_first.sql",
        "agentwatch/_app/demo_agents/agentwatch.toml",
        "agentwatch/_app/runtime/policy/judge.py",
    ):
        assert needed in names
    assert not [name for name in names if "tests/" in name or name.endswith(".pyc")]


def test_the_installed_command_runs_an_agent_beside_modules_with_our_names(
    wheel: Path, home: Home, tmp_path: Path
) -> None:
    venv.create(tmp_path / "env", with_pip=False)
    (packages,) = (tmp_path / "env" / "lib").glob("python*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    (packages / "others.pth").write_text("\n".join(site.getsitepackages()), "utf-8")
    work = tmp_path / "work"
    work.mkdir()
    for name in ("store", "runtime", "tui", "queue"):
        (work / f"{name}.py").write_text("raise SystemExit('the wrong module')", "utf-8")
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    python = tmp_path / "env" / "bin" / "python"
    agent = "import agentwatch\nwith agentwatch.start() as run:\n    run.progress('done', done=1, of=1)"
    (work / "agent.py").write_text(agent, "utf-8")
    command = [str(python), "-P", "-m", "agentwatch", "--home", str(home.root)]
    venv.create(tmp_path / "bare", with_pip=False)
    bare = tmp_path / "bare" / "bin" / "python"
    done = subprocess.run(
        [*command, "run", "--headless", "--", str(bare), "-P", "agent.py"],
        cwd=work, env=env, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    stopped = subprocess.run([*command, "stop"], cwd=work, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 completed" in done.stdout
    assert stopped.returncode == 0, stopped.stderr
