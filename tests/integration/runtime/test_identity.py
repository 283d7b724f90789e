"""An id names one call, and a key one action: whoever claims otherwise is refused in one sentence, and nothing happens."""

from __future__ import annotations

import json

import pytest

from store.events import Kind
from store.states import Status
from tests.support.world import World


async def test_an_id_in_flight_lets_no_other_call_through(world: World) -> None:
    run = await world.start(
        """
raw = Raw()
assert raw.begin("A", "read", {"f": 1})["verdict"] == "proceed"
heard = []
for frame in ({"tool": "send_money", "args": {"n": 1}}, {"tool": "read", "args": {"f": 2}}, {"tool": "read", "args": {"f": 1}}):
    raw.say(t="action.begin", id="A", **frame)
    heard.append(raw.answer("A"))
raw.end("A")
raw.say(t="action.begin", id="A", tool="read", args={"f": 1})
heard.append(raw.answer("A"))
note(HERE / "heard", json.dumps(heard))
raw.complete()
""",
        policy="[budget]\nactions = 2\n",
    )
    assert (await world.rest(run)).status is Status.COMPLETED
    [line] = world.lines("heard")
    heard = json.loads(line)
    # What is sent again is the same call, and gets the same answer.
    expected = [("stop", True), ("stop", True), ("proceed", None), ("stop", True)]
    assert [(answer["verdict"], answer.get("refused")) for answer in heard] == expected
    assert "belongs to a call of read" in heard[0]["message"] and "has ended" in heard[3]["message"]
    assert [event.body["tool"] for event in await world.events(run, Kind.ACTION_BEGIN)] == ["read"]


async def test_a_call_sent_again_on_another_connection_is_still_one_call(world: World) -> None:
    run = await world.start(
        """
raw = Raw()
raw.begin("A", "send", {"to": "ann"})
raw.socket.shutdown(socket.SHUT_RDWR)
again = Raw()
assert again.begin("A", "send", {"to": "ann"})["verdict"] == "proceed"
again.end("A")
again.complete()
"""
    )
    assert (await world.rest(run)).status is Status.COMPLETED
    assert len(await world.events(run, Kind.ACTION_BEGIN)) == 1


KEYED = """
import agentwatch
def put(text):
    note(HERE / "ledger", text)
@agentwatch.tool(key="{order}")
def charge(order):
    put("charge " + order)
@agentwatch.tool(key="{order}")
def ship(order):
    put("ship " + order)
@agentwatch.tool(key="pay-{to}")
def pay(to, amount):
    put(f"pay {to} {amount}")
    if amount == 13:
        raise ValueError("bad luck")
    return amount
with agentwatch.start() as run:
    def attempt(tool, *args):
        try:
            note(HERE / "heard", f"{run.attempt} {tool.__name__} {tool(*args)}")
        except ValueError as error:
            note(HERE / "heard", f"{run.attempt} {tool.__name__} {error}")
    attempt(charge, "o1")
    attempt(ship, "o1")
    attempt(pay, "bob", 10 + run.attempt)
    if run.attempt == 1:
        attempt(pay, "bob", 99)
        attempt(pay, "eve", 13)
        attempt(pay, "eve", 14)
        os._exit(9)
"""


async def test_a_key_is_bound_to_its_tool_and_within_an_attempt_to_its_arguments(world: World) -> None:
    run = await world.start(KEYED, restart=1)
    assert (await world.until(run, lambda now: now.at_rest)).status is Status.COMPLETED, world.log(run)
    assert world.lines("ledger") == ["charge o1", "pay bob 11", "pay eve 13", "pay eve 14"]
    heard = world.lines("heard")
    assert heard[0] == "1 charge None"
    assert heard[1].startswith("1 ship the key 'o1' belongs to charge")
    assert heard[3].startswith("1 pay the key 'pay-bob' belongs to a call of pay with other arguments")
    assert heard[4:6] == ["1 pay bad luck", "1 pay 14"]
    # In a later attempt the model words it anew: it is the same action, and the record shows the difference.
    assert heard[-1] == "2 pay 11"
    *_, replayed = await world.events(run, Kind.REPLAYED)
    assert (replayed.body["differs"], replayed.body["args_before"]) == (True, {"to": "bob", "amount": 11})


@pytest.mark.parametrize("how", ["direct", "thread", "executor"])
async def test_a_call_within_its_own_keys_call_goes_through_or_is_told_why_it_cannot(world: World, how: str) -> None:
    inner = {
        "direct": "fetch(url, depth + 1)",
        "thread": "t = threading.Thread(target=quietly, args=(url, depth + 1)); t.start(); t.join()",
        "executor": "concurrent.futures.ThreadPoolExecutor(1).submit(quietly, url, depth + 1).result()",
    }[how]
    run = await world.start(
        f"""
import agentwatch, concurrent.futures, threading
def quietly(*args):
    try:
        fetch(*args)
    except ValueError as error:
        note(HERE / "heard", str(error))
@agentwatch.tool(key="page-{{url}}")
def fetch(url, depth=0):
    if depth < 1:
        {inner}
with agentwatch.start():
    fetch("a")
"""
    )
    assert (await world.rest(run)).status is Status.COMPLETED, world.log(run)
    assert how == "direct" or "would wait for itself" in world.lines("heard")[0]
