"""Bytes that are no text, files of other editors, and output that nobody reads or that cannot be written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.acceptance.cli.conftest import Shell

TELLING = """
import os, pathlib, sys, agentwatch
with agentwatch.start() as run:
    told = [os.fsencode(sys.argv[1]), os.environb.get(b"WEIRD", b""), os.getcwdb()]
    pathlib.Path(__file__).with_name("told").write_text(" ".join(one.hex() for one in told))
    if run.attempt == 1 and len(sys.argv) > 2:
        run.fail("once")
"""


def call(
    shell: Shell, *argv: str | bytes, cwd: bytes | None = None, **env: bytes
) -> subprocess.CompletedProcess[bytes]:
    """The installed command with arguments and variables of any bytes."""
    given = {os.fsencode(name): os.fsencode(value) for name, value in shell.env.items()}
    given |= {name.encode(): value for name, value in env.items()}
    words = [os.fsencode(word) for word in (shell.command, *argv)]
    done = subprocess.run(
        words, cwd=cwd or shell.folder, env=given, stdin=subprocess.DEVNULL, capture_output=True, timeout=60
    )
    assert b"Traceback" not in done.stderr and b"itself failed" not in done.stderr, done.stderr
    return done


def test_bytes_that_are_no_text_reach_the_agent_unchanged_also_when_it_is_resumed(shell: Shell) -> None:
    agent = shell.folder / "telling.py"
    agent.write_text(TELLING)
    folder = os.fsencode(shell.folder) + b"/d\xe9r"
    Path(os.fsdecode(folder)).mkdir()
    expected = " ".join(one.hex() for one in (b"caf\xe9.txt", b"\xff\xfe", os.path.realpath(folder)))
    command = ("run", "--headless", "--goal", b"g\xe9", "--", sys.executable, str(agent), b"caf\xe9.txt", "fail")
    assert call(shell, *command, cwd=folder, WEIRD=b"\xff\xfe").returncode == 3
    assert (shell.folder / "told").read_text() == expected
    (shell.folder / "told").unlink()
    [run] = shell.json("ps")
    assert "\ufffddce9" in run["goal"]
    shell.call("stop")
    shell.call("resume", run["run"])
    shell.status("telling", "completed")
    assert (shell.folder / "told").read_text() == expected
    for listing in (("ps",), ("show", run["run"]), ("events", run["run"]), ("show", run["run"], "--json")):
        assert call(shell, *listing, LC_ALL=b"C", PYTHONIOENCODING=b"ascii").returncode == 0


def test_a_home_that_is_no_text_works(shell: Shell) -> None:
    home = os.fsencode(shell.folder) + b"/h\xe9me"
    try:
        assert call(shell, "run", "--headless", "--", sys.executable, "quick.py", AGENTWATCH_HOME=home).returncode == 0
        assert b"quick" in call(shell, "ps", AGENTWATCH_HOME=home).stdout
    finally:
        call(shell, "stop", AGENTWATCH_HOME=home)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "marked"])
def test_files_of_a_windows_editor_are_read(shell: Shell, mark: bytes) -> None:
    (shell.folder / "said.py").write_text("import os; print(os.environ['FIRST'], os.environ['SECOND'])")
    toml = f'[agents.one]\r\ncommand = ["{sys.executable}", "said.py"]\r\nenv_file = ".env"\r\n'
    (shell.folder / "agentwatch.toml").write_bytes(mark + toml.encode())
    (shell.folder / ".env").write_bytes(mark + b'FIRST=alpha\r\nSECOND="beta"\r\n')
    (shell.folder / "careful.toml").write_bytes(mark + b"[loop]\r\npause_at = 4\r\n")
    shell.call("policy", "check", "careful.toml")
    shell.call("run", "--headless", "--policy", "careful.toml", "one")
    assert shell.call("log", "one").stdout == "alpha beta\n"


def test_a_file_in_utf_16_is_named_in_one_sentence(shell: Shell) -> None:
    for name, command in (("agentwatch.toml", ("run", "--headless", "one")), ("p.toml", ("policy", "check", "p.toml"))):
        (shell.folder / name).write_bytes("[loop]\n".encode("utf-16"))
        said = shell.call(*command, code=2).stderr
        assert said == f"{shell.folder / name} cannot be read: it is UTF-16: save it as UTF-8.\n"
        (shell.folder / name).unlink()


def bash(shell: Shell, line: str) -> subprocess.CompletedProcess[str]:
    """A line of a shell, which fails where any part of a pipe does."""
    line = "set -o pipefail; " + line.replace("agentwatch", shell.command)
    return subprocess.run(
        ["bash", "-c", line], cwd=shell.folder, env=shell.env, capture_output=True, text=True, timeout=60
    )


def test_a_reader_that_leaves_or_an_output_that_is_closed_is_no_failure(shell: Shell) -> None:
    (shell.folder / "long.py").write_text(
        "import agentwatch\nwith agentwatch.start() as run:\n    for n in range(500): run.progress('p' * 300, done=n)\n"
        "print('line\\n' * 50000)\n"
    )
    shell.call("run", "--headless", "--", sys.executable, "long.py")
    for line in (
        "agentwatch events long | head -1", "agentwatch events long --json | head -c 10",
        "agentwatch log long | head -1", "agentwatch log long --follow | head -1", "agentwatch events long --follow | head -1",
        "agentwatch ps | head -1", "agentwatch ps >&-", "agentwatch ps 2>&-", "agentwatch ps --json <&- | head -1",
        "agentwatch --help | head -1",
    ):  # fmt: skip
        done = bash(shell, line)
        assert (done.returncode, done.stderr) == (0, ""), line


def test_a_full_disk_behind_the_output_is_one_sentence(shell: Shell) -> None:
    done = bash(shell, "agentwatch doctor >/dev/full")
    assert (done.returncode, done.stderr) == (1, "Standard output cannot be written: No space left on device.\n")


SURROGATES = r"""
import agentwatch
@agentwatch.tool(key="k-{n}")
def act(n): return n
@agentwatch.tool(name="t\udce9")
def named(n): return {n: n}
with agentwatch.start(goal="g\udce9\x00") as run:
    with run.step("s\udce9"):
        print(ascii(act("\udce9")), ascii(named("\udce9")))
    run.progress("p\udce9", done=1, of=1)
    run.checkpoint({"a": "\x00\n"}, label="l\udce9")
    try:
        run.checkpoint({"a": "\udce9"})
    except TypeError as error:
        print(error)
