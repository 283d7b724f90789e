"""Agents that hand the SDK odd things: each works, or hears one sentence at once; their own errors stay their own."""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.acceptance.cli.conftest import Shell


def run(shell: Shell, source: str, *, code: int = 0) -> dict[str, Any]:
    """One agent from its beginning to its end: its run, with what it wrote and the bodies of its actions."""
    (shell.folder / "odd.py").write_text(textwrap.dedent(source))
    shell.call("run", "--headless", "--timeout", "60s", "--", sys.executable, "odd.py", code=code)
    [ended] = shell.json("ps")
    events = [event for event in shell.json("events", ended["run"]) if event["kind"] in ("action.begin", "action.end")]
    wrote = shell.call("log", ended["run"]).stdout
    return {**ended, "log": wrote, "actions": [(event["kind"], event["body"]) for event in events]}


ERRORS = """
    import http.client, time, unittest.mock, urllib.error
    import agentwatch

    class Unset(Exception):
        def __str__(self): return self.response.text
    class Bytes(Exception):
        def __str__(self): return b"x"
    class Guarded(Exception):
        def __getattribute__(self, name): raise RuntimeError("lazy " + name)
    class Lazy(Exception):
        @property
        def response(self): raise RuntimeError("the response was not set")
    class Delegating(Exception):
        def __getattr__(self, name): raise KeyError(name)
    class Slow(Exception):
        @property
        def response(self): time.sleep(3600)
    class Mocked(Exception):
        response = headers = unittest.mock.MagicMock()
    class Itself(Exception):
        def __init__(self): self.__cause__ = self
    class Unhappy(Exception):
        @property
        def happened(self): raise ValueError
    class Noted(Exception):
        __notes__ = [7, Bytes()]
"""
RAISED = [
    "Unset()",
    "Bytes()",
    "Guarded('x')",
    "Lazy('x')",
    "Delegating('x')",
    "Slow('x')",
    "Mocked('x')",
    "Itself()",
    "Unhappy('x')",
    "Noted('x')",
    "Exception('x' * 6_000_000)",
    "Exception('\\ud800')",
    "urllib.error.HTTPError('http://127.0.0.1/x', 404, 'gone', {}, None)",
]


def test_an_exception_that_cannot_be_looked_at_is_recorded_and_reaches_the_agent(shell: Shell) -> None:
    source = (
        ERRORS
        + f"""
    RAISED = [{", ".join(f"lambda: {raised}" for raised in RAISED)}]

    @agentwatch.tool(idempotent=True)
    def act(n):
        raise RAISED[n]()

    with agentwatch.start():
        for n in range(len(RAISED)):
            try:
                act(n)
            except Exception as error:
                assert type(error) is type(RAISED[n]()), type(error)
    """
    )
    ended = run(shell, source)

    told = [body["error"]["type"] for kind, body in ended["actions"] if kind == "action.end"]
    assert told == [raised.partition("(")[0].rpartition(".")[2] for raised in RAISED], ended["log"]


@pytest.mark.parametrize("raised", ["Unset()", "Bytes()", "Guarded('x')"])
def test_an_exception_that_has_no_text_fails_the_run_by_its_type(shell: Shell, raised: str) -> None:
    ended = run(shell, ERRORS + f"    with agentwatch.start():\n        raise {raised}\n", code=3)

    assert (ended["status"], ended["reason"]) == ("stopped", "AGENT_FAILED")
    assert raised.partition("(")[0] in ended["why"]


@pytest.mark.parametrize(
    ("traits", "sentence"),
    [
        (
            "timeout_s=float('nan')",
            "ValueError: timeout_s must be more than 0 seconds, or None for no limit; it is nan",
        ),
        ("timeout_s=0", "ValueError: timeout_s must be more than 0 seconds, or None for no limit; it is 0"),
        ("timeout_s='5'", "TypeError: timeout_s must be a number of seconds, or None for no limit, not '5'"),
        ("replay='no'", "TypeError: replay must be True or False, not 'no'"),
        ("redact=(7,)", "TypeError: redact must name arguments, such as ('token',); it has 7"),
    ],
)
def test_a_trait_without_a_meaning_is_refused_where_it_is_given(shell: Shell, traits: str, sentence: str) -> None:
    source = f"""
    import agentwatch

    @agentwatch.tool({traits})
    def act(): ...
    """
    ended = run(shell, source, code=3)

    assert sentence in ended["log"].splitlines()
    assert "@agentwatch.tool" in ended["log"]


