"""What `breakers` prints of a record."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from store.states import Status

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Past

Cli = Callable[..., tuple[int, str, str]]


def test_a_home_without_breakers_says_when_there_will_be_one(cli: Cli) -> None:
    assert "No breaker is known here" in cli("breakers")[1]
    assert json.loads(cli("breakers", "--json")[1]) == []


def test_what_is_down_comes_first_with_who_waits(cli: Cli, past: Past) -> None:
    now = time.time()
    recent = [[now - 60 + n, n % 2 == 0] for n in range(20)]
    past.journal.put_breaker("a-fine.example.com", {"recent": recent})
    past.journal.put_breaker("shop.example.com", {"opened_at": now - 451, "until": now + 23.5, "opens": 2})
    past.journal.put_breaker("held.example.com", {"opened_at": now - 5, "until": now, "held_open": True})
    for number in range(3):
        run = past.run(f"d81{number}aaaaaaaa", "price-watch")
        past.journal.move(run, Status.WAITING, "held", dependency="shop.example.com", waits_for="shop.example.com")
    past.journal.flush()
    _code, out, _err = cli("breakers")
    lines = out.splitlines()
    assert [line.split()[0] for line in lines] == [
        "BREAKER", "held.example.com", "shop.example.com", "a-fine.example.com"
    ]  # fmt: skip
    assert "held open by hand" in lines[1]
    assert lines[2].split()[1:5] == ["open", "–", "7", "m"]
    assert " in 23 s, " in lines[2]
    assert lines[2].endswith(" 3")
    assert "closed" in lines[3]
    assert "10 of 20" in lines[3]
    listed = {one["name"]: one for one in json.loads(cli("breakers", "--json")[1])}
    assert listed["shop.example.com"]["waiting"] == 3
    assert listed["held.example.com"]["next_try_at"] is None
    assert (listed["a-fine.example.com"]["failed"], listed["a-fine.example.com"]["calls"]) == (10, 20)
