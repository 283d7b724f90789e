"""Whose failure an action's error is, judged by exception classes, status, errno and codes.

Words prove nothing.  Only where an error names no classes (a client in another language) are the forms that well-known
clients begin their messages with believed, and then as a failure of the dependency, never as proof that nothing
happened.
"""

from __future__ import annotations

import errno
import re
from enum import StrEnum

from store.records import Json


class Fault(StrEnum):
    """Whose failure it was."""

    THROTTLED = "throttled"
    """The dependency has too much to do; what was asked did not happen."""
    REFUSED = "refused"
    """No connection came about; what was asked did not happen."""
    TRANSIENT = "transient"
    """The dependency failed or did not answer; what was asked may have happened."""
    OURS = "ours"
    """The call itself was wrong, or nothing shows that the dependency failed."""

    @property
    def of_the_dependency(self) -> bool:
        """Counts for the dependency's breaker."""
        return self is not Fault.OURS


_STATUS = {429: Fault.THROTTLED, 408: Fault.TRANSIENT} | dict.fromkeys(range(500, 600), Fault.TRANSIENT)

_ERRNO = dict.fromkeys(
    (errno.ECONNREFUSED, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETDOWN), Fault.REFUSED
) | dict.fromkeys(
    (errno.ECONNRESET, errno.ECONNABORTED, errno.ETIMEDOUT, errno.EPIPE, errno.ENETRESET, errno.ENOTCONN),
    Fault.TRANSIENT,
)

_CODES = {
    # AWS (error codes of botocore), and what gRPC's status codes stand for.
    Fault.THROTTLED: """Throttling ThrottlingException ThrottledException RequestThrottled RequestThrottledException
        TooManyRequestsException RequestLimitExceeded ProvisionedThroughputExceededException SlowDown
        BandwidthLimitExceeded LimitExceededException PriorRequestNotComplete EC2ThrottledException
        RESOURCE_EXHAUSTED rate_limit_exceeded rate_limit_error""",
    Fault.TRANSIENT: """InternalError InternalFailure InternalServerError ServiceUnavailable ServiceUnavailableException
        RequestTimeout RequestTimeoutException UNAVAILABLE DEADLINE_EXCEEDED ECONNRESET ETIMEDOUT ECONNABORTED EPIPE
        EAI_AGAIN ESOCKETTIMEDOUT UND_ERR_SOCKET UND_ERR_HEADERS_TIMEOUT UND_ERR_BODY_TIMEOUT overloaded_error""",
    Fault.REFUSED: "ECONNREFUSED ENOTFOUND ENETUNREACH EHOSTUNREACH UND_ERR_CONNECT_TIMEOUT",
}
_BY_CODE = {code: fault for fault, codes in _CODES.items() for code in codes.split()}