def test_values_that_people_have_at_hand_are_taken(shell: Shell) -> None:
    source = """
    import agentwatch, datetime, decimal, math, pathlib

    TRAITS = [
        dict(timeout_s=math.inf),
        dict(timeout_s=datetime.timedelta(seconds=50)),
        dict(timeout_s=decimal.Decimal("50")),
        dict(timeout_s=10**400),
        dict(dependency=pathlib.PurePosixPath("db.example")),
        dict(check_hint=42),
        dict(idempotent=None, poll=0),
    ]

    class Unwilling:
        def __str__(self): raise RuntimeError

    def act(n):
        return n

    with agentwatch.start(goal=7) as run:
        for n, traits in enumerate(TRAITS):
            assert agentwatch.tool(**traits)(act)(n) == n
        run.usage(None)
        run.usage(input_tokens=None, output_tokens=-1, cost_usd=decimal.Decimal("0.25"), model=Unwilling())
        run.usage(10, cost_usd=1e300)
        for label, done, of in (("x", "3/7", None), (None, math.nan, math.inf), (Unwilling(), 10**400, object())):
            run.task(label)
            run.progress(label, done=done, of=of)
        with run.step(7), run.step(Unwilling()):
            run.checkpoint({}, label=Unwilling())
    """
    ended = run(shell, source)

    assert ended["status"] == "completed", ended["log"]
    timeouts = [body.get("timeout_s") for kind, body in ended["actions"] if kind == "action.begin"]
    assert timeouts == [None, 50, 50, None, None, None, None]


def test_a_number_that_cannot_be_spent_is_one_sentence(shell: Shell) -> None:
    ended = run(shell, "import agentwatch\nwith agentwatch.start() as run: run.usage(cost_usd=float('nan'))", code=3)

    assert (ended["reason"], ended["why"]) == ("AGENT_FAILED", "cost_usd must be a finite number; it is nan")


def test_tools_stand_above_and_below_what_makes_methods(shell: Shell) -> None:
    source = """
    import agentwatch, functools

    class Mailer:
        @agentwatch.tool
        @staticmethod
        def static_below(x): return x
        @staticmethod
        @agentwatch.tool
        def static_above(x): return x
        @agentwatch.tool(key="k-{x}")
        @classmethod
        def class_below(cls, x): return x + cls.__name__
        @classmethod
        @agentwatch.tool
        def class_above(cls, x): return x + cls.__name__
        @property
        @agentwatch.tool
        def value(self): return 7
        @agentwatch.tool
        @functools.lru_cache
        def cached(self, x): return x

    with agentwatch.start():
        mailer = Mailer()
        assert mailer.static_below("a") == mailer.static_above("a") == Mailer.static_below("a") == "a"
        assert mailer.class_below("a") == mailer.class_above("a") == "aMailer"
        assert mailer.value == 7 and mailer.cached("b") == "b"
        assert agentwatch.tool(max)(1, 2) == 2
    """
    ended = run(shell, source)

    assert ended["status"] == "completed", ended["log"]
    asked = [(body["tool"], body["args"]) for kind, body in ended["actions"] if kind == "action.begin"]
    assert asked[0] == ("static_below", {"x": "a"})
    assert ("class_below", {"x": "a"}) in asked


@pytest.mark.parametrize(
    ("declared", "sentence"),
    [
        ("type('Mailer', (), {})", "TypeError: Mailer cannot be a tool: it is a class; put @agentwatch.tool on its methods"),
        ("property(len)", "TypeError: this property cannot be a tool: put @agentwatch.tool below @property, on the function itself"),
        ("agentwatch.tool(len)", "TypeError: len is a tool already: declare it once"),
        ("7", "TypeError: this int cannot be a tool: it is no function"),
    ],
)  # fmt: skip
def test_what_is_no_one_action_cannot_be_a_tool(shell: Shell, declared: str, sentence: str) -> None:
    ended = run(shell, f"import agentwatch\nagentwatch.tool({declared})", code=3)

    assert sentence in ended["log"].splitlines()
