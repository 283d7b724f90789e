"""Secrets are found by field names and by how they look; what only resembles one is left as it is."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentwatch._wire import redacted
from runtime.policy.config import Redaction
from runtime.policy.looks import NEEDLES
from runtime.policy.redaction import Redactor

KEY = "0123456789abcdef"
SK = "sk-proj-" + "a1B2c3D4e5" * 4
GITHUB = "ghp_" + "a1B2c3D4e5F6" * 3
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA1c7+9z5Pad7OejecsQ0b\nu3aozN3tihPmUHlasZdlrA==\n-----END RSA PRIVATE KEY-----"


def clean(value: Any, **section: Any) -> Any:
    """What is left of a value, as the journal would hold it."""
    redactor = Redactor(Redaction(**section), KEY)
    return json.loads(redactor.clean(msgspec.json.encode({"args": value})))["args"]


def mark(secret: Any) -> str:
    return Redactor(Redaction(), KEY).mark(secret)


HIDDEN_IN_TEXTS = [
    ("curl -H 'Authorization: Bearer {}' https://api.example.com", "abcDEF0123456789xyz"),
    ("export OPENAI_API_KEY={}", SK),
    ("the key is {}, keep it", SK),
    ("Authorization: Basic {}", "dXNlcjpwYXNzd29yZA=="),
    ("aws_access_key_id = {}", "AKIAIOSFODNN7EXAMPLE"),
    ("aws_secret_access_key = {}", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("git push https://x:{}@github.com/a/b", GITHUB),
    ("postgres://app:{}@db.internal:5432/shop", "s3cr3t-pw"),
    ("DB_PASSWORD={}\nDB_USER=app", "hunter22"),
    ("mysql -u root --password {}", "hunter22"),
    ("deploy --api-key={} --fast", "k3y-0000-1111"),
    ("login failed for password: {}", "Tr0ub4dor&3"[:9]),
    ('{{"client_secret": "{}", "id": 7}}', "9f8e7d6c5b4a"),
    (r"{{\"api_key\": \"{}\"}}", "9f8e7d6c5b4a"),
    ("GITHUB_TOKEN={}", "0a1b2c3d4e5f"),
    ("GET /x?access_token={}&page=2", "0a1b2c3d4e5f"),
    ("GET /x?token={}&page=2", "0a1b2c3d4e5f6a7b"),
    ("session {} expired", JWT),
    ("slack says xoxb fine: {}", "xoxb-123456789012-abcdefGHIJKL"),
    ("-----BEGIN OPENSSH PRIVATE KEY-----{}-----END OPENSSH PRIVATE KEY-----", "\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU\n"),
    ("cut off -----BEGIN PRIVATE KEY-----{}", "\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcw"),
    ("İstanbul: Bearer {}", "abcDEF0123456789xyz"),
]


@pytest.mark.parametrize(("text", "secret"), HIDDEN_IN_TEXTS, ids=[text[:30] for text, _ in HIDDEN_IN_TEXTS])
def test_secrets_within_texts_are_hidden_and_the_rest_stays(text: str, secret: str) -> None:
    assert clean(text.format(secret)) == text.format(mark(secret))


LEFT_IN_TEXTS = [
    "password = get_password()",
    "password=password, api_key=os.environ['OPENAI_API_KEY']",
    "def login(user: str, password: str, secret: bytes | None = None) -> Token: ...",
    "api_key=settings.API_KEY",
    "token=tokens[12](3)",
    "password: required, at least 8 characters",
    "The secret of 12 recipes",
    "Authorization: required",
    "Bearer tokens are described in RFC6750",
    "Basic authentication with a password",
    "next_page_token=CAUQAA1234 and 3 input_tokens: 120000",
    "task-force-2 risk-assessment-2024-with-a-long-name",
    "sk-learn and sk-spinner-three-bounce-without-digits",
    "ASIA is a continent, AKIA a prefix",
    "https://example.com:8080/path?q=a@b",
    "git clone https://user:password@host/x",
    "postgres://user:${DB_PASSWORD}@host/db",
    "export API_KEY=<your-key-1> SECRET=$SECRET1",
    "password: ********  api_key=xxxxxxxx",
    "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOC\n-----END PUBLIC KEY-----",
    "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
    "passwords: 12345678",
    "eyJhbGciOiJIUzI1NiJ9 alone is a header",
]


@pytest.mark.parametrize("text", LEFT_IN_TEXTS)
def test_what_only_resembles_a_secret_is_left(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("password", "correcthorse"),
        ("db_password", "a"),
        ("X-Api-Key", "abcdef"),
        ("apiKey", "abcdef"),
        ("clientSecret", "abcdef"),
        ("aws_secret_access_key", "abcdef"),
        ("Authorization", "Digest of something"),
        ("passphrase", "correct horse battery staple"),
        ("refreshToken", "abcdef"),
        ("SLACK_TOKEN", "abcdef"),
        ("token", "0a1b2c3d4e5f6a7b"),
    ],
)
def test_fields_that_are_known_to_hold_secrets_are_hidden(name: str, value: str) -> None:
    assert clean({"deep": [{name: value, "user": "ada"}]}) == {"deep": [{name: mark(value), "user": "ada"}]}
    assert clean({name: [value]}) == {name: [mark(value)]}


@pytest.mark.parametrize(
    "value",
    [
        {"password": None, "has_password": True, "password_attempts": 3},
        {"password": {"type": "string", "minLength": 8}},
        {"password": ["This field is required."]},
        {"password": "********", "api_key": "<redacted>", "secret": "${SECRET}"},
        {"token": "the", "next_token": "CAUQAA1234567890", "tokens": "120000 of 200000"},
        {"input_tokens": 900, "max_tokens": 4096},
        {"secretary": "ada", "author": "Authorization Smith"},
    ],
)
def test_fields_that_only_sound_like_secrets_are_left(value: Any) -> None:
    assert clean(value) == value


def test_what_follows_a_flag_on_a_command_line_is_its_value() -> None:
    command = ["mysql", "-u", "root", "--password", "correcthorse", "--token", "short", "-p"]
    assert clean(command) == ["mysql", "-u", "root", "--password", mark("correcthorse"), "--token", "short", "-p"]


def test_names_of_fields_are_looked_at_too() -> None:
    assert clean({SK: 1}) == {mark(SK): 1}


def test_what_the_user_names_is_hidden_whole_whatever_it_is() -> None:
    section: dict[str, Any] = {"fields": ("ssn", "cardHolder")}
    value = {"ssn": 78051120, "card_holder": {"name": "ada"}, "CARD-HOLDER": ["a", "b"], "SSN": None, "passn": 1}
    assert clean(value, **section) == {
        "ssn": mark(78051120),
        "card_holder": mark({"name": "ada"}),
        "CARD-HOLDER": mark(["a", "b"]),
        "SSN": None,
        "passn": 1,
    }


def test_patterns_of_the_user_hide_what_they_find_or_their_first_group() -> None:
    assert clean("id ACME-1234 of x", patterns=(r"ACME-\d+",)) == f"id {mark('ACME-1234')} of x"
    assert clean("pin: 1234", patterns=(r"pin: (\d+)",)) == f"pin: {mark('1234')}"


def test_a_field_can_be_kept() -> None:
    assert clean({"secret": "santa 24", "password": "abc1"}, keep=("secret",)) == {
        "secret": "santa 24",
        "password": mark("abc1"),
    }
    assert clean("secret=santa24", keep=("secret",)) == "secret=santa24"


def test_it_can_be_switched_off() -> None:
    assert clean({"password": SK}, on=False, fields=("password",), patterns=("sk",)) == {"password": SK}


def test_what_holds_no_secret_is_the_same_bytes() -> None:
    raw = b'{"t":"action.end",  "result": "token ring, passwords, a big 123456789012345678901234567890"}'
    assert Redactor(Redaction(), KEY).clean(raw) is raw


def test_what_was_cleaned_is_clean() -> None:
    redactor = Redactor(Redaction(), KEY)
    said = [text.format(secret) for text, secret in HIDDEN_IN_TEXTS] + [{"password": "abc1"}]
    once = redactor.cleaned(said)
    assert redactor.cleaned(once) is once


@pytest.mark.parametrize("before", ["\n", "\t", '"', "/", "\\", "\\n ", "é", "中", "=", "😀"])
@pytest.mark.parametrize("secret", [SK, GITHUB, JWT, "AKIAIOSFODNN7EXAMPLE", "xoxb-123456789012-abcdefGHIJKL"])
def test_a_token_is_seen_whatever_stands_before_it(before: str, secret: str) -> None:
    redactor = Redactor(Redaction(), KEY)
    for raw in (json.dumps([before + secret]), json.dumps([before + secret], ensure_ascii=False)):
        assert json.loads(redactor.clean(raw.encode())) == [before + mark(secret)]


def test_letters_that_are_spelled_by_their_numbers_hide_nothing() -> None:
    raw = b'{"p\\u0061ssword": "hunter22", "url": "postgres:\\/\\/u:hunter22@h"}'
    assert b"hunter22" not in Redactor(Redaction(), KEY).clean(raw)


def test_equal_secrets_have_equal_marks_and_other_runs_other_ones() -> None:
    one = Redactor(Redaction(), KEY)
    assert one.mark("a") == one.mark("a") != one.mark("b")
    assert one.mark("a") != Redactor(Redaction(), "another").mark("a")
    assert one.mark("hänger") == redacted("hänger", KEY), "as the SDK marks what a tool hides"


def test_what_is_nested_too_deep_to_be_looked_at_is_hidden() -> None:
    deep: Any = {"password": "abc1", "text": SK}
    for _ in range(900):
        deep = [deep]
    raw = b'{"args": ' + b"[" * 900 + msgspec.json.encode({"password": "abc1", "text": SK}) + b"]" * 900 + b', "n": 1}'
    left = Redactor(Redaction(), KEY).clean(raw)
    assert b"abc1" not in left
    assert SK.encode() not in left
    assert b"[redacted unseen]" in left
    assert left.endswith(b'"n":1}')
    assert clean({"badge": deep}, fields=("badge",))["badge"].startswith("[redacted ")


def test_long_secrets_are_hidden_to_their_end() -> None:
    long = "a1" * 2000
    assert clean(f"password={long} x") == f"password={mark(long)} x"
    assert clean(f"Bearer {long} x") == f"Bearer {mark(long)} x"


@pytest.mark.parametrize("part", ["secret=", "sk-", "token: ", "://a:@", "bearer ", "-----BEGIN PRIVATE KEY-----"])
def test_what_is_made_to_be_slow_is_hidden_whole(part: str) -> None:
    text = part * 120_000
    assert clean(text) == mark(text)
    many = clean([part * 1000] * 120)
    assert (many[0], many[-1]) != (mark(part * 1000), part * 1000)
    assert many[-1] == mark(part * 1000)
    assert clean(["no needle", text, "no needle"]) == ["no needle", mark(text), "no needle"]


def test_integers_of_any_size_survive() -> None:
    assert clean({"password": "abc1", "n": 2**70}) == {"password": mark("abc1"), "n": 2**70}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
PARTS = st.sampled_from(
    [*NEEDLES, SK, GITHUB, JWT, PEM, "abc123def456", "=", ": ", '"', "\\", "@", " ", "--", "İ", "Bearer "]
)


@settings(max_examples=300, deadline=None)
@given(JSON, st.lists(PARTS, max_size=12))
def test_any_json_is_cleaned_to_json_of_the_same_shape(value: Any, parts: list[str]) -> None:
    redactor = Redactor(Redaction(), KEY)
    said = {"a": value, "text": "".join(parts)}
    left = redactor.cleaned(said)
    assert isinstance(left["text"], str)
    for secret in (SK, GITHUB):
        assert f" {secret} " not in left["text"]
    quick = json.loads(redactor.clean(json.dumps(said).encode()))
    assert quick["text"] == left["text"], "the quick look misses nothing"
