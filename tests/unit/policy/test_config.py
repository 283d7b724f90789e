"""Policies: digests, limits, merging of files, and a sentence for every mistake."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from runtime.policy.config import DEFAULT, Budget, Loop, PolicyError
from runtime.policy.load import load, load_file, paths
from store.launch import PolicySource


def written(path: Path, text: str) -> str:
    path.write_text(text, "utf-8")
    return str(path)


def mistakes(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        load_file(Path(written(tmp_path / "p.toml", text)))
    return [mistake.replace(str(tmp_path) + "/", "") for mistake in caught.value.mistakes]


def test_equal_policies_have_equal_digests() -> None:
    assert DEFAULT.digest == replace(DEFAULT, loop=Loop()).digest
    assert DEFAULT.digest != replace(DEFAULT, loop=Loop(pause_at=6)).digest


def test_limits_are_the_budgets_that_are_set() -> None:
    assert DEFAULT.limits == {}
    assert replace(DEFAULT, budget=Budget(cost_usd=5, steps=40)).limits == {"cost_usd": 5, "steps": 40}


def test_an_operator_can_raise_limits() -> None:
    raised = DEFAULT.with_limits({"cost_usd": 2.5, "tokens": 1000.0})

    assert raised.limits == {"cost_usd": 2.5, "tokens": 1000}
    assert raised.with_limits({"tokens": 2000}).limits == {"cost_usd": 2.5, "tokens": 2000}


@pytest.mark.parametrize("limits", [{"dollars": 1.0}, {"cost_usd": 0.0}, {"cost_usd": float("nan")}])
def test_a_limit_that_is_none_is_refused(limits: dict[str, float]) -> None:
    with pytest.raises(PolicyError):
        DEFAULT.with_limits(limits)


def test_no_source_at_all_is_the_default() -> None:
    assert load(PolicySource()) == DEFAULT


def test_later_sources_win_key_by_key(tmp_path: Path) -> None:
    config = written(
        tmp_path / "agentwatch.toml",
        '[agents.a]\ncommand = "x"\n'
        "[policy.loop]\nsteer_at = 4\npause_at = 8\n[policy.budget]\nsteps = 5\n"
        "[policies.careful.loop]\npause_at = 7\n",
    )
    file = written(tmp_path / "mine.toml", "[budget]\nsteps = 9\n")

    policy = load(PolicySource(config=config, name="careful", file=file))

    assert (policy.loop.steer_at, policy.loop.pause_at, policy.budget.steps) == (4, 7, 9)
    assert paths(PolicySource(config=config, file=file)) == (Path(config), Path(file))


def test_a_name_that_nobody_defined_is_a_mistake(tmp_path: Path) -> None:
    config = written(tmp_path / "agentwatch.toml", "[policies.careful.loop]\npause_at = 7\n")

    with pytest.raises(PolicyError, match="did you mean careful"):
        load(PolicySource(config=config, name="carefull"))


def test_a_file_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="cannot be read"):
        load(PolicySource(file=str(tmp_path / "none.toml")))


def test_text_that_is_no_toml_names_its_line(tmp_path: Path) -> None:
    assert "line 2" in mistakes(tmp_path, "[loop]\nsteer_at = = 3\n")[0]


def test_an_unknown_section_or_key_names_its_line_and_what_was_meant(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "[loop]\npause_att = 9\n\n[budgets]\nsteps = 1\n") == [
        "p.toml, line 2, [loop] pause_att: there is no such key; did you mean pause_at?",
        "p.toml, line 4, [budgets]: there is no such rule; did you mean budget?",
    ]
    assert mistakes(tmp_path, "[budget]\ncost_per_hour = 4\n[home_budget]\ntokens_per_minute = 0.5\n") == [
        "p.toml, line 2, [budget] cost_per_hour: there is no such key; did you mean cost_usd_per_hour?",
        "p.toml, line 4, [home_budget] tokens_per_minute must be a whole number, 1 or more, not 0.5.",
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[loop]\npause_at = "5"', "must be a whole number, 2 or more, 1000 or less, not '5'."),
        ("[loop]\npause_at = 1", "must be a whole number, 2 or more, 1000 or less, not 1."),
        ("[loop]\npause_at = true", "must be a whole number, 2 or more, 1000 or less, not true."),
        ("[budget]\ncost_usd = -1", "must be a number, above 0, not -1."),
        ("[budget]\ncost_usd = inf", "must be a number, above 0, not inf."),
        ('[loop]\nat_most = "halt"', 'must be one of "observe", "warn", "steer", "pause", "stop", not \'halt\'.'),
    ],
)
def test_a_wrong_value_says_what_is_wanted(tmp_path: Path, text: str, sentence: str) -> None:
    (mistake,) = mistakes(tmp_path, text)

    assert mistake.startswith("p.toml, line 2, [")
    assert mistake.endswith(sentence)


def test_what_cannot_be_redacted_by_is_a_mistake(tmp_path: Path) -> None:
    assert mistakes(tmp_path, '[redaction]\npatterns = ["(", "x*"]\nfields = ["ssn"]\nkeep = ["ssn"]\n') == [
        "p.toml, line 1, [redaction]: '(' is no regular expression: missing ), unterminated subpattern at position 0.",
        "p.toml, line 1, [redaction]: the pattern 'x*' matches an empty text, and so would hide nothing everywhere.",
        "p.toml, line 1, [redaction]: 'ssn' stands in fields and in keep.",
    ]
    assert mistakes(tmp_path, '[redaction]\nfields = "ssn"\n') == [
        "p.toml, line 2, [redaction] fields must be a list of texts, not 'ssn'.",
    ]


def test_a_section_that_is_no_section_is_a_mistake(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "loop = 3\n") == ["p.toml, line 1, [loop] must be a section with keys, not 3."]


def test_thresholds_in_the_wrong_order_are_a_mistake(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "[loop]\nsteer_at = 5\npause_at = 4\ncycle_pause_at = 6\n") == [
        "p.toml, line 1, [loop]: pause_at (4) is below steer_at (5).",
    ]


def test_every_mistake_of_every_source_is_told(tmp_path: Path) -> None:
    config = written(tmp_path / "agentwatch.toml", "[policy.loop]\nx = 1\n[policy.nothing]\n")
    file = written(tmp_path / "mine.toml", "[gate]\ngrace_s = -1\n")

    with pytest.raises(PolicyError) as caught:
        load(PolicySource(config=config, file=file))

    assert len(caught.value.mistakes) == 3
    assert "agentwatch.toml, line 2, [policy.loop] x" in caught.value.mistakes[0]
