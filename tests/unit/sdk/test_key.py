"""Keys: equal values make equal text in every process, and what has no such text is refused at the call."""

from __future__ import annotations

import datetime
import enum
import ipaddress
import uuid
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import agentwatch
from agentwatch import _key

if TYPE_CHECKING:
    from tests.unit.sdk.fake_runtime import FakeRuntime


class Color(enum.Enum):
    RED = object()


class Level(enum.IntEnum):
    HIGH = 5


class Word(str, enum.Enum):  # noqa: UP042 (Python 3.9 has no other)
    YES = "yes"


@dataclass
class Mail:
    id: Any = 7

    def __str__(self) -> str:
        return "a mail"


class Shut:
    @property
    def id(self) -> int:
        raise RuntimeError("the session is closed")


class Posing:
    """Says that it is text, as a mock or a lazy proxy does."""

    @property
    def __class__(self) -> Any:
        return str

    @__class__.setter
    def __class__(self, other: Any) -> None: ...


class Late(str):
    __slots__ = ()

    def __str__(self) -> str:
        return object.__repr__(self)


def made(template: str, secret: tuple[str, ...] = (), **args: Any) -> str:
    return _key.filled(template, "send", secret)(args, lambda value: f"[{value!r}]")


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("", ""),
        ("a-b {c} é", "a-b {c} é"),
        ("\ud800", "\ud800"),
        (Late("late"), "late"),
        (Word.YES, "yes"),
        (0, "0"),
        (-7, "-7"),
        (2**70, "1180591620717411303424"),
        (True, "True"),
        (False, "False"),
        (Level.HIGH, "5"),
        (Color.RED, "Color.RED"),
        (b"abc", "b'abc'"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (datetime.datetime(2026, 1, 2, 3, 4), "2026-01-02 03:04:00"),
        (datetime.timedelta(minutes=1), "0:01:00"),
        (ipaddress.ip_address("10.0.0.1"), "10.0.0.1"),
        (PurePosixPath("/a/b"), "/a/b"),
        (["a", 5, 5.0], "['a', 5, 5]"),
        (("a",), "('a',)"),
        ((), "()"),
    ],
)
def test_a_value_has_one_text(value: object, key: str) -> None:
    assert made("{x}", x=value) == key
    assert made("k-{x!s}.", x=value) == f"k-{key}."


@pytest.mark.parametrize(
    ("equal", "key"),
    [
        ([5, 5.0, Decimal("5.00"), Decimal("0.5E+1"), Fraction(10, 2), Level.HIGH], "5"),
        ([0, 0.0, -0.0, Decimal("-0.00"), Fraction(0)], "0"),
        ([5.5, Decimal("5.50"), Fraction(11, 2)], "5.5"),
        ([0.1, Decimal("0.10"), Fraction(1, 10), Fraction(0.1), Decimal.from_float(0.1)], "0.1"),
        ([1e-07, Decimal("1E-7"), Fraction(1, 10**7)], "1e-07"),
        ([10**22, 1e22, Decimal("1E+22")], "1" + "0" * 22),
        ([Fraction(1, 3), Fraction(2, 6)], "1/3"),
        ([Decimal("1E+400"), Fraction(10**400), 10**400], "1" + "0" * 400),
    ],
)
def test_equal_numbers_make_equal_keys(equal: list[Any], key: str) -> None:
    assert [made("{x}", x=number) for number in equal] == [key] * len(equal)


@pytest.mark.parametrize(
    ("template", "args", "key"),
    [
        ("reply-{mail.id}", {"mail": Mail()}, "reply-7"),
        ("reply-{mail.id.id}", {"mail": Mail(Mail("x"))}, "reply-x"),
        ("reply-{mail[id]}", {"mail": {"id": 7}}, "reply-7"),
        ("{items[0]}-{items[1].id}", {"items": [1.0, Mail()]}, "1-7"),
        ("{where.name:>3}", {"where": Path("/a/b")}, "  b"),
        ("{mail._found}", {"mail": SimpleNamespace(_found="its own")}, "its own"),
        ("{n:03d}", {"n": 5}, "005"),
        ("{n:03d}", {"n": 5.0}, "005"),
        ("{n:.2f}", {"n": Decimal("5.00")}, "5.00"),
        ("{n:.2f}", {"n": 5.256}, "5.26"),
        ("{n:{width}d}", {"n": 5, "width": 3}, "  5"),
        ("{when:%Y/%m}", {"when": datetime.date(2026, 1, 2)}, "2026/01"),
        ("{word!r}-{n!r}", {"word": "yes", "n": 5.0}, "'yes'-5"),
        ("{{{n}}}", {"n": 5}, "{5}"),
        ("{a}-{b}", {"a": "a-b", "b": "c"}, "a-b-c"),
    ],
)
def test_a_template_is_filled(template: str, args: dict[str, Any], key: str) -> None:
    assert made(template, **args) == key


