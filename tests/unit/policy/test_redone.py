"""What is done again after a crash is no standing still and no loop; what is done again beyond that is."""

from __future__ import annotations

from runtime.policy.config import DEFAULT
from runtime.policy.judge import Judge
from runtime.policy.ruling import Level
from store.events import Kind
from tests.unit.policy.story import Story


def told() -> Story:
    story = Story(Judge(DEFAULT))
    story.add(Kind.ATTEMPT_STARTED, pid=1, checkpoint=None)
    return story


def read(story: Story, files: range) -> None:
    for n in files:
        story.call("read", {"file": n}, f"content {n}")


def again(story: Story, checkpoint: int | None) -> None:
    story.status("running", "stopping")
    story.status("stopping", "waiting")
    story.status("waiting", "starting")
    story.add(Kind.ATTEMPT_STARTED, pid=2, checkpoint=checkpoint, restarted=True)
    story.status("starting", "running")


def save(story: Story, number: int) -> None:
    story.add(Kind.CHECKPOINT, id=f"k{number}", number=number, step=1, size_bytes=2, digest="")


def test_an_agent_that_crashes_again_and_again_and_does_known_calls_anew_is_not_judged_for_them() -> None:
    story = told()
    for attempt in range(4):
        read(story, range(20 + attempt))
        again(story, None)
    assert story.rulings == []


def test_only_what_came_after_the_restored_checkpoint_is_excused_and_each_call_once() -> None:
    story = told()
    read(story, range(12))
    save(story, 1)
    read(story, range(12, 30))
    again(story, 1)
    read(story, range(12, 30))
    assert story.rulings == []
    for _ in range(3):
        read(story, range(12))
    assert Level.STEER in story.levels("progress")


def test_a_run_that_went_back_is_excused_for_all_that_it_did_since() -> None:
    story = told()
    for number in range(1, 5):
        read(story, range(10 * number, 10 * number + 10))
        save(story, number)
    again(story, 1)
    read(story, range(20, 50))
    assert story.rulings == []


def test_a_loop_that_begins_after_the_crash_is_one() -> None:
    story = told()
    read(story, range(3))
    again(story, None)
    read(story, range(3))
    for _ in range(5):
        story.call("read", {"file": 2}, "content 2")
    assert story.levels("loop") == [Level.STEER, Level.PAUSE]