_CLASSES = {
    Fault.REFUSED: {
        "builtins": "ConnectionRefusedError",
        "socket": "gaierror",
        "httpx": "ConnectError ConnectTimeout PoolTimeout",
        "httpcore": "ConnectError ConnectTimeout PoolTimeout",
        "aiohttp": "ClientConnectorError ClientConnectorDNSError ClientProxyConnectionError ConnectionTimeoutError",
        "urllib3": "NewConnectionError NameResolutionError ConnectTimeoutError",
        "requests": "ConnectTimeout",
        "botocore": "EndpointConnectionError ConnectTimeoutError",
        "asyncpg": "CannotConnectNowError TooManyConnectionsError",
    },
    Fault.THROTTLED: {
        "openai": "RateLimitError",
        "anthropic": "RateLimitError",
        "google": "TooManyRequests ResourceExhausted",
    },
    Fault.TRANSIENT: {
        "builtins": "TimeoutError ConnectionResetError ConnectionAbortedError BrokenPipeError",
        "asyncio": "TimeoutError",
        "concurrent": "TimeoutError",
        "socket": "timeout",
        "http": "RemoteDisconnected IncompleteRead",
        "httpx": "ReadTimeout WriteTimeout ReadError WriteError CloseError RemoteProtocolError",
        "httpcore": "ReadTimeout WriteTimeout ReadError WriteError RemoteProtocolError",
        "aiohttp": "ServerDisconnectedError ServerTimeoutError SocketTimeoutError ClientOSError ClientPayloadError",
        "urllib3": "MaxRetryError ProtocolError ReadTimeoutError IncompleteRead",
        "requests": "ConnectionError ReadTimeout ChunkedEncodingError",
        "openai": "APIConnectionError APITimeoutError InternalServerError",
        "anthropic": "APIConnectionError APITimeoutError InternalServerError",
        "google": "ServiceUnavailable InternalServerError BadGateway GatewayTimeout DeadlineExceeded RetryError",
        "botocore": "ReadTimeoutError ConnectionClosedError HTTPClientError",
        "smtplib": "SMTPServerDisconnected SMTPConnectError",
        "aiosmtplib": "SMTPServerDisconnected SMTPConnectError SMTPTimeoutError",
        "redis": "ConnectionError TimeoutError BusyLoadingError",
        "psycopg": "ConnectionTimeout AdminShutdown CrashShutdown CannotConnectNow",
        "asyncpg": "ConnectionDoesNotExistError AdminShutdownError",
        "pymongo": "AutoReconnect ServerSelectionTimeoutError NetworkTimeout",
        "paramiko": "NoValidConnectionsError",
        "websockets": "ConnectionClosedError",
    },
}
_ANSWERED = {
    ("openai", "InternalServerError"),
    ("anthropic", "InternalServerError"),
    ("google", "ServiceUnavailable"),
    ("google", "InternalServerError"),
    ("google", "BadGateway"),
    ("smtplib", "SMTPConnectError"),
    ("aiosmtplib", "SMTPConnectError"),
    ("redis", "BusyLoadingError"),
}
"""Failures of the dependency in which it answered that it had failed."""

_CUT_SHORT = {
    ("agentwatch", "Stopped"),
    ("asyncio", "CancelledError"),
    ("builtins", "KeyboardInterrupt"),
    ("concurrent", "CancelledError"),
    ("trio", "Cancelled"),
}
"""Nobody's failure: the call was ended before an answer came."""

_BY_CLASS = {
    (package, name): fault
    for fault, packages in _CLASSES.items()
    for package, names in packages.items()
    for name in names.split()
}
"""By the outermost package and the class's own name: libraries move their classes between modules."""

_PACKAGES = frozenset(package for package, _ in _BY_CLASS) | {"urllib", "grpc", "ssl"} - {"builtins"}

_TYPES = {name: fault for (_, name), fault in _BY_CLASS.items()} | _BY_CODE
"""Exact names, for errors that tell no classes."""

_FORMS = (
    (
        Fault.THROTTLED,
        r"(?:http(?:/[\d.]+)?(?: error| status)?[ :]*|status(?: code)?[ :=]*|error code: |api error[ :]*)?429\b"
        r"(?:$|[:,.\"' -]*(?:too many requests|client error|rate.?limit|\{))|too many requests\b",
    ),
    (
        Fault.REFUSED,
        r"(?:\[errno \d+\] |<urlopen error \[errno \d+\] |connect |dial tcp \S+ |curl: \(\d\) )*"
        r"(?:connection refused|econnrefused|connect: connection refused|name or service not known"
        r"|temporary failure in name resolution|nodename nor servname provided|no route to host|network is unreachable"
        r"|getaddrinfo (?:enotfound|eai_again|failed)|could not resolve host|failed to connect to \S+ port)",
    ),
    (
        Fault.TRANSIENT,
        r"(?:http(?:/[\d.]+)?(?: error| status)?[ :]*|status(?: code)?[ :=]*|error code: |api error[ :]*)?50[0234]\b"
        r"(?:$|[:,.\"' -]*(?:internal server error|bad gateway|service unavailable|gateway time-?out|server error|\{))"
        r"|(?:\[errno \d+\] |read |write |curl: \(\d+\) )*(?:connection reset|econnreset|etimedout|broken pipe"
        r"|connection timed out|operation timed out|socket hang up|remote end closed connection)"
        r"|(?:internal server error|bad gateway|service unavailable|gateway time-?out|upstream connect error)\b",
    ),
)
_FORM = tuple((fault, re.compile(form, re.IGNORECASE)) for fault, form in _FORMS)
_FORM_CHARS = 300


