"""Equal arguments have one text, and no arguments crash it."""

from __future__ import annotations

import json
from typing import Any

import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from runtime.policy.canonical import call_digest, canonical

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=[])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_any_json_value_has_a_canonical_text(value: Any) -> None:
    assert canonical(value) == canonical(value)


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=5))
def test_the_order_of_keys_does_not_matter(value: dict[str, Any]) -> None:
    turned = dict(reversed(value.items()))

    assert canonical(value) == canonical(turned)


@given(JSON)
def test_it_is_the_text_of_rfc_8785_wherever_that_has_one(value: Any) -> None:
    try:
        expected = rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError):
        return
    assert canonical(value) == expected


@given(JSON)
def test_a_round_trip_through_json_text_changes_nothing(value: Any) -> None:
    assert canonical(json.loads(json.dumps(value))) == canonical(value)


def test_integers_beyond_what_json_numbers_hold_stay_apart() -> None:
    assert canonical({"id": 2**60}) != canonical({"id": 2**60 + 1})


def test_keys_that_are_no_strings_do_not_crash_it_and_are_not_taken_for_strings() -> None:
    odd: Any = {1: "a", "1": "b", None: "c"}

    assert canonical(odd) != canonical({"1": "b"})
    assert canonical(odd) == canonical(dict(reversed(odd.items())))


def test_great_depth_does_not_crash_it() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]

    assert canonical(deep) == canonical(deep)


def test_a_fallback_text_is_never_that_of_another_value() -> None:
    assert canonical(float("nan")) != canonical("nan")
    assert canonical(2**60) != canonical(str(2**60))


def test_a_digest_depends_on_secret_tool_and_arguments() -> None:
    digests = {
        call_digest(b"s", "mail", {"to": "a"}),
        call_digest(b"t", "mail", {"to": "a"}),
        call_digest(b"s", "post", {"to": "a"}),
        call_digest(b"s", "mail", {"to": "b"}),
    }

    assert len(digests) == 4
    assert all(len(digest) == 64 for digest in digests)
