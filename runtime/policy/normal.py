"""What is left of a result when clocks, random ids and places for scratch files are taken out of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from runtime.policy.canonical import quick
from store.records import Json

WINDOW = 4_000
"""Characters at the head and the tail of a text that are looked through; what lies between is compared as it is."""

LONGEST_TEXT = 20_000
"""Characters of an error that are read to give it a name."""

VOLATILE_KEYS = frozenset(
    {
        "at",
        "date",
        "datetime",
        "time",
        "timestamp",
        "ts",
        "now",
        "created",
        "created_at",
        "updated_at",
        "modified_at",
        "started_at",
        "finished_at",
        "ended_at",
        "expires",
        "expires_at",
        "elapsed",
        "elapsed_ms",
        "elapsed_s",
        "duration",
        "duration_ms",
        "duration_s",
        "duration_seconds",
        "latency",
        "latency_ms",
        "took",
        "took_ms",
        "runtime_ms",
        "uptime",
        "request_id",
        "requestid",
        "requestId",
        "x-request-id",
        "X-Request-Id",
        "trace_id",
        "traceId",
        "span_id",
        "correlation_id",
        "session_id",
        "sessionId",
        "invocation_id",
        "nonce",
        "etag",
        "ETag",
        "pid",
    }
)
"""Keys whose value says when or by whom a question was answered, not what the answer is; their first letter may be a
capital."""


def _either(words: Iterable[str]) -> str:
    """A pattern for each of `words`; by their first letters, for a text is searched at every quotation mark."""
    latter: dict[str, list[str]] = {}
    for word in sorted(words):
        latter.setdefault(word[0].lower(), []).append(re.escape(word[1:]))
    return "|".join(f"[{first}{first.upper()}](?:{'|'.join(rest)})" for first, rest in latter.items())


_KEYED = re.compile(rf'"(?:{_either(VOLATILE_KEYS)})" ?: ?(?:"[^"]*"|[^",{{}}\[\]]+)')

_UNIT = r"(?:ns|µs|us|ms|s|secs?|seconds?|mins?|minutes?|h|hours?)"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = f"(?:{'|'.join(_MONTHS)})"
_DATE = rf"{_MONTH}(?: \d\d?)? (?:\d{{4}} )?\d\d:\d\d(?::\d\d)?(?: \d{{4}}\b)?"

_SCRATCH = r"/(?:private/)?(?:var/folders|var/tmp|tmp|dev/shm)/[^\s\"'<>|:;,)\]]+"

_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_HEX = bytes.maketrans(b"0123456789abcdefABCDEF", b"h" * 22)


class _Volatile:
    """What changes from answer to answer, and how to see fast that a text holds none of it."""

    def __init__(
        self,
        shape: str,
        pattern: str,
        *,
        words: tuple[str, ...] = ("",),
        hexadecimal: bool = False,
        put: str | Callable[[re.Match[str]], str] = "~",
    ) -> None:
        """`shape` is found in every text that holds it, once every digit is 0 or every hexadecimal one is h, and so is
        one of `words`.

        A shape begins with fixed characters, and a pattern with the character that it is found by and only then says
        what must not stand before it: that is what makes them fast.
        """
        self._shape = re.compile(shape.encode())
        self._words = tuple(word.encode() for word in words)
        self._hexadecimal = hexadecimal
        self._pattern = re.compile(pattern)
        self._put = put

    def out_of(self, text: str, digits: bytes, hexed: bytes) -> str:
        """Return `text` without it."""
        if self._shape.search(hexed if self._hexadecimal else digits) is None:
            return text
        return self._pattern.sub(self._put, text) if any(word in digits for word in self._words) else text


def _random(found: re.Match[str]) -> str:
    """Take out a word of hexadecimal digits, unless it is a number or a word of the letters a to f."""
    word = found[0]
    return word if word.isdigit() or word.isalpha() else "~"


_DATES = tuple(f"{month} 0" for month in _MONTHS)

_VOLATILE = (
    # Dates and times: RFC 5322 and ctime, ISO 8601, and a clock's hours, minutes and seconds.
    _Volatile(" 00:00", rf"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? (?:\d\d? )?{_DATE}", words=_DATES),
    _Volatile(" 00:00", rf"\d(?<!\w\d)\d? {_DATE}", words=_DATES),
    _Volatile(" 00:00", _DATE, words=_DATES),
    _Volatile(
        "0000-00-00[T ]00:00",
        r"\d(?<!\w\d)\d{3}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?(?:Z|UTC|GMT|[+-]\d\d:?\d\d)\b)?",
    ),
    _Volatile("00:00:00", r"\d(?<!\w\d)\d:\d\d:\d\d(?:[.,]\d+)?\b"),
    # Ids: UUIDs, addresses, and hexadecimal words long enough to be random.
    _Volatile(
        "-hhhh-hhhh-hhhh-", r"[\da-fA-F](?<!\w.)[\da-fA-F]{7}-(?:[\da-fA-F]{4}-){3}[\da-fA-F]{12}\b", hexadecimal=True
    ),
    _Volatile("hxhhhh", r"0x(?<!\w0x)[\da-fA-F]{4,}\b", hexadecimal=True),
    _Volatile("hhhhhhhhhhhh", r"[\da-f](?<!\w.)[\da-f]{11,}\b", hexadecimal=True, put=_random),
    _Volatile("pid[ =:]", r"pid[ =:]+\d+\b"),
    _Volatile("PID[ =:]", r"PID[ =:]+\d+\b"),
    # Durations, where a word or a bracket says that they are one.
    _Volatile(rf"0 ?{_UNIT}[)\]]", rf"\d(?<=[ (\[=]\d)\d*(?:[.,]\d+)? ?{_UNIT}(?=[)\]])"),
    _Volatile(
        rf"0 ?{_UNIT}(?:\W|$)",
        rf"(?:in|after|took|elapsed:?|time:?|duration:?)[ =]\d+(?:\.\d+)? ?{_UNIT}\b",
        words=("in ", "after ", "took", "elapsed", "time", "duration"),
    ),
    # Scratch places.
    _Volatile("/tmp/", _SCRATCH),
    _Volatile("/var/folders/", _SCRATCH),
    _Volatile("/dev/shm/", _SCRATCH),
    _Volatile(r"\\Temp\\", r"[A-Za-z]:\\[^\s\"'<>|]*\\Temp\\[^\s\"'<>|]+"),
)


def normal(value: Json) -> str:
    """Return a text that is equal for results that are equal but for what changes though the answer is the same."""
    text = value if isinstance(value, str) else _told(value)
    if len(text) <= 2 * WINDOW:
        return _window(text)
    return f"{_window(text[:WINDOW])}{text[WINDOW:-WINDOW]}{_window(text[-WINDOW:])}"


def normal_text(text: str) -> str:
    """Return a text without times, random ids, durations and scratch places, and with single spaces."""
    digits, hexed = _shapes(text)
    for volatile in _VOLATILE:
        after = volatile.out_of(text, digits, hexed)
        if after != text:
            text = after
            digits, hexed = _shapes(text)
    return " ".join(text.split())


def _window(text: str) -> str:
    if '":' in text:
        text = _KEYED.sub("~", text)
    return normal_text(text)


def _told(value: Json) -> str:
    """JSON in which a line's end within a text is one again, so that what stands at its begin is still a word."""
    raw = quick(value)
    if b"\\" in raw:
        raw = raw.replace(b"\\n", b"\n").replace(b"\\t", b"\t").replace(b'\\"', b'"').replace(b"\\\\", b"\\")
    return raw.decode("utf-8", "surrogatepass")


