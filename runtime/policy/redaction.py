"""Secrets in what is about to be recorded: found by the names of fields and by how they look, replaced by marks."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

import msgspec

from runtime.policy.config import Redaction
from store.records import Json

SHORTEST = 6
"""Characters of a value that a text gives to the name of a secret; a shorter one is a word or a number."""
SHORTEST_TOKEN = 16
"""The same where the name is only `token`."""
LOOK_BACK = 40
"""Characters before a find that say what it is."""


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

NEEDLES = tuple(dict.fromkeys([*(look.needle for look in LOOKS), *NAMES, "private"]))
"""Without one of them, in lower case, a line holds no secret."""
GUARDS = ("key", "gh", "pass", "sk")
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
_ASSIGNED = {
    needle: re.compile(
        rf"""(?P<name>(?i:{name}))\\?["']?(?:\s{{0,2}}(?:=>|:=|[:=])\s{{0,2}}|(?P<blank>[ ]))\\?"""
        r"""(?:"(?P<double>[^"\s\\]+)|'(?P<single>[^'\s\\]+)|(?P<bare>[^\s"'`,;&<>(){}\[\]$\\|]++)(?![(\[{]))"""
    )
    for needle, name in NAMES.items()
}


class Finder:
    """What one policy takes for a secret."""

    def __init__(self, section: Redaction) -> None:
        self._on = section.on
        self._fields = frozenset(map(_plain_name, section.fields))
        self._keep = frozenset(map(_plain_name, section.keep))
        self._patterns = tuple(re.compile(pattern) for pattern in section.patterns)
        spellings = (name for field in section.fields for name in _spellings(field))
        self._tokens = _guarded(look.needle for look in TOKENS)
        self._others = _guarded(dict.fromkeys([*NEEDLES[len(TOKENS) :], *spellings]))

    def suspects(self, raw: bytes) -> bool:
        """Whether a line of JSON may hold a secret: a look for fixed words, which costs little and misses nothing."""
        if not self._on:
            return False
        lower = raw.lower()
        if _has(lower, self._others) or (_A_RUN in raw.translate(_RUNS) and _has(lower, self._tokens)):
            return True
        # A pattern of the user may match anything, and letters may be spelled by their numbers.
        return bool(self._patterns) or b"\\u00" in lower or b":\\/\\/" in lower

    def in_field(self, name: str, value: Json) -> bool:
        """Whether the whole value of a field is a secret."""
        plain = _plain_name(name)
        if plain in self._keep:
            return False
        if plain in self._fields:
            return value is not None and not (isinstance(value, str) and _PLACEHOLDER.fullmatch(value))
        return isinstance(value, str) and _names_a_secret(name) and _may_be_secret(plain, value)

    def in_text(self, text: str) -> list[tuple[int, int]]:
        """Where the secrets of a text stand, in order; they may overlap."""
        lower = text.replace("İ", "i").lower()  # The one letter that grows in lower case would move all that follows.
        found = [span for look in LOOKS for span in self._look(look, text, lower)]
        for needle in NAMES:
            found += (span for at in _places(lower, needle) for span in self._assigned(text, at, needle))
        for pattern in self._patterns:
            found += (match.span(1 if pattern.groups and match[1] else 0) for match in pattern.finditer(text))
        return sorted(span for span in found if not _PLACEHOLDER.fullmatch(text, *span))

    def _look(self, look: Look, text: str, lower: str) -> Iterator[tuple[int, int]]:
        for at in _places(lower, look.needle):
            found = look.pattern.match(text, at)
            if (
                found
                and (not look.mixed or _mixed(found["secret"]))
                and (look.after is None or look.after.search(text[max(0, at - LOOK_BACK) : at]))
            ):
                yield found.span("secret")

    def _assigned(self, text: str, at: int, needle: str) -> Iterator[tuple[int, int]]:
        """Where the value stands that a text gives to the name at `at`."""
        found = _ASSIGNED[needle].match(text, at)
        if not found:
            return
        before = text[max(0, at - LOOK_BACK) : at]
        flag = _FLAG.search(before) is not None
        prefix = _PREFIX.search(before)
        name = (prefix[0] if prefix else "") + found["name"]
        group = next(group for group in ("double", "single", "bare") if found[group])
        shortest = SHORTEST_TOKEN if name.lower() == "token" else SHORTEST
        if (
            (flag or not found["blank"])
            and (flag or needle != "token" or shortest == SHORTEST_TOKEN or _TOKEN_NAME.search(name))
            and _plain_name(name) not in self._keep
            and len(found[group]) >= shortest
            and _mixed(found[group])
        ):
            yield found.span(group)


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
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            items = {self._text(name): self._field(name, part) for name, part in value.items()}
            same = len(items) == len(value) and all(name in value and value[name] is items[name] for name in items)
            return value if same else items
        return self._list("", value) if isinstance(value, list) else value

    def _field(self, name: str, value: Json) -> Json:
        if self._finder.in_field(name, value):
            return self.mark(value)
        return self._list(name, value) if isinstance(value, list) else self.cleaned(value)

    def _list(self, name: str, values: list[Json]) -> list[Json]:
        """Clean each value of the list that stands in the field `name`."""
        before: Json = None
        parts: list[Json] = []
        for value in values:
            # In a command line, what follows `--password` is what a field of that name would hold.
            flag = isinstance(before, str) and before[:1] == "-"
            parts.append(self._field(before.lstrip("-") if flag else name, value))
            before = value
        return values if all(map(_is, values, parts)) else parts

    def _text(self, text: str) -> str:
        if len(text) < SHORTEST:
            return text
        parts: list[str] = []
        done = 0
        for begin, end in self._finder.in_text(text):
            if begin >= done:
                parts += [text[done:begin], self.mark(text[begin:end])]
                done = end
        return "".join([*parts, text[done:]]) if parts else text

    def mark(self, secret: Json) -> str:
        """What stands in place of a secret: as the SDK marks arguments that a tool hides (`docs/PROTOCOL.md`)."""
        said = json.dumps(secret, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
        return f"[redacted {hmac.digest(self._key, said, 'sha256').hex()[:16]}]"


_A_RUN = b"a" * SHORTEST_RUN
_RUNS = bytes(97 if chr(byte).isascii() and (chr(byte).isalnum() or chr(byte) in "-_") else 32 for byte in range(256))
"""Turns a line into its words without their letters, in which a long one is found at once."""

Guarded = tuple[tuple[bytes, tuple[bytes, ...]], ...]


def _has(lower: bytes, guarded: Guarded) -> bool:
    return any(guard in lower and any(needle in lower for needle in needles) for guard, needles in guarded)


def _guarded(needles: Iterable[str]) -> Guarded:
    """What to look for first, each with what to look for then."""
    groups: dict[str, list[str]] = {}
    for needle in needles:
        groups.setdefault(next((guard for guard in GUARDS if guard in needle), needle), []).append(needle)
    return tuple((guard.encode(), tuple(needle.encode() for needle in group)) for guard, group in groups.items())


@lru_cache(64)
def _finder(section: Redaction) -> Finder:
    return Finder(section)


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
    return plain_name in _WORDY or any(map(str.isdigit, text)) or not re.search(r"\s", text)


def _mixed(text: str) -> bool:
    return any(map(str.isdigit, text)) and any(map(str.isalpha, text))


def _places(lower: str, needle: str) -> Iterator[int]:
    at = lower.find(needle)
    while at >= 0:
        yield at
        at = lower.find(needle, at + 1)


def _is(one: Json, other: Json) -> bool:
    return one is other


def _encoded(value: Json) -> bytes:
    try:
        return msgspec.json.encode(value)
    except (ValueError, TypeError, OverflowError):  # Integers beyond 64 bits.
        return json.dumps(value, separators=(",", ":")).encode()
