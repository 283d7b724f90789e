"""Which part of a matrix every test run sees, and which needs `--crash-all`."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest


def spread(*axes: Sequence[Any]) -> list[Any]:
    """All combinations as parameters; of the last axis one value each time is in the normal share, in turn."""
    *others, last = axes
    return [
        pytest.param(*combination, value, marks=() if turn % len(last) == place else pytest.mark.rare)
        for turn, combination in enumerate(itertools.product(*others))
        for place, value in enumerate(last)
    ]
