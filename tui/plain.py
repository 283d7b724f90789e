"""The one boundary between what agents write and a person's terminal: `plain` lets no character act, only be read."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

REPLACEMENT = "·"
"""Stands for a character that would have acted."""

_MARKS_PER_LETTER = 2
"""Combining marks beyond this many would be stacked over the lines above and below."""

_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\U0001d159")
"""Letters and symbols by their category, yet blank: they hide text or fake an empty name."""

_SKIN_TONES = range(0x1F3FB, 0x1F400)
_FLAG_LETTERS = range(0x1F1E6, 0x1F200)
_SELECTORS = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))


@lru_cache(maxsize=4096)
def _fit(character: str) -> str:
    code = ord(character)
    if character in "\t\n\v\f\r\x85\u2028\u2029" or unicodedata.category(character) == "Zs":
        return " "
    if any(code in selectors for selectors in _SELECTORS) or code in _SKIN_TONES:
        # Terminals disagree about the width of what these change: without them every cell is where we think it is.
        return ""
    if code in _FLAG_LETTERS:
        return chr(code - _FLAG_LETTERS.start + ord("A"))
    if character.isprintable() and character not in _INVISIBLE:
        return character
    if character in "\u00ad\u200b\u200c\u200d\u2060\ufeff":
        return ""
    return "\ufffd" if 0xD800 <= code <= 0xDFFF else REPLACEMENT


def plain(text: str) -> str:
    """Return `text` as one line that a terminal can only show.

    Control characters (ESC and C1 included), bidirectional overrides, tags, invisible fillers and unassigned characters
    become "·", lone surrogates "\\ufffd"; line breaks, tabs and odd spaces become a space; zero-width characters and
    what changes the width of the character before it are dropped; of stacked combining marks two remain.
    """
    if text.isascii() and text.isprintable():
        return text
    fitted = "".join(_fit(character) for character in text)
    return _unstacked(fitted) if any(map(_is_mark, fitted)) else fitted


def _is_mark(character: str) -> bool:
    return not character.isascii() and unicodedata.category(character) in ("Mn", "Me")


def _unstacked(text: str) -> str:
    kept: list[str] = []
    stacked = 0
    for character in text:
        mark = _is_mark(character)
        stacked = stacked + 1 if mark else 0
        if mark and not kept:
            kept.append(REPLACEMENT)
        elif stacked <= _MARKS_PER_LETTER:
            kept.append(character)
    return "".join(kept)


def plain_lines(text: str) -> list[str]:
    """Return `text` cut at its line breaks, each line as `plain` gives it."""
    return [plain(line.expandtabs(8)) for line in text.replace("\r\n", "\n").split("\n")]
