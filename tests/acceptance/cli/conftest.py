"""The installed command, a home of its own, and small agents that do something definite."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

from store.home import Home

DEADLINE_S = 30.0

AGENTS = {
    "quick.py": """
        import agentwatch
        with agentwatch.start(goal="Count to three") as run:
            for n in range(3):
                with run.step(f"count {n}"):
                    run.usage(input_tokens=100, output_tokens=10, cost_usd=0.01)
                run.progress("counted", done=n + 1, of=3)
                run.checkpoint({"n": n + 1}, label=f"{n + 1} counted")
            print("all counted")
    """,
    "steady.py": """
        import pathlib, time, agentwatch
        with agentwatch.start(goal="Go on until told") as run:
            n = run.state["n"] if run.state else 0
            while not pathlib.Path("enough").exists():
                with run.step(f"beat {n}"):
                    time.sleep(0.02)
                n += 1
                run.checkpoint({"n": n})
    """,
    "looping.py": """
        import agentwatch
        @agentwatch.tool()
        def look(where):
            return "nothing there"
        with agentwatch.start(goal="Find it") as run:
            for n in range(50):
                with run.step(f"look {n}"):
                    look("under the sofa")
    """,
    "dying.py": """
        import os, pathlib, agentwatch
        @agentwatch.tool()
        def send(to):
            if not pathlib.Path("mended").exists():
                os.kill(os.getpid(), 9)
            return f"sent to {to}"
        with agentwatch.start(goal="Send one mail") as run:
            with run.step("send"):
                if run.state is None:
                    run.checkpoint({"n": 1}, label="about to send")
                send("b.ito@example.com")
    """,
    "rewording.py": """
        import os, agentwatch
        @agentwatch.tool()
        def send(to, text):
            return f"sent to {to}"
        with agentwatch.start(goal="Send one mail") as run:
            if run.state is None:
                run.checkpoint({"n": 1})
            with run.step("send"):
                print(send("b.ito@example.com", "Hello, your refund" if run.attempt == 1 else "Dear, your refund"))
                if run.attempt == 1:
                    os.kill(os.getpid(), 9)
    """,
    "unanswered.py": """
        import pathlib, agentwatch
        @agentwatch.tool(check_hint="the outbox")
        def send(to, text):
            if not pathlib.Path("mended").exists():
                raise TimeoutError("no answer in 5 s")
            return f"sent to {to}"
        with agentwatch.start(goal="Send one mail") as run:
            with run.step("send"):
                print(send("b.ito@example.com", "Hello"))
    """,
    "leaning.py": """
        import pathlib, urllib.request, agentwatch
        @agentwatch.tool(idempotent=True)
        def fetch(url):
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status
        with agentwatch.start(goal="Fetch it") as run:
            with run.step("fetch"):
                port = int(pathlib.Path("port").read_text())
                fetch(f"http://127.0.0.1:{port}/")
    """,
    "stuck.py": """
        import pathlib, time, agentwatch
        @agentwatch.tool()
        def wait_long():
            pathlib.Path("waiting").touch()
            time.sleep(120)
        with agentwatch.start(goal="Wait") as run:
            with run.step("wait"):
                wait_long()
    """,
}


class Shell:
    """Calls the installed command as a person or a script does."""

    def __init__(self, home: Home, folder: Path) -> None:
        self.home = home
        self.folder = folder
        self.command = str(Path(sys.executable).with_name("agentwatch"))
        self.env = {**os.environ, "AGENTWATCH_HOME": str(home.root), "TERM": "xterm-256color"}
        for name, text in AGENTS.items():
            (folder / name).write_text("\n".join(line.removeprefix("        ") for line in text.splitlines()))

    def call(
        self, *arguments: str, code: int | None = 0, timeout: float = DEADLINE_S
    ) -> subprocess.CompletedProcess[str]:
        """Run one command to its end, and assert its exit code."""
        done = subprocess.run(
            [self.command, *arguments],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert code is None or done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *arguments: str, code: int = 0) -> Any:
        """What a command prints for programs."""
        return json.loads(self.call(*arguments, "--json", code=code).stdout)

    def headless(self, *arguments: str) -> subprocess.Popen[str]:
        """Begin `run --headless` and go on."""
        return subprocess.Popen(
            [self.command, "run", "--headless", *arguments],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def terminal(self, *arguments: str, columns: int = 100) -> Any:
        """One command in a pseudo-terminal."""
        return pexpect.spawn(
            self.command,
            list(arguments),
            cwd=str(self.folder),
            # pexpect sets the size once the command runs already: told so, it cannot look too early.
            env={**self.env, "COLUMNS": str(columns), "LINES": "30"},
            dimensions=(30, columns),
            encoding="utf-8",
            timeout=DEADLINE_S,
        )

    def until(self, agent: str, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until an agent's latest run meets a condition."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            runs = [run for run in self.json("ps") if run["agent"] == agent]
            if runs and condition(runs[-1]):
                return dict(runs[-1])
            assert time.monotonic() < deadline, runs
            time.sleep(0.05)

    def status(self, agent: str, *wanted: str) -> dict[str, Any]:
        """Wait until an agent's latest run has one of these statuses."""
        return self.until(agent, lambda run: run["status"] in wanted)

    def file(self, name: str) -> None:
        """Wait until an agent made a file."""
        deadline = time.monotonic() + DEADLINE_S
        while not (self.folder / name).exists():
            assert time.monotonic() < deadline, name
            time.sleep(0.02)

    def read_until(self, process: subprocess.Popen[str], said: str) -> None:
        """Read lines of a process until one holds `said`."""
        assert process.stdout is not None
        for line in process.stdout:
            if said in line:
                return
        raise AssertionError(f"{said!r} was never said")

    @contextlib.contextmanager
    def frozen_runtime(self) -> Iterator[None]:
        """Let the runtime neither work nor die meanwhile."""
        beat = self.home.beat()
        assert beat is not None
        os.kill(beat.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(beat.pid, signal.SIGCONT)

    def kill_runtime(self) -> None:
        """End the runtime the hard way."""
        beat = self.home.beat()
        assert beat is not None
        os.kill(beat.pid, signal.SIGKILL)

    def close(self) -> None:
        """End every agent and the runtime."""
        if not self.home.runtime_alive():
            return
        with contextlib.suppress(Exception):
            live = [run["run"] for run in self.json("ps") if run["status"] not in ("completed", "killed")]
            if live:
                self.call("kill", "--yes", *live, code=None)
            self.call("stop", "--timeout", "1", code=None)
        if self.home.runtime_alive():
            self.kill_runtime()


@pytest.fixture
def shell(home: Home, tmp_path: Path) -> Iterator[Shell]:
    shell = Shell(home, tmp_path)
    yield shell
    shell.close()
