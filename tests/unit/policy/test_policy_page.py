"""The page about policy and the code say the same."""

from __future__ import annotations

import re
from pathlib import Path

from msgspec.structs import asdict

from runtime.policy.check import SECTIONS
from runtime.policy.config import DEFAULT

PAGE = Path(__file__).resolve().parents[3] / "docs" / "policy.md"


def keys_of_the_page() -> dict[str, str]:
    """Every `section.key` of the page's tables with its default as it is printed."""
    found: dict[str, str] = {}
    for part in PAGE.read_text("utf-8").split("\n## ")[1:]:
        sections = re.findall(r"`\[(\w+)\]`", part.splitlines()[0])
        for key, default in re.findall(r"^\| `([\w.]+)` \| (\S+) \| \S", part, re.MULTILINE):
            found[key if "." in key else f"{sections[0]}.{key}"] = default.strip("`")
    return found


def keys_of_the_code() -> dict[str, str]:
    return {
        f"{name}.{key}": _printed(value)
        for name in SECTIONS
        for key, value in asdict(getattr(DEFAULT, name)).items()
        if not (name in ("pause", "gate") and key == "at_most")
    }


def _printed(value: object) -> str:
    if value is None or value in ({}, ()):
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def test_every_key_stands_on_the_page_with_its_default_and_a_reason() -> None:
    assert keys_of_the_page() == keys_of_the_code()


def test_every_key_has_a_sentence_in_the_code() -> None:
    source = Path(__file__).resolve().parents[3] / "runtime" / "policy" / "config.py"
    lines = source.read_text("utf-8").splitlines()
    for section in SECTIONS.values():
        for key in section.__struct_fields__:
            at = [n for n, line in enumerate(lines) if re.match(rf"    {key}: ", line)]
            assert at, key
            assert all(lines[n + 1].startswith('    """') for n in at), key
