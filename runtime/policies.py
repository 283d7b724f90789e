"""Policies while agents run: their files are watched, a good edit takes effect at once, a broken one is refused."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import watchfiles

from runtime.core import Core, log
from runtime.live import LiveRun
from runtime.policy.config import Policy, PolicyError
from runtime.policy.judge import Judge
from runtime.policy.load import load, paths
from store.events import Kind
from store.records import Json

RUST_TIMEOUT_MS = 500
WATCH_AGAIN_S = 30.0


class Policies:
    """Journals each version in force and hands it to the runs that use it."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._version = int(core.journal.meta("policy_version") or 0)
        self._known: set[str] = set()
        self._refused: dict[tuple[Path, ...], str] = {}
        self._watched: frozenset[Path] = frozenset()
        self._changed = asyncio.Event()

    def in_force(self, live: LiveRun) -> None:
        """Journal the policy of a run if this home has not seen it in this runtime, and watch its files."""
        if live.policy.digest not in self._known:
            self._journal(live.policy, live, "in force")
        folders = self._folders()
        if not folders <= self._watched:
            self._changed.set()

    def _folders(self) -> frozenset[Path]:
        files = (path for live in self._core.lives.values() for path in paths(live.launch.policy))
        return frozenset(path.parent for path in files if path.parent.is_dir())

    async def watch(self) -> None:
        """Reload whatever changes on disk, for ever."""
        while True:
            self._changed.clear()
            self._watched = self._folders()
            if not self._watched:
                await self._changed.wait()
                continue
            try:
                async for _ in watchfiles.awatch(
                    *self._watched, stop_event=self._changed, recursive=False, rust_timeout=RUST_TIMEOUT_MS,
                    ignore_permission_denied=True,
                ):  # fmt: skip
                    self.reload()
            except Exception as error:
                # A system that has no watches left, or a folder that has just gone: agents run on meanwhile.
                log.exception("policies cannot be watched: %s", error)
                await asyncio.sleep(WATCH_AGAIN_S)

    def reload(self) -> None:
        """Load the policy of every live run again."""
        for live in list(self._core.lives.values()):
            files = paths(live.launch.policy)
            try:
                fresh = load(live.launch.policy)
            except PolicyError as error:
                self._refuse(live, files, error)
                continue
            self._refused.pop(files, None)
            self._replace(live, fresh)

    def _replace(self, live: LiveRun, fresh: Policy) -> None:
        run = self._core.run(live)
        granted = fresh.with_limits(run.granted)
        if granted.digest == live.policy.digest:
            return
        self._core.flush()
        history = self._core.journal.events_of(live.run, Judge(granted, run).horizon)
        live.policy, live.judge = granted, Judge.rebuild(granted, run, history)
        self._core.hide(live.run, granted)
        self._journal(granted, live, "in force")

    def _journal(self, policy: Policy, live: LiveRun, message: str) -> None:
        self._known.add(policy.digest)
        self._version += 1
        core = self._core
        core.journal.put_meta("policy_version", self._version)
        core.journal.put_policy(self._version, policy.digest, msgspec.to_builtins(policy))
        core.record_home(Kind.POLICY, self._body(live, policy.digest, True, message))

    def _refuse(self, live: LiveRun, files: tuple[Path, ...], error: PolicyError) -> None:
        if self._refused.get(files) == str(error):
            return
        self._refused[files] = str(error)
        log.warning("policy refused: %s", error)
        self._core.record_home(Kind.POLICY, self._body(live, "", False, f"{error} The old policy stays in force."))

    def _body(self, live: LiveRun, digest: str, accepted: bool, message: str) -> dict[str, Json]:
        source = [str(path) for path in paths(live.launch.policy)]
        body: dict[str, Json] = {"version": self._version, "digest": digest, "source": source}
        return body | {"accepted": accepted, "message": message, "agent": live.launch.agent}
