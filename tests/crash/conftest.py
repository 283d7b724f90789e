"""The world in which things die, and how much of it is seen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from store.home import Home
from tests.support.crash_world import CrashWorld


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--crash-all", action="store_true", help="every point for every victim, and 300 random kills")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "rare: run with --crash-all only")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--crash-all", default=False):
        return
    rare = [item for item in items if item.get_closest_marker("rare")]
    if rare:
        config.hook.pytest_deselected(items=rare)
        items[:] = [item for item in items if not item.get_closest_marker("rare")]


@pytest.fixture
async def crash(home: Home, tmp_path: Path) -> AsyncIterator[CrashWorld]:
    """A world of its own, ended afterwards with everything it started."""
    world = CrashWorld(home, tmp_path)
    yield world
    await world.close()
