"""The outcome of a call: whether a result that came back without an error is a failure all the same."""

from __future__ import annotations

import json
import re
from enum import StrEnum

import msgspec

from runtime.policy.config import Contract
from runtime.policy.evidence import cut
from store.records import Json

SHORT_CHARS = 4000
"""A longer text is content that was asked for; an error line within it is part of the content."""

FEW_LINES = 4
"""In a text of so few lines an error line is what the text has to say."""

EDGE_LINES = 3
"""How many lines at the head and the tail of a short text are read."""


class Confidence(StrEnum):
    """How sure it is that a result is a failure."""

    CERTAIN = "certain"
    """The tool itself says so in a field made for it."""
    LIKELY = "likely"
    """The text is an error message and little else."""
    SUSPECT = "suspect"
    """Worth a look; never a failure by itself."""


class Finding(msgspec.Struct, frozen=True):
    """What gives a failure away."""

    confidence: Confidence
    line: str
    """The line or field that gave it away, as it stands in the result."""
    why: str
    """A sentence fragment, e.g. `its exit code is 2`."""

    @property
    def failed(self) -> bool:
        return self.confidence is not Confidence.SUSPECT


def find_failure(tool: str, args: Json, result: Json, contract: Contract | None = None) -> Finding | None:
    """Return what shows that `result` is a failure, or None."""
    if contract is not None and (contract.fails_if or contract.succeeds_if):
        return _by_contract(result, contract)
    return _in_value(tool, args, result, depth=3)


def error_text(result: Json, depth: int = 5) -> str:
    """Return the part of a failed result that says what went wrong."""
    if isinstance(result, str):
        return result
    if depth and isinstance(result, dict):
        for key in ("error", "errors", "stderr", "message", "detail", "reason", *_OUTPUT_KEYS):
            if result.get(key) and result[key] is not True:
                return error_text(result[key], depth - 1)
    if depth and isinstance(result, list) and result:
        return error_text(result[0], depth - 1)
    return "" if result is None else _short(result)


def is_empty(result: Json) -> bool:
    """Whether a result brings nothing: no text, no items, or an object in which nothing but counts of 0 is."""
    if isinstance(result, dict):
        return all(value in (0, False) or is_empty(value) for value in result.values())
    if isinstance(result, str):
        return not result.strip()
    return result is None or result == []


def _by_contract(result: Json, contract: Contract) -> Finding | None:
    try:
        text = _text(result)
    except (ValueError, RecursionError):
        text = _short(result)
    if contract.fails_if:
        found = re.search(contract.fails_if, text)
        if found:
            return Finding(
                Confidence.CERTAIN, found[0][:300], f"its contract says that {contract.fails_if!r} is a failure"
            )
    if contract.succeeds_if and not contract.fails_if and not re.search(contract.succeeds_if, text):
        return Finding(Confidence.CERTAIN, text[:300], f"its contract wants {contract.succeeds_if!r}")
    return None


def _in_value(tool: str, args: Json, value: Json, depth: int) -> Finding | None:
    if isinstance(value, dict):
        return _in_object(tool, args, value, depth)
    if isinstance(value, str):
        return _in_text(tool, args, value, depth)
    if isinstance(value, list) and depth and 0 < len(value) <= 3:
        # Content blocks, as MCP and chat models answer; a longer list is data.
        blocks = [block["text"] for block in value if isinstance(block, dict) and isinstance(block.get("text"), str)]
        if len(blocks) == len(value):
            return _in_text(tool, args, "\n".join(blocks), depth - 1)
    return None


# --- structured results

_EXIT_KEYS = ("exit_code", "exitcode", "exitCode", "returncode", "return_code", "exit_status", "rc")
_HTTP_KEYS = ("status_code", "statusCode", "http_status", "httpStatus", "http_code")
_TRUE_IF_FAILED = ("isError", "is_error", "failed", "has_error", "hasError")
_FALSE_IF_FAILED = ("ok", "success", "succeeded", "successful")
_FAILED_WORDS = frozenset({"error", "failed", "failure", "fail", "err", "fatal", "denied", "rejected", "unauthorized"})
_STATUS_KEYS = ("status", "state", "result", "outcome", "level", "type")
_OUTPUT_KEYS = ("stderr", "stdout", "output", "body", "text", "content", "message", "data")

