"""What `doctor` looks at: the machine, the home and its runtime, the record and what was left behind."""

from __future__ import annotations

import os
import platform
import shutil
import stat
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import msgspec

import agentwatch
from store import health
from store.errors import AgentwatchError, NoJournal
from store.home import Home
from store.reader import Fleet, Reader
from store.states import Status
from tui import config
from tui.cli.options import Place
from tui.console import formats

LEAST_FREE_BYTES = 100 * 1024 * 1024
LOW_FREE_BYTES = 1024 * 1024 * 1024
STALE_BEAT_S = 5.0
LARGE_WAL_BYTES = 256 * 1024 * 1024
NETWORK = frozenset({"nfs", "nfs4", "cifs", "smbfs", "smb3", "9p", "fuse.sshfs", "afs", "ceph", "glusterfs"})
"""File systems on which SQLite's write-ahead log and its locks do not work between machines."""
_PR_GET_CHILD_SUBREAPER = 37


class Grade(StrEnum):
    GOOD = "good"
    NOTE = "note"
    """Works, but somebody should know."""
    BAD = "bad"


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    what: str
    grade: Grade
    said: str
    """One sentence; where it is not good, with what to do about it."""


def of_machine() -> Iterator[Finding]:
    """Python, SQLite, and what the system lets a runtime do."""
    yield Finding("agentwatch", Grade.GOOD, f"{agentwatch.__version__}, in {Path(str(agentwatch.__file__)).parent}")
    yield from _other_module(Path.cwd())
    yield Finding("python", Grade.GOOD, f"{platform.python_version()} on {platform.system()} {platform.release()}")
    version = health.sqlite_version()
    name = ".".join(map(str, version))
    if health.has_wal_reset_bug(version):
        yield Finding(
            "sqlite", Grade.NOTE,
            f"{name} has the WAL-reset bug (mended in 3.51.3, 3.50.7 and 3.44.6). agentwatch avoids it: one connection "
            "alone writes the journal and folds its log. Do not open the journal for writing with other tools.",
        )  # fmt: skip
    else:
        yield Finding("sqlite", Grade.GOOD, name)
    yield _subreaper()
    yield _pidfd()


def _other_module(folder: Path) -> Iterator[Finding]:
    """A module of the folder that agents started there would take for the SDK."""
    own = Path(str(agentwatch.__file__)).resolve().parent
    for path in (folder / "agentwatch.py", folder / "agentwatch" / "__init__.py"):
        if path.is_file() and path.resolve().parent != own:
            said = f"{path} is another module of that name: agents started here import it, not the SDK. Rename it."
            yield Finding("import agentwatch", Grade.BAD, said)


def _subreaper() -> Finding:
    if not sys.platform.startswith("linux"):
        return Finding(
            "orphans", Grade.NOTE, "This system has no subreaper: what leaves an agent's group is found by its marker."
        )
    import ctypes

    value = ctypes.c_int()
    got = ctypes.CDLL(None, use_errno=True).prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(value), 0, 0, 0)
    if got == 0:
        return Finding("orphans", Grade.GOOD, "A runtime can become the parent of what agents leave behind.")
    return Finding("orphans", Grade.NOTE, "No subreaper here: what leaves an agent's group is found by its marker.")


def _pidfd() -> Finding:
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return Finding("process ends", Grade.NOTE, "No pidfd here: the end of a process is noticed within 50 ms.")
    return Finding("process ends", Grade.GOOD, "The end of a process is noticed at once (pidfd).")


def of_home(where: Place) -> Iterator[Finding]:
    """The folder, its disk, the socket and the runtime."""
    home = where.home
    yield _folder(home)
    yield _disk(home.root)
    if (slow := _network(home.root)) is not None:
        yield slow
    try:
        yield Finding("socket", Grade.GOOD, str(home.socket))
    except AgentwatchError as error:
        yield Finding("socket", Grade.BAD, str(error))
    yield _runtime(where)
    if (path := config.find(Path.cwd())) is not None:
        yield _config(path)


def _folder(home: Home) -> Finding:
    root = home.root
    if not root.exists():
        parent = next(folder for folder in root.parents if folder.exists())
        if os.access(parent, os.W_OK | os.X_OK):
            return Finding("home", Grade.GOOD, f"{root} does not exist yet; it can be made.")
        return Finding("home", Grade.BAD, f"{root} cannot be made: {parent} cannot be written. Name another: --home.")
    if not root.is_dir() or not os.access(root, os.R_OK | os.W_OK | os.X_OK):
        return Finding("home", Grade.BAD, f"{root} is no folder that can be written. Name another one: --home.")
    open_ones = [path.name for path in (root, home.journal, home.control, home.launches) if _others_may(path)]
    if open_ones:
        mend = f"chmod -R go= {root}"
        return Finding("home", Grade.BAD, f"Other users may read {', '.join(open_ones)} of {root}: `{mend}`.")
    return Finding("home", Grade.GOOD, f"{root}, writable, private to you")


