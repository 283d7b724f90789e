"""The command line: `main` runs one command and turns whatever goes wrong into one sentence."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from store.errors import AgentwatchError

USAGE = 2
"""A mistake in arguments or configuration."""
FAULT = 1
"""A fault of our own."""
NOT_ALL = 3
"""Something was refused, or came to rest otherwise than completed."""
INTERRUPTED = 130
BROKEN_PIPE = 141
"""The reader of `run --headless` left before the runs came to rest, so nothing can be said of them."""
UNWRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF})
"""What keeps standard output from being written, where an error names no file."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command in `arguments` (default: those of this process) and return the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal that lacks a letter shows "?" in its place; that is no reason to fail.
            stream.reconfigure(errors="replace")
    return guarded(lambda: _run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    import typer

    from tui.cli.app import app

    command = typer.main.get_command(app)
    given = list(sys.argv[1:] if arguments is None else arguments)
    code = command.main(given, prog_name="agentwatch", standalone_mode=False)
    return code if isinstance(code, int) else 0


def guarded(call: Callable[[], int]) -> int:
    """Return what `call` returns, or the exit code for what it raised, told in one sentence."""
    try:
        code = call()
        sys.stdout.flush()
        return code
    except AgentwatchError as error:
        return _complain(str(error), _code_of(error))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return INTERRUPTED
    except SystemExit as end:
        # Click makes an exit code of its own out of a broken pipe.
        if not isinstance(end.__context__, BrokenPipeError):
            raise
        return _reader_left()
    except BrokenPipeError:
        return _reader_left()
    except Exception as error:
        return _of_usage(error)


def _reader_left() -> int:
    """Whoever read our output (`| head`) has seen enough: that is no failure."""
    silence()
    return 0


def _of_usage(error: Exception) -> int:
    from typer import Abort, BadParameter

    # Typer keeps its usage errors in a private module: `BadParameter` is the one of their family that it shows.
    usage = BadParameter.__mro__[1]
    if isinstance(error, usage):
        message = error.format_message().rstrip(".")  # type: ignore[attr-defined]
        context = getattr(error, "ctx", None)
        path = context.command_path if context is not None else "agentwatch"
        stop = "" if message.endswith("?") else "."
        return _complain(f"{message[:1].upper()}{message[1:]}{stop} See `{path} --help`.", USAGE)
    if isinstance(error, Abort):
        return INTERRUPTED
    if isinstance(error, PermissionError):
        return _complain(f"{error.filename or 'A file'} cannot be used: permission denied.", USAGE)
    if isinstance(error, OSError) and error.filename is None and error.errno in UNWRITABLE:
        silence()
        return _complain(f"Standard output cannot be written: {error.strerror}.", FAULT)
    return _crashed(error)


def _code_of(error: AgentwatchError) -> int:
    from tui.supervisor import NoAnswer, RuntimeNotStarted

    return FAULT if isinstance(error, NoAnswer | RuntimeNotStarted) else USAGE


def _complain(text: str, code: int) -> int:
    from tui.plain import plain_lines

    try:
        print("\n".join(plain_lines(text)), file=sys.stderr)
    except BrokenPipeError:
        silence()
    return code


def _crashed(error: Exception) -> int:
    said = f"agentwatch itself failed: {type(error).__name__}: {error}."
    story = "".join(traceback.format_exception(error))
    entry = f"--- {time.strftime('%Y-%m-%d %H:%M:%S %z')}  agentwatch {' '.join(sys.argv[1:])}\n{story}\n"
    for path in _crash_logs():
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(entry)
        except OSError:
            continue
        return _complain(f"{said} The traceback was added to {path}.", FAULT)
    return _complain(f"{said} The traceback could not be written anywhere.", FAULT)


def _crash_logs() -> list[Path]:
    from tui.cli.options import last_place

    place = last_place()
    folder = place.home.root if place is not None else None
    own = [folder / "crash.log"] if folder is not None and folder.is_dir() else []
    return [*own, Path(tempfile.gettempdir()) / f"agentwatch-crash-{os.getuid()}.log"]


def silence() -> None:
    """Let the interpreter flush at its end into nothing: the reader of our output has gone."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