_SAYS_NO = re.compile(
    r"^\s*(?:sudo\s+)?(?:(?:git\s+)?(?:grep|diff)|[ezf]?grep|rg|ag|ack|cmp|test|\[|pgrep|which|false|expr)\b"
)
"""Commands whose exit code 1 is an answer, not a failure."""

_WORDS_FOR_A_COMMAND = ("command", "cmd", "script", "input", "code", "bash", "line")


def _in_object(tool: str, args: Json, value: dict[str, Json], depth: int) -> Finding | None:
    flagged = _flag(args, value) or _error_field(value)
    if flagged is not None or not depth:
        return flagged
    texts = [value[key] for key in _OUTPUT_KEYS if value.get(key)]
    if _exit_code(value) == 0:
        return None  # The command says that it went well; what it wrote on its way is its own affair.
    for text in texts[:1] if len(value) > len(_OUTPUT_KEYS) else texts:
        found = _in_value(tool, args, text, depth - 1)
        if found is not None:
            return found
    return None


def _exit_code(value: dict[str, Json]) -> int | None:
    return next((code for code in map(_number, map(value.get, _EXIT_KEYS)) if code is not None), None)


def _number(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _flag(args: Json, value: dict[str, Json]) -> Finding | None:
    code = _exit_code(value)
    if code:
        written = " ".join(str(value[key]) for key in ("stderr", "stdout", "output") if value.get(key))
        return _exit(args, code, written)
    for key in _HTTP_KEYS:
        if 400 <= (_number(value.get(key)) or 0) <= 599:
            return Finding(Confidence.CERTAIN, f"{key}: {value[key]}", f"its HTTP status is {value[key]}")
    for key in _TRUE_IF_FAILED:
        if value.get(key) is True:
            return Finding(Confidence.CERTAIN, f"{key}: true", f"it says {key}: true")
    for key in _FALSE_IF_FAILED:
        if value.get(key) is False:
            return Finding(Confidence.CERTAIN, f"{key}: false", f"it says {key}: false")
    return None


def _exit(args: Json, code: int, written: str) -> Finding | None:
    line = f"exit code {code}"
    command = _command(args)
    last = re.split(r"\|\||&&|[;|\n]", command.strip())[-1] if command else ""
    if code == 1 and (_SAYS_NO.match(last) or _SAYS_NO.match(command)):
        return None
    if code == 1 and not command and not written.strip():
        return Finding(Confidence.SUSPECT, line, "its exit code is 1, and it wrote nothing")
    return Finding(Confidence.CERTAIN, line, f"its exit code is {code}")


def _command(args: Json) -> str:
    if isinstance(args, str):
        return args
    if isinstance(args, dict):
        for key in _WORDS_FOR_A_COMMAND:
            if isinstance(args.get(key), str):
                return str(args[key])
            if isinstance(args.get(key), list):
                return " ".join(map(str, args[key]))
    return ""


def _error_field(value: dict[str, Json]) -> Finding | None:
    for key in ("error", "Error", "errors", "exception", "errorMessage", "error_message", "errmsg"):
        told = value.get(key)
        if not told or (told is True and value.get("data")):
            continue
        if isinstance(told, str) and told.strip().lower() in ("none", "null", "no", "ok", "0", "no error", "false"):
            continue
        if isinstance(told, int | float) and not isinstance(told, bool):
            continue  # A number is a count or a measure of error.
        if isinstance(told, dict | list) and key == "error" and not _is_error_object(told):
            continue
        certain = len(value) <= 8
        confidence = Confidence.CERTAIN if certain else Confidence.LIKELY
        return Finding(confidence, f"{key}: {_short(told)}", f"it has a field {key!r}")
    for key in _STATUS_KEYS:
        told = value.get(key)
        if isinstance(told, str) and told.strip().lower() in _FAILED_WORDS and len(value) <= 8:
            # Many things have a state; that of the answer itself comes with words about what went wrong.
            explained = any(
                word in value for word in ("message", "error", "reason", "detail", "details", "code", "msg")
            )
            confidence = Confidence.CERTAIN if explained or len(value) == 1 else Confidence.SUSPECT
            return Finding(confidence, f"{key}: {told}", f"its {key} is {told!r}")
        if key == "status" and 400 <= (_number(told) or 0) <= 599 and ("title" in value or "message" in value):
            return Finding(Confidence.CERTAIN, f"status: {told}", f"its HTTP status is {told}")
    return None


def _is_error_object(told: Json) -> bool:
    words = {"message", "code", "type", "reason", "detail", "status", "name", "msg"}
    return bool(told) and (isinstance(told, list) or bool(words & {str(key) for key in told}))


def _short(value: Json) -> str:
    return _text(cut(value))[:300]


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)


