"""Values on the wire: what is JSON goes as it is, and anything else in a form that is equal for equal values."""

from __future__ import annotations

import array
import collections
import dataclasses
import datetime
import decimal
import enum
import functools
import io
import json
import types
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agentwatch import _failure, _wire


class Thing:
    """An object like many: nothing of it is JSON."""


@pytest.mark.parametrize("value", [None, True, 3, 2.5, "ä\n€", [1, [2]], {"a": {"b": []}}])
def test_json_goes_as_it_is(value: Any) -> None:
    encoded, unavailable = _wire.result(value)
    assert json.loads(encoded) == value
    assert not unavailable


@pytest.mark.parametrize("value", [Thing(), {1, 2}, b"x", float("inf"), "\ud800", Path("/x"), Decimal(1)])
def test_a_result_that_is_not_json_is_described(value: Any) -> None:
    encoded, unavailable = _wire.result(value)
    told = json.loads(encoded)
    assert unavailable
    assert (told["unavailable"], told["type"]) == ("not JSON", type(value).__name__)
    assert "0x" not in told["repr"]


def test_a_result_that_is_too_large_is_described() -> None:
    encoded, unavailable = _wire.result("x" * 2_000_000)
    assert unavailable
    assert json.loads(encoded)["unavailable"] == "too large"
    assert encoded != _wire.result("y" * 2_000_000)[0]


def test_a_result_that_contains_itself_is_described() -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert _wire.result(loop)[1]
    json.loads(_wire.encode_loosely(loop))


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (Path("/a/b"), "/a/b"),
        ({3, 1, 2}, [1, 2, 3]),
        (datetime.date(2024, 2, 3), "datetime.date(2024, 2, 3)"),
        (float("nan"), "float nan"),
        ("a\ud800b", "a\ufffdd800b"),
        ({1: "a", None: "b", (1, 2): "c"}, {"1": "a", "null": "b", "[1,2]": "c"}),
        ((1, Path("x")), [1, "x"]),
    ],
)
def test_arguments_become_json_that_is_equal_for_equal_values(value: Any, told: Any) -> None:
    encoded, opaque = _wire.arguments({"value": value})
    assert (json.loads(encoded), opaque) == ({"value": told}, [])


def test_an_object_that_does_not_tell_its_value_is_opaque() -> None:
    encoded, opaque = _wire.arguments({"n": 1, "value": Thing(), "more": [{"deep": Thing()}]})
    assert opaque == ["value", "more"]
    assert json.loads(encoded)["n"] == 1


@dataclasses.dataclass
class Mail:
    to: str
    body: str = dataclasses.field(default="", repr=False)
    callback: Any = None


class Masked:
    def __init__(self, secret: str) -> None:
        self.secret = secret

    def __repr__(self) -> str:
        return "Masked('**********')"


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


def _loop() -> list[Any]:
    loop: list[Any] = []
    loop.append({"self": loop, "object": object()})
    return loop


def _doubled(times: int) -> Any:
    grown: Any = object()
    for _ in range(times):
        grown = [grown, grown]
    return grown


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Mail("a", "x"), Mail("a", "y")),
        (decimal.Decimal("5.0"), decimal.Decimal("5.1")),
        (decimal.Decimal("1" * 300), decimal.Decimal("1" * 299 + "2")),
        (uuid.UUID(int=1), uuid.UUID(int=2)),
        (Colour.RED, Colour.BLUE),
        (array.array("d", range(2000)), array.array("d", [*range(1999), 7])),
        (bytearray(b"a"), bytearray(b"b")),
        (memoryview(b"a"), memoryview(b"b")),
        ([10**5000], [10**5000 + 1]),
        (float("nan"), "nan"),
        (float("inf"), float("-inf")),
        ({1, 2}, {1, 3}),
        (collections.deque([1]), collections.deque([2])),
        (types.SimpleNamespace(a=1), types.SimpleNamespace(a=2)),
        (json.dumps, json.loads),
        (slice, range),
    ],
)
def test_values_that_differ_are_told_apart(one: Any, other: Any) -> None:
    (first, opaque), (second, opaque_too) = _wire.arguments({"v": one}), _wire.arguments({"v": other})
    assert first != second
    assert (opaque, opaque_too) == ([], [])
    assert _wire.arguments({"v": one}) == (first, [])


