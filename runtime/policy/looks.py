"""What is a secret: by the name of its field, and by how it looks within a text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from runtime.policy.config import Redaction
from store.records import Json

SHORTEST = 6
"""Characters of a value that a text gives to the name of a secret; a shorter one is a word or a number."""
SHORTEST_TOKEN = 16
"""The same where the name is only `token`."""
LOOK_BACK = 40
"""Characters before a find that say what it is."""
LOOK_AHEAD = 100
"""Characters of a value that are looked at; all of it is hidden."""
LONGEST_NAME = 64
"""Characters at the end of a field's name that are looked at."""
MOST_EFFORT = 100_000
"""What may be spent on one line: tenths of a second at most, so that no agent keeps the gate of the others busy."""
EFFORT_OF_A_NAME = 10
"""Against one for any other needle."""


class Look(NamedTuple):
    """How one kind of secret looks within a text."""

    needle: str
    """In lower case: `pattern` is tried where it stands."""
    pattern: re.Pattern[str]
    """What it calls `secret` is hidden."""
    after: re.Pattern[str] | None = None
    """What must stand before the needle."""
    mixed: bool = False
    """The secret holds letters and digits, which tells it from words."""


SHORTEST_RUN = 20
"""Letters, digits, `-` and `_` in a row that each token has at least."""

_NO_WORD = re.compile(r"(?:^|[^A-Za-z0-9_-])\Z")


def _token(needle: str, pattern: str, *, mixed: bool = False) -> Look:
    return Look(needle, re.compile(f"(?P<secret>{pattern})"), _NO_WORD, mixed)


TOKENS = (
    # As their issuers describe them; gitleaks and detect-secrets look for the same.
    _token("sk-", r"sk-[\w-]{20,}", mixed=True),
    _token("sk_live_", r"sk_live_\w{16,}"),
    _token("akia", r"AKIA[A-Z0-9]{16}(?![A-Za-z0-9])"),
    _token("asia", r"ASIA[A-Z0-9]{16}(?![A-Za-z0-9])"),
    _token("aiza", r"AIza[\w-]{35}(?![\w-])"),
    *(_token(f"gh{kind}_", rf"gh{kind}_[A-Za-z0-9]{{36,}}") for kind in "pousr"),
    _token("github_pat_", r"github_pat_\w{22,}"),
    _token("glpat-", r"glpat-[\w-]{20,}"),
    _token("xox", r"xox[abeoprs]-[A-Za-z0-9-]{15,}", mixed=True),
    _token("hf_", r"hf_[A-Za-z0-9]{30,}"),
    # RFC 7519: header, claims and signature in base64url, the first two being JSON objects.
    _token("eyj", r"eyJ[\w-]{17,}\.eyJ[\w-]{8,}\.[\w-]{16,}"),
)
"""What is known by its beginning, at the beginning of a word."""

LOOKS = (
    *TOKENS,
    # RFC 6750 and RFC 7617, in a header or on a command line.
    Look("bearer", re.compile(r"(?i:bearer)\s+(?P<secret>[\w.~+/=-]{16,})"), mixed=True),
    Look("authorization", re.compile(r"(?i:authorization\W{1,4}basic)\s+(?P<secret>[A-Za-z0-9+/]{8,}={0,2})")),
    # RFC 7468: what stands between the lines that say what it is, whether its end was cut off or not.
    Look(
        "private key",
        re.compile(r"PRIVATE KEY(?: BLOCK)?-----(?P<secret>[^-]*[A-Za-z0-9+/=]{16}[^-]*)(?=-|\Z)"),
        re.compile(r"-----BEGIN [A-Z0-9 ]*\Z"),
    ),
    # RFC 3986: the password in a URL.
    Look("://", re.compile(r"""://[^\s/:@"']*:(?P<secret>[^\s/@"']{3,})@""")),
)

NAMES = {
    "passw": r"passw(?:or)?d",
    "passphrase": "passphrase",
    "secret": r"secret(?:[_-]?access)?(?:[_-]?key)?",
    "api_key": "api_key",
    "api-key": "api-key",
    "apikey": "apikey",
    "token": "token",
}
"""Where a text gives one of these names a value (`DB_PASSWORD=…`, `"api_key": "…"`, `--token …`), that is hidden."""

NEEDLES = (
    *dict.fromkeys(look.needle for look in LOOKS if look not in TOKENS),
    *NAMES,
    *("private_key", "private-key", "privatekey"),
    *(":\\/\\/", "\\u00"),
)
"""Without one of them, in lower case, and without a token a line of JSON holds no secret; it may spell letters out."""
GUARDS = {"://": "@", ":\\/\\/": "@", "authorization": "z"}
"""A letter without which there is no use in looking for a needle, and which is found much faster."""
COMMON = ("key", "pass")
"""Parts of several needles: where one is missing, they need not be looked for."""

