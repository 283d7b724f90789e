"""Retries in one place, and one breaker for all agents of a home, against a real HTTP server."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator

import pytest

from store.events import Kind
from store.records import Event
from store.states import Status, StopReason
from tests.support.world import World

CALLER = """
import agentwatch, urllib.request
@agentwatch.tool(idempotent=True)
def fetch(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read().decode()
with agentwatch.start() as run:
    for n in range({calls}):
        with run.step(f"call {{n}}"):
            fetch("{url}/" + str(n))
            note(HERE / "ledger", f"{{n}}")
"""

FAST = """
[retry]
transient_s = 0.02
throttled_s = 0.02
most_tries = 50
bucket = 1000
[breaker]
open_s = 0.6
longest_open_s = 0.8
"""


class Service:
    """A server that is down (503) until it is told to be up; counts who comes."""

    def __init__(self) -> None:
        self.up = True
        self.status = 503
        self.headers: dict[str, str] = {}
        self.hits: list[tuple[float, str, bool]] = []
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                service.hits.append((time.monotonic(), self.path, service.up))
                self.send_response(200 if service.up else service.status)
                for name, value in service.headers.items():
                    self.send_header(name, value)
                body = self.path.encode()
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    @property
    def failures(self) -> int:
        return sum(not up for _, _, up in self.hits)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    yield service
    service.close()


async def breaker_events(world: World) -> list[Event]:
    async with await world.supervisor.reader() as reader:
        async for events in reader.tail(0):
            return [event for event in events if event.kind == Kind.BREAKER]
    return []


async def test_a_failed_call_is_tried_again_when_the_runtime_says_so(world: World, service: Service) -> None:
    service.up = False
    run = await world.start(
        CALLER.format(calls=1, url=service.url), policy=FAST.replace("open_s = 0.6", "open_s = 0.7")
    )
    await world.until(run, lambda now: now.actions >= 2)
    service.up = True
    done = await world.rest(run)
    assert (done.status, done.step) == (Status.COMPLETED, 1)
    begins = await world.events(run, Kind.ACTION_BEGIN)
    assert [bool(begin.body.get("retry_of")) for begin in begins] == [False, *[True] * (len(begins) - 1)]


async def test_a_time_that_the_dependency_names_is_obeyed(world: World, service: Service) -> None:
    service.up, service.status, service.headers = False, 429, {"Retry-After": "1"}
    run = await world.start(CALLER.format(calls=1, url=service.url), policy=FAST)
    waiting = await world.until(run, lambda now: now.status is Status.WAITING)
    assert (waiting.waits_for, "fetch failed" in waiting.why) == ("its next try", True)
    service.up = True
    assert (await world.rest(run)).status is Status.COMPLETED
    first, second = (at for at, _, _ in service.hits)
    assert second - first >= 1.0


async def test_a_mistake_of_the_caller_is_not_tried_again(world: World, service: Service) -> None:
    service.up, service.status = False, 404
    run = await world.start(CALLER.format(calls=1, url=service.url), policy=FAST)
    failed = await world.rest(run)
    assert (failed.reason, service.failures) == (StopReason.AGENT_FAILED, 1)


async def test_many_agents_on_one_dead_dependency_wait_behind_one_breaker_and_go_on_by_themselves(
    world: World, service: Service
) -> None:
    service.up = False
    agents = 8
    runs = [
        await world.start(CALLER.format(calls=3, url=service.url), policy=FAST, agent=f"price-{n}")
        for n in range(agents)
    ]
    for run in runs:
        waiting = await world.until(run, lambda now: now.status is Status.WAITING and now.dependency != "")
        assert waiting.in_flight == ()
    before = service.failures
    closed_at = time.monotonic()
    await world.until(runs[0], lambda now: service.failures >= before + 2)
    waited = time.monotonic() - closed_at
    # One probe at a time: far fewer than the callers that wait.
    assert service.failures - before <= 3 * (waited / 0.4 + 2)
    service.up = True
    for run in runs:
        assert (await world.rest(run)).status is Status.COMPLETED
    assert sorted(world.lines("ledger")) == sorted(["0", "1", "2"] * agents)
    states = [event.body["state"] for event in await breaker_events(world)]
    assert "open" in states
    assert states[-1] == "closed"


async def test_a_dependency_that_stays_down_ends_in_retry_limit_reached_and_can_be_resumed(
    world: World, service: Service
) -> None:
    service.up = False
    run = await world.start(
        CALLER.format(calls=1, url=service.url), policy=FAST.replace("bucket = 1000", "bucket = 1000\nmax_wait_s = 1.5")
    )
    reached = await world.rest(run)
    assert (reached.status, reached.reason) == (Status.PAUSED, StopReason.RETRY_LIMIT_REACHED)
    service.up = True
    assert (await world.ask("resume", run)).applied
    assert (await world.until(run, lambda now: now.status is Status.COMPLETED)).step == 1


async def test_too_many_tries_pause_the_run_and_resuming_tries_again(world: World, service: Service) -> None:
    service.up = False
    run = await world.start(
        CALLER.format(calls=1, url=service.url),
        policy=FAST.replace("most_tries = 50", "most_tries = 3"),
    )
    reached = await world.rest(run)
    assert (reached.status, reached.reason, reached.held) == (Status.PAUSED, StopReason.RETRY_LIMIT_REACHED, True)
    assert service.failures == 3
    service.up = True
    assert (await world.ask("resume", run)).applied
    assert (await world.until(run, lambda now: now.status is Status.COMPLETED)).step == 1


async def test_a_run_that_waits_for_a_dependency_can_be_paused_and_resumed(world: World, service: Service) -> None:
    service.up = False
    run = await world.start(
        CALLER.format(calls=1, url=service.url),
        policy=FAST.replace("open_s = 0.6", "open_s = 30.0").replace("longest_open_s = 0.8", "longest_open_s = 60.0"),
    )
    waiting = await world.until(run, lambda now: now.status is Status.WAITING and now.dependency != "")
    assert waiting.due_at is not None
    assert (await world.ask("pause", run)).applied
    assert (await world.rest(run)).held
    service.up = True
    assert (await world.ask("resume", run)).applied
    again = await world.until(run, lambda now: now.status is Status.WAITING)
    assert (await world.ask("breaker", name=again.dependency, do="reset")).applied
    assert (await world.rest(run)).status is Status.COMPLETED


async def test_an_operator_tries_holds_open_and_resets_a_breaker(world: World, service: Service) -> None:
    service.up = False
    run = await world.start(
        CALLER.format(calls=2, url=service.url),
        policy=FAST.replace("open_s = 0.6", "open_s = 30.0").replace("longest_open_s = 0.8", "longest_open_s = 60.0"),
    )
    waiting = await world.until(run, lambda now: now.status is Status.WAITING and now.dependency != "")
    name = waiting.dependency
    assert not (await world.ask("breaker", name="nobody", do="try")).applied
    service.up = True
    assert (await world.ask("breaker", name=name, do="try")).applied
    assert (await world.rest(run)).status is Status.COMPLETED
    assert (await world.ask("breaker", name=name, do="open")).applied
    other = await world.start(CALLER.format(calls=1, url=service.url), policy=FAST)
    await world.until(other, lambda now: now.status is Status.WAITING)
    assert (await world.ask("breaker", name=name, do="reset")).applied
    assert (await world.rest(other)).status is Status.COMPLETED


async def test_an_open_breaker_survives_the_runtime(world: World, service: Service) -> None:
    service.up = False
    run = await world.start(
        CALLER.format(calls=1, url=service.url),
        policy=FAST.replace("open_s = 0.6", "open_s = 3.0").replace("longest_open_s = 0.8", "longest_open_s = 60.0"),
    )
    await world.until(run, lambda now: now.status is Status.WAITING and now.dependency != "")
    before = service.failures
    world.kill_runtime()
    await world.supervisor.ensure_runtime()
    async with await world.supervisor.reader() as reader:
        (body,) = (await reader.breakers()).values()
    assert body["opened_at"] is not None
    service.up = True
    assert (await world.rest(run)).status is Status.COMPLETED
    assert service.failures - before <= 1


async def test_a_breaker_records_why_it_opened(world: World, service: Service) -> None:
    service.up = False
    run = await world.start(CALLER.format(calls=3, url=service.url), policy=FAST)
    await world.until(run, lambda now: now.status is Status.WAITING and now.dependency != "")
    async with await world.supervisor.reader() as reader:
        opened = [body for body in (await reader.breakers()).values() if body["opened_at"] is not None]
    service.up = True
    [body] = opened
    last = body["last_error"]
    assert body["kinds"] == {"transient": body["kinds"]["transient"]}
    assert body["kinds"]["transient"] >= 5
    assert (last["kind"], last["tool"], last["run"], last["agent"]) == ("transient", "fetch", run, "agent")
    assert "503" in last["error"]
    await world.until(run, lambda now: now.status is Status.COMPLETED)
