"""How the old home was made, by commit 9475312: `make.py AGENTWATCH PYTHON`, its installed command and its Python.

Writes `journal.sql`, `control.sql`, `launch/` and `digest.key` beside this file.  Paths are written as @FOLDER@ and
@PYTHON@, and the environment of the launches is empty: `tests/acceptance/cli/test_old_home.py` fills both in.
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
KEPT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "USER": "somebody"}


class Maker:
    """Drives the command in a folder of its own."""

    def __init__(self, command, root):
        self.command = command
        self.folder = root / "work"
        self.home = root / "home"
        self.followers = []
        self.folder.mkdir()
        for name in ("agents.py", "agentwatch.toml"):
            shutil.copy(HERE / name, self.folder)
        (root / "run").mkdir(mode=0o700)
        self.env = {**KEPT, "AGENTWATCH_HOME": str(self.home), "XDG_RUNTIME_DIR": str(root / "run")}

    def call(self, *arguments):
        done = subprocess.run(
            [self.command, *arguments], cwd=self.folder, env=self.env, capture_output=True, text=True, check=False
        )
        print("$", *arguments, "->", done.returncode, done.stdout[-300:], done.stderr[-300:])
        return done.stdout

    def begin(self, *arguments):
        follower = subprocess.Popen(
            [self.command, "run", "--headless", *arguments],
            cwd=self.folder,
            env=self.env,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.followers.append(follower)

    def until(self, agent, ready):
        for _ in range(1200):
            runs = [run for run in json.loads(self.call("ps", "--json") or "[]") if run["agent"] == agent]
            if runs and ready(runs[-1]):
                return
            time.sleep(0.1)
        raise SystemExit(f"{agent} never came so far: {runs}")

    def make(self):
        names = [
            "counting",
            "looping",
            "spending",
            "failing",
            "restarting",
            "crashing",
            "doubtful-done",
            "doubtful-retry",
        ]
        self.call("run", "--headless", *names)
        self.call("run", "--headless", "plain", "broken")
        self.call("fork", "counting", "--from", "2")
        self.begin("leaning")
        self.until("leaning", lambda run: run["status"] == "waiting" and "shop" in str(run["why"]))
        self.call("pause", "leaning", "--park")
        for role, order in (("held", "pause"), ("parked", "pause"), ("ended", "kill")):
            self.begin(role)
            self.until(role, lambda run: run["checkpoints"] >= 3)
            self.call(order, *({"parked": ["--park"], "ended": ["--yes"]}.get(role, [])), role)
        self.begin("lost")
        self.until("lost", lambda run: run["checkpoints"] >= 1 and (self.folder / "idle-lost").exists())
        self.until("counting", lambda run: run["status"] == "completed" and run["checkpoints"] >= 1)
        time.sleep(2)  # whatever is still on its way into the record

    def end(self):
        """End the runtime, then the agents, the hard way: the record stays as it is."""
        beat = json.loads((self.home / "runtime.beat").read_bytes().rstrip(b"\0 \n"))
        with sqlite3.connect(self.home / "journal.db") as journal:
            pids = [pid for (pid,) in journal.execute("SELECT pid FROM attempts WHERE ended = 0")]
        for follower in self.followers:  # they would start another runtime
            follower.kill()
            follower.wait()
        os.kill(beat["pid"], signal.SIGKILL)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def keep(self):
        """Write the home as text that names nothing of this machine."""
        boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()

        def scrubbed(text):
            text = text.replace(boot, "00000000-0000-0000-0000-000000000000")
            for path, mark in ((self.folder, "@FOLDER@"), (sys.argv[2], "@PYTHON@"), (self.home, "@HOME@")):
                text = text.replace(str(path), mark)
            return text

        for name in ("journal", "control"):
            with sqlite3.connect(self.home / f"{name}.db") as database:
                version = database.execute("PRAGMA user_version").fetchone()[0]
                identity = database.execute("PRAGMA application_id").fetchone()[0]
                lines = [f"PRAGMA user_version = {version};", f"PRAGMA application_id = {identity};"]
                lines += database.iterdump()
            (HERE / f"{name}.sql").write_text(scrubbed("\n".join(lines)) + "\n", encoding="utf-8")
        shutil.rmtree(HERE / "launch", ignore_errors=True)
        (HERE / "launch").mkdir()
        for path in sorted((self.home / "launch").iterdir()):
            launch = json.loads(scrubbed(path.read_text(encoding="utf-8")))
            launch["env"] = {}
            (HERE / "launch" / path.name).write_text(json.dumps(launch, indent=1) + "\n", encoding="utf-8")
        if (self.home / "digest.key").exists():
            (HERE / "digest.key").write_text((self.home / "digest.key").read_bytes().hex() + "\n", encoding="ascii")
        shutil.copy(self.folder / "ledger", HERE / "ledger")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="aw-") as root:
        maker = Maker(sys.argv[1], pathlib.Path(root))
        maker.make()
        maker.end()
        maker.keep()
