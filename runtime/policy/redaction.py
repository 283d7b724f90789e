"""Takes secrets out of what is about to be recorded, and puts marks in their place."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from functools import lru_cache

import msgspec

from runtime.policy.config import Redaction
from runtime.policy.looks import SHORTEST, Finder, Places, TooMuch
from store.records import Json

DEEPEST = 100
"""What is nested deeper is hidden unseen."""
UNSEEN = "[redacted unseen]"


class Redactor:
    """Hides the secrets of one run."""

    __slots__ = ("_finder", "_key")

    def __init__(self, section: Redaction, key: str) -> None:
        """key: what marks are made with, so that equal secrets of a run have equal marks, and no mark leads back."""
        self._finder = _finder(section)
        self._key = key.encode()

    def clean(self, raw: bytes) -> bytes:
        """Return a line of JSON without its secrets: `raw` itself where it holds none."""
        if not self._finder.suspects(raw):
            return raw
        value = msgspec.json.decode(raw)
        cleaned = self.cleaned(value)
        return raw if cleaned is value else _encoded(cleaned)

    def cleaned(self, value: Json) -> Json:
        """Return a JSON value without its secrets: `value` itself where it holds none."""
        return _Cleaning(self._finder, self.mark).value(value, 0)

    def mark(self, secret: Json) -> str:
        """What stands in place of a secret: as the SDK marks arguments that a tool hides (`docs/PROTOCOL.md`)."""
        try:
            said = json.dumps(secret, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
        except RecursionError:
            return UNSEEN
        return f"[redacted {hmac.digest(self._key, said, 'sha256').hex()[:16]}]"


class _Cleaning:
    """Goes through one value."""

    def __init__(self, finder: Finder, mark: Callable[[Json], str]) -> None:
        self._finder = finder
        self._mark = mark
        self._places = Places()

    def value(self, value: Json, depth: int) -> Json:
        if isinstance(value, str):
            return self._text(value)
        if depth > DEEPEST and isinstance(value, dict | list):
            return UNSEEN
        if isinstance(value, dict):
            items = {self._text(name): self._field(name, part, depth + 1) for name, part in value.items()}
            same = len(items) == len(value) and all(name in value and value[name] is items[name] for name in items)
            return value if same else items
        return self._list("", value, depth) if isinstance(value, list) else value

    def _field(self, name: str, value: Json, depth: int) -> Json:
        if self._finder.in_field(name, value):
            return self._mark(value)
        if isinstance(value, list) and depth <= DEEPEST:
            return self._list(name, value, depth)
        return self.value(value, depth)

    def _list(self, name: str, values: list[Json], depth: int) -> list[Json]:
        """Clean each value of the list that stands in the field `name`."""
        before: Json = None
        parts: list[Json] = []
        for value in values:
            # In a command line, what follows `--password` is what a field of that name would hold.
            flag = isinstance(before, str) and before[:1] == "-"
            parts.append(self._field(before.lstrip("-") if flag else name, value, depth + 1))
            before = value
        return values if all(map(_is, values, parts)) else parts

    def _text(self, text: str) -> str:
        if len(text) < SHORTEST:
            return text
        parts: list[str] = []
        done = 0
        try:
            spans = self._finder.in_text(text, self._places)
        except TooMuch:
            return self._mark(text)
        for begin, end in spans:
            if begin >= done:
                parts += [text[done:begin], self._mark(text[begin:end])]
                done = end
        return "".join([*parts, text[done:]]) if parts else text


@lru_cache(64)
def _finder(section: Redaction) -> Finder:
    return Finder(section)


def _is(one: Json, other: Json) -> bool:
    return one is other


def _encoded(value: Json) -> bytes:
    try:
        return msgspec.json.encode(value)
    except (ValueError, TypeError, OverflowError):  # Integers beyond 64 bits.
        return json.dumps(value, separators=(",", ":")).encode()
