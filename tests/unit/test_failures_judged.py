"""Real exceptions, from what the SDK tells of them to what the runtime makes of it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import errno
import http.client
import socket
import urllib.error
import urllib.request

import pytest

from agentwatch import Stopped, _failure
from runtime.policy.fault import Fault, fault_of, proves_unhappened, unanswered


def chained(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


def while_dealing_with(earlier: BaseException, error: BaseException) -> BaseException:
    error.__context__ = earlier
    return error


class Mine(Exception):
    pass


class ReadTimeout(Exception):
    """Named as a client's, and none of it."""


@pytest.mark.parametrize(
    ("error", "fault", "proves", "open_"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), Fault.REFUSED, True, False),
        (ConnectionRefusedError("x"), Fault.REFUSED, True, False),
        (OSError(errno.EHOSTUNREACH, "x"), Fault.REFUSED, True, False),
        (socket.gaierror(-2, "Name or service not known"), Fault.REFUSED, True, False),
        (urllib.error.URLError(ConnectionRefusedError(errno.ECONNREFUSED, "x")), Fault.REFUSED, True, False),
        (chained(Mine("paid, no receipt"), ConnectionRefusedError()), Fault.REFUSED, False, False),
        (TimeoutError("x"), Fault.TRANSIENT, False, True),
        (ConnectionResetError("x"), Fault.TRANSIENT, False, True),
        (http.client.RemoteDisconnected("x"), Fault.TRANSIENT, False, True),
        (http.client.IncompleteRead(b"x"), Fault.TRANSIENT, False, True),
        (chained(Mine("x"), TimeoutError()), Fault.TRANSIENT, False, True),
        (while_dealing_with(ConnectionRefusedError(), TimeoutError("the second server")), Fault.TRANSIENT, False, True),
        (while_dealing_with(ConnectionRefusedError(), ValueError("x")), Fault.OURS, False, False),
        (urllib.error.HTTPError("http://a", 429, "x", {}, None), Fault.THROTTLED, True, False),  # type: ignore[arg-type]
        (urllib.error.HTTPError("http://a", 503, "x", {}, None), Fault.TRANSIENT, False, False),  # type: ignore[arg-type]
        (asyncio.CancelledError(), Fault.OURS, False, True),
        (concurrent.futures.CancelledError(), Fault.OURS, False, True),
        (KeyboardInterrupt(), Fault.OURS, False, True),
        (Stopped("USER_KILLED"), Fault.OURS, False, True),
        (FileNotFoundError(errno.ENOENT, "x"), Fault.OURS, False, False),
        (ReadTimeout("timed out"), Fault.OURS, False, False),
        (ValueError("429 too many requests: connection refused"), Fault.OURS, False, False),
    ],
)
def test_an_exception_is_judged_by_what_it_is(error: BaseException, fault: Fault, proves: bool, open_: bool) -> None:
    told = _failure.describe(error)
    assert (fault_of(told), proves_unhappened(told), unanswered(told)) == (fault, proves, open_)


def test_a_refused_connection_as_urllib_raises_it_proves_that_nothing_happened() -> None:
    with pytest.raises(urllib.error.URLError) as raised:
        urllib.request.urlopen("http://127.0.0.1:1/")
    assert proves_unhappened(_failure.describe(raised.value))


@pytest.mark.parametrize("name", ["TimeoutError", "CancelledError", "ReadTimeout", "SMTPServerDisconnected", "Stopped"])
def test_a_type_that_comes_without_classes_is_taken_for_the_one_of_that_name(name: str) -> None:
    assert unanswered({"type": name, "message": "x"})
    assert not unanswered({"type": name, "message": "x", "status": 500})
    assert not unanswered({"type": name, "message": "x", "classes": [f"mine.{name}"]})
