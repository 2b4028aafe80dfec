"""In every entry-point group, a broken or doubled plugin is named and does not stop the others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from archgraph import errors, registry
from tests import plugins
from tests.cli import commands

GOOD = '"""A module."""\n\nfrom {} import {} as Kind\n\n\nclass Thing(Kind):\n    """It works."""\n'
KINDS = {
    "stores": ("archgraph.stores.base", "Store"),
    "operators": ("archgraph.operators.base", "Operator"),
    "datasets": ("archgraph.suites.datasets.base", "Dataset"),
    "scorers": ("archgraph.suites.scoring.base", "Scorer"),
}
BROKEN = "raise RuntimeError('no such device')\n"


def first(kind: str) -> str:
    """A built-in name of a kind, or one that nothing has."""
    ours = [e.name for e in registry.entries(kind).values() if e.package == "archgraph"]
    return ours[0] if ours else "free"


@pytest.fixture(autouse=True, params=registry.GROUPS)
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    kind = str(request.param)
    points = {
        f"archgraph.{kind}": {
            "broken_one": "archgraph_broken_module:Thing",
            "nameless_one": "archgraph_good_module:Nothing",
            "good_one": "archgraph_good_module:Thing",
            first(kind): "archgraph_good_module:Thing",
        }
    }
    good = GOOD.format(*KINDS.get(kind, ("typing", "Any")))
    good = good if kind in KINDS else good.replace("(Kind)", "")
    modules = {"archgraph_broken_module": BROKEN, "archgraph_good_module": good}
    with plugins.installed(tmp_path / "site", modules, points):
        yield kind


def test_the_others_go_on(kind: str) -> None:
    working = registry.working(kind)
    assert "good_one" in working and "broken_one" not in working
    with pytest.raises(errors.PluginError, match=r"archgraph_test_plugin 1\.0 .*no such device"):
        registry.get(kind, "broken_one")
    with pytest.raises(errors.PluginError, match="has no attribute 'Nothing'"):
        registry.get(kind, "nameless_one")


def test_ours_wins_over_a_plugin_of_the_same_name(kind: str) -> None:
    entry = registry.entries(kind)[first(kind)]
    if first(kind) != "free":
        assert entry.package == "archgraph"
        assert [name for name, _ in registry.duplicates(kind)] == [first(kind)]


def test_list_shows_where_each_comes_from(kind: str) -> None:
    listed = commands.invoke_json("list", "plugins")
    rows = {row["name"]: row for row in listed if row["kind"] == kind}
    assert rows["good_one"]["package"] == "archgraph_test_plugin 1.0"
    assert rows["good_one"]["class"] == "archgraph_good_module:Thing"
    assert rows["good_one"]["state"] == "ok"
    assert "no such device" in rows["broken_one"]["state"]
    if first(kind) != "free":
        state = rows[first(kind)]["state"]
        assert "not used, for they claim the same name: archgraph_test_plugin 1.0" in state
    assert "good_one" in {row["name"] for row in commands.invoke_json("list", kind)}
