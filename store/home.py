"""Where everything of one home lies, who may read it, and whether a runtime is alive there."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import platformdirs

from store.errors import HomeNotWritable, RuntimeAlreadyRunning, SocketFolderNotPrivate, SocketPathTooLong

SOCKET_PATH_LIMIT = 103 if sys.platform == "darwin" else 107
"""Bytes that fit into `sockaddr_un.sun_path`, its closing zero left out (unix(7), unix(4))."""


BEAT_BYTES = 8192
LOCK_TRIES = 20


def _lock(descriptor: int) -> None:
    """Lock a file for this process alone.  Raises `OSError` if another process keeps it.

    Tried for a moment: whoever looks whether a runtime is alive holds the lock for an instant.
    """
    for left in reversed(range(LOCK_TRIES)):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if not left:
                raise
            time.sleep(0.01)
        else:
            return


def _not_private(folder: int) -> str:
    """Close an open folder to everybody else; why that is not to be had, else empty.  Raises `OSError`."""
    if os.fstat(folder).st_uid != os.getuid():
        return "it belongs to another user"
    os.fchmod(folder, 0o700)
    return "" if stat.S_IMODE(os.fstat(folder).st_mode) == 0o700 else "others may use it, too"


class Beat(msgspec.Struct, frozen=True):
    """The runtime's sign of life, rewritten about once a second."""

    pid: int
    version: str
    started_at: float
    at: float
    trouble: str = ""
    """What keeps the runtime from writing the record; empty while nothing does."""


class Home:
    """The layout of one home folder.  Making one touches nothing."""

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().absolute()
        self.journal = self.root / "journal.db"
        self.control = self.root / "control.db"
        self.launches = self.root / "launch"
        self.logs = self.root / "logs"
        self.spool = self.root / "spool"
        self.lock = self.root / "runtime.lock"
        self.beat_file = self.root / "runtime.beat"
        self.secret = self.root / "digest.key"
        self.runtime_log = self.root / "runtime.log"

    @classmethod
    def default(cls) -> Home:
        """The home named by AGENTWATCH_HOME, else the user's state directory."""
        named = os.environ.get("AGENTWATCH_HOME")
        return cls(Path(named)) if named else cls.usual()

    @classmethod
    def usual(cls) -> Home:
        """The user's state directory, which is used where nothing names another home."""
        return cls(platformdirs.user_state_path("agentwatch"))

    def launch(self, run: str) -> Path:
        """What the run was started with: argv, working directory, environment (mode 0600)."""
        return self.launches / f"{run}.json"

    def log(self, run: str) -> Path:
        """Standard output and standard error of all attempts of a run."""
        return self.logs / f"{run}.log"

    def spool_of(self, run: str) -> Path:
        """Folder into which a run's processes write ends that they could not deliver."""
        return self.spool / run

    @property
    def socket(self) -> Path:
        """A short hashed name in a folder of this user's own.

        Raises `SocketPathTooLong` where the temporary folder's own path leaves no room.
        """
        base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
        name = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]
        path = Path(base) / f"agentwatch-{os.getuid()}" / f"{name}.sock"
        if len(os.fsencode(path)) > SOCKET_PATH_LIMIT:
            raise SocketPathTooLong(
                f"The socket path {path} is longer than the {SOCKET_PATH_LIMIT} bytes this system allows: "
                "set XDG_RUNTIME_DIR (or TMPDIR) to a shorter folder."
            )
        return path

    def make_socket_folder(self) -> None:
        """Make the folder of the socket, or make sure that it is this user's alone.

        It may lie in a folder that everybody writes to, where somebody else may have put one up first: agents would
        then tell them the tokens of their attempts.  Raises `SocketFolderNotPrivate`, `SocketPathTooLong`.
        """
        folder = self.socket.parent
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                wrong = _not_private(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            wrong = error.strerror or str(error)
        if wrong:
            raise SocketFolderNotPrivate(
                f"The socket folder {folder} cannot be used ({wrong}): remove it, "
                "or set XDG_RUNTIME_DIR (or TMPDIR) to a folder of your own."
            )

    def create(self) -> None:
        """Make the folders, private to the user.  Raises `HomeNotWritable`."""
        try:
            for folder in (self.root, self.launches, self.logs, self.spool):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.root.chmod(0o700)
        except OSError as error:
            raise HomeNotWritable(
                f"The home {self.root} cannot be used: {error.strerror or error}. "
                "Name another one with --home or AGENTWATCH_HOME."
            ) from error
        if not os.access(self.root, os.W_OK | os.X_OK):
            raise HomeNotWritable(
                f"The home {self.root} cannot be written: permission denied. "
                "Name another one with --home or AGENTWATCH_HOME."
            )

    def acquire(self) -> int:
        """Take the lock of this home and return its descriptor.  Raises `RuntimeAlreadyRunning`."""
        descriptor = os.open(self.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _lock(descriptor)
        except OSError as error:
            os.close(descriptor)
            beat = self.beat()
            who = f" (process {beat.pid})" if beat else ""
            raise RuntimeAlreadyRunning(
                f"A runtime already serves {self.root}{who}: use it, or end it with `agentwatch stop`."
            ) from error
        return descriptor

    def runtime_alive(self) -> bool:
        """Whether a runtime holds the lock of this home now."""
        try:
            descriptor = os.open(self.lock, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(descriptor)
        return False

    def write_beat(self, beat: Beat) -> None:
        """Overwrite the sign of life.  Raises `OSError`.

        In place and always of one size: a new file moved over the old one makes some file systems flush, which
        takes tens of milliseconds that every gate would wait for.
        """
        text = msgspec.json.encode(msgspec.structs.replace(beat, trouble=beat.trouble[:1000]))
        descriptor = os.open(self.beat_file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(descriptor, text.ljust(BEAT_BYTES), 0)
        finally:
            os.close(descriptor)

    def beat(self) -> Beat | None:
        """The last sign of life, or None if there is none that can be read."""
        for _ in range(3):
            try:
                return msgspec.json.decode(self.beat_file.read_bytes(), type=Beat)
            except OSError:
                return None
            except msgspec.DecodeError:
                # Read while it was being overwritten.
                time.sleep(0.001)
        return None

    def beat_age_s(self) -> float | None:
        """Seconds since the runtime's last sign of life, or None without one."""
        beat = self.beat()
        return None if beat is None else max(0.0, time.time() - beat.at)
