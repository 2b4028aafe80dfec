"""Plugins for tests: a distribution with entry points, as pip would leave it on disk."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from archgraph import registry


@contextmanager
def installed(
    folder: Path, modules: Mapping[str, str], points: Mapping[str, Mapping[str, str]]
) -> Iterator[None]:
    """Modules (name to source) that can be imported and are listed as `points` (group to names).

    The metadata is what `pip install` writes: `importlib.metadata` finds it on `sys.path`.
    """
    package = "archgraph_test_plugin"
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = [
        line
        for group, names in points.items()
        for line in (f"[{group}]", *(f"{name} = {target}" for name, target in names.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    for name, source in modules.items():
        (folder / f"{name}.py").write_text(source, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        for name in modules:
            patch.delitem(sys.modules, name, raising=False)
        patch.syspath_prepend(str(folder))
        forget()
        try:
            yield
        finally:
            patch.undo()
            forget()


def forget() -> None:
    """Let the registry look again."""
    for cached in (registry.entries, registry._load, registry._scan):
        cached.cache_clear()
