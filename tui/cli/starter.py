"""`init`: writes a commented `agentwatch.toml` and a small agent to begin with."""

from __future__ import annotations

from pathlib import Path

from tui.cli.options import UsageMistake
from tui.cli.output import say
from tui.config import FILE_NAME

AGENT_NAME = "hello_agent.py"

CONFIG = """\
# What agentwatch may run here: `agentwatch run hello` starts the agent below.

[agents.hello]
command = ["{python}", "hello_agent.py"]   # {python}: the interpreter of agentwatch; {here}: the folder of this file
goal = "Greet ten people, each once"
cwd = "."                                  # relative to this file; left out: where you call from
# env = { LOG_LEVEL = "debug" }            # added to your environment
# env_file = ".env"                        # KEY=VALUE lines
# restart = 1                              # how often it may be started again by itself after a crash
# count = 1                                # how many runs at once
# policy = "careful"                       # also holds to [policies.careful.*] below

# The rules for all agents.  An edit takes effect at once; `agentwatch policy show` prints what is in force.

[policy.budget]
cost_usd = 5.00
# tokens = 2_000_000
# cost_usd_per_hour = 1.00

# [policy.timeout]
# run_s = 3600

# [policies.careful.loop]
# pause_at = 4
"""

AGENT = '''\
"""Greets ten people, one a step: stop it at any moment, and it goes on where it was."""

import time

import agentwatch

PEOPLE = ["Ada", "Alan", "Barbara", "Donald", "Edsger", "Frances", "Grace", "John", "Margaret", "Niklaus"]


@agentwatch.tool(key="greet-{name}")
def greet(name):
    """The outside world would be here: a mail, a payment, a database.  It happens once for each name."""
    time.sleep(0.5)
    print(f"Hello {name}", flush=True)
    return f"greeted {name}"


with agentwatch.start(goal="Greet ten people, each once") as run:
    for n in range(run.state["next"] if run.state else 0, len(PEOPLE)):
        with run.step(f"greet {PEOPLE[n]}"):
            greet(PEOPLE[n])
        run.progress("greeted", done=n + 1, of=len(PEOPLE))
        run.checkpoint({"next": n + 1}, label=f"{PEOPLE[n]} greeted")
'''


def init() -> None:
    """Write a commented agentwatch.toml here, and a small agent to begin with."""
    folder = Path.cwd()
    path = folder / FILE_NAME
    if path.exists():
        raise UsageMistake(f"{path} exists already and is left as it is.")
    _write(path, CONFIG)
    say(f"Wrote {path}")
    agent = folder / AGENT_NAME
    if agent.exists():
        say(f"Left  {agent} as it is")
    else:
        _write(agent, AGENT)
        say(f"Wrote {agent}")
    say("Next: agentwatch run hello")


def _write(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageMistake(f"{path} cannot be written: {error.strerror}.") from error
