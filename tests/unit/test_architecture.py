"""The arrows between the rooms, proved by reading every import and by loading each room alone."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("agentwatch", "store", "runtime", "tui", "demo_agents")


def imports(path: Path) -> set[str]:
    """Dotted names of the modules that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def imported_rooms(room: str, *, within: str = "") -> dict[str, set[str]]:
    """For each file of a room, the rooms of ours that it imports."""
    return {
        str(path.relative_to(ROOT)): {name.split(".")[0] for name in imports(path)} & set(ROOMS)
        for path in sorted((ROOT / room / within).rglob("*.py"))
    }


def test_the_record_imports_nothing_of_ours() -> None:
    assert {file: rooms - {"store"} for file, rooms in imported_rooms("store").items() if rooms - {"store"}} == {}


def test_the_runtime_imports_the_record_and_the_version_only() -> None:
    allowed = {"runtime", "store", "agentwatch"}
    assert {file: rooms - allowed for file, rooms in imported_rooms("runtime").items() if rooms - allowed} == {}


def test_the_policy_is_pure_and_imports_the_record_only() -> None:
    impure = {"asyncio", "socket", "sqlite3", "subprocess", "threading", "uvloop", "watchfiles"}
    for path in (ROOT / "runtime" / "policy").rglob("*.py"):
        for name in imports(path):
            top = name.split(".")[0]
            assert top not in impure, f"{path}: {name}"
            assert top not in ROOMS or top == "store" or name.startswith("runtime.policy"), f"{path}: {name}"


def test_the_screen_knows_of_the_runtime_only_its_policy() -> None:
    for path in (ROOT / "tui").rglob("*.py"):
        beyond = [
            name for name in imports(path) if name.startswith("runtime") and not name.startswith("runtime.policy")
        ]
        assert beyond == [], path


def test_no_screen_speaks_sql() -> None:
    for path in (ROOT / "tui").rglob("*.py"):
        assert not {"sqlite3", "aiosqlite"} & {name.split(".")[0] for name in imports(path)}, path


def test_the_sdk_imports_the_standard_library_alone() -> None:
    for path in (ROOT / "agentwatch").rglob("*.py"):
        if path.name == "__main__.py" or "integrations" in path.parts:
            continue
        for name in imports(path):
            top = name.split(".")[0]
            assert top in sys.stdlib_module_names or top == "agentwatch", f"{path}: {name}"


@pytest.mark.parametrize(
    ("module", "never"),
    [
        ("agentwatch", "asyncio dataclasses typing textual rich msgspec aiosqlite"),
        ("store.journal", "textual rich typer uvloop"),
        ("store.reader", "textual rich typer uvloop"),
        ("runtime.server", "textual rich typer"),
        ("runtime.policy.judge", "textual rich typer uvloop asyncio aiosqlite"),
        ("tui.cli", "textual uvloop"),
    ],
)
def test_a_room_loads_nothing_that_is_not_its_own(module: str, never: str) -> None:
    code = f"import sys; import {module}; print(' '.join(set(sys.modules) & set({never.split()!r})))"
    loaded = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, cwd=ROOT, env=_env())
    assert loaded.returncode == 0, loaded.stderr
    assert loaded.stdout.split() == []


def _env() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": ":".join([str(ROOT), *(path for path in sys.path if "site-packages" in path)])}
