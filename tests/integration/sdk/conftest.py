"""A runtime to talk to, and a way to run an agent as a process of its own under it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.sdk.fake_runtime import FakeRuntime

ROOT = Path(__file__).parents[3]
Launch = Callable[..., subprocess.Popen[str]]


def environment(**more: str) -> dict[str, str]:
    """This process's environment without any supervision, and with the checkout's packages."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AGENTWATCH_")}
    return kept | {"PYTHONPATH": str(ROOT)} | more


@pytest.fixture
def runtime() -> Iterator[FakeRuntime]:
    """A runtime that answers."""
    # Not tmp_path: a socket's path has room for about a hundred bytes.
    folder = Path(tempfile.mkdtemp(prefix="aw"))
    fake = FakeRuntime(folder).start()
    yield fake
    fake.die()
    shutil.rmtree(folder)


@pytest.fixture
def launch(runtime: FakeRuntime) -> Iterator[Launch]:
    """Start Python source as a supervised agent; what still runs at the end of the test is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(source: str, grace_s: float = 10.0, **more: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(source)],
            env=environment(**runtime.env(grace_s), **more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
