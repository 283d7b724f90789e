"""Texts that an agent could send to act on a person's terminal, and a check that none of them could."""

from __future__ import annotations

import unicodedata

HOSTILE = (
    "\x1b[31mred\x1b[0m",
    "\x1b]0;owned\x07",
    "\x1b]52;c;cm0gLXJmIH4K\x07",
    "\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "\x9b31mC1",
    "\x9d0;title\x9c",
    "\x1bP+q544e\x1b\\",
    "a\rB over A",
    "back\x08\x08\x08space",
    "bell\x07",
    "null\x00null",
    "one\ntwo\nthree",
    "tab\there",
    "\u202egnirts desrever",
    "\u2066isolate\u2069",
    "\u200fmark",
    "line\u2028separator\u2029paragraph",
    "zero\u200bwidth\u200djoiner\ufeff",
    "lone \ud800 surrogate \udfff",
    "[bold red]markup[/] [@click=app.quit]x[/]",
    "[/",
    "$foreground %s {braces} \\[",
    "Z\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308\u0309\u030a\u030bzalgo",
    "\u0301begins with a mark",
    "\u3164\u3164\u3164",
    "\u2800\u2800",
    "\U000e0041\U000e0042tags",
    "flags 🇩🇪🇯🇵 family 👨‍👩‍👧‍👦 tone 👍🏽 vs16 ✔️ ❤️",
    "日本語テキスト全角",
    "مرحبا שלום",
    "\u0600\u0601",
    "x" * 5000,
    "🙂" * 800,
    "\x7fdel",
    "ｆｕｌｌｗｉｄｔｈ",
    "\ufff9annotation\ufffb",
    "private \ue0b0\uf8ff use",
    "nonchar \uffff \U0010ffff",
    "\u00a0\u2003odd\u3000spaces",
    "soft\u00adhyphen",
    "",
)


def acts(text: str) -> list[str]:
    """Names of the characters in `text` that a terminal would act on or that would move what follows; best empty."""
    found = []
    for character in text:
        category = unicodedata.category(character)
        if category in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") or character in "\ufe0f\ufe0e":
            found.append(f"U+{ord(character):04X}")
        if unicodedata.bidirectional(character) in ("RLE", "LRE", "RLO", "LRO", "PDF", "RLI", "LRI", "FSI", "PDI"):
            found.append(f"bidi U+{ord(character):04X}")
    return found
