"""Makes the SDK importable in an agent whose Python does not have it."""

from __future__ import annotations

import os
from functools import cache
from importlib.util import find_spec
from pathlib import Path

FOLDER = "_path"
"""Inside the package `agentwatch`: a folder that holds one package of that name alone, which gives way to others."""
_TAIL = os.path.join("agentwatch", FOLDER)  # noqa: PTH118


def with_sdk(env: dict[str, str]) -> dict[str, str]:
    """Return `env` with the SDK of this installation behind whatever PYTHONPATH holds already.

    Entries of other installations, which a run inside a run inherits, are taken out.
    """
    folder = _folder()
    if folder is None:
        return env
    given = env.get("PYTHONPATH")
    stood = [one for one in given.split(os.pathsep) if not one.endswith(os.sep + _TAIL)] if given else []
    return env | {"PYTHONPATH": os.pathsep.join([*stood, folder])}


@cache
def _folder() -> str | None:
    spec = find_spec("agentwatch")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]).resolve() / FOLDER
    # A path that holds a colon cannot stand in PYTHONPATH.
    return str(folder) if folder.is_dir() and os.pathsep not in str(folder) else None
