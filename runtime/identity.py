"""Calls that claim to be what they are not: an id or a key that names another call."""

from __future__ import annotations

from functools import partial

import msgspec

from runtime import wire
from runtime.core import Core
from runtime.live import LiveRun, Waiting
from runtime.policy.canonical import call_digest, canonical
from runtime.policy.ruling import Level
from store.events import Kind
from store.records import Action, Json


def refusal(live: LiveRun, call: Waiting, message: wire.ActionBegin, secret: bytes, attempt: int) -> str:
    """Why a call must not be ruled on at all, in a sentence for its author; empty where nothing is wrong with it.

    An id names one call, and a key one action: within an attempt its tool and its arguments, in later attempts its tool
    alone (a model words the same mail anew).
    """
    flight = live.actions.get(message.id)
    if flight is not None:
        return _of_id(call, message, flight)
    if message.id in live.replayed:
        return ""
    if message.id in live.ends:
        return (
            f"the id {message.id!r} belongs to a call of this attempt that has ended: give every call an id of its own"
        )
    recorded = live.keyed.get(message.key) if message.key is not None else None
    if recorded is None or (recorded.attempt < attempt and recorded.tool == message.tool):
        return ""
    return of_key(recorded, message, secret, "succeeded in this run")


def of_key(action: Action, message: wire.ActionBegin, secret: bytes, stands: str) -> str:
    """Why a call cannot be the action that bears its key, and `stands` somehow; empty where it can."""
    if action.tool != message.tool:
        return (
            f"the key {message.key!r} belongs to {action.tool}, which {stands}, and a key names one action: give "
            f"{message.tool} a key of its own, such as '{message.tool}-…'"
        )
    if equal_args(action, message, secret):
        return ""
    return (
        f"the key {message.key!r} belongs to a call of {message.tool} with other arguments, which {stands}: a key "
        "names one action, so put into it whatever tells the two apart"
    )


def refuse(core: Core, live: LiveRun, call: Waiting, message: wire.ActionBegin, why: str) -> None:
    """Answer a call that is not ruled on, and put on record why: its agent may not say."""
    body: dict[str, Json] = {"rule": "identity", "level": Level.WARN, "summary": f"{message.tool} refused: {why}"}
    evidence: dict[str, Json] = {"summary": f"A call of {message.tool} was refused before it happened: {why}."}
    evidence["calls"] = [{"tool": message.tool, "args": message.args, "result": None}]
    core.record(live, Kind.RULING, body | {"reason": None, "note": "", "signature": "identity", "evidence": evidence})
    core.after_commit(partial(call.connection.send, wire.refused(message.id, why)))


def equal_args(action: Action, message: wire.ActionBegin, secret: bytes) -> bool:
    """Whether a call can have the tool and the arguments of one on record: opaque ones may be any."""
    return not action.digest or bool(message.opaque) or action.digest == call_digest(secret, message.tool, message.args)


def _of_id(call: Waiting, message: wire.ActionBegin, flight: Action) -> str:
    args = msgspec.json.decode(call.raw)["args"]
    if flight.tool != message.tool or canonical(flight.args) != canonical(args):
        return (
            f"the id {message.id!r} belongs to a call of {flight.tool} that is in flight: give every call an id of "
            "its own"
        )
    return ""
