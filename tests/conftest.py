"""Homes and worlds for tests that need the real parts."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from store.home import Home
from tests.support.world import World


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A home in a folder with a short name (a socket's path has few bytes), removed afterwards."""
    root = Path(tempfile.mkdtemp(prefix="aw-"))
    for name, variable in (("run", "XDG_RUNTIME_DIR"), ("tmp", "TMPDIR")):
        (root / name).mkdir(mode=0o700)
        monkeypatch.setenv(variable, str(root / name))
    for name in ("SOCKET", "RUN", "ATTEMPT", "TOKEN", "SPOOL", "GRACE_S", "HOME"):
        monkeypatch.delenv(f"AGENTWATCH_{name}", raising=False)
    yield Home(root / "home")
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
async def world(home: Home, tmp_path: Path) -> AsyncIterator[World]:
    """A runtime of its own, ended afterwards with everything it started."""
    world = World(home, tmp_path)
    yield world
    await world.close()
