"""A process that was told to stop ends without a traceback."""

from __future__ import annotations

import sys
import threading

from agentwatch._errors import STOPPED_STATUS, stop_within

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

_installed = False


def install() -> None:
    """Let `Stopped` end the process with its status, and a thread with nothing; all else goes where it went."""
    global _installed
    if _installed:
        return
    _installed = True
    before, before_in_threads = sys.excepthook, threading.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if stop_within(error) is None:
            before(kind, error, trace)
        else:
            # Raised here, it is the interpreter's exit status.
            raise SystemExit(STOPPED_STATUS)

    def thread_hook(args: threading.ExceptHookArgs, /) -> None:
        if stop_within(args.exc_value) is None:
            before_in_threads(args)

    sys.excepthook, threading.excepthook = hook, thread_hook