def _shapes(text: str) -> tuple[bytes, bytes]:
    raw = text.encode("utf-8", "surrogatepass")
    return raw.translate(_DIGITS), raw.translate(_HEX)


_VARYING = re.compile(r"'[^'\n]{0,200}'|\"[^\"\n]{0,200}\"|`[^`\n]{0,200}`|(?:[\w.~-]*/)+[\w.~-]*|\d+(?:\.\d+)*")
_TELLING = re.compile(
    r"(?:^|[\s\[(:])(?:[A-Za-z_.]*(?:Error|Exception|Failure|Warning)|error|failed|failure|fatal|cannot|could not"
    r"|not found|refused|denied|invalid|unable|timed out|missing)\b",
    re.IGNORECASE,
)


def fingerprint(text: str) -> str:
    """Return what names an error whatever file, number or word it is about: its telling line, with those masked."""
    lines = [line.strip() for line in text[:LONGEST_TEXT].splitlines() if line.strip()]
    telling = [line for line in lines if _TELLING.search(line)]
    line = (telling or lines or [""])[-1 if _is_traceback(text) else 0]
    return " ".join(re.findall(r"[a-z#]+", _VARYING.sub("#", normal_text(line[:400])).lower()))[:160]


def _is_traceback(text: str) -> bool:
    return "Traceback (most recent call last)" in text[:LONGEST_TEXT]
