"""Secrets of an agent reach its runtime, and no file that the runtime writes."""

from __future__ import annotations

import pytest

from store.events import Kind
from store.states import Status
from tests.support.world import World

SECRET = "sk-proj-" + "a1B2c3D4e5" * 4
CRASHES = f"""
SECRET = {SECRET!r}
raw = Raw()
first = raw.welcome["attempt"] == 1
def act(ident, tool, args, result, **more):
    verdict = raw.begin(f"{{ident}}-{{raw.welcome['attempt']}}", tool, args, **more)
    note(HERE / "verdicts", f"{{tool}} {{verdict['verdict']}} {{json.dumps(verdict.get('result'))}}")
    if verdict["verdict"] == "proceed":
        note(HERE / "done", tool)
        raw.end(f"{{ident}}-{{raw.welcome['attempt']}}", result)
"""


def written(world: World) -> bytes:
    """Everything that lies in the record's files."""
    return b"".join(path.read_bytes() for path in world.home.root.glob("journal.db*"))


async def test_what_an_agent_says_is_recorded_without_its_secrets(world: World) -> None:
    run = await world.start(
        f"""
SECRET = {SECRET!r}
raw = Raw()
raw.say(t="task", name="log in with " + SECRET)
raw.step(1, "use " + SECRET)
raw.begin("a", "login", {{"password": "hunter22", "header": "Authorization: Bearer " + SECRET}})
raw.end("a", {{"ok": True, "session": {{"access_token": "0a1b2c3d"}}}})
raw.begin("b", "get", {{}}, idempotent=True)
raw.ask(t="action.end", id="b", ok=False, error={{"type": "HTTPError", "message": "401 for " + SECRET}})
raw.say(t="progress", label="used " + SECRET)
raw.say(t="usage", cost_usd=0.1, model="m", header="Bearer " + SECRET)
raw.complete("the key was " + SECRET)
""",
        goal=f"try {SECRET}",
    )
    done = await world.rest(run)
    assert done.status is Status.COMPLETED
    for secret in (SECRET, "hunter22", "0a1b2c3d"):
        assert secret.encode() not in written(world)
    [begin, _] = await world.events(run, Kind.ACTION_BEGIN)
    assert begin.body["args"]["password"].startswith("[redacted ")
    assert begin.body["args"]["header"].startswith("Authorization: Bearer [redacted ")


async def test_an_agent_is_given_its_goal_whole(world: World) -> None:
    run = await world.start(
        "raw = Raw()\nnote(HERE / 'goal', raw.welcome['goal'])\nraw.complete()", goal=f"log in with {SECRET}"
    )
    assert SECRET not in (await world.rest(run)).goal
    assert world.lines("goal") == [f"log in with {SECRET}"]


async def test_a_secret_among_the_arguments_does_not_keep_a_success_from_being_replayed(world: World) -> None:
    run = await world.start(
        CRASHES
        + """
act("a", "send", {"to": "ada", "token": SECRET}, "sent")
act("b", "send", {"to": "bob", "token": SECRET}, "sent, too")
if first:
    os._exit(9)
raw.complete()
""",
        restart=1,
    )
    assert (await world.rest(run)).status is Status.COMPLETED
    assert world.lines("done") == ["send", "send"]
    assert world.lines("verdicts")[2:] == ['send replay "sent"', 'send replay "sent, too"']
    assert SECRET.encode() not in written(world)


@pytest.mark.parametrize("keyed", [False, True])
async def test_a_result_that_held_a_secret_is_asked_about_before_it_is_given_again(world: World, keyed: bool) -> None:
    key = ', key="login"' if keyed else ""
    run = await world.start(
        CRASHES
        + f"""
act("a", "login", {{"user": "ada"}}, {{"token": SECRET}}{key})
if first:
    os._exit(9)
raw.complete()
""",
        restart=1,
    )
    asked = await world.until(run, lambda now: now.status is Status.NEEDS_REVIEW)
    assert "held a secret" in asked.evidence["summary"]
    assert SECRET.encode() not in written(world)
    assert (await world.ask("resolve", run, action="a-2", outcome="done", result={"token": SECRET})).applied
    assert (await world.rest(run)).status is Status.COMPLETED
    assert world.lines("done") == ["login"]
    assert world.lines("verdicts")[-1] == f'login replay {{"token": "{SECRET}"}}'
    assert SECRET.encode() not in written(world)


async def test_a_person_who_gives_no_result_gives_what_is_left_of_it(world: World) -> None:
    run = await world.start(
        CRASHES
        + """
act("a", "login", {"user": "ada"}, {"id": 7, "token": SECRET})
if first:
    os._exit(9)
raw.complete()
""",
        restart=1,
    )
    await world.until(run, lambda now: now.status is Status.NEEDS_REVIEW)
    assert (await world.ask("resolve", run, action="a-2", outcome="done")).applied
    assert (await world.rest(run)).status is Status.COMPLETED
    assert world.lines("verdicts")[-1].startswith('login replay {"id": 7, "token": "[redacted ')


async def test_a_policy_can_name_more_and_switch_it_off(world: World) -> None:
    code = (
        "raw = Raw()\nraw.begin('a', 't', {'badge': 'B-77', 'password': 'hunter22'})\nraw.end('a', 'x')\nraw.complete()"
    )
    more = await world.start(code, policy='[redaction]\nfields = ["badge"]\n')
    await world.rest(more)
    off = await world.start(code, policy="[redaction]\non = false\n", goal=f"try {SECRET}")
    assert SECRET in (await world.rest(off)).goal
    [hidden] = await world.events(more, Kind.ACTION_BEGIN)
    [shown] = await world.events(off, Kind.ACTION_BEGIN)
    assert {value[:10] for value in hidden.body["args"].values()} == {"[redacted "}
    assert shown.body["args"] == {"badge": "B-77", "password": "hunter22"}


async def test_a_policy_that_is_edited_hides_from_then_on(world: World) -> None:
    run = await world.start(
        """
raw = Raw()
for n in range(10000):
    raw.begin(f"a{n}", "t", {"badge": "B-77", "n": n}, idempotent=True)
    raw.end(f"a{n}", n)
    time.sleep(0.02)
    if (HERE / "enough").exists():
        break
raw.complete()
""",
        policy="[budget]\nsteps = 100000\n",
    )
    await world.until(run, lambda now: now.actions > 2)
    next(world.folder.glob("*.toml")).write_text('[redaction]\nfields = ["badge"]\n', "utf-8")
    while not (await world.events(run, Kind.ACTION_BEGIN))[-1].body["args"]["badge"].startswith("[redacted "):
        await world.until(run, lambda now: not now.at_rest)
    world.touch("enough")
    assert (await world.rest(run)).status is Status.COMPLETED
