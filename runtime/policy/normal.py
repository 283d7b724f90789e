"""What is left of a result when clocks, random ids and places for scratch files are taken out of it."""

from __future__ import annotations

import re

from store.records import Json

DEEPEST = 40
"""Levels of nesting that are looked through."""

LONGEST_TEXT = 20_000
"""Characters of one text that are looked through; beyond them a text is compared as it is."""

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
        "x-request-id",
        "trace_id",
        "span_id",
        "correlation_id",
        "session_id",
        "invocation_id",
        "nonce",
        "etag",
        "pid",
    }
)
"""Keys whose value says when or by whom a question was answered, not what the answer is."""

_UNIT = r"(?:ns|µs|us|ms|s|secs?|seconds?|mins?|minutes?|h|hours?)"

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_VOLATILE: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = tuple(
    (words, re.compile(pattern))
    for words, pattern in (
        # Dates and times: RFC 5322 and ctime, ISO 8601, and a clock's hours, minutes and seconds.
        (
            _MONTHS,
            rf"\b(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?(?:\d\d? )?(?:{'|'.join(_MONTHS)})(?: \d\d?)? (?:\d{{4}} )?"
            r"\d\d:\d\d(?::\d\d)?(?: \d{4}\b)?",
        ),
        (
            (":",),
            r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?(?:Z|UTC|GMT|[+-]\d\d:?\d\d)\b)?",
        ),
        ((":",), r"\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b"),
        # Ids: UUIDs, addresses, and hexadecimal words long enough to be random.
        (("-",), r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"),
        (("0x",), r"\b0x[0-9a-fA-F]{4,}\b"),
        ((), r"\b(?=[0-9a-f]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{12,}\b"),
        (("pid", "PID"), r"\b(?:pid|PID)[ =:]+\d+\b"),
        # Durations, where a word or a bracket says that they are one.
        (("s)", "s]", "m)", "h)", "n)"), rf"(?<=[ (\[=])\d+(?:[.,]\d+)? ?{_UNIT}(?=[)\]])"),
        (
            ("in ", "after ", "took ", "elapsed", "time", "duration"),
            rf"\b(?:in|after|took|elapsed:?|time:?|duration:?)[ =]\d+(?:\.\d+)? ?{_UNIT}\b",
        ),
        # Scratch places.
        (
            ("/tmp/", "/var/folders/", "/dev/shm/"),
            r"(?:/private)?/(?:var/folders|var/tmp|tmp|dev/shm)/[^\s\"'<>|:;,)\]]+",
        ),
        (("\\Temp\\",), r"[A-Za-z]:\\[^\s\"'<>|]*\\Temp\\[^\s\"'<>|]+"),
    )
)
"""Patterns of what changes from answer to answer, and words of which a text must hold one for the pattern to be tried:
looking for a word costs next to nothing, and most texts hold none."""


def normal(value: Json, depth: int = DEEPEST) -> Json:
    """Return `value` without what changes from one answer to the next though the answer is the same."""
    if isinstance(value, str):
        return normal_text(value)
    if depth and isinstance(value, dict):
        return {key: normal(value[key], depth - 1) for key in value if not _volatile(key)}
    if depth and isinstance(value, list | tuple):
        return [normal(item, depth - 1) for item in value]
    return value


def normal_text(text: str) -> str:
    """Return a text without times, random ids, durations and scratch places, and with single spaces."""
    if len(text) > LONGEST_TEXT:
        return text
    for words, pattern in _VOLATILE:
        if not words or any(word in text for word in words):
            text = pattern.sub("~", text)
    return " ".join(text.split())


def _volatile(key: Json) -> bool:
    return isinstance(key, str) and key.lower() in VOLATILE_KEYS


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