def _others_may(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
    except OSError:
        return False


def _disk(root: Path) -> Finding:
    there = next(folder for folder in (root, *root.parents) if folder.exists())
    free = shutil.disk_usage(there).free
    said = f"{formats.size(free)} free"
    if free < LEAST_FREE_BYTES:
        return Finding("disk", Grade.BAD, f"{said}: a full disk stops every agent at its gate. Make room.")
    return Finding("disk", Grade.NOTE if free < LOW_FREE_BYTES else Grade.GOOD, said)


def _network(root: Path) -> Finding | None:
    import psutil

    mounts = [(part.mountpoint, part.fstype) for part in psutil.disk_partitions(all=True)]
    under = [mount for mount in mounts if root.is_relative_to(mount[0])]
    kind = max(under, key=lambda mount: len(mount[0]), default=("", ""))[1]
    if kind not in NETWORK:
        return None
    return Finding("file system", Grade.BAD, f"{kind} is a network file system: SQLite needs a local one. Use --home.")


def _runtime(where: Place) -> Finding:
    home = where.home
    beat = home.beat()
    if not home.runtime_alive():
        return Finding("runtime", Grade.GOOD, "None is running; `run`, `attach` and `resume` start one.")
    if beat is None:
        return Finding("runtime", Grade.NOTE, "One holds the lock and has not shown a sign of life yet.")
    age = home.beat_age_s() or 0.0
    said = f"process {beat.pid}, version {beat.version}, last sign of life {formats.ago(age)}"
    if beat.trouble:
        return Finding("runtime", Grade.BAD, f"{said}: it cannot write the record: {beat.trouble}")
    if age > STALE_BEAT_S:
        return Finding("runtime", Grade.BAD, f"{said}: it hangs, or is stopped. See {home.runtime_log}.")
    if beat.version != agentwatch.__version__:
        return Finding(
            "runtime", Grade.NOTE, f"{said}; this is {agentwatch.__version__}: `{where.command('restart')}`."
        )
    return Finding("runtime", Grade.GOOD, said)


def _config(path: Path) -> Finding:
    try:
        agents = config.read(path, ()).agents
    except AgentwatchError as error:
        return Finding("configuration", Grade.BAD, str(error).replace("\n", " "))
    return Finding("configuration", Grade.GOOD, f"{path}: {formats.plural(len(agents), 'agent')}")


async def of_record(where: Place) -> list[Finding]:
    """The databases, and what no run needs any more."""
    home = where.home
    try:
        async with await Reader.open(home) as reader:
            fleet = await reader.fleet()
            newest = await reader.last_seq()
    except NoJournal:
        return [Finding("record", Grade.GOOD, "Nothing has run here yet.")]
    except AgentwatchError as error:
        return [Finding("record", Grade.BAD, str(error))]
    size = home.journal.stat().st_size
    said = f"{formats.plural(len(fleet.runs), 'run')}, newest event {newest}, {formats.size(size)}"
    if (broken := health.damage(home.journal)) is not None:
        return [Finding("record", Grade.BAD, f"{home.journal} is damaged: {broken}. Restore it from a copy.")]
    return [Finding("record", Grade.GOOD, said), *_leftovers(where, fleet)]


def _leftovers(where: Place, fleet: Fleet) -> Iterator[Finding]:
    home, alive = where.home, where.home.runtime_alive()
    live = [run for run in fleet.runs.values() if not run.at_rest]
    if live and not alive:
        yield Finding(
            "leftovers", Grade.NOTE,
            f"{formats.plural(len(live), 'run')} went on when the last runtime ended: `{where.command('restart')}` "
            "starts one that takes over what still lives.",
        )  # fmt: skip
    strays = [path for path in _files(home) if path.stem not in fleet.runs]
    if strays:
        said = f"{formats.plural(len(strays), 'file')} of runs that are not on record, e.g. {strays[0]}"
        yield Finding("leftovers", Grade.NOTE, f"{said}. They can be deleted.")
    asked = sum(run.status is Status.NEEDS_REVIEW for run in fleet.runs.values())
    if asked:
        said = f"{formats.plural(asked, 'run')} {'waits' if asked == 1 else 'wait'} for an answer"
        yield Finding("questions", Grade.NOTE, f"{said}: `{where.command('attach --needs-me')}`.")
    if (wal := health.wal_bytes(home.journal)) > LARGE_WAL_BYTES:
        yield Finding("log of the journal", Grade.NOTE, f"{formats.size(wal)}: some reader keeps it from being folded.")
    crash = home.root / "crash.log"
    if crash.exists():
        yield Finding("leftovers", Grade.NOTE, f"agentwatch itself failed once: {crash} says how.")
    if not live and not strays and not crash.exists():
        yield Finding("leftovers", Grade.GOOD, "none")


def _files(home: Home) -> list[Path]:
    folders = (home.logs, home.launches, home.spool)
    return [path for folder in folders if folder.is_dir() for path in sorted(folder.iterdir())]
