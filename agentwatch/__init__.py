"""What an agent imports.

    with agentwatch.start(goal="Label every ticket") as run:
        ...

A process that `agentwatch run` did not start is not supervised: then everything here works, and nothing is recorded.
"""

from agentwatch._errors import Replayed, Stopped, ToolFailed
from agentwatch._run import AsyncRun, Run
from agentwatch._start import start
from agentwatch._tool import tool

__all__ = ["AsyncRun", "Replayed", "Run", "Stopped", "ToolFailed", "start", "tool"]
__version__ = "0.1.0"
