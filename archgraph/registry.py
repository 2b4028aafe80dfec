"""Names to classes, through entry points.

Built-in types are listed in our own `pyproject.toml` and travel the same road as a plugin's.
Called wherever a YAML file or a command names a type. Knows no type itself.
"""

from __future__ import annotations

import contextlib
import functools
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from archgraph import errors

GROUPS = ("stores", "gateways", "embedders", "backends", "datasets", "scorers", "operators")
"""The kinds of thing that a plugin can bring; the entry-point group is `archgraph.<kind>`."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One registered type: where it comes from, and how to load it."""

    kind: str
    name: str
    target: str
    package: str
    version: str

    def load(self) -> Any:
        """Import the class.

        Raises:
            PluginError: the module cannot be imported or lacks the name.
        """
        point = metadata.EntryPoint(self.name, self.target, f"archgraph.{self.kind}")
        try:
            return point.load()
        except Exception as error:  # a foreign module may raise anything as it is imported
            raise errors.PluginError(
                f"the {self.kind[:-1]} {self.name!r} of package {self.package} {self.version} "
                f"({self.target}) cannot be loaded: {type(error).__name__}: {error}"
            ) from error


@functools.cache
def entries(kind: str) -> dict[str, Entry]:
    """All registered entries of a kind by name; our own win over a plugin of the same name."""
    found: dict[str, Entry] = {}
    for entry in _scan(kind):
        known = found.get(entry.name)
        if known is None or (entry.package == "archgraph" and known.package != "archgraph"):
            found[entry.name] = entry
    return dict(sorted(found.items()))


def duplicates(kind: str) -> list[tuple[str, list[Entry]]]:
    """Names that more than one package claims, with the claimants."""
    claims: dict[str, dict[str, Entry]] = {}
    for entry in _scan(kind):
        claims.setdefault(entry.name, {})[f"{entry.package} {entry.target}"] = entry
    return [(name, list(found.values())) for name, found in claims.items() if len(found) > 1]


def names(kind: str) -> list[str]:
    """The registered names of a kind, sorted."""
    return list(entries(kind))


def working(kind: str) -> dict[str, Any]:
    """The classes of a kind by name, without those whose package cannot be loaded."""
    found = {}
    for name in names(kind):
        with contextlib.suppress(errors.PluginError):
            found[name] = get(kind, name)
    return found


def get(kind: str, name: str) -> Any:
    """The class registered under a name.

    Raises:
        UnknownName: nothing has that name.
        PluginError: its package cannot be loaded.
    """
    entry = entries(kind).get(name)
    if entry is None:
        raise errors.UnknownName(f"{kind[:-1]} type", name, names(kind))
    return _load(entry)


@functools.cache
def _load(entry: Entry) -> Any:
    return entry.load()


@functools.cache
def _scan(kind: str) -> tuple[Entry, ...]:
    if kind not in GROUPS:
        raise ValueError(f"no kind {kind!r} among {GROUPS}")
    found = []
    for point in metadata.entry_points(group=f"archgraph.{kind}"):
        name = point.dist.name if point.dist else "unknown"
        version = point.dist.version if point.dist else ""
        found.append(Entry(kind, point.name, point.value, name, version))
    return tuple(sorted(found, key=lambda entry: (entry.name, entry.package, entry.target)))