def fault_of(error: Json) -> Fault:
    """Return whose failure an action's `error` (`runtime.wire.Failure` in JSON, or a text) is."""
    body = error if isinstance(error, dict) else {"message": str(error)}
    told = _by_structure(body)
    if told is not None:
        return told
    if body.get("classes"):
        return Fault.OURS
    text = str(body.get("message") or "").lstrip()[:_FORM_CHARS]
    return next((fault for fault, form in _FORM if form.match(text)), Fault.OURS)


def proves_unhappened(error: Json) -> bool:
    """Whether a failure shows that what was asked did not happen, so that asking again does nothing twice.

    A message is no proof, whatever it says, and neither is what an exception of the agent's own wraps: it may have done
    something before.
    """
    if not isinstance(error, dict):
        return False
    if error.get("happened") is not None:
        return error["happened"] is False
    if _by_structure(error) not in (Fault.THROTTLED, Fault.REFUSED):
        return False
    classes = error.get("classes")
    return error.get("status") == 429 or not classes or _of_a_client(classes)


def unanswered(error: Json) -> bool:
    """Whether no answer came (a timeout, a lost connection, a cancellation), so that nobody knows what happened."""
    if not isinstance(error, dict) or error.get("happened") is not None:
        return False
    if error.get("answered") is not None:
        return error["answered"] is False
    if error.get("status") is not None:
        return False
    named = _named(error.get("classes"))
    own = str(error.get("type") or "")
    if any(each in _CUT_SHORT for each in named) or (not named and own in {name for _, name in _CUT_SHORT}):
        return True
    answered = any(each in _ANSWERED for each in named) or (not named and own in {name for _, name in _ANSWERED})
    return not answered and _by_structure(error) is Fault.TRANSIENT


def _of_a_client(classes: Json) -> bool:
    """Whether the outermost exception is of the system or of a well-known client."""
    outermost = _split(classes[0]) if isinstance(classes, list) and classes else None
    if outermost is None or outermost[0] != "builtins":
        return outermost is not None and outermost[0] in _PACKAGES
    return outermost[1] == "OSError" or outermost in _BY_CLASS


def _by_structure(body: dict[str, Json]) -> Fault | None:
    """What status, errno, code and classes say (or the type, where no classes are named); None: nothing."""
    status = body.get("status")
    code = _BY_CODE.get(str(body.get("code") or ""))
    if isinstance(status, int) and not isinstance(status, bool):
        return code or _STATUS.get(status, Fault.OURS)
    if code is not None:
        return code
    number = body.get("errno")
    if isinstance(number, int) and number in _ERRNO:
        return _ERRNO[number]
    classes = body.get("classes")
    return _by_class(classes) if classes else _TYPES.get(str(body.get("type") or ""))


def _by_class(classes: Json) -> Fault | None:
    faults = {_BY_CLASS[each] for each in _named(classes) if each in _BY_CLASS}
    return next((fault for fault in _CLASSES if fault in faults), None)


def _named(classes: Json) -> list[tuple[str, str]]:
    """Outermost package and own name of each class."""
    return [split for each in classes if (split := _split(each))] if isinstance(classes, list) else []


def _split(name: Json) -> tuple[str, str] | None:
    package, dot, own = str(name).partition(".")
    return (package.lstrip("_"), own.rpartition(".")[2]) if dot else None
