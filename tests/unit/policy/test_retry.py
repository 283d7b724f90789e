"""Retries: back-off, the bucket, and what is never tried again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.policy.config import Retry
from runtime.policy.fault import Fault, fault_of, proves_unhappened
from runtime.policy.retry import Again, Bucket, Over, back_off_s, retry_after_s, rule_retry

SECTION = Retry()
REFUSED = {"type": "ConnectionRefusedError", "message": "[Errno 111] Connection refused"}
TIMED_OUT = {"type": "ReadTimeout", "message": "timed out after 30 s"}
THROTTLED = {"type": "HTTPError", "message": "429 Too Many Requests, Retry-After: 7"}
WRONG = {"type": "ValueError", "message": "no such column"}


def ruled(error: Any, **changed: Any) -> Again | Over:
    given_: dict[str, Any] = {"idempotent": False, "tries": 1, "waited_s": 0.0, "chance": 0.5, "section": SECTION}
    return rule_retry(error, **(given_ | {"bucket": Bucket.full(SECTION)} | changed))


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (REFUSED, Fault.REFUSED),
        (TIMED_OUT, Fault.TRANSIENT),
        (THROTTLED, Fault.THROTTLED),
        (WRONG, Fault.OURS),
        ({"type": "HTTPError", "message": "x", "status": 503}, Fault.TRANSIENT),
        ({"type": "HTTPError", "message": "x", "status": 404}, Fault.OURS),
        ({"type": "CalledProcessError", "message": "exit status 1"}, Fault.OURS),
        ("502 Bad Gateway", Fault.TRANSIENT),
    ],
)
def test_only_failures_of_the_dependency_count(error: Any, fault: Fault) -> None:
    assert fault_of(error) is fault


CLASSES: list[tuple[list[str], Fault]] = [
    (["builtins.FileNotFoundError", "builtins.OSError"], Fault.OURS),
    (["builtins.ModuleNotFoundError", "builtins.ImportError"], Fault.OURS),
    (["jinja2.exceptions.TemplateNotFound"], Fault.OURS),
    (["__main__.ResourceNotFoundException"], Fault.OURS),
    (["builtins.RuntimeError"], Fault.OURS),
    (["builtins.RuntimeError", "builtins.ConnectionRefusedError", "builtins.ConnectionError"], Fault.REFUSED),
    (["socket.gaierror", "builtins.OSError"], Fault.REFUSED),
    (["httpx.ConnectTimeout", "httpx.TimeoutException", "httpx.TransportError"], Fault.REFUSED),
    (["httpx.ReadTimeout", "httpx.TimeoutException"], Fault.TRANSIENT),
    (["requests.exceptions.ConnectionError", "urllib3.exceptions.NewConnectionError"], Fault.REFUSED),
    (["requests.exceptions.ConnectionError", "urllib3.exceptions.ProtocolError"], Fault.TRANSIENT),
    (["openai.RateLimitError", "openai.APIStatusError"], Fault.THROTTLED),
    (["mine.ReadTimeout"], Fault.OURS),
]
SPEAKING = "429 Too Many Requests; connection refused; 503 Service Unavailable; ENOTFOUND; timed out; quota exceeded"


@pytest.mark.parametrize(("classes", "fault"), CLASSES)
def test_an_exception_is_judged_by_its_classes_whatever_its_words_say(classes: list[str], fault: Fault) -> None:
    error = {"type": classes[0].rpartition(".")[2], "message": SPEAKING, "classes": classes}
    assert fault_of(error) is fault
    own = classes[0] == "builtins.RuntimeError"  # The agent's own may have done something before.
    assert proves_unhappened(error) is (fault in (Fault.REFUSED, Fault.THROTTLED) and not own)


@pytest.mark.parametrize(
    ("structure", "fault"),
    [
        ({"errno": 111}, Fault.REFUSED),
        ({"errno": 104}, Fault.TRANSIENT),
        ({"errno": 2}, Fault.OURS),
        ({"status": 429}, Fault.THROTTLED),
        ({"status": 400, "code": "ThrottlingException"}, Fault.THROTTLED),
        ({"status": 400, "code": "ValidationException"}, Fault.OURS),
        ({"code": "UNAVAILABLE"}, Fault.TRANSIENT),
        ({"code": "ECONNREFUSED"}, Fault.REFUSED),
    ],
)
def test_status_errno_and_code_are_structure(structure: dict[str, Any], fault: Fault) -> None:
    assert fault_of({"type": "Error", "message": "x", "classes": ["some.Error"], **structure}) is fault


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        ("connect ECONNREFUSED 127.0.0.1:443", Fault.REFUSED),
        ("[Errno 111] Connection refused", Fault.REFUSED),
        ("curl: (7) Failed to connect to localhost port 80: Connection refused", Fault.REFUSED),
        ("getaddrinfo ENOTFOUND api.example", Fault.REFUSED),
        ("HTTP Error 429: Too Many Requests", Fault.THROTTLED),
        ("Error code: 429 - {'error': {}}", Fault.THROTTLED),
        ("503 Server Error: Service Unavailable for url: http://a", Fault.TRANSIENT),
        ("read ECONNRESET", Fault.TRANSIENT),
        ("delivered 429 of 1000 messages, then the address book ended", Fault.OURS),
        ("429 of 1000 delivered", Fault.OURS),
        ("503 rows were written twice", Fault.OURS),
        ("500", Fault.TRANSIENT),
        ("unknown field rate_limit in settings", Fault.OURS),
        ("row 429: bad date", Fault.OURS),
        ("payment taken; could not write the receipt: quota exceeded for disk /data", Fault.OURS),
        ("the test 'connection refused' failed", Fault.OURS),
        ("timeout", Fault.OURS),
    ],
)
def test_words_are_believed_only_in_the_form_that_a_client_begins_with_and_never_prove_anything(
    message: str, fault: Fault
) -> None:
    error = {"type": "Error", "message": message}
    assert fault_of(error) is fault
    assert not proves_unhappened(error)
    assert isinstance(ruled(error), Over)


@pytest.mark.parametrize(
    ("message", "seconds"), [("Retry-After: 7", 7.0), ("retry-after-ms: 1500", 1.5), ("retry after 250 ms", 0.25)]
)
def test_a_wait_that_is_asked_for_in_words_is_waited(message: str, seconds: float) -> None:
    assert retry_after_s({"message": message}) == seconds


@given(st.integers(1, 10_000), st.sampled_from(list(Fault)), st.floats(0, 1))
def test_a_back_off_stays_within_its_bounds(tries: int, fault: Fault, chance: float) -> None:
    assert 0 <= back_off_s(tries, fault, SECTION, chance) <= SECTION.longest_s


@given(st.lists(st.booleans()))
def test_a_bucket_never_goes_negative_nor_over_its_capacity(successes: list[bool]) -> None:
    bucket = Bucket.full(SECTION)
    for success in successes:
        bucket = bucket.refilled(SECTION) if success else bucket.taken() or bucket
        assert 0 <= bucket.tokens <= SECTION.bucket


def test_a_dependency_that_is_down_gets_no_storm_of_retries() -> None:
    bucket: Bucket | None = Bucket.full(SECTION)
    retries = 0
    while bucket is not None and (bucket := bucket.taken()) is not None:
        retries += 1

    assert retries == 10


def test_what_did_not_happen_is_tried_again_even_if_it_must_not_happen_twice() -> None:
    assert isinstance(ruled(REFUSED), Again)
    assert isinstance(ruled({"type": "ReadTimeout", "message": "timed out", "happened": False}), Again)


def test_a_tool_that_says_that_nothing_happened_is_tried_again_and_blames_nobody() -> None:
    said = {"type": "Busy", "message": "the table is locked", "classes": ["mine.Busy"], "happened": False}
    assert isinstance(ruled(said), Again)
    assert fault_of(said) is Fault.OURS
    assert isinstance(ruled(said | {"status": 404}), Over)


def test_what_may_have_happened_is_tried_again_only_if_that_does_no_harm() -> None:
    assert isinstance(ruled(TIMED_OUT), Over)
    assert isinstance(ruled(TIMED_OUT, idempotent=True), Again)
    assert isinstance(ruled({**REFUSED, "happened": True}), Over)


def test_a_mistake_of_the_call_is_never_tried_again() -> None:
    over = ruled(WRONG, idempotent=True)

    assert isinstance(over, Over)
    assert not over.exhausted


def test_retry_after_is_obeyed() -> None:
    again = ruled(THROTTLED, idempotent=True)

    assert retry_after_s(THROTTLED) == 7
    assert isinstance(again, Again)
    assert 7 <= again.after_s <= 7 + SECTION.longest_s


@pytest.mark.parametrize("changed", [{"tries": SECTION.most_tries}, {"bucket": Bucket(0.9)}, {"waited_s": 3600.0}])
def test_too_many_failures_exhaust_the_run_s_retries(changed: dict[str, Any]) -> None:
    over = ruled(REFUSED, **changed)

    assert isinstance(over, Over)
    assert over.exhausted


@pytest.mark.parametrize("changed", [{"tries": 50}, {"bucket": Bucket(0.0)}])
def test_behind_an_open_breaker_tries_are_not_counted(changed: dict[str, Any]) -> None:
    again = ruled(REFUSED, breaker_open=True, **changed)

    assert isinstance(again, Again)
    assert again.bucket == changed.get("bucket", Bucket.full(SECTION))
    assert isinstance(ruled(REFUSED, breaker_open=True, waited_s=3600.0, **changed), Over)
