"""A plugin that cannot be what it says is told with its place and a remedy; the rest goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import archgraph
from tests import plugins
from tests.cli import commands

MODULE = '''
from archgraph.operators import base as operators
from archgraph.stores import base

TEXT = "no class"


class Other:
    """Inherits from nothing."""


class Loose(base.Store):
    """Its options are of another kind."""

    Options = dict


class Odd(base.Store):
    """A verb that no model can be told of."""

    @base.verb(writes=True)
    def keep(self, pair: tuple) -> str:
        """Keep a pair."""
        return "Kept."


class Step(operators.Operator):
    """Its options are of another kind."""

    Options = dict
'''
FAULTS = {
    "text": ("faulty:TEXT", "it is no class", "name another class"),
    "other": ("faulty:Other", "does not inherit from archgraph.stores.base.Store", "mend faulty"),
    "loose": ("faulty:Loose", "its Options does not inherit", "mend faulty"),
    "odd": ("faulty:Odd", "Odd.keep(pair): no JSON Schema for the type tuple", "mend faulty"),
    "lost": ("faulty:Lost", "has no attribute 'Lost'", "name a class of faulty in the entry"),
    "needs": ("needs:Thing", "No module named 'nowhere_to_be'", "pip install nowhere_to_be"),
    "gone": ("goneaway:Thing", "No module named 'goneaway'", "install archgraph_test_plugin again"),
    "fails": ("fails:Thing", "ZeroDivisionError: division by zero (at ", "mend fails, or pip"),
}
FILE = """
archgraph: 1
name: user
stores:
  mine: {type: NAME}
  recall: {type: log}
threads:
  main: {model: offline/extractive, context_window: 8000, context: [mine],
         triggers: [user_message]}
"""


@pytest.fixture(autouse=True)
def faulty(tmp_path: Path) -> Iterator[None]:
    modules = {"faulty": MODULE, "needs": "import nowhere_to_be\n", "fails": "x = 1 / 0\n"}
    stores = {name: target for name, (target, _, _) in FAULTS.items()}
    points = {"archgraph.stores": stores, "archgraph.operators": {"step_over": "faulty:Step"}}
    with plugins.installed(tmp_path / "site", modules, points):
        yield


@pytest.mark.parametrize("name", FAULTS)
def test_check_tells_what_and_what_to_do(tmp_path: Path, name: str) -> None:
    _, says, remedy = FAULTS[name]
    file = tmp_path / "user.yaml"
    file.write_text(FILE.replace("NAME", name))
    (told,) = [each for each in archgraph.check(file) if each.code == "plugin-broken"]
    assert says in told.message and "archgraph_test_plugin 1.0" in told.message
    assert remedy in told.remedy
    assert told.line == 5


def test_lists_and_the_schema_go_on() -> None:
    states = {row["name"]: row["state"] for row in commands.invoke_json("list", "plugins")}
    for name, (_, says, _) in FAULTS.items():
        assert says in states[name]
    assert "its Options does not inherit from archgraph.operators.base" in states["step_over"]
    assert any(row["store"] == "block" for row in commands.invoke_json("list", "verbs"))
    for kind in ("stores", "operators"):
        assert commands.invoke_json("list", kind)
    assert '"odd"' not in commands.invoke("schema").stdout
