"""What the SDK raises.

BaseException
└── Stopped        the process must end: the supervisor said so, or nobody is there to rule on its actions
Exception
├── ToolFailed     the runtime has given up on a tool call
└── Replayed       a `with run.action(…)` block must not be entered: its action has already happened
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

STOPPED_STATUS = 75
"""Exit status of a process that was told to stop (EX_TEMPFAIL of sysexits.h: try again later)."""


class Stopped(BaseException):
    """Unwinds an agent that must end; code that catches it only delays the end: the next gate raises it again.

    A process that it leaves ends without a traceback, with exit status 75.
    """

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(f"{reason}: {message}" if message else reason)
        self.reason = reason
        """A stop reason such as USER_PAUSED, or FENCED, or REFUSED."""
        self.message = message

    def __reduce__(self) -> tuple[type[Stopped], tuple[str, str]]:
        return type(self), (self.reason, self.message)


class ToolFailed(Exception):
    """A tool call on which the runtime has given up; `__cause__` is the tool's own last exception."""


class Replayed(Exception):
    """Raised in place of entering a `with run.action(…)` block whose action already happened; has its `result`."""

    def __init__(self, tool: str, result: Any = None) -> None:
        super().__init__(
            f"{tool} has already happened, so its block was not entered: "
            "catch agentwatch.Replayed and go on with its .result, or make it a @agentwatch.tool, which does so itself."
        )
        self.tool = tool
        self.result = result

    def __reduce__(self) -> tuple[type[Replayed], tuple[str, Any]]:
        return type(self), (self.tool, self.result)


def stop_within(error: BaseException | None) -> Stopped | None:
    """The stop that `error` is, or that is among the exceptions of a group of tasks."""
    # By its name: groups came with Python 3.11, and earlier ones have them from a package.
    if any(kind.__name__ == "BaseExceptionGroup" for kind in type(error).__mro__):
        return next((found for found in map(stop_within, error.exceptions) if found is not None), None)  # type: ignore[union-attr]
    # By its type: an exception may answer wrongly, or not at all, when it is asked for its class.
    return error if issubclass(type(error), Stopped) else None  # type: ignore[return-value]
