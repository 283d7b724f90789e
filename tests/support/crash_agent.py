"""An agent under the SDK that appends to a ledger: `crash_agent.py SETTINGS`, a JSON object.

folder, home: paths.  items: how many to send (0: as many as the test writes into a file `enough`).  every: items between two
checkpoints.  style: plain | keyed | together (three at once, in asyncio).  stay_at: an item whose action lasts until the
test makes a file `go-RUN`.  pace_s: seconds before and after each item.  part: see `crash_parts`.  point, nth, victim:
see `crash_points`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from crash_points import Points

import agentwatch
from agentwatch import _link

settings: dict[str, Any] = json.loads(sys.argv[1])
points = Points(settings)


@agentwatch.tool(check_hint="the ledger")
def send(n: int) -> str:
    return points.act(n)


@agentwatch.tool(name="send", key="item-{n}", check_hint="the ledger")
def send_keyed(n: int, words: str) -> str:
    return points.act(n)


@agentwatch.tool(name="send", check_hint="the ledger")
async def send_together(n: int) -> str:
    await asyncio.sleep(0)
    return points.act(n)


@agentwatch.tool(idempotent=True)
def look(n: int) -> str:
    return points.look(n)


def watch_the_link() -> None:
    """Pass by the points at which frames go out and come in."""
    send_frame, receive = _link.Link.send, _link.Link.receive

    def sending(self: _link.Link, frame: bytes) -> bool:
        said = json.loads(frame)
        points.before_send(said)
        sent = send_frame(self, frame)
        points.after_send(said)
        return sent

    def receiving(self: _link.Link, *, block: bool = True) -> list[dict[str, Any]]:
        messages = receive(self, block=block)
        for message in messages:
            points.after_receive(message)
        return messages

    _link.Link.send, _link.Link.receive = sending, receiving  # type: ignore[method-assign]


def expect(n: int, result: str) -> None:
    if result != f"sent {n}":
        points.complain(f"item {n} returned {result!r}")


def main() -> None:
    with agentwatch.start() as run:
        n = saved = run.state["next"] if run.state else 0
        while points.more(n):
            with run.step(f"item {n}"):
                words = f"worded in attempt {run.attempt}"
                expect(n, send_keyed(n, words) if settings["style"] == "keyed" else send(n))
                look(n)
            n += 1
            if n - saved >= settings["every"] or not points.more(n):
                run.checkpoint({"next": n})
                points.acknowledged({"next": n})
                saved = n
        if n != saved:
            run.checkpoint({"next": n})
            points.acknowledged({"next": n})


async def main_together() -> None:
    async with agentwatch.start() as run:
        n = run.state["next"] if run.state else 0
        while points.more(n):
            async with run.step(f"items {n} to {n + 2}"):
                results = await asyncio.gather(*(send_together(n + k) for k in range(3)))
            for k, result in enumerate(results):
                expect(n + k, result)
            n += 3
            await run.checkpoint({"next": n})
            points.acknowledged({"next": n})


if __name__ == "__main__":
    watch_the_link()
    lock = points.alone()
    if settings["style"] == "together":
        asyncio.run(main_together())
    else:
        main()
