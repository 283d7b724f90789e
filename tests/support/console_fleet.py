"""A recorded fleet for the console's tests and pictures: written with the real journal, at chosen times."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from store.events import Kind
from store.home import Beat, Home
from store.journal import Journal
from store.records import Action, CheckpointRef
from store.states import Status

NOW = 1_790_000_851.0
"""The moment at which the recorded fleet is looked at (UTC 2026-09-21 14:27:31)."""


class Script:
    """Writes one run, step by step, at its own clock."""

    def __init__(self, maker: FleetMaker, run: str, agent: str, goal: str, ago: float, **created: Any) -> None:
        self.maker, self.run, self.at, self.attempt = maker, run, maker.now - ago, 0
        self.actions = 0
        self.checkpoints = 0
        body = {"agent": agent, "goal": goal, "command": ["python", f"{agent}.py"], "cwd": "/srv/agents", "restart": 0}
        self.add(Kind.CREATED, **({"limits": {}, "by": "mira"} | body | created))

    def add(self, kind: Kind, /, **body: Any) -> int:
        self.maker.clock = self.at
        return self.maker.journal.append(self.run, self.attempt, kind, body).seq

    def wait(self, seconds: float) -> Script:
        self.at += seconds
        return self

    def until(self, ago: float) -> Script:
        self.at = self.maker.now - ago
        return self

    def move(self, to: Status, cause: str = "", **details: Any) -> Script:
        self.maker.clock = self.at
        self.maker.journal.move(self.run, to, cause or str(to), **details)
        return self

    def start(
        self, pid: int = 4821, *, sdk: bool = True, checkpoint: int | None = None, restarted: bool = False
    ) -> Script:
        self.attempt += 1
        self.move(Status.STARTING, "a process is started")
        self.add(Kind.ATTEMPT_STARTED, pid=pid, process_started=self.at, checkpoint=checkpoint, restarted=restarted)
        if sdk:
            self.wait(0.4).add(Kind.HELLO, pid=pid, sdk="python 0.1.0")
        self.move(Status.RUNNING, "it said hello")
        return self

    def step(self, n: int, name: str = "", took: float = 0.0) -> Script:
        self.add(Kind.STEP_BEGIN, n=n, name=name, t="step.begin")
        self.n = n
        return self.wait(took)

    def use(self, tokens: int, cost: float, cached: int = 0) -> Script:
        used = {"input_tokens": int(tokens * 0.9), "output_tokens": tokens - int(tokens * 0.9), "cached_tokens": cached}
        self.add(Kind.USAGE, cost_usd=cost, model="large-1", **used)
        return self

    def begin(self, tool: str, args: Any, *, idempotent: bool = False, hint: str | None = None) -> str:
        self.actions += 1
        ident = f"{self.run}-{self.actions}"
        seq = self.add(
            Kind.ACTION_BEGIN, id=ident, tool=tool, args=args, idempotent=idempotent, poll=False, step=self.n
        )
        self.maker.journal.put_action(
            Action(
                run=self.run,
                id=ident,
                attempt=self.attempt,
                tool=tool,
                args=args,
                digest="",
                key=None,
                idempotent=idempotent,
                began_at=self.at,
                ended_at=None,
                result=None,
                seq=seq,
                check_hint=hint,
            )
        )
        return ident

    def end(self, ident: str, tool: str, result: Any = None, error: Any = None) -> Script:
        body = {"id": ident, "tool": tool, "step": self.n, "ok": error is None, "result": result}
        if error is not None:
            body["error"] = error
        self.add(Kind.ACTION_END, **body)
        self.maker.journal.drop_action(self.run, ident)
        return self

    def act(
        self, tool: str, args: Any, result: Any = "ok", took: float = 0.5, error: Any = None, **more: Any
    ) -> Script:
        ident = self.begin(tool, args, **more)
        return self.wait(took).end(ident, tool, result, error)

    def progress(self, label: str, done: float, of: float | None = None) -> Script:
        self.add(Kind.PROGRESS, label=label, done=done, of=of)
        return self

    def checkpoint(self, state: Any, label: str | None = None) -> Script:
        self.checkpoints += 1
        text = json.dumps(state)
        digest = hashlib.sha256(text.encode()).hexdigest()
        ref = CheckpointRef(self.checkpoints, self.n, label, self.at, len(text), digest, self.attempt)
        body = {"number": ref.number, "step": ref.step, "label": label, "size_bytes": ref.size_bytes, "digest": digest}
        self.add(Kind.CHECKPOINT, **body)
        self.maker.journal.put_checkpoint(self.run, ref, 0, text)
        return self

    def log(self, text: str) -> Script:
        path = self.maker.home.log(self.run)
        with path.open("a", encoding="utf-8", errors="surrogatepass") as file:
            file.write(text)
        return self


class FleetMaker:
    """An open journal with a clock that the scripts set."""

    def __init__(self, home: Home, now: float = NOW) -> None:
        home.create()
        self.home, self.now, self.clock = home, now, now
        self.journal = Journal(home, clock=lambda: self.clock)

    def script(self, run: str, agent: str, goal: str, ago: float, **created: Any) -> Script:
        return Script(self, run, agent, goal, ago, **created)

    def move(self, run: str, to: Status, cause: str, **details: Any) -> None:
        """Move a run now."""
        self.clock = self.now
        self.journal.move(run, to, cause, **details)

    def flush(self) -> None:
        self.journal.flush()
        self.journal.settle()

    def close(self) -> None:
        self.flush()
        self.journal.close()

    def beat(self, age: float = 0.1) -> None:
        self.home.write_beat(Beat(pid=4000, version="0.1.0", started_at=self.now - 9000, at=self.now - age))


def looping(maker: FleetMaker) -> Script:
    """Paused by the loop rule after it was steered."""
    run = maker.script(
        "3f9a1c", "fix-flaky-ci", "Make tests/test_auth.py pass 20 times in a row", 1590, limits={"cost_usd": 8.0}
    )
    run.start(48211)
    files = ["test_auth.py", "conftest.py", "session.py", "token.py", "clock.py"]
    for n in range(1, 17):
        run.step(n, f"look at {files[n % 5]}", 4)
        if n % 3 == 0:
            run.act("Edit", {"path": f"src/auth/{files[n % 5]}", "lines": f"{n * 7}-{n * 7 + 6}"}, f"edited {n}", 1.2)
        else:
            run.act("Read", {"path": f"src/auth/{files[n % 5]}", "offset": n * 40}, f"{n * 13} lines", 0.4)
        run.use(24_000 - n * 250, 0.19, 60_000).wait(70)
        if n in (5, 9, 12, 16):
            run.progress("failures left", {5: 1, 9: 2, 12: 3, 16: 4}[n], 6)
            run.checkpoint({"step": n, "failures": 6 - n // 4, "edited": files[: n // 4]}, f"{n // 4} of 6 fixed")
    failure = (
        "FAILED tests/test_auth.py::test_refresh_token\nAssertionError: assert 1767100802 > 1767100802\n"
        "1 failed, 41 deselected in 20.84s"
    )
    command = {"command": "pytest tests/test_auth.py -k refresh -q"}
    run.until(173)
    calls = []
    for n in range(17, 22):
        run.step(n, "run the test again", 3)
        run.act("Bash", command, failure, 20.9)
        calls.append(
            {
                "event": maker.journal.runs["3f9a1c"].last_seq,
                "step": n,
                "tool": "Bash",
                "args": command,
                "result": failure,
            }
        )
        run.use(10_200, 0.155, 52_000).wait(3)
        if n == 19:
            note = "Same test, same failure 3 times. Read the fixture, or say why another run would differ."
            evidence = {"summary": "The same call gave the same result 3 times in a row.", "calls": calls}
            run.add(
                Kind.RULING,
                rule="loop",
                level="steer",
                summary="Bash ×3, same result",
                note=note,
                evidence=evidence,
                signature="loop:ab12",
            )
    run.checkpoint({"step": 21, "failures": 1, "edited": files}, "5 of 6 fixed")
    summary = "The agent made the same call 5 times in a row and got the same result each time. "
    summary += "The note sent at step 19 did not change it."
    evidence = {
        "summary": summary,
        "figures": {"repetitions": 5, "since step": 17, "tokens since then": 51_000, "dollars since then": "$0.78"},
        "calls": calls,
        "events": [call["event"] for call in calls],
        "signature": "loop:ab12",
    }
    why = "Bash ×5, same result"
    run.add(
        Kind.RULING,
        rule="loop",
        level="pause",
        reason="LOOP_DETECTED",
        summary=why,
        evidence=evidence,
        signature="loop:ab12",
    )
    run.add(Kind.PAUSE_ASKED, by="loop", reason="LOOP_DETECTED", why=why)
    run.move(Status.PAUSING, "ruled by loop")
    run.until(24).move(Status.PAUSED, "at its next step", reason="LOOP_DETECTED", why=why, evidence=evidence, held=True)
    run.log("collected 42 items / 41 deselected\n" + failure + "\n")
    return run


def in_doubt(maker: FleetMaker) -> Script:
    """Crashed while a mail was on its way."""
    run = maker.script("7d10be", "ticket-mailer", "Answer every open ticket by mail", 2400, limits={"cost_usd": 5.0})
    run.start(50122)
    for n in range(1, 18):
        run.step(n, f"ticket {n}", 6)
        run.act(
            "send_email",
            {"to": f"customer{n}@example.com", "subject": f"Re: Order 48{n:03d}"},
            {"message_id": f"<{n}@mail>"},
            0.8,
        )
        run.use(2_700, 0.017).progress("sent", n, 40)
        run.checkpoint({"next": n + 1, "sent": [f"48{i:03d}" for i in range(1, n + 1)]}, f"ticket {n} done")
        run.wait(50)
    run.step(18, "ticket 18", 4)
    args = {
        "to": "b.ito@example.com",
        "subject": "Re: Order 48113, your refund",
        "text": "Hello Ms Ito, your refund of 129.00 was issued on Monday and should reach you within five days.",
    }
    ident = run.until(1082).begin("send_email", args, hint="Sent folder, to:b.ito@example.com after 03:12")
    run.wait(1.8).add(
        Kind.ATTEMPT_ENDED, exit_code=None, signal="SIGKILL", known=True, log_tail=["smtp: 250 2.1.5 Ok", "smtp: DATA"]
    )
    run.add(Kind.DOUBT, id=ident, tool="send_email", args=args, began_at=run.at - 1.8)
    why = "killed by SIGKILL during send_email"
    evidence = {
        "summary": "Its process was killed by SIGKILL while send_email was in flight.",
        "log_tail": ["smtp: 250 2.1.5 Ok", "smtp: DATA"],
    }
    run.move(Status.NEEDS_REVIEW, "an action is in doubt", reason="AGENT_CRASHED", why=why, evidence=evidence)
    maker.journal.put_action(
        Action(
            "7d10be",
            ident,
            1,
            "send_email",
            args,
            "",
            None,
            False,
            run.at - 1.8,
            None,
            None,
            1,
            "Sent folder, to:b.ito@example.com after 03:12",
            True,
        )
    )
    run.log("smtp: 220 mail.example.com\nsmtp: 250 2.1.5 Ok\nsmtp: DATA\n")
    return run


def over_budget(maker: FleetMaker) -> Script:
    """Paused by the budget rule."""
    run = maker.script(
        "c41f02",
        "lead-enricher",
        "Find the right contact at 200 companies",
        5200,
        limits={"cost_usd": 5.0, "steps": 400},
    )
    run.start(50990)
    for n in range(1, 31):
        run.step(n, f"company {n}", 20)
        run.act(
            "browser.open",
            {"url": f"https://www.example.com/company/{n}"},
            {"title": f"Company {n}", "contacts": n % 4},
            2.2,
            idempotent=True,
        )
        run.use(9_000 + 350 * n, 0.1668, 20_000).progress("companies", n, 200).wait(120)
        if n % 5 == 0:
            run.checkpoint({"company": n, "found": n // 2}, f"company {n}")
    run.add(Kind.RULING, rule="budget", level="warn", summary="80% of its money is used", evidence={})
    evidence = {
        "summary": "It has used $5.00 of the $5.00 it may spend.",
        "figures": {"spent": "$5.00", "limit": "$5.00", "used": "100%"},
    }
    run.until(300).add(Kind.PAUSE_ASKED, by="budget", reason="BUDGET_EXCEEDED", why="$5.00 of $5.00 spent")
    run.move(Status.PAUSING, "ruled by budget")
    run.wait(2).move(
        Status.PAUSED, "at its next step", reason="BUDGET_EXCEEDED", why="$5.00 of $5.00 spent", evidence=evidence
    )
    run.add(Kind.ATTEMPT_ENDED, exit_code=0, known=True, log_tail=[])
    return run


def crashed(maker: FleetMaker) -> Script:
    """Ended by an exception."""
    run = maker.script("55aa90", "pr-review", "Review pull request 1182", 900)
    run.start(51200)
    for n in range(1, 5):
        run.step(n, f"file {n} of 9", 9).act(
            "Read", {"path": f"web/src/view{n}.ts"}, f"{n * 80} lines", 0.3, idempotent=True
        ).use(6000, 0.02)
    tail = ["Traceback (most recent call last):", '  File "review.py", line 88, in summarise', "KeyError: 'hunks'"]
    run.wait(2).add(Kind.ATTEMPT_ENDED, exit_code=1, known=True, log_tail=tail)
    run.move(Status.STOPPING, "its process ended")
    evidence = {
        "summary": "Its process ended with exit code 1 before it had said that it was done.",
        "log_tail": tail,
        "figures": {"exit code": 1},
    }
    run.move(
        Status.STOPPED,
        "its tree is gone",
        reason="AGENT_CRASHED",
        why="KeyError: 'hunks'",
        evidence=evidence,
    )
    run.log("\n".join(tail) + "\n")
    return run


def working(
    maker: FleetMaker,
    run: str,
    agent: str,
    goal: str,
    *,
    steps: int,
    of: int,
    noun: str,
    tool: str,
    cost: float,
    limit: float | None,
    in_tool: float | None,
    ago: float = 3000,
    barren: int = 0,
) -> Script:
    """One that gets on, or in its last `barren` steps does not."""
    script = maker.script(run, agent, goal, ago, limits={"cost_usd": limit} if limit else {})
    script.start(40000 + int(run, 16) % 9000)
    first = max(1, steps - 24)
    pace = (ago - 30) / 26
    for n in range(first, steps + 1):
        at = min(n, steps - barren)
        script.step(n, f"{noun} {at}", pace * 0.5)
        script.add(Kind.TASK, name=f"{noun} {at} of {formatted(of)}")
        if n < steps or in_tool is None:
            again = at - n % 2 if n > at else n
            script.act(tool, {"id": again}, {"ok": True, "id": again}, 0.6 + (n % 5) * 0.2, idempotent=True)
        share = cost / (steps - first + 1)
        script.use(int(share * 190_000), share, 4000)
        if n == at:
            script.progress(f"{noun.removesuffix('y')}{'ies' if noun.endswith('y') else 's'}", n, of)
        if n % 4 == 0:
            script.checkpoint({"next": at + 1, "of": of}, f"{noun} {at}")
        script.wait(pace * 0.4)
    if in_tool is not None:
        script.until(in_tool).begin(tool, {"id": steps}, idempotent=True)
    else:
        script.until(2).step(steps + 1, f"{noun} {steps + 1}")
    return script


def formatted(number: int) -> str:
    return f"{number:,}"


def outage(maker: FleetMaker, name: str = "shop-api.example.com", runs: int = 6) -> None:
    """A dependency that is down, and the runs that wait for it."""
    for index in range(runs):
        run = working(
            maker,
            f"b0{index:04d}",
            f"price-watch-{index + 1:02d}",
            "Watch 50 prices",
            steps=20 + index,
            of=50,
            noun="price",
            tool="get_price",
            cost=0.2 + index / 50,
            limit=1.0,
            in_tool=None,
        )
        run.until(90)
        run.add(Kind.HELD, tool="get_price", args={}, why=f"{name} is down", until=maker.now + 23)
        why = f"{name} is down"
        run.move(Status.WAITING, "held", why=why, due_at=maker.now + 23, waits_for=name, dependency=name)
    for ago, state, why, held in (
        (90, "open", "14 of the last 20 calls failed", 0),
        (60, "half-open", "time to try", runs),
        (58, "open", "the call that was let out failed", runs),
    ):
        maker.clock = maker.now - ago
        told = {"name": name, "state": state, "why": why, "until": maker.now + 23, "failed": 15, "calls": 20}
        maker.journal.append("", 0, Kind.BREAKER, told | {"held": held})
    failed = [[maker.now - 100 - n, n > 14] for n in range(20)]
    body = {"recent": failed, "opened_at": maker.now - 90, "until": maker.now + 23, "opens": 2}
    maker.journal.put_breaker(name, body)
    maker.journal.put_breaker("mail.example.com", {"recent": [[maker.now - 5, True]] * 8})
    maker.flush()


def fleet(maker: FleetMaker) -> None:
    """Every situation at once."""
    looping(maker)
    in_doubt(maker)
    over_budget(maker)
    crashed(maker)
    warned = working(
        maker,
        "b71c11",
        "docs-translator",
        "Translate 60 pages into Japanese",
        steps=31,
        of=60,
        noun="page",
        tool="web_fetch",
        cost=2.9,
        limit=5.0,
        in_tool=3,
        barren=9,
    )
    warned.until(40).add(Kind.RULING, rule="progress", level="warn", summary="9 steps, no new result", evidence={})
    for index, run in enumerate(("e05d77", "1b44c0")):
        waiting = working(
            maker,
            run,
            f"invoice-sync-0{index * 3 + 2}",
            "Post 1,400 invoices",
            steps=812 - 511 * index,
            of=1400,
            noun="invoice",
            tool="erp.post",
            cost=0.21,
            limit=5.0,
            in_tool=None,
        )
        waiting.until(41).add(Kind.HELD, tool="erp.post", args={}, why="429 from erp.internal", until=maker.now + 39)
        waiting.move(
            Status.WAITING, "held", why="429 from erp.internal", due_at=maker.now + 39, waits_for="erp.internal"
        )
    working(
        maker,
        "a9e1d4",
        "refactor-billing",
        "Extract TaxRule from billing",
        steps=63,
        of=80,
        noun="call site",
        tool="Bash pytest",
        cost=6.1,
        limit=8.0,
        in_tool=48,
    )
    for index in range(1, 5):
        working(
            maker,
            f"70c2{index:02d}",
            f"support-triage-0{index}",
            "Sort the inbox",
            steps=190 + 7 * index,
            of=350,
            noun="ticket",
            tool="search_kb",
            cost=0.9 + index / 50,
            limit=10.0,
            in_tool=1 if index % 2 else None,
        )
    working(
        maker,
        "d810aa",
        "nightly-deps",
        "Bump 19 dependencies",
        steps=6,
        of=19,
        noun="bump",
        tool="Bash npm test",
        cost=3.33,
        limit=8.0,
        in_tool=131,
    )
    working(
        maker,
        "2d6b01",
        "pr-review-frontend",
        "Review pull request 1190",
        steps=4,
        of=9,
        noun="file",
        tool="Read",
        cost=0.47,
        limit=2.0,
        in_tool=0.4,
    )
    working(
        maker,
        "81b3fe",
        "crm-writer",
        "Update 400 contacts",
        steps=41,
        of=400,
        noun="contact",
        tool="crm.update",
        cost=0.22,
        limit=5.0,
        in_tool=None,
    )
    working(
        maker,
        "44aa31",
        "docs-indexer",
        "Index 9,800 pages",
        steps=4120,
        of=9800,
        noun="page",
        tool="embed",
        cost=0.6,
        limit=5.0,
        in_tool=0.2,
    )
    outside = maker.script("0c7e42", "legacy-scraper", "Nothing but a script", 700)
    outside.start(61000, sdk=False)
    outside.until(3).add(Kind.OUTPUT, bytes=120, line="fetched 88 rows")
    user = working(
        maker,
        "9f0c12",
        "price-watch-01",
        "Watch 50 prices",
        steps=44,
        of=50,
        noun="price",
        tool="get_price",
        cost=0.24,
        limit=1.0,
        in_tool=None,
    )
    user.until(200).add(Kind.PAUSE_ASKED, by="mira", reason="USER_PAUSED")
    user.move(Status.PAUSING, "asked by mira")
    user.until(199).move(Status.PAUSED, "at its next step", reason="USER_PAUSED", why="paused by mira", held=True)
    maker.script("88e201", "seo-audit", "Audit 12 sites", 45)
    for index in range(3):
        done = working(
            maker,
            f"d0ne{index}".replace("n", "a"),
            "slack-digest",
            "Digest for #eng",
            steps=3,
            of=3,
            noun="channel",
            tool="slack.search",
            cost=0.04,
            limit=None,
            in_tool=None,
            ago=4000 + 300 * index,
        )
        done.until(900 + 300 * index).add(Kind.COMPLETE, result={"posted": True})
        done.add(Kind.ATTEMPT_ENDED, exit_code=0, known=True, log_tail=[])
        done.move(Status.COMPLETED, "it said so", reason="COMPLETED", why="posted: true")
    dead = working(
        maker,
        "dead01",
        "lead-enricher",
        "Find contacts",
        steps=9,
        of=200,
        noun="company",
        tool="browser.open",
        cost=0.9,
        limit=5.0,
        in_tool=None,
        ago=9000,
    )
    dead.until(7000).move(Status.KILLING, "killed by mira").move(
        Status.KILLED, "killed by mira", reason="USER_KILLED", why="killed by mira"
    )
    maker.flush()
    maker.beat()
