"""Reads policies from files, and says which files a policy came from."""

from __future__ import annotations

import tomllib
from pathlib import Path

from runtime.policy.check import Source, meant, policy_from
from runtime.policy.config import Policy, PolicyError
from store.launch import PolicySource
from store.records import Json
from store.texts import decoded

SHIPPED = Path(__file__).parent / "shipped"
"""Policies that come with agentwatch, each as NAME.toml with `[RULE]` sections."""


def load(source: PolicySource) -> Policy:
    """Return the policy that a run is to have.  Raises `PolicyError` with a sentence for every mistake."""
    sources: list[Source] = []
    named: dict[str, Json] = {}
    if source.config is not None:
        text, tables = _read(Path(source.config))
        sources.append(Source(source.config, "policy.", _table(source.config, "policy", tables), text))
        named = _table(source.config, "policies", tables)
    if source.name is not None and source.name in named:
        prefix = f"policies.{source.name}"
        table = _table(str(source.config), prefix, {prefix: named[source.name]})
        sources.append(Source(str(source.config), f"{prefix}.", table, text))
    elif source.name is not None:
        sources.append(_shipped(source.name, named))
    if source.file is not None:
        sources.append(_bare(Path(source.file)))
    return policy_from(sources)


def load_file(path: Path) -> Policy:
    """Return the policy of a file with `[RULE]` sections.  Raises `PolicyError`."""
    return policy_from([_bare(path)])


def paths(source: PolicySource) -> tuple[Path, ...]:
    """Return the files whose change may change the policy."""
    return tuple(Path(path) for path in (source.config, source.file) if path is not None)


def shipped() -> tuple[str, ...]:
    """Return the names of the policies that come with agentwatch."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.toml")))


def _shipped(name: str, named: dict[str, Json]) -> Source:
    known = [*named, *shipped()]
    if name not in known:
        raise PolicyError([f"There is no policy named {name!r}{meant(name, known)}"])
    return _bare(SHIPPED / f"{name}.toml")


def _bare(path: Path) -> Source:
    text, tables = _read(path)
    return Source(str(path), "", tables, text)


def _read(path: Path) -> tuple[str, dict[str, Json]]:
    try:
        text = decoded(path.read_bytes())
        return text, tomllib.loads(text)
    except OSError as error:
        raise PolicyError([f"{path} cannot be read: {error.strerror}."]) from error
    except tomllib.TOMLDecodeError as error:
        raise PolicyError([f"{path} is no TOML: {error}."]) from error
    except ValueError as error:
        raise PolicyError([f"{path} cannot be read: {error}."]) from error


def _table(file: str, name: str, tables: dict[str, Json]) -> dict[str, Json]:
    table = tables.get(name, {})
    if not isinstance(table, dict):
        raise PolicyError([f"{file}, [{name}] must be a section, not {table!r}."])
    return table
