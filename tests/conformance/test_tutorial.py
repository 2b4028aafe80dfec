"""The memory type of the tutorial is as short as its title says, and keeps every promise."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from archgraph.conformance import report
from tests import pages

PAGE = pages.DOCS / "tutorial" / "memory-type-in-40-lines.md"


def source() -> str:
    (found,) = (b.text for b in pages.blocks(PAGE) if b.option("title") == "tally.py")
    return found


def test_it_is_short() -> None:
    assert len([line for line in source().splitlines() if line.strip()]) <= 40


def test_it_keeps_every_promise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tally.py").write_text(source(), encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = report.run(importlib.import_module("tally").Tally)
    assert found.broken == [] and found.count(report.KEPT) >= 80
