"""Where a collection archives to: another store that keeps records."""

from __future__ import annotations

from pathlib import Path

import pytest

from archgraph.graph import check
from tests.spec import good

ARCHIVE = "type: collection, capacity: 9, overflow: {{action: archive, into: {into}}}"


@pytest.mark.parametrize(
    ("into", "remedy"),
    [
        ("attic", ""),
        ("archival", "name another collection"),
        ("persona", "name another collection"),
        ("atic", 'did you mean "attic"?'),
    ],
)
def test_an_archive_is_another_collection(tmp_path: Path, into: str, remedy: str) -> None:
    assert "archival: {type: collection" in good.GOOD
    text = good.GOOD.replace("type: collection", ARCHIVE.format(into=into), 1)
    text = text.replace("stores:\n", "stores:\n  attic: {type: collection}\n", 1)
    file = good.write(tmp_path, text, good.TEMPLATES)
    wrong = [each for each in check.check(file) if each.path == "stores.archival.overflow.into"]
    assert [remedy in each.remedy for each in wrong] == ([True] if remedy else [])


def test_what_is_archived_is_a_write(tmp_path: Path) -> None:
    text = good.GOOD.replace("type: collection", ARCHIVE.format(into="attic"), 1)
    text = text.replace("stores:\n", "stores:\n  attic: {type: collection}\n", 1)
    problems = check.check(good.write(tmp_path, text, good.TEMPLATES))
    assert [each.code for each in problems if each.path == "stores.attic"] == ["never-read"]