def test_what_is_redacted_is_judged_and_then_hidden() -> None:
    assert made("{mail.id}-{n}", ("mail",), mail=Mail("secret"), n=1) == "['secret']-1"
    assert made("{pin:>4}", ("pin",), pin=5.0) == " [5]"
    with pytest.raises(TypeError, match="pin is None"):
        made("{pin}", ("pin",), pin=None)


def test_a_number_that_python_does_not_write_out_has_a_key_all_the_same() -> None:
    assert made("{n}", n=10**5000) != made("{n}", n=10**5000 + 1)
    assert len(made("{n}", n=10**5000)) <= 500


CYCLE: list[Any] = []
CYCLE.append(CYCLE)


@pytest.mark.parametrize(
    ("template", "value", "why"),
    [
        ("{x}", None, "x is None, which would make different calls one; give it a value, or leave the key out"),
        (
            "{x}",
            object(),
            "x is of type object, whose text may differ in the next process; name a part of it, such as {x.id}",
        ),
        ("{x}", Mail(), "x is of type Mail, whose text"),
        ("{x!s}", Mail(), "x is of type Mail, whose text"),
        ("{x!r}", Mail(), "x is of type Mail, whose text"),
        ("{x:>9}", None, "x is None"),
        pytest.param("{x}", Posing(), "x is of type Posing", id="a mock of text"),
        ("{x}", len, "x is of type builtin_function_or_method"),
        ("{x}", Mail, "x is of type type"),
        ("{x}", {"a", "b"}, "x is a set, which has no order; give a sorted list"),
        ("{x}", frozenset("ab"), "x is a frozenset, which has no order"),
        (
            "{x}",
            {"a": 1},
            "x is of type dict, whose text may differ in the next process; name a part of it, such as {x[id]}",
        ),
        ("{x}", bytearray(b"a"), "x is of type bytearray"),
        ("{x}", b"\xff", "x holds bytes that are no text; give its digest, as hex"),
        ("{x}", float("nan"), "x is nan, which is no number to count with"),
        ("{x}", float("-inf"), "x is -inf"),
        ("{x}", Decimal("sNaN"), "x is sNaN"),
        ("{x}", Decimal("1E+999999"), "x is too far from 1"),
        ("{x}", 1j, "x is of type complex"),
        ("{x}", ["a", {"b"}], "x[1] is a set"),
        ("{x}", CYCLE, "recursion"),
        ("{x.id}", Mail(None), "x.id is None"),
        ("{x.id}", Mail(Mail()), "x.id is of type Mail"),
        ("{x.id}", None, "x.id cannot be read (AttributeError)"),
        ("{x.id}", Shut(), "x.id cannot be read (RuntimeError)"),
        ("{x[3]}", [1], "x[3] cannot be read (IndexError)"),
        ("{x:d}", "text", "Unknown format code"),
        ("{y}", 1, "this call has no argument 'y'; give it one"),
    ],
)
def test_what_has_no_text_of_its_own_is_refused(template: str, value: object, why: str) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        made(template, x=value)
    assert f"the key {template!r} of send cannot be made: " in str(caught.value)
    assert why in str(caught.value)


def test_a_refused_key_is_heard_at_the_call_and_nothing_happens(runtime: FakeRuntime) -> None:
    done = []

    @agentwatch.tool(key="reply-{mail}")
    def reply(mail: object) -> None:
        done.append(mail)

    with agentwatch.start() as run:
        with pytest.raises(TypeError, match=r"the key 'reply-\{mail\}' of reply cannot be made: mail is None"):
            reply(None)
        with pytest.raises(
            TypeError, match=r"the key of send cannot be used: it is of type Mail, .* give text or a number"
        ):
            run.action("send", key=Mail())  # type: ignore[arg-type]
        reply(5.0)
        with run.action("send", key=5.0):  # type: ignore[arg-type]
            pass

    assert done == [5.0]
    assert [begin["key"] for begin in runtime.of("action.begin")] == ["reply-5", "5"]


async def test_a_refused_key_is_heard_where_an_async_tool_is_awaited(runtime: FakeRuntime) -> None:
    @agentwatch.tool(key="reply-{mail}")
    async def reply(mail: object) -> None: ...

    async with agentwatch.start():
        with pytest.raises(TypeError, match="mail is None"):
            await reply(None)
    assert runtime.of("action.begin") == []


@pytest.mark.usefixtures("alone")
def test_without_a_supervisor_a_key_is_never_in_the_way() -> None:
    @agentwatch.tool(key="reply-{mail.id}")
    def reply(mail: object) -> str:
        return "ok"

    with agentwatch.start() as run:
        assert reply(None) == "ok"
        with run.action("send", key=Mail()):  # type: ignore[arg-type]
            pass
