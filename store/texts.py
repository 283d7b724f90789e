"""Text between bytes of any kind and the record, which holds Unicode alone."""

from __future__ import annotations

import codecs
import re
from typing import Any

_SURROGATE = re.compile("[\ud800-\udfff]")


def readable(value: Any) -> Any:
    """A JSON value in which each byte that is no text (a lone surrogate, PEP 383) is `\\ufffd` with its code."""
    if isinstance(value, str):
        return _SURROGATE.sub(lambda found: f"\ufffd{ord(found[0]):x}", value)
    if isinstance(value, dict):
        return {readable(key): readable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [readable(one) for one in value]
    return value


def decoded(raw: bytes) -> str:
    """The text of a file that a person wrote, with or without a byte order mark; line ends become `\\n`.

    Raises `ValueError`, whose text is a clause that says what is wrong.
    """
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ValueError("it is UTF-16: save it as UTF-8")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")
