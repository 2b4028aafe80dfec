"""Names to classes, through entry points.

Built-in types are listed in our own `pyproject.toml` and travel the same road as a plugin's.
Called wherever a YAML file or a command names a type. Knows no type itself.
"""

from __future__ import annotations

import contextlib
import functools
import traceback
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from archgraph import errors

GROUPS = (
    "stores", "gateways", "embedders", "backends", "operators", "datasets", "scorers", "engines",
)  # fmt: skip
"""The kinds of thing that a plugin can bring; the entry-point group is `archgraph.<kind>`."""

_CONTRACTS = {
    "stores": "archgraph.stores.base:Store",
    "operators": "archgraph.operators.base:Operator",
    "datasets": "archgraph.suites.datasets.base:Dataset",
    "scorers": "archgraph.suites.scoring.base:Scorer",
}
"""What a class must inherit from, for the kinds that have a base class; found like any entry."""


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
            PluginError: the module cannot be imported or lacks the name, or what has the name
                cannot be a type of this kind.
        """
        try:
            found = _imported(self.target)
        except Exception as error:  # a foreign module may raise anything as it is imported
            text = f"cannot be loaded: {type(error).__name__}: {error}{_place(error)}"
            raise errors.PluginError(f"{self} {text}", _remedy(self, error)) from error
        wrong = _unfit(found, self.kind)
        if wrong:
            remedy = f"mend {self.target.partition(':')[0]}, or name another class in the package"
            raise errors.PluginError(f"{self} cannot be used: {wrong}", remedy)
        return found

    def __str__(self) -> str:
        package = f"{self.package} {self.version}"
        return f"the {self.kind[:-1]} {self.name!r} of package {package} ({self.target})"


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


def _imported(target: str) -> Any:
    return metadata.EntryPoint("", target, "").load()


def _unfit(found: Any, kind: str) -> str:
    """Why something that was registered cannot be a type of a kind; empty if it can."""
    if not isinstance(found, type):
        return "" if callable(found) and kind not in _CONTRACTS else "it is no class"
    if kind not in _CONTRACTS:
        return ""
    contract = _imported(_CONTRACTS[kind])
    place = f"{contract.__module__}.{contract.__name__}"
    if not issubclass(found, contract):
        return f"it does not inherit from {place}"
    options: Any = found.Options  # type: ignore[attr-defined]
    if not (isinstance(options, type) and issubclass(options, contract.Options)):
        return f"its Options does not inherit from {contract.__module__}.Options"
    try:
        if hasattr(found, "verify"):
            found.verify()
    except errors.PluginError as error:
        return str(error)
    return ""


def _place(error: Exception) -> str:
    """Where in foreign code an import failed."""
    frames = [each for each in traceback.extract_tb(error.__traceback__)
              if each.filename != __file__ and "importlib" not in each.filename]  # fmt: skip
    return f" (at {frames[-1].filename}:{frames[-1].lineno})" if frames else ""


def _remedy(entry: Entry, error: Exception) -> str:
    """What to do about an import that failed."""
    module = entry.target.partition(":")[0]
    if isinstance(error, ModuleNotFoundError) and error.name:
        lost = module == error.name or module.startswith(f"{error.name}.")
        return f"install {entry.package} again" if lost else f"pip install {error.name}"
    if isinstance(error, AttributeError) and not _place(error):
        return f"name a class of {module} in the entry points of {entry.package}, and install it"
    return f"mend {module}, or pip uninstall {entry.package}"


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
