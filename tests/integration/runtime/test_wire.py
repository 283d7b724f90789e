"""The protocol, spoken with nothing but a socket."""

from __future__ import annotations

import contextlib
import json
import socket
from typing import Any

import pytest

from store.events import Kind
from store.records import Event
from store.states import Status, StopReason
from tests.support.world import World

THREE_STEPS = """
raw = Raw(state=True)
begin = (raw.welcome["state"] or {"next": 0})["next"]
for n in range(begin, 3):
    raw.step(n + 1, f"step {n}")
    raw.begin(f"a{n}", "write", {"n": n}, step=n + 1)
    raw.end(f"a{n}", {"written": n})
    raw.checkpoint(f"c{n}", {"next": n + 1}, step=n + 1, label=f"after {n}", covers=f"a{n}")
raw.complete("done")
"""


async def test_an_agent_that_speaks_json_over_a_socket_runs_to_completion(world: World) -> None:
    run = await world.start(THREE_STEPS)
    done = await world.rest(run)
    assert (done.status, done.reason) == (Status.COMPLETED, StopReason.COMPLETED)
    assert (done.step, done.actions, done.checkpoints, done.in_flight) == (3, 3, 3, ())
    assert done.checkpoint is not None and done.checkpoint.label == "after 2"


async def test_the_intent_is_durable_before_the_verdict_is_read(world: World) -> None:
    run = await world.start(
        """
raw = Raw()
raw.begin("a1", "send", {"to": "ann"}, step=1)
pathlib.Path(HERE / "read").touch()
wait_for(HERE / "go")
raw.end("a1")
raw.complete()
"""
    )
    await world.file("read")
    # Nothing but the database says so: no runtime is asked.
    async with await world.supervisor.reader() as reader:
        (action,) = await reader.actions(run)
    assert (action.id, action.tool, action.args, action.ended_at) == ("a1", "send", {"to": "ann"}, None)
    world.touch("go")
    assert (await world.rest(run)).status is Status.COMPLETED


async def test_a_begin_sent_again_leaves_one_intent(world: World) -> None:
    run = await world.start(
        """
raw = Raw()
raw.begin("a1", "send", step=1)
raw.begin("a1", "send", step=1)
raw.end("a1")
raw.end("a1")
raw.complete()
"""
    )
    done = await world.rest(run)
    assert done.actions == 1
    assert len(await world.events(run, Kind.ACTION_END)) == 1


async def test_a_checkpoint_sent_again_is_stored_once(world: World) -> None:
    run = await world.start(
        """
raw = Raw()
first = raw.checkpoint("c1", {"n": 1})
again = raw.checkpoint("c1", {"n": 1})
assert first["number"] == again["number"] == 1
raw.complete()
"""
    )
    assert (await world.rest(run)).checkpoints == 1


async def test_every_event_carries_the_one_before_it_of_its_run(world: World) -> None:
    runs = [await world.start(THREE_STEPS), await world.start(THREE_STEPS)]
    for run in runs:
        await world.rest(run)
    for run in runs:
        events: list[Event] = await world.events(run)
        assert events[0].kind == Kind.CREATED
        assert [event.prev for event in events] == [0, *(event.seq for event in events[:-1])]
        assert {event.run for event in events} == {run}


async def test_usage_task_and_progress_reach_the_projection(world: World) -> None:
    run = await world.start(
        """
raw = Raw()
raw.say(t="task", name="label tickets")
raw.say(t="usage", input_tokens=900, output_tokens=80, cached_tokens=7, cost_usd=0.25)
raw.say(t="usage", input_tokens=100)
raw.say(t="progress", label="labelled", done=1, of=40)
raw.complete()
"""
    )
    done = await world.rest(run)
    assert (done.task, done.tokens, done.cached_tokens, done.cost_usd) == ("label tickets", 1080, 7, 0.25)
    assert (done.progress_label, done.progress_done, done.progress_of) == ("labelled", 1, 40)


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"garbage\n", "no frame of the protocol"),
        (b"\xff\xfe\x00\n", "no frame of the protocol"),
        (b'{"t":"unheard.of"}\n', "no frame of the protocol"),
        (b'{"t":"hello","v":1}\n', "no frame of the protocol"),
        (b'{"t":"task","name":"x"}\n', "first frame"),
        (b'{"t":"hello","v":9,"run":"x","attempt":1,"token":"","pid":1}\n', "version 1"),
        (b"[" * 100_000 + b"\n", "no frame of the protocol"),
        (b"x" * (5 * 1024 * 1024), "longer than"),
    ],
)
async def test_garbage_on_the_socket_is_answered_in_a_sentence_and_harms_nobody(
    world: World, sent: bytes, said: str
) -> None:
    run = await world.start("raw = Raw()\nwait_for(HERE / 'go')\nraw.complete()")
    await world.until(run, lambda now: now.sdk)
    assert said in _exchange(world, sent)["message"]
    world.touch("go")
    assert (await world.rest(run)).status is Status.COMPLETED


async def test_a_stranger_with_a_wrong_token_is_fenced(world: World) -> None:
    run = await world.start("raw = Raw()\nwait_for(HERE / 'go')\nraw.complete()")
    await world.until(run, lambda now: now.sdk)
    hello = {"t": "hello", "v": 1, "run": run, "attempt": 1, "token": "guessed", "pid": 1}
    assert _exchange(world, json.dumps(hello).encode() + b"\n")["t"] == "fenced"
    world.touch("go")
    await world.rest(run)


async def test_a_child_process_speaks_for_the_same_run(world: World) -> None:
    run = await world.start(
        """
import subprocess
raw = Raw()
child = "from raw import *; raw = Raw(); raw.begin('child-1', 'fetch'); raw.end('child-1', 7)"
subprocess.run([sys.executable, "-c", child], check=True)
raw.complete()
"""
    )
    done = await world.rest(run)
    assert (done.status, done.actions) == (Status.COMPLETED, 1)


def _exchange(world: World, sent: bytes) -> Any:
    with socket.socket(socket.AF_UNIX) as peer, peer.makefile("rb") as answers:
        peer.settimeout(10)
        peer.connect(str(world.home.socket))
        # The runtime may close while a huge frame is still on its way.
        with contextlib.suppress(OSError):
            peer.sendall(sent)
        return json.loads(answers.readline())