"""


def test_what_an_agent_says_in_bytes_that_are_no_text_is_recorded_readably(shell: Shell) -> None:
    (shell.folder / "odd.py").write_text(SURROGATES)
    shell.call("run", "--headless", "--", sys.executable, "odd.py")
    said, refused = shell.call("log", "odd").stdout.splitlines()
    assert said == r"'\udce9' {'\udce9': '\udce9'}"
    assert refused == r"a checkpoint's state must be JSON: '\udce9' is a byte that is no text"
    for listing in ("ps", "show odd", "events odd", "ps --json", "show odd --json", "events odd --json"):
        assert call(shell, *listing.split(), LC_ALL=b"C").returncode == 0


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (r'command = ["echo", "a\u0000b"]', "command of agent z holds a NUL character, which no program can be given."),
        (
            'command = "echo"\nenv = { "a=b" = "c" }',
            "env of agent z: 'a=b' cannot be set: an empty name, '=' in a name, or a NUL character.",
        ),
    ],
)
def test_what_no_process_can_be_given_is_a_sentence_before_anything_starts(shell: Shell, line: str, said: str) -> None:
    (shell.folder / "agentwatch.toml").write_text(f"[agents.z]\n{line}\n")
    assert said in shell.call("run", "--headless", "z", code=2).stderr
    assert shell.json("ps") == []