FIELDS = frozenset({"authorization", "proxyauthorization"})
"""Names of fields whose texts are secrets, in lower case without `-` and `_`."""
ENDINGS = (
    *("password", "passwd", "passphrase", "secret", "apikey", "secretkey", "secretaccesskey", "privatekey"),
    *("accesstoken", "authtoken", "refreshtoken", "apitoken", "bearertoken", "sessiontoken"),
)
"""How such names end, e.g. `smtp_password`, `X-Api-Key`, `clientSecret`."""

_TOKEN_NAME = re.compile(r"(?:(?i:access|auth|refresh|api|bearer|session)[_-]?(?i:token)|[A-Z0-9_]+_TOKEN)\Z")
"""Names of tokens that open something; others turn pages, or are counted."""
_WORDY = frozenset({"authorization", "proxyauthorization", "passphrase"})
"""Fields whose secrets hold blanks; in others words without a digit are what a person is told about the field."""
_PLACEHOLDER = re.compile(
    r"[*•.xX_#-]*|<[^>]*>|\[[^\]]*\]|\$[\w{(].*|%\w+%|\{.*\}"
    r"|(?i:none|null|nil|true|false|undefined|password|passwd|pass|pwd|pw|secret|token|key|redacted|hidden|masked)"
)
"""What stands in a secret's place and is none; our own marks are among it."""

_FLAG = re.compile(r"(?:^|\s)--?[\w-]*\Z")
_PREFIX = re.compile(r"[\w-]*\Z")
_BARE = r"""[^\s"'`,;&<>(){}\[\]$\\|]"""
"""A letter of a value without quotes."""
_REST = re.compile(f"{_BARE}*")
_ASSIGNED = {
    needle: re.compile(
        rf"""(?P<name>(?i:{name}))\\?["']?(?:\s{{0,2}}(?:=>|:=|[:=])\s{{0,2}}|(?P<blank>[ ]))\\?"""
        rf"""(?:"(?P<double>[^"\s\\]+)|'(?P<single>[^'\s\\]+)|(?P<bare>{_BARE}{{1,{LOOK_AHEAD}}}+)(?![(\[{{]))"""
    )
    for needle, name in NAMES.items()
}


class TooMuch(Exception):
    """A line holds so many needles that looking at each of them would take too long."""


class Places:
    """Finds the needles of one line, for as long as the effort is bearable."""

    def __init__(self) -> None:
        self._left = MOST_EFFORT

    def of(self, needle: str, lower: str, effort: int = 1) -> Iterator[int]:
        """Where `needle` stands in a text in lower case.  Raises `TooMuch`."""
        at = -1
        while (at := lower.find(needle, at + 1)) >= 0:
            self._left -= effort
            if self._left < 0:
                raise TooMuch
            yield at


class Finder:
    """What one policy takes for a secret."""

    def __init__(self, section: Redaction) -> None:
        self._on = section.on
        self._fields = frozenset(map(_plain_name, section.fields))
        self._keep = frozenset(map(_plain_name, section.keep))
        self._patterns = tuple(re.compile(pattern) for pattern in section.patterns)
        spellings = (name for field in section.fields for name in _spellings(field))
        self._needles = _guarded(dict.fromkeys([*NEEDLES, *spellings]))
        self._guards = tuple(self._needles)

    def suspects(self, raw: bytes) -> bool:
        """Whether a line of JSON may hold a secret: a look for fixed words, which costs little and misses nothing."""
        if not self._on:
            return False
        lower = raw.lower()
        for guard in self._guards:  # Every line of every agent comes by here: a loop costs half of what `any` does.
            if guard in lower:
                for needle in self._needles[guard]:
                    if needle in lower:
                        return True
        # A pattern of the user may match anything.
        words = lower.translate(_RUNS)
        return (_A_RUN in words and _holds_token(lower, words)) or bool(self._patterns)

    def in_field(self, name: str, value: Json) -> bool:
        """Whether the whole value of a field is a secret."""
        name = name[-LONGEST_NAME:]
        plain = _plain_name(name)
        if plain in self._keep:
            return False
        if plain in self._fields:
            return value is not None and not (isinstance(value, str) and _PLACEHOLDER.fullmatch(value))
        return isinstance(value, str) and _names_a_secret(name) and _may_be_secret(plain, value)

    def in_text(self, text: str, places: Places) -> list[tuple[int, int]]:
        """Where the secrets of a text stand, in order; they may overlap.  Raises `TooMuch`."""
        lower = text.replace("İ", "i").lower()  # The one letter that grows in lower case would move all that follows.
        found = [span for look in LOOKS for span in _looked(look, text, places.of(look.needle, lower))]
        for needle in NAMES:
            found += self._named(needle, text, places.of(needle, lower, EFFORT_OF_A_NAME))
        for pattern in self._patterns:
            found += (match.span(1 if pattern.groups and match[1] else 0) for match in pattern.finditer(text))
        return sorted((begin, end) for begin, end in found if not _PLACEHOLDER.fullmatch(text[begin:end]))

    def _named(self, needle: str, text: str, places: Iterator[int]) -> Iterator[tuple[int, int]]:
        """Where the values stand that a text gives to a secret's name."""
        done = 0
        for at in places:
            value = self._assigned(needle, text, at) if at >= done else None
            if value is not None:
                done = value[1]
                yield value

    def _assigned(self, needle: str, text: str, at: int) -> tuple[int, int] | None:
        found = _ASSIGNED[needle].match(text, at)
        if not found:
            return None
        before = text[max(0, at - LOOK_BACK) : at]
        flag = _FLAG.search(before) is not None
        prefix = _PREFIX.search(before)
        name = (prefix[0] if prefix else "") + found["name"]
        group = next(group for group in ("double", "single", "bare") if found[group])
        shortest = SHORTEST_TOKEN if name.lower() == "token" else SHORTEST
        if (
            (found["blank"] and not flag)
            or (needle == "token" and shortest == SHORTEST and not flag and not _TOKEN_NAME.search(name))
            or _plain_name(name) in self._keep
            or len(found[group]) < shortest
            or not _mixed(found[group])
        ):
            return None
        begin, end = found.span(group)
        rest = _REST.match(text, end) if group == "bare" else None
        return begin, rest.end() if rest else end


