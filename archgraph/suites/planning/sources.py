"""Digests of source code: of a module and of all that it imports of its own package.

Called by `identity`, so that a result is never reused after the code that made it has changed. What
a module imports is read from its text, imports within functions included; types that are reached
through the registry are digested on their own. Runs nothing.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ENGINE = ("archgraph.runtime.agent", "archgraph.suites.running.trial",
          "archgraph.suites.running.rows")  # fmt: skip
"""Where the closure of the engine begins: how agents live, how a trial is made of one, and how its
numbers are read off."""

JUDGING = "archgraph.suites.running.brokered"
"""How a judge is asked."""

PLANNED = ("archgraph.graph.plan", "archgraph.graph.tool_rules", "archgraph.graph.outside")
"""The modules of `graph` that a running agent uses; the others make the plan, which is digested."""

_PREPARING = ("archgraph.graph", "archgraph.registry", "archgraph.spec.load", "archgraph.api",
              "archgraph.spec.merge", "archgraph.spec.validate", "archgraph.suites.planning",
              "archgraph.suites.analysis", "archgraph.suites.reporting")  # fmt: skip
"""What reads, judges and reports; no result of a trial can come from it."""

_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+(?P<of>\.*[\w.]*)[ \t]+import[ \t]+(?P<names>\([^)]*\)|[^\n#;]+)"
    r"|import[ \t]+(?P<plain>[\w., \t]+))",
    re.MULTILINE,
)


@functools.cache
def engine() -> str:
    """A digest of the code that walks agents and trials."""
    modules: dict[str, Path] = {}
    for name in ENGINE:
        modules |= _closure(name)
    return _digest(modules)


@functools.cache
def of_module(name: str) -> str:
    """A digest of a module and of what it imports of its own package, the engine left out."""
    apart = set(_engine_modules()) if name.partition(".")[0] == "archgraph" else set()
    own = {key: path for key, path in _closure(name).items() if key not in apart or key == name}
    return _digest(own)


@functools.cache
def alone(name: str) -> str:
    """A digest of a module without what it imports."""
    path = _file_of(name)
    return _digest({name: path} if path is not None else {})


def of_type(kind: type) -> str:
    """A digest of the source of a class."""
    return of_module(kind.__module__)


def of_function(target: str, folders: tuple[str, ...]) -> str:
    """A digest of the file of `module:function`, and of those beside it that it imports.

    Args:
        target: as an architecture names it.
        folders: where the module is looked for first.
    """
    module = target.partition(":")[0]
    for folder in folders:
        path = _file_in(Path(folder), module)
        if path is not None:
            return _digest(_beside(module, path, Path(folder)))
    return of_module(module)


def modules(name: str) -> list[str]:
    """The modules that the digest of one covers, for tests and for people."""
    return sorted(_closure(name))


# Private functions


@functools.cache
def _engine_modules() -> tuple[str, ...]:
    return tuple(dict.fromkeys(key for name in ENGINE for key in _closure(name)))


@functools.cache
def _closure(name: str) -> dict[str, Path]:
    """A module and what it imports of its own top-level package, by name."""
    top = name.partition(".")[0]
    found: dict[str, Path] = {}
    waiting = [name]
    while waiting:
        module = waiting.pop()
        path = _file_of(module) if module not in found else None
        if path is None or (module != name and _prepares(module)):
            continue
        found[module] = path
        waiting += [each for each in _imported(module, path) if each.partition(".")[0] == top]
    return found


def _prepares(module: str) -> bool:
    within = any(module == each or module.startswith(f"{each}.") for each in _PREPARING)
    return module == "archgraph" or (within and module not in PLANNED)


def _beside(module: str, path: Path, folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    waiting = [(module, path)]
    while waiting:
        name, file = waiting.pop()
        if name in found:
            continue
        found[name] = file
        for each in _imported(name, file):
            below = _file_in(folder, each)
            if below is not None:
                waiting.append((each, below))
    return found


def _imported(module: str, path: Path) -> Iterator[str]:
    """The names that may be modules in a file's imports."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for match in _IMPORT.finditer(_data(path).decode("utf-8", "replace")):
        if match["plain"]:
            yield from (part.split()[0] for part in match["plain"].split(",") if part.split())
            continue
        of = _absolute(match["of"], package)
        yield of
        names = re.sub(r"#[^\n]*", "", match["names"]).strip("()").split(",")
        yield from (f"{of}.{part.split()[0]}" for part in names if part.split())


def _absolute(of: str, package: str) -> str:
    """The module of a relative import."""
    dots = len(of) - len(of.lstrip("."))
    if not dots:
        return of
    steps = package.split(".")
    return ".".join([*steps[: len(steps) - dots + 1], *filter(None, [of.lstrip(".")])])


@functools.cache
def _file_of(module: str) -> Path | None:
    """The source of a module; None for what is no module, or has no source in Python."""
    loaded = getattr(sys.modules.get(module), "__file__", None)
    if loaded:
        return Path(loaded) if str(loaded).endswith(".py") else None
    parent, _, _ = module.rpartition(".")
    if parent and _file_of(parent) is None:
        return None
    if parent:  # without an import: that would run the code of packages
        home = _file_of(parent)
        return _file_in(home.parent, module.rpartition(".")[2]) if (
            home is not None and home.name == "__init__.py") else None  # fmt: skip
    try:
        origin = getattr(importlib.util.find_spec(module), "origin", None)
    except (ImportError, ValueError):
        return None
    return Path(origin) if origin and origin.endswith(".py") else None


def _file_in(folder: Path, module: str) -> Path | None:
    base = folder.joinpath(*module.split("."))
    for path in (base.with_name(f"{base.name}.py"), base / "__init__.py"):
        if module and path.is_file():
            return path
    return None


@functools.cache
def _data(path: Path) -> bytes:
    return path.read_bytes()


def _digest(modules: dict[str, Path]) -> str:
    found = hashlib.blake2b(digest_size=16)
    for name in sorted(modules):
        data = _data(modules[name])
        found.update(f"{name}\0{len(data)}\0".encode())
        found.update(data)
    return found.hexdigest()
