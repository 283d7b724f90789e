"""States that agents commit, from which a later attempt goes on."""

from __future__ import annotations

import hashlib

from runtime import wire
from runtime.core import Core
from runtime.live import LiveRun, remember
from store.events import Kind
from store.records import CheckpointRef, Json


def save(core: Core, live: LiveRun, message: wire.Checkpoint) -> int:
    """Record a checkpoint; its number."""
    run = core.run(live)
    state = bytes(message.state)
    ref = CheckpointRef(
        number=(run.checkpoint.number if run.checkpoint else 0) + 1,
        step=message.step or run.step,
        label=message.label,
        at=core.now(),
        size_bytes=len(state),
        digest=hashlib.sha256(state).hexdigest(),
        attempt=run.attempt,
    )
    covers = live.ends.get(message.covers or "", live.began_seq)
    remember(live.saved, message.id, ref.number)
    live.ends = {ident: seq for ident, seq in live.ends.items() if seq >= covers}
    live.replayable = [action for action in live.replayable if action.kept]
    core.journal.put_checkpoint(live.run, ref, covers, state.decode("utf-8"))
    body: dict[str, Json] = {"id": message.id, "number": ref.number, "step": ref.step, "label": ref.label}
    body |= {"size_bytes": ref.size_bytes, "digest": ref.digest, "covers": message.covers}
    core.record(live, Kind.CHECKPOINT, body)
    return ref.number
