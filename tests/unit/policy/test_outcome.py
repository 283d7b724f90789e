"""Results that are failures though nothing was raised, and results that only look like one."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from runtime.policy.config import Contract
from runtime.policy.outcome import Confidence, find_failure

TRACEBACK = """Traceback (most recent call last):
  File "/srv/app/report.py", line 31, in <module>
    total = sum(row["amount"] for row in rows)
KeyError: 'amount'"""

GUILTY: list[tuple[str, Any, Any]] = [
    # shell
    ("bash", {"command": "make all"}, {"exit_code": 2, "stdout": "", "stderr": "make: *** [all] Error 2"}),
    ("bash", {"command": "pytest -q"}, {"returncode": 127, "output": "sh: 1: pytest: not found"}),
    ("bash", {"command": "pyton app.py"}, "bash: pyton: command not found"),
    ("shell", {"cmd": "cat notes.txt"}, "cat: notes.txt: No such file or directory"),
    ("shell", {"cmd": "touch /etc/x"}, "touch: cannot touch '/etc/x': Permission denied"),
    ("bash", {"command": "python report.py"}, TRACEBACK),
    ("bash", {"command": "./build.sh"}, "compiling parser.c\nparser.c:88:14: error: expected ';' before '}' token"),
    ("bash", {"command": "npm ci"}, "npm ERR! code ERESOLVE\nnpm ERR! ERESOLVE unable to resolve dependency tree"),
    ("run_command", {"command": "./import"}, "loading 3 files\nSegmentation fault (core dumped)"),
    ("exec", {"command": "deploy staging"}, "Process exited with code 3\nno such cluster"),
    ("git", {"command": "git push"}, "fatal: could not read Username for 'https://git.example.org': No such device"),
    (
        "curl",
        {"command": "curl -s http://localhost:9"},
        "curl: (7) Failed to connect to localhost port 9: Connection refused",
    ),
    # HTTP
    ("http_get", {"url": "https://api.example.org/v1/users"}, {"status_code": 503, "body": ""}),
    ("post_order", {"sku": "A1"}, "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"),
    ("get_rates", {"base": "EUR"}, "<!DOCTYPE html><html><head><title>Log in - Example</title></head></html>"),
    ("http_get", {"url": "https://api.example.org"}, "429 Too Many Requests"),
    ("api_call", {"path": "/orders"}, "Internal Server Error"),
    ("http_post", {"url": "u"}, {"type": "about:blank", "title": "Not allowed", "status": 403, "detail": "no scope"}),
    # SQL
    ("sql", {"query": "SELEC 1"}, 'ERROR:  syntax error at or near "SELEC"\nLINE 1: SELEC 1'),
    ("query_db", {"sql": "select * from userz"}, "sqlite3.OperationalError: no such table: userz"),
    ("mysql", {"query": "q"}, "ERROR 1146 (42S02): Table 'shop.orderz' doesn't exist"),
    ("sql", {"query": "select x"}, "Error executing query: column x does not exist"),
    # JSON APIs
    ("charge_card", {"amount": 20}, {"ok": False, "reason": "card_declined"}),
    ("send_mail", {"to": "a@example.org"}, {"success": False}),
    ("search_flights", {"to": "OSL"}, {"error": {"code": "RATE_LIMITED", "message": "slow down"}}),
    ("graphql", {"query": "{me}"}, {"data": None, "errors": [{"message": "Cannot query field 'me'"}]}),
    ("create_ticket", {}, {"status": "error", "message": "field 'queue' is required"}),
    ("weather", {"city": "Bergen"}, '{"cod": "401", "error": "Invalid API key"}'),
    # browsers
    ("click", {"selector": "#buy"}, "TimeoutError: locator.click: Timeout 30000ms exceeded."),
    ("browser_goto", {"url": "http://shop.example"}, "net::ERR_NAME_NOT_RESOLVED at http://shop.example"),
    ("browser_goto", {"url": "http://shop.example"}, "<html><head><title>Just a moment...</title></head></html>"),
    # MCP
    ("mcp_files_read", {"path": "x"}, {"isError": True, "content": [{"type": "text", "text": "ENOENT"}]}),
    ("mcp_calendar", {}, {"content": [{"type": "text", "text": "Error: calendar 'work' is not shared with you"}]}),
    ("mcp_search", {}, [{"type": "text", "text": "Failed to fetch results: connection reset by peer"}]),
]

INNOCENT: list[tuple[str, Any, Any]] = [
    # shell
    ("bash", {"command": "grep -rn TODO src"}, {"exit_code": 1, "stdout": "", "stderr": ""}),
    ("bash", {"command": "cd src && grep -c main a.c | grep 9"}, "<returncode>1</returncode>\n<output>\n</output>"),
    ("bash", {"command": "diff a.txt b.txt"}, {"exit_code": 1, "stdout": "1c1\n< a\n---\n> b", "stderr": ""}),
    ("bash", {"command": "make lint"}, "checked 41 files: 0 errors, 0 warnings"),
    ("bash", {"command": "pytest -q"}, {"exit_code": 0, "stdout": "test_error_page PASSED\n1 passed", "stderr": ""}),
    ("bash", {"command": "ls"}, "error.py\nerrors/\nfailed_jobs.md\nfatal.txt"),
    ("bash", {"command": "rm -f old.log"}, ""),
    ("bash", {"command": "make"}, {"exit_code": 0, "stdout": "", "stderr": "warning: unused variable 'error'"}),
    (
        "bash",
        {"command": "git log --oneline"},
        "3f2a91c Fix error: handle empty input\n88c01d2 Failed logins are counted",
    ),
    ("bash", {"command": "wc -l errors.log"}, "0 errors.log"),
    ("bash", {"command": "npm test"}, "Errors: 0\nTests: 12 passed, 12 total"),
    ("python", {"code": "rmse(model)"}, "Error: 0.0132"),
    # files and searches
    (
        "read_file",
        {"path": "a.py"},
        "def load(path):\n    raise ValueError('Error: no path')\n\n# failed to load is logged",
    ),
    ("read_log", {"name": "web"}, "ERROR: worker 3 timed out\nINFO: worker 3 restarted\nINFO: ready\nINFO: 200 GET /"),
    (
        "grep",
        {"pattern": "Error"},
        "src/api.py:12:class ApiError(Exception):\nsrc/api.py:40:    except ApiError as error:",
    ),
    ("search", {"q": "Serror"}, "J. Serror, Failure Modes of Bridges, 2019"),
    ("read_file", {"path": "empty.txt"}, ""),
    ("search_code", {"q": "frobnicate"}, "[]"),
    (
        "wiki_lookup",
        {"title": "404"},
        "404 Not Found is an HTTP status code that says that a page is missing. It is a well known one.",
    ),
    # HTTP
    ("http_get", {"url": "u"}, {"status_code": 200, "body": "No errors were found in your address."}),
    ("http_get", {"url": "u"}, {"status_code": 204, "body": ""}),
    (
        "fetch_page",
        {"url": "u"},
        "<!doctype html><html><head><title>Summer offers</title></head><body>From 404 kr</body></html>",
    ),
    ("browser_goto", {"url": "u"}, "<html><head><title>How to read an error message</title></head></html>"),
    # SQL
    ("sql", {"query": "select * from t where 1=0"}, "[]"),
    ("sql", {"query": "select count(*) from errors"}, "[(0,)]"),
    ("sql", {"query": "select status, n from jobs"}, [{"status": "failed", "n": 3}, {"status": "done", "n": 90}]),
    # JSON APIs
    ("get_price", {"sku": "A1"}, {"price": 401, "currency": "NOK"}),
    ("get_order", {"id": 7}, {"id": 7, "status": "failed", "customer": "Ada", "total": 12}),
    ("search_flights", {"to": "OSL"}, {"flights": [], "error": None}),
    ("validate", {"doc": "x"}, {"valid": True, "errors": [], "warnings": ["title is long"]}),
    ("train", {"epochs": 3}, {"loss": 0.3, "error": 0.07}),
    ("send_mail", {"to": "a@example.org"}, None),
    ("get_user", {}, '{"name": "Error Eriksen", "email": "error@example.org"}'),
    ("list_runs", {}, {"runs": [{"id": 1, "ok": False}, {"id": 2, "ok": True}]}),
    # MCP
    ("mcp_notes", {}, {"isError": False, "content": [{"type": "text", "text": "Nothing failed today."}]}),
    ("mcp_tests", {}, [{"type": "text", "text": "12 passed, 0 failed, 0 errors in 1.2s"}]),
]


def test_the_table_is_long_enough_and_half_of_it_innocent() -> None:
    assert len(GUILTY) >= 30
    assert len(INNOCENT) >= 30


@pytest.mark.parametrize(("tool", "args", "result"), GUILTY, ids=lambda value: json.dumps(value)[:40])
def test_a_hidden_failure_is_found(tool: str, args: Any, result: Any) -> None:
    found = find_failure(tool, args, result)

    assert found is not None
    assert found.failed
    assert found.line
    assert found.why


@pytest.mark.parametrize(("tool", "args", "result"), INNOCENT, ids=lambda value: json.dumps(value)[:40])
def test_a_look_alike_is_never_called_certain_or_likely(tool: str, args: Any, result: Any) -> None:
    found = find_failure(tool, args, result)

    assert found is None or found.confidence is Confidence.SUSPECT


def test_a_contract_goes_before_everything_else() -> None:
    answer = {"ok": False, "note": "already done"}

    assert find_failure("book", {}, answer, Contract(fails_if='"note": "sold out"')) is None
    assert find_failure("book", {}, answer, Contract(succeeds_if="already done")) is None
    found = find_failure("book", {}, {"ok": True}, Contract(succeeds_if='"id"'))
    assert found is not None
    assert found.confidence is Confidence.CERTAIN


def test_the_line_that_gave_it_away_is_told() -> None:
    found = find_failure("bash", {"command": "python report.py"}, TRACEBACK)

    assert found is not None
    assert found.line == "KeyError: 'amount'"


@pytest.mark.parametrize("text", ["[" * 3999, '{"a":' * 700, "a: " * 1300, "\n" * 4000, "a: " + "syntax error " * 300])
def test_hostile_text_neither_crashes_it_nor_takes_long(text: str) -> None:
    deep: Any = text
    for _ in range(500):
        deep = [deep]
    began = time.process_time()

    for result in (text, {"stderr": text}, deep, {"error": deep}):
        find_failure("tool", {}, result)
        find_failure("tool", {}, result, Contract(fails_if="x"))

    assert time.process_time() - began < 2.0
