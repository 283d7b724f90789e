"""A supervised process, and the runtime that supervises it, for each test."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentwatch import _session
from tests.unit.sdk.fake_runtime import FakeRuntime


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeRuntime]:
    """A runtime that answers, and this process under its supervision."""
    # Not tmp_path: a socket's path has room for about a hundred bytes.
    folder = Path(tempfile.mkdtemp(prefix="aw"))
    fake = FakeRuntime(folder).start()
    monkeypatch.delenv("AGENTWATCH_PARENT", raising=False)
    for name, value in fake.env().items():
        monkeypatch.setenv(name, value)
    _session.forget()
    yield fake
    _session.forget()
    monkeypatch.setenv("AGENTWATCH_PARENT", "")
    fake.die()
    shutil.rmtree(folder)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process without a supervisor."""
    monkeypatch.delenv("AGENTWATCH_SOCKET", raising=False)
    _session.forget()
    yield
    _session.forget()
