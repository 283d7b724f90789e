"""An action that ended without anybody knowing whether it happened is never taken for one that did not."""

from __future__ import annotations

import pytest

from store.states import Status
from tests.support.crash_world import CrashWorld


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"type": "TimeoutError", "message": "no answer"}, Status.NEEDS_REVIEW),
        ({"type": "ConnectionRefusedError", "message": "", "happened": False}, Status.STOPPED),
    ],
    ids=["unknown", "did not happen"],
)
async def test_a_failure_in_the_spool_clears_its_intent_only_if_it_proves_that_nothing_happened(
    crash: CrashWorld, error: dict[str, object], status: Status
) -> None:
    run = await crash.start(
        f"""
raw = Raw()
raw.begin("a1", "send", {{"n": 1}})
folder = pathlib.Path(os.environ["AGENTWATCH_SPOOL"])
folder.mkdir(parents=True, exist_ok=True)
end = {{"t": "action.end", "id": "a1", "ok": False, "error": {error!r}}}
(folder / f"1-{{os.getpid()}}.jsonl").write_text(json.dumps(end) + chr(10))
os.abort()
"""
    )
    rested = await crash.rest(run)
    assert rested.status is status
    async with await crash.supervisor.reader() as reader:
        assert [action.in_doubt for action in await reader.actions(run)] == [True] * (status is Status.NEEDS_REVIEW)


@pytest.mark.parametrize("error", ["SystemExit", "KeyboardInterrupt", "agentwatch.Stopped", "Cancelled"])
async def test_an_action_that_its_agent_was_torn_out_of_is_in_doubt(crash: CrashWorld, error: str) -> None:
    run = await crash.start(
        f"""
import agentwatch
class Cancelled(BaseException):
    "As of a framework that we do not know."
@agentwatch.tool
def send(n):
    note(HERE / "ledger", str(n))
    raise {error}("torn out")
with agentwatch.start() as run:
    send(1)
"""
    )
    review = await crash.rest(run)
    assert (review.status, [pending.tool for pending in review.in_flight]) == (Status.NEEDS_REVIEW, ["send"])
    async with await crash.supervisor.reader() as reader:
        (doubt,) = await reader.actions(run)
    assert doubt.in_doubt
