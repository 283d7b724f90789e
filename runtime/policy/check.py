"""Turns the tables of policy files into a policy, with a sentence for every mistake in them."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec.structs import replace

from runtime.policy.config import Contract, Policy, PolicyError, Section
from store.records import Json

SECTIONS: dict[str, type[Section]] = {
    name: kind for name, kind in get_type_hints(Policy).items() if isinstance(kind, type) and issubclass(kind, Section)
}
"""Every section by its name."""


class Source(msgspec.Struct, frozen=True):
    """The rule sections of one place, and what it takes to say where a mistake in them is."""

    file: str
    """As it is told to the user."""
    prefix: str
    """What stands before the rule's name in a header: empty, `policy.` or `policies.NAME.`."""
    tables: Mapping[str, Json]
    text: str = ""
    """The file's text, to find lines in."""

    def where(self, section: str, key: str | None = None) -> str:
        """Return e.g. `policy.toml, line 7, [loop] pause_at`."""
        line = _line(self.text, self.prefix + section, key)
        at = f", line {line}" if line else ""
        return f"{self.file}{at}, [{self.prefix}{section}]" + (f" {key}" if key else "")


def policy_from(sources: Iterable[Source]) -> Policy:
    """Lay the sources over each other, later ones winning.  Raises `PolicyError` with all mistakes of all of them."""
    mistakes: list[str] = []
    policy = Policy()
    for source in sources:
        for name, table in source.tables.items():
            kind = SECTIONS.get(name)
            if kind is None:
                mistakes.append(f"{source.where(name)}: there is no such rule{meant(name, SECTIONS)}")
            elif not isinstance(table, dict):
                mistakes.append(f"{source.where(name)} must be a section with keys, not {_told(table)}.")
            else:
                before: Section = getattr(policy, name)
                section = _overlaid(before, kind, name, table, source, mistakes)
                policy = replace(policy, **{name: section})
                if not before.disorder():
                    mistakes += [f"{source.where(name)}: {what}." for what in section.disorder()]
    if mistakes:
        raise PolicyError(mistakes)
    return policy


def _overlaid(
    section: Section, kind: type[Section], name: str, table: dict[str, Json], source: Source, mistakes: list[str]
) -> Section:
    types = get_type_hints(kind, include_extras=True)
    right: dict[str, Any] = {}
    for key, value in table.items():
        if key not in types:
            mistakes.append(f"{source.where(name, key)}: there is no such key{meant(key, types)}")
            continue
        try:
            if isinstance(value, float) and not math.isfinite(value):
                raise msgspec.ValidationError
            right[key] = msgspec.convert(value, types[key])
        except msgspec.ValidationError:
            mistakes.append(f"{source.where(name, key)} must be {_wanted(types[key])}, not {_told(value)}.")
    return replace(section, **right)


def _wanted(kind: Any) -> str:
    """Say what a key of this type takes, e.g. `a whole number, 2 or more, 1000 or less`."""
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(_wanted(part) for part in get_args(kind) if part is not type(None))
    if get_origin(kind) is Annotated:
        base, *metas = get_args(kind)
        return _wanted(base) + "".join(_bounds(meta) for meta in metas)
    return _BASES.get(kind) or "one of " + ", ".join(f'"{member}"' for member in kind)


def _bounds(meta: msgspec.Meta) -> str:
    told = ((meta.gt, "above {}"), (meta.ge, "{} or more"), (meta.lt, "below {}"), (meta.le, "{} or less"))
    return "".join(", " + words.format(bound) for bound, words in told if bound is not None)


_BASES: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    tuple[str, ...]: "a list of texts",
    dict[str, Contract]: "a table of tools, each with fails_if or succeeds_if, regular expressions",
}


def _told(value: Json) -> str:
    """Show a value of a file in a sentence, cut to a readable length."""
    text = repr(value) if not isinstance(value, bool) else str(value).lower()
    return text if len(text) <= 60 else text[:57] + "…"


def meant(word: str, known: Iterable[str]) -> str:
    """Return the end of a sentence that says what `word` may have been meant to be."""
    names = list(known)
    close = difflib.get_close_matches(word, names, 1, 0.6)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; there are {', '.join(names)}." if names else "."


def _line(text: str, header: str, key: str | None) -> int | None:
    """Find a header's line, or that of a key below it, in the usual ways of writing TOML; None where it is not seen."""
    current: str | None = ""
    found = None
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        opened = re.match(r"\[([^\[\]]+)\]", stripped)
        if opened:
            current = re.sub(r"[\s\"']", "", opened[1])
            if current == header and key is None:
                return number
            found = number if current == header else found
            continue
        named = re.match(r"([\w.\"'\s-]+?)\s*=", stripped)
        if not named:
            continue
        path = re.sub(r"[\s\"']", "", f"{current}.{named[1]}" if current else named[1])
        if path == (f"{header}.{key}" if key else header) or (path == header and key):
            return number
    return found
