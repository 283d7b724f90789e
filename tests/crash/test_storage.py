"""The disk is full, the home cannot be written, a log was left behind: the gate fails closed and nothing is forgotten."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import agentwatch.__main__ as launcher
from store.events import Kind
from store.home import Home
from store.states import Status
from tests.support.crash_world import CrashWorld, is_sound

needs_prlimit = pytest.mark.skipif(
    not hasattr(resource, "prlimit"), reason="no prlimit(2): a limit cannot be set on a process that runs"
)


@contextlib.contextmanager
def no_room(crash: CrashWorld) -> Iterator[None]:
    """No file of the runtime may grow beyond what its journal's log holds now, as on a full disk."""
    pid = crash.runtime_pid()
    assert pid is not None
    wal = crash.home.journal.with_name("journal.db-wal")
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (max(wal.stat().st_size, 16384), before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


async def trouble(crash: CrashWorld) -> str:
    """Wait until the runtime says what keeps it from writing."""
    return await crash.beat_where(lambda beat: beat.trouble != "")


@needs_prlimit
async def test_without_room_the_gate_lets_nothing_through_and_goes_on_when_there_is_room(crash: CrashWorld) -> None:
    run = await crash.staying_agent()
    with no_room(crash):
        crash.go(run)
        assert "Make room" in await trouble(crash)
        before = crash.lines(f"ledger-{run}")
        assert [line.split()[0] for line in before] == ["0", "1", "2", "3"]
        assert (await crash.run(run)).status is Status.RUNNING
    await crash.bring_to_an_end(run)
    await crash.check(run, items=6)
    assert crash.lines(f"ledger-{run}")[:4] == before
    assert await crash.beat_where(lambda beat: beat.trouble == "") == ""


@needs_prlimit
@pytest.mark.parametrize("victim", ["agent", "runtime", "both"])
async def test_who_dies_while_there_is_no_room_loses_nothing_that_was_acknowledged(
    crash: CrashWorld, victim: str
) -> None:
    run = await crash.staying_agent()
    with contextlib.suppress(ProcessLookupError), no_room(crash):
        crash.go(run)
        await trouble(crash)
        await crash.strike(victim, run)
    await crash.bring_to_an_end(run)
    await crash.check(run, items=6)


@needs_prlimit
async def test_a_restart_that_is_due_while_there_is_no_room_does_nothing_again(crash: CrashWorld) -> None:
    run = await crash.start(
        """
raw = Raw(state=True)
attempt = raw.welcome["attempt"]
if raw.begin(f"a{attempt}", "send", {"n": 1})["verdict"] == "proceed":
    note(HERE / "ledger", "sent")
    (HERE / "sent").touch()
    wait_for(HERE / "go")
    raw.say(t="action.end", id=f"a{attempt}", ok=True, result="sent")
    os.abort()
raw.complete()
""",
        restart=1,
    )
    await crash.file("sent")
    with no_room(crash):
        crash.touch("go")
        await trouble(crash)
        pid = (await crash.run(run)).pid
        assert pid is not None
        await crash.until_gone(pid)
    assert (await crash.rest(run)).status is Status.COMPLETED
    assert crash.lines("ledger") == ["sent"]


@needs_prlimit
async def test_an_idle_runtime_outlives_a_full_disk(crash: CrashWorld) -> None:
    run = await crash.send_items(items=2)
    await crash.bring_to_an_end(run)
    pid = crash.runtime_pid()
    with no_room(crash):
        # An idle runtime folds its log back, which makes room: so much is asked for that it does not suffice.
        for _ in range(100):
            beat = crash.home.beat()
            if beat is not None and beat.trouble:
                break
            for _ in range(40):
                await crash.insist("kill", "nobody")
        await trouble(crash)
    assert not (await crash.ask("kill", "nobody")).applied
    assert crash.runtime_pid() == pid


async def test_answers_to_two_doubts_that_meet_a_full_disk_are_each_recorded_and_the_run_goes_on(
    crash: CrashWorld,
) -> None:
    # The first commit of an answer fails, and is tried again a little later; nobody is struck.
    await crash.faulty_runtime(what="commit", kind="action.resolved", at="while", victim="nobody")
    run = await crash.start(
        """
raw = Raw()
attempt = raw.welcome["attempt"]
for n in range(2):
    if raw.begin(f"{attempt}-{n}", "send", {"n": n})["verdict"] == "proceed":
        note(HERE / "ledger", f"{n}")
if attempt == 1:
    os.abort()
raw.complete()
"""
    )
    assert (await crash.rest(run)).status is Status.NEEDS_REVIEW
    pid = crash.runtime_pid()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)  # It reads both at once.
    for n in range(2):
        await crash.insist("resolve", run, attempt=1, action=f"1-{n}", outcome="done")
    os.kill(pid, signal.SIGCONT)
    assert (await crash.until(run, lambda now: now.attempt == 2 and now.at_rest)).status is Status.COMPLETED
    assert crash.lines("ledger") == ["0", "1"]
    answers = await crash.events(run, Kind.COMMAND)
    assert [answer.body["message"] for answer in answers if answer.body["kind"] == "resolve"] == [
        "recorded; 1 more in doubt",
        "recorded; that was the last one, it goes on",
    ]


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of two megabytes."""
    folder = Path(tempfile.mkdtemp(prefix="aw-"))
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], capture_output=True
    )
    if not mounted or mounted.returncode:
        folder.rmdir()
        pytest.skip("a small file system can be mounted by root only")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
    folder.rmdir()


async def test_a_disk_that_is_really_full_is_told_and_survived(small_disk: Path, home: Home, tmp_path: Path) -> None:
    crash = CrashWorld(Home(small_disk / "home"), tmp_path)
    try:
        run = await crash.staying_agent()
        fill = small_disk / "fill"
        with fill.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 4096)
        crash.go(run)
        said = await trouble(crash)
        assert "Make room" in said and str(crash.home.journal) in said
        assert len(crash.lines(f"ledger-{run}")) == 4
        fill.unlink()
        await crash.bring_to_an_end(run)
        await crash.check(run, items=6)
    finally:
        await crash.close()


async def test_a_log_that_a_killed_runtime_left_behind_is_read(crash: CrashWorld) -> None:
    run = await crash.send_items(point="saved is read", nth=2, victim="both")
    await crash.struck(run)
    await crash.runtime_gone()
    assert crash.home.journal.with_name("journal.db-wal").stat().st_size > 0
    left = await crash.run(run)
    assert (left.checkpoints, left.status) == (2, Status.RUNNING)
    with contextlib.closing(sqlite3.connect(f"{crash.home.journal.as_uri()}?immutable=1", uri=True)) as db:
        # Without the log this is not in the file: it was the log that was read.
        assert db.execute("SELECT name FROM sqlite_master WHERE name = 'events'").fetchall() == [] or (
            db.execute("SELECT count(*) FROM checkpoints").fetchone()[0] < 2
        )
    await crash.bring_to_an_end(run)
    await crash.check(run, items=6)
    crash.kill_runtime()
    assert is_sound(crash.home.journal)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_home_that_cannot_be_written_is_said_in_one_sentence(crash: CrashWorld) -> None:
    crash.home.root.mkdir(parents=True)
    crash.home.root.chmod(0o500)
    refused_in_one_sentence(crash.home.root)


async def test_a_home_that_cannot_be_made_is_said_in_one_sentence(crash: CrashWorld) -> None:
    (crash.folder / "file").touch()
    refused_in_one_sentence(crash.folder / "file" / "home")


def refused_in_one_sentence(root: Path) -> None:
    tried = subprocess.run(
        [sys.executable, "-P", str(launcher.__file__), "_serve", "--home", str(root)],
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert tried.returncode == 2
    assert tried.stderr.startswith(f"The home {root} cannot be") and tried.stderr.count("\n") == 1
