"""A plugin that breaks as it is imported is named, and everything else goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import archgraph
from tests import plugins
from tests.cli import commands

USES_IT = """\
archgraph: 1
name: user
stores:
  notes: {type: broken_store}
  recall: {type: log}
threads:
  main:
    model: offline/extractive
    context_window: 8000
    log: recall
    context: [{store: recall, since: last_run}]
    triggers: [user_message]
"""


@pytest.fixture(autouse=True)
def broken(tmp_path: Path) -> Iterator[None]:
    modules = {"archgraph_broken_plugin": "raise RuntimeError('no such device')\n"}
    points = {
        f"archgraph.{kind}": {f"broken_{kind[:-1]}": "archgraph_broken_plugin:Thing"}
        for kind in ("stores", "backends")
    }
    with plugins.installed(tmp_path / "site", modules, points):
        yield


def test_lists_go_on() -> None:
    states = {row["name"]: row["state"] for row in commands.invoke_json("list", "plugins")}
    assert "RuntimeError: no such device" in states["broken_store"]
    assert states["block"] == "ok"
    assert "broken_store" in {row["name"] for row in commands.invoke_json("list", "stores")}
    assert any(row["store"] == "block" for row in commands.invoke_json("list", "verbs"))
    assert "broken_store" not in commands.invoke("schema").stdout


def test_doctor_tells() -> None:
    rows = json.loads(commands.invoke("doctor", "--json").stdout)
    told = next(row for row in rows if row["name"] == "plugins")
    assert not told["ok"] and "no such device" in told["found"]
    assert told["remedy"].endswith("pip uninstall archgraph_test_plugin")


def test_check_and_send_name_it(tmp_path: Path) -> None:
    file = tmp_path / "user.yaml"
    file.write_text(USES_IT)
    found = {each.code: each for each in archgraph.check(file)}
    assert found["plugin-broken"].line == 4 and "no such device" in found["plugin-broken"].message
    sent = commands.invoke("send", str(file), "hello", code=1)
    assert "plugin-broken" in sent.stderr


def test_a_broken_back_end_is_a_problem_with_a_place(tmp_path: Path) -> None:
    file = tmp_path / "user.yaml"
    collection = "type: collection, backend: broken_backend, path: notes"
    file.write_text(USES_IT.replace("type: broken_store", collection))
    found = {each.code: each for each in archgraph.check(file)}
    assert found["plugin-broken"].line == 4
    file.write_text(file.read_text().replace("broken_backend", "fiel"))
    found = {each.code: each for each in archgraph.check(file)}
    assert found["unknown-type"].line == 4 and '"file"' in found["unknown-type"].remedy
