"""Logs are read from their end and capped; frames are checked; dependencies are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime import logs, wire
from runtime.policy.dependency import dependency_of


def test_only_the_last_lines_of_a_log_are_read(tmp_path: Path) -> None:
    path = tmp_path / "log"
    assert logs.tail(path) == []
    path.write_text("\n".join(str(n) for n in range(100_000)), "utf-8")
    assert logs.tail(path, 3) == ["99997", "99998", "99999"]


def test_an_oversized_log_is_copied_and_emptied_while_it_is_written_to(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("ab", buffering=0) as agent:
        agent.write(b"x" * 2000)
        assert not logs.cap(path, 5000)
        agent.write(b"x" * 4000)
        assert logs.cap(path, 5000)
        agent.write(b"after")
    assert path.read_bytes() == b"after"
    assert (tmp_path / "log.1").stat().st_size == 6000


@pytest.mark.parametrize(
    "line",
    [
        b"{}",
        b"[]",
        b"null",
        b'{"t":"usage","input_tokens":-1}',
        b'{"t":"usage","cost_usd":"1"}',
        b'{"t":"action.begin","id":"","tool":"x","args":{}}',
        b'{"t":"action.begin","id":"a","tool":"x","args":[]}',
        b'{"t":"step.begin","id":"a","n":0}',
        b'{"t":"checkpoint","id":"a"}',
    ],
)
def test_a_frame_that_breaks_the_protocol_is_refused(line: bytes) -> None:
    with pytest.raises(wire.BadFrame):
        wire.decode(line)


def test_unknown_fields_are_passed_over() -> None:
    assert wire.decode(b'{"t":"task","name":"x","later":1}') == wire.Task("x")


@pytest.mark.parametrize(
    ("declared", "args", "expected"),
    [
        ("crm", {"url": "https://other.example"}, "crm"),
        (None, {"url": "https://Shop.Example:8443/a?b=c"}, "shop.example:8443"),
        (None, {"url": "https://user:secret@shop.example/"}, "shop.example"),
        (None, {"dsn": "postgresql://db.internal/main"}, "db.internal"),
        (None, {"text": "see https://shop.example for more"}, None),
        (None, {"path": "file:///etc/hosts"}, None),
        (None, {"url": "https://[bad"}, None),
        (None, {}, None),
    ],
)
def test_what_a_call_leans_on(declared: str | None, args: dict[str, str], expected: str | None) -> None:
    assert dependency_of(declared, args) == expected