@pytest.mark.parametrize(
    "value",
    [
        Masked("a"),
        Mail("a", callback=lambda: 1),
        Mail("a", callback=Masked("x")),
        lambda: 1,
        functools.partial(print, 1),
        io.BytesIO(b"a"),
        (n for n in range(3)),
        object(),
        _loop(),
        _doubled(24),
    ],
)
def test_values_whose_text_does_not_hold_them_are_opaque_in_bounded_time(value: Any) -> None:
    encoded, opaque = _wire.arguments({"v": value})
    assert opaque == ["v"]
    json.loads(encoded)


def test_different_bytes_are_told_apart() -> None:
    assert _wire.arguments({"value": b"a"}) == _wire.arguments({"value": b"a"}) != _wire.arguments({"value": b"b"})


def test_large_arguments_are_named_by_their_digest_and_small_ones_stay() -> None:
    told = json.loads(_wire.arguments({"path": "/x", "text": "y" * 3_000_000})[0])
    assert told["path"] == "/x"
    assert told["text"]["unavailable"] == "too large"


@pytest.mark.parametrize("line", [b"nonsense", b"[1]", b"\xff\xfe", b"3"])
def test_what_is_no_frame_is_refused(line: bytes) -> None:
    with pytest.raises(_wire.NotJson):
        _wire.decode(line)


def _chained(outer: Exception, inner: Exception) -> Exception:
    try:
        raise outer from inner
    except Exception as error:
        return error


class Throttled(Exception):
    """As urllib tells it."""

    code = 429
    headers = {"Retry-After": "7"}  # noqa: RUF012


class Undecided(Exception):
    """A tool that knows."""

    happened = False


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ConnectionRefusedError("x"), {"type": "ConnectionRefusedError"}),
        (Throttled("x"), {"type": "Throttled", "status": 429, "retry_after_s": 7.0}),
        (Undecided("x"), {"type": "Undecided", "happened": False}),
        (KeyboardInterrupt("x"), {"type": "KeyboardInterrupt", "answered": False}),
        (ValueError("x"), {"type": "ValueError"}),
    ],
)
def test_an_exception_tells_its_structure_and_what_the_tool_knows(error: BaseException, told: dict[str, Any]) -> None:
    said = _failure.describe(error)
    del said["classes"]
    assert said == told | {"message": "x"}


class Aws(Exception):
    """As botocore's ClientError."""

    def __init__(self) -> None:
        self.response = {
            "Error": {"Code": "ThrottlingException"},
            "ResponseMetadata": {"HTTPStatusCode": 400, "HTTPHeaders": {"retry-after": "2.5"}},
        }


class Asked(Exception):
    """With headers of a kind."""

    def __init__(self, **headers: str) -> None:
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def test_structure_is_told_as_the_well_known_clients_carry_it() -> None:
    told = _failure.describe(Aws())
    assert (told["status"], told["code"], told["retry_after_s"]) == (400, "ThrottlingException", 2.5)
    told = _failure.describe(_chained(RuntimeError("x"), OSError(104, "reset")))
    assert told["errno"] == 104
    assert told["classes"] == [
        "builtins.RuntimeError", "builtins.ConnectionResetError", "builtins.ConnectionError", "builtins.OSError",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [
        ({"Retry_After": "7"}, 7.0, 7.0),
        ({"RETRY_AFTER": "0.5"}, 0.5, 0.5),
        ({"retry_after_ms": "1500", "retry_after": "9"}, 1.5, 1.5),
        ({"x_ms_retry_after_ms": "20"}, 0.02, 0.02),
        ({"Retry_After": "Fri, 01 Jan 2100 00:00:00 GMT"}, 86_400.0, 86_400.0),
        ({"Retry_After": "Fri, 01 Jan 1999 00:00:00 GMT"}, 0.0, 0.0),
        ({"Retry_After": "1e12"}, 86_400.0, 86_400.0),
    ],
)
def test_retry_after_is_read_in_seconds_milliseconds_and_as_a_date(
    headers: dict[str, str], least: float, most: float
) -> None:
    assert least <= _failure.describe(Asked(**headers))["retry_after_s"] <= most


@pytest.mark.parametrize("said", ["", "soon", "nan", "-5", "Fri, 99 Foo 2100"])
def test_a_retry_after_that_says_nothing_is_left_out(said: str) -> None:
    assert "retry_after_s" not in _failure.describe(Asked(Retry_After=said))
