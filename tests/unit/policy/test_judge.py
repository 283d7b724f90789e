"""The judge: all rules of a run together."""

from __future__ import annotations

from msgspec.structs import replace

from runtime.policy.config import DEFAULT, Budget, Loop
from runtime.policy.judge import Judge
from runtime.policy.ruling import Level
from tests.unit.policy.story import Story


def test_the_strongest_ruling_comes_first() -> None:
    policy = replace(DEFAULT, budget=Budget(actions=3))
    told = Story(Judge(policy))
    for _ in range(2):
        told.call("ls", {}, "a")
    name = told.begin("ls", {})

    assert [r.level for r in told.rulings] == [Level.PAUSE]
    told.end(name, "a")
    assert [r.level for r in told.rulings] == [Level.PAUSE, Level.STEER]


def test_a_rule_goes_no_higher_than_its_policy_allows() -> None:
    told = Story(Judge(replace(DEFAULT, loop=Loop(at_most=Level.WARN))))

    for _ in range(6):
        told.call("ls", {}, "a")

    assert set(told.levels("loop")) == {Level.WARN}
    assert all(ruling.reason is None for ruling in told.rulings)


def test_the_horizon_is_that_of_the_rule_with_the_longest_memory() -> None:
    assert Judge(DEFAULT).horizon >= 2000