def _looked(look: Look, text: str, places: Iterator[int]) -> Iterator[tuple[int, int]]:
    """Where secrets of one kind stand."""
    done = 0
    for at in places:
        # First what stands before it: else `sk-sk-sk-…` would be matched from each of its places to its end.
        if at >= done and (look.after is None or look.after.search(text[max(0, at - LOOK_BACK) : at])):
            found = look.pattern.match(text, at)
            if found and (not look.mixed or _mixed(found["secret"])):
                done = found.end()
                yield found.span("secret")


_A_RUN = b"a" * SHORTEST_RUN
_RUNS = bytes(97 if chr(byte).isascii() and (chr(byte).isalnum() or chr(byte) in "-_") else 32 for byte in range(256))
"""Turns a line into its words without their letters, in which a long one is found at once."""
_BEGINNINGS = tuple(look.needle.encode() for look in TOKENS)


def _holds_token(lower: bytes, words: bytes) -> bool:
    """Whether a long word of a line of JSON begins as tokens do."""
    at = words.find(_A_RUN)
    while at >= 0:
        # After a backslash the first letter may be no part of the word, but stand for a line's end or the like.
        escaped = lower[at - 1 : at] == b"\\" and (5 if lower[at : at + 1] == b"u" else 1)
        if lower.startswith(_BEGINNINGS, at) or (escaped and lower.startswith(_BEGINNINGS, at + escaped)):
            return True
        end = words.find(b" ", at)
        at = words.find(_A_RUN, end) if end >= 0 else -1
    return False


def _guarded(needles: Iterable[str]) -> dict[bytes, tuple[bytes, ...]]:
    """What to look for first, each with what to look for then."""
    groups: dict[str, list[str]] = {}
    for needle in needles:
        guard = GUARDS.get(needle) or next((part for part in COMMON if part in needle), needle)
        groups.setdefault(guard, []).append(needle)
    return {guard.encode(): tuple(needle.encode() for needle in group) for guard, group in groups.items()}


@lru_cache(4096)
def _names_a_secret(name: str) -> bool:
    plain = _plain_name(name)
    return plain in FIELDS or plain == "token" or plain.endswith(ENDINGS) or _TOKEN_NAME.search(name) is not None


@lru_cache(4096)
def _plain_name(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")


def _spellings(field: str) -> Iterator[str]:
    """How the name of a field may stand in JSON, in lower case."""
    words = re.findall(r"[A-Z]?[^A-Z_-]+|[A-Z]+", field)
    for glue in ("", "_", "-"):
        yield glue.join(words).lower()


def _may_be_secret(plain_name: str, text: str) -> bool:
    """Whether the text of a field with a secret's name is one, and not a placeholder or what is said about it."""
    if not text or _PLACEHOLDER.fullmatch(text):
        return False
    if plain_name == "token":
        return len(text) >= SHORTEST_TOKEN and _mixed(text) and not re.search(r"\s", text)
    return plain_name in _WORDY or _DIGIT.search(text) is not None or not re.search(r"\s", text)


_DIGIT = re.compile(r"\d")
_LETTER = re.compile(r"[^\W\d_]")


def _mixed(text: str) -> bool:
    looked = text[:LOOK_AHEAD]
    return _DIGIT.search(looked) is not None and _LETTER.search(looked) is not None
