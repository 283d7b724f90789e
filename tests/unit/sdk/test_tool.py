"""What a call's arguments become: bound to their names, with a key, and without secrets."""

from __future__ import annotations

import concurrent.futures
import copy
import functools
import inspect
import pickle
import typing
from pathlib import Path
from typing import Any

import pytest

import agentwatch
from tests.unit.sdk.fake_runtime import FakeRuntime


def test_arguments_are_bound_to_the_names_of_their_parameters(runtime: FakeRuntime) -> None:
    @agentwatch.tool
    def act(a: int, *rest: int, b: int = 2, **more: int) -> None: ...

    act(1, 5, 6, c=3)

    assert runtime.of("action.begin")[0]["args"] == {"a": 1, "rest": [5, 6], "b": 2, "c": 3}


def test_the_object_of_a_method_is_no_argument(runtime: FakeRuntime) -> None:
    class Mailer:
        @agentwatch.tool
        def send(self, to: str) -> str:
            return to

    assert Mailer().send("ann") == "ann"
    assert runtime.of("action.begin")[0]["args"] == {"to": "ann"}


def test_a_wrong_call_raises_as_the_function_would(runtime: FakeRuntime) -> None:
    @agentwatch.tool
    def act(a: int) -> None: ...

    with pytest.raises(TypeError):
        act()  # type: ignore[call-arg]
    assert runtime.of("action.begin") == []


def test_a_key_is_filled_from_the_arguments(runtime: FakeRuntime) -> None:
    @agentwatch.tool(key="reply-{ticket}-{kind:>4}-{where.name}")
    def reply(ticket: int, where: Path, kind: str = "ok") -> None: ...

    reply(7, Path("/a/b"))

    assert runtime.of("action.begin")[0]["key"] == "reply-7-  ok-b"


def test_keys_that_are_too_long_stay_different(runtime: FakeRuntime) -> None:
    @agentwatch.tool(key="{text}")
    def act(text: str) -> None: ...

    act("x" * 600 + "1")
    act("x" * 600 + "2")

    first, second = (begin["key"] for begin in runtime.of("action.begin"))
    assert first != second
    assert len(first) <= 500


def test_redacted_values_do_not_leave_the_process_and_equal_ones_stay_equal(runtime: FakeRuntime) -> None:
    runtime.welcome = {"redact_key": "of this run"}

    @agentwatch.tool(key="login-{password}", redact=("password",))
    def login(user: str, password: str) -> None: ...

    for password in ("hunter2", "hunter2", "other"):
        login("ann", password)

    args = [begin["args"]["password"] for begin in runtime.of("action.begin")]
    assert args[0] == args[1] != args[2]
    assert args[0].startswith("[redacted ")
    assert "hunter2" not in str(runtime.said)


@pytest.mark.parametrize(
    ("declared", "message"),
    [({"key": "reply-{tiket}"}, "tiket"), ({"redact": ("pasword",)}, "pasword"), ({"name": "x" * 300}, "name")],
)
def test_a_mistake_in_the_declaration_shows_when_it_is_made(declared: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):

        @agentwatch.tool(**declared)
        def act(ticket: int) -> None: ...


def test_a_generator_cannot_be_a_tool() -> None:
    with pytest.raises(TypeError, match="generator"):

        @agentwatch.tool
        def act() -> Any:
            yield 1


def test_a_tool_looks_like_the_function_it_guards() -> None:
    @agentwatch.tool
    def act(a: int) -> int:
        """Acts."""
        return a

    assert (act.__name__, act.__doc__) == ("act", "Acts.")


def test_a_callable_object_can_be_a_tool(runtime: FakeRuntime) -> None:
    class Adder:
        async def __call__(self, n: int) -> int:
            return n + 1

    def plain(n: int, m: int) -> int:
        return n + m

    assert agentwatch.tool("plus")(functools.partial(plain, 1))(2) == 3
    guarded = agentwatch.tool(name="add")(Adder())
    import asyncio

    assert asyncio.run(guarded(1)) == 2
    assert [begin["tool"] for begin in runtime.of("action.begin")] == ["plus", "add"]


def test_what_a_tool_changes_in_its_arguments_does_not_change_what_was_asked(runtime: FakeRuntime) -> None:
    runtime.answer("action.end", {"t": "ended", "retry_after_s": 0})

    @agentwatch.tool
    def act(items: list[int]) -> None:
        items.append(9)
        if len(items) < 3:
            raise OSError

    act([1])

    assert [begin["args"] for begin in runtime.of("action.begin")] == [{"items": [1]}, {"items": [1]}]


@agentwatch.tool(key="k-{a}")
def declared(a: int, /, *rest: str, b: float = 2.0, **more: Any) -> str:
    """Acts."""
    return f"{a}{rest}{b}{more}"


def test_a_tool_is_pickled_copied_and_inspected_like_its_function(runtime: FakeRuntime) -> None:
    assert pickle.loads(pickle.dumps(declared)) is declared
    assert copy.deepcopy(declared) is declared
    assert str(inspect.signature(declared)) == "(a: 'int', /, *rest: 'str', b: 'float' = 2.0, **more: 'Any') -> 'str'"
    assert typing.get_type_hints(declared)["return"] is str

    assert declared(1, "x", b=3, c=4) == "1('x',)3{'c': 4}"
    assert runtime.of("action.begin")[0]["args"] == {"a": 1, "rest": ["x"], "b": 3, "c": 4}
    declared(1, a=2)  # type: ignore[call-arg]
    assert runtime.of("action.begin")[1]["args"] == {"a": 1, "rest": [], "b": 2.0, "more": {"a": 2}}


@pytest.mark.usefixtures("alone")
def test_without_a_supervisor_a_tool_returns_and_raises_what_its_function_does() -> None:
    async def later() -> None: ...

    future: concurrent.futures.Future[int] = concurrent.futures.Future()
    made = [later(), (n for n in ()), future, object(), float("nan")]
    for thing in made:
        assert agentwatch.tool("act")(lambda thing=thing: thing)() is thing
    made[0].close()  # type: ignore[attr-defined]

    error = KeyboardInterrupt()

    @agentwatch.tool
    def fail() -> None:
        raise error

    with pytest.raises(KeyboardInterrupt) as caught:
        fail()
    assert caught.value is error
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        declared()  # type: ignore[call-arg]