# --- texts

_EXIT_TEXT = re.compile(
    r"(?im)^\W*(?:<returncode>|(?:process |command |script )?(?:exited|finished|failed|terminated) with "
    r"(?:exit |return |error |non-zero )*(?:code|status)\W{0,3}|(?:exit|return) ?(?:code|status)\W{1,3})(\d{1,3})\b"
)
_TRACEBACK = "Traceback (most recent call last)"
EXCEPTION_LINE = re.compile(
    r"^(?:(?:[A-Za-z_][\w.]*\.)?[A-Z]\w*(?:Error|Exception|Interrupt|Warning)|[a-z_][\w.]*\.[A-Za-z]*(?:Error|Exception)\w*)"
    r"(?::\s|$)"
)
"""The last line of a traceback."""
_LABEL = r"(?:[\w\s.`'-]{0,60}\b(?:returned|result|output|observation|response):\s*)?"
"""What a framework may write before a tool's own words."""

_ERROR_STARTS = (
    # A word for failure, alone or with a number, then a colon and something that is not "none".
    r"\[?(?:fatal|error|err|critical|panic|failure|exception)\]?(?:\s*\[?[A-Z]*\d[\w.-]*\]?)?(?:\s\([\w\s,-]+\))?"
    r"\s*:\s*(?!0\b|none\b|null\b|no\b|false\b)\S",
    r"error\s(?:executing|running|while|during|calling|in\s|parsing|fetching|connecting|reading|writing|occurred|code\b)",
    r"error\s\d{3,5}\b",
    r"<(?:tool_use_)?error>",
    r"an?\s(?:unexpected\s|internal\s|unknown\s)?(?:error|exception)\s(?:has\s)?occurred",
    r"(?:failed|unable)\sto\s",
    r"(?:could\snot|couldn't|cannot|can't)\s\w+\s\S",
    r"tool\s(?:call\s)?(?:failed|error)",
    r"the\soperation\s(?:failed|was\saborted|timed\sout)",
    r"(?:authentication|login)\sfailed",
    r"operation\snot\spermitted",
    r"invalid\s(?:syntax|token|api\skey|credentials|argument|request|input)\b",
    r"syntax\serror\b",
    r"timed?[\s-]?out\b(?!\s*[:=]\s*\d)",
    # HTTP.
    r"(?:internal\sserver\serror|bad\sgateway|service\s(?:temporarily\s)?unavailable|gateway\stime-?out"
    r"|too\smany\srequests|unauthorized|forbidden|(?:access|permission)\sdenied|not\sfound|request\stimed\sout"
    r"|connection\s(?:refused|reset|timed\sout)|rate\slimit(?:ed|\sexceeded)?)[\s.!]*(?:$|[:(-])",
    r"(?:http/[\d.]+\s|http\s(?:error\s)?(?:status\s)?:?)?[45]\d\d:?\s(?:bad|unauthor|payment|forbidden|not\sf|method"
    r"|request|conflict|gone|unprocess|too\smany|internal|not\simpl|service|gateway|client\serror|server\serror)"
    r"[\w\s-]{0,24}(?:$|[:.(])",
    # Shells, compilers and programs.
    r"[\w./+-]+:\s.{0,300}(?:command\snot\sfound|no\ssuch\sfile\sor\sdirectory|permission\sdenied"
    r"|is\sa\sdirectory|not\sa\sdirectory|cannot\sopen|connection\srefused)\W{0,3}$",
    r"[\w./+-]+:\s.{0,300}(?:syntax\serror\b"
    r"|unrecognized\s(?:option|arguments)|invalid\soption|command\sfailed)",
    r"[\w./\\-]+(?::\d+)+:\s(?:fatal\s)?error:\s",
    r"npm\serr!",
    r"e:\s",
    r"segmentation\sfault",
    r"killed\s*$",
    r"core\sdumped",
    r"bus\serror",
    r"curl:\s\(\d+\)",
    # Databases and browsers.
    r"ora-\d{5}:",
    r"(?:psql|mysql|sqlite3?|pg_dump)\S*:?\s.*\berror\b",
    r"\(?net::err_",
    r"(?:timeout|navigation)\s.*\bexceeded\b",
)
_ERROR_LINE = re.compile(f"^{_LABEL}(?:{'|'.join(_ERROR_STARTS)})", re.IGNORECASE)
_HTML = re.compile(r"^\s*(?:<\?xml[^>]*>\s*)?(?:<!doctype html|<html)\b", re.IGNORECASE)
_TITLE = re.compile(r"<(?:title|h1)[^>]*>\s*([^<]{1,200})", re.IGNORECASE)
_HTML_FAILED = re.compile(
    r"\b(?:[45]\d\d\b.{0,40}\b(?:error|not found|forbidden|unauthori[sz]ed|bad|gateway|unavailable|too many|denied"
    r"|timeout)"
    r"|(?:internal server|application|server) error|bad gateway|service unavailable|gateway time-?out|access denied"
    r"|page not found|not found|forbidden|too many requests|just a moment|attention required|are you a robot|captcha"
    r"|sign in|log ?in|maintenance)",
    re.IGNORECASE,
)
_READS = re.compile(
    r"(?:^|[_\W])(?:read|view|open|cat|show|grep|search|find|list|ls|tail|head|log|logs|fetch_log|browse|browser|page|scrape|"
    r"navigate|screenshot|get_page|html|docs?|wiki\w*|lookup|snippet)(?:$|[_\W])|(?:read|view|show|search)[A-Z_]",
    re.IGNORECASE,
)
"""Tools whose results are other people's texts, which may well be about errors."""


