"""Normal results and fingerprints of errors."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.policy.normal import fingerprint, normal


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("done at 2024-01-02T03:04:05Z", "done at 2025-11-12T13:14:15.678+01:00"),
        ("Mon, 02 Jan 2024 03:04:05 ok", "Tue, 13 Feb 2025 23:14:05 ok"),
        ("job 6f1c2a70-1b2c-4d3e-8f90-a1b2c3d4e5f6 queued", "job 00112233-4455-6677-8899-aabbccddeeff queued"),
        ("<obj at 0x7f3a10>", "<obj at 0x55b2c8d0>"),
        ("commit 3f2a91c88b7d41aa", "commit 0e9d8c7b6a5f4e3d"),
        ("3 passed in 0.12s", "3 passed in 11.90s"),
        ("wrote /tmp/tmpab12/out.txt", "wrote /tmp/tmpzz99/out.txt"),
        ({"id": 7, "request_id": "a1"}, {"id": 7, "request_id": "b2"}),
        ([{"ok": True, "elapsed_ms": 12}], [{"ok": True, "elapsed_ms": 990}]),
        ("a  b\n", "a b"),
        ({"log": "begin\n12:00:01 end"}, {"log": "begin\n23:59:59 end"}),
        ('{"rows": 3, "request_id": "a1"}', '{"rows": 3, "request_id": "b2"}'),
        ({"rows": 3, "Date": "now", "requestId": 7}, {"rows": 3, "Date": "then", "requestId": 8}),
        ("x" * 50_000 + " took 3 s", "x" * 50_000 + " took 9 s"),
        ({"b": 1.0, "a": 2}, {"a": 2, "b": 1}),
    ],
)
def test_what_changes_from_answer_to_answer_is_left_out(one: Any, other: Any) -> None:
    assert normal(one) == normal(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("3 failed", "2 failed"),
        ("price 401", "price 402"),
        ({"id": 7}, {"id": 8}),
        ("page 1 of 9", "page 2 of 9"),
        ("12 files", "13 files"),
        ("deadbeef", "cafebabe"),
        ("v1.2.3", "v1.2.4"),
        ("/home/ada/a.py", "/home/ada/b.py"),
        (1, 2),
        ("x" * 50_000 + "1" + "x" * 50_000, "x" * 50_000 + "2" + "x" * 50_000),
        ({"update": 1}, {"update": 2}),
        ("123456789012", "123456789013"),
        ("faced 12", "faced 13"),
    ],
)
def test_what_an_answer_says_stays(one: Any, other: Any) -> None:
    assert normal(one) != normal(other)


DEEP: Any = []
for _ in range(5000):
    DEEP = [DEEP]


@pytest.mark.parametrize("odd", [DEEP, float("nan"), 2**70, "\ud800", {"\udc00": 1}, {1: 2}, None, b"x"])
def test_whatever_came_back_has_a_normal_form(odd: Any) -> None:
    assert normal(odd) == normal(odd)


@given(st.text(max_size=300))
def test_normal_text_is_already_normal(text: str) -> None:
    once = normal(text)

    assert normal(once) == once


@pytest.mark.parametrize(
    "text", ["a" * 20_000, "1 " * 10_000, "/" * 20_000, "0x" * 10_000, "ab12" * 5_000, "'" * 20_000]
)
def test_no_text_takes_long(text: str) -> None:
    began = time.process_time()

    normal(text)
    fingerprint(text)

    assert time.process_time() - began < 2.0


def test_errors_about_different_files_lines_and_words_are_one_kind() -> None:
    assert fingerprint("FileNotFoundError: no file '/a/b.py'") == fingerprint("FileNotFoundError: no file '/c.txt'")
    assert fingerprint("line 3: unexpected token `x`") == fingerprint("line 88: unexpected token `foo`")


def test_errors_of_different_kinds_stay_apart() -> None:
    assert fingerprint("connection refused") != fingerprint("permission denied")


def test_a_traceback_is_named_by_its_last_line() -> None:
    text = "Traceback (most recent call last):\n  File 'a.py', line 1\n    raise KeyError(1)\nKeyError: 'amount'"

    assert fingerprint(text).startswith("keyerror")