def _in_text(tool: str, args: Json, text: str, depth: int) -> Finding | None:
    stripped = text.strip()
    if depth and stripped[:1] in ("{", "[") and len(stripped) <= 1_000_000:
        try:
            return _in_value(tool, args, json.loads(stripped), depth - 1)
        except (ValueError, RecursionError):
            pass  # It only looked like JSON.
    if _HTML.match(text):
        return _in_html(tool, text)
    coded = _EXIT_TEXT.search(text[:400]) or _EXIT_TEXT.search(text[-400:])
    if coded:
        return _exit(args, int(coded[1]), text) if int(coded[1]) else None
    if len(stripped) > SHORT_CHARS:
        return None
    return _in_lines(tool, [line.strip() for line in stripped.splitlines() if line.strip()])


def _in_html(tool: str, text: str) -> Finding | None:
    title = _TITLE.search(text[:20_000])
    named = " ".join(title[1].split()) if title else ""
    if title and _HTML_FAILED.search(named):
        return Finding(Confidence.LIKELY, named, "it is a page about an error where an answer was due")
    if _READS.search(tool) or re.search(r"html|page|browser|url|web|http|fetch|get", tool, re.IGNORECASE):
        return None
    return Finding(Confidence.LIKELY, named or text.strip()[:100], "it is an HTML page where data was due")


def _in_lines(tool: str, lines: list[str]) -> Finding | None:
    if not lines:
        return None
    reads = _READS.search(tool) is not None
    few = len(lines) <= (1 if reads else FEW_LINES)
    if any(line.startswith(_TRACEBACK) for line in lines):
        ends = EXCEPTION_LINE.match(lines[-1]) is not None
        whole = lines[0].startswith(_TRACEBACK) and ends
        sure = whole or (ends and not reads)
        return Finding(Confidence.LIKELY if sure else Confidence.SUSPECT, lines[-1][:300], "it ends in a traceback")
    edges = lines if few else [*lines[:EDGE_LINES], *lines[-EDGE_LINES:]]
    for line in edges:
        if _ERROR_LINE.match(line) or EXCEPTION_LINE.match(line):
            why = "it is an error message" if few else "it has an error line at its head or tail"
            sure = few or (not reads and line in (lines[0], lines[-1]) and len(lines) <= 40)
            return Finding(Confidence.LIKELY if sure else Confidence.SUSPECT, line[:300], why)
    return None
