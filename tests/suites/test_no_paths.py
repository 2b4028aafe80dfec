"""What a run shows to others names no folder of the machine that it ran on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archgraph import comparisons
from archgraph.suites import analysis
from archgraph.suites.running import coordinator, recordings
from archgraph.suites.running import ledger as ledgers
from tests.conftest import ROOT
from tests.suites.test_page import Unpacked

SUITE = """
suite: paths
architectures:
  - full_context
  - arms/mine.yaml
datasets:
  - jsonl: {path: talk.jsonl}
ablate: {mine: all}
"""

MINE = """
archgraph: 1
name: mine
extends: fixed_window
params: {unused: 1}
"""

TALK = {
    "id": "q1", "history": [{"id": "m1", "text": "The box is red."}],
    "question": "Which colour is the box?", "answers": ["red"],
}  # fmt: skip


def folders(tmp_path: Path) -> Path:
    place = tmp_path / "suite of mine"
    (place / "arms").mkdir(parents=True)
    (place / "suite.yaml").write_text(SUITE)
    (place / "arms" / "mine.yaml").write_text(MINE)
    (place / "talk.jsonl").write_text(json.dumps(TALK) + "\n")
    return place


@pytest.mark.parametrize("inside", [True, False])
def test_no_folder_of_this_machine_is_in_what_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: bool
) -> None:
    place = folders(tmp_path)
    monkeypatch.chdir(place if inside else tmp_path)
    run = tmp_path / "run"
    made = comparisons.planned(comparisons.Asked([str(place / "suite.yaml")]))
    comparisons.run(made, run, coordinator.Options(workers=0, record=tmp_path / "rec"))
    with ledgers.Ledger.open(run, readonly=True) as ledger:
        found = ledger.results()
        metas = dict(ledger._db.execute("SELECT key, value FROM meta"))
    warnings = "\n".join(each for arm in found.arms.values() for each in arm["warnings"])
    assert "arms/mine.yaml:" in warnings and "full_context.yaml:" in warnings
    shown = analysis.analyse(found)
    page = comparisons.page(run, found, shown)
    texts = {
        "ledger": json.dumps([metas, found.arms, found.datasets, found.scorers]),
        "JSON": json.dumps(analysis.plain(shown)),
        "page": page,
        "trials in the page": json.dumps([Unpacked(page).index, Unpacked(page).trials]),
        "comparison": comparisons.compared(run, run),
        "comparison as a page": comparisons.compared(run, run, as_page=True),
        "manifest": (run / recordings.MANIFEST).read_text(),
        "recording": (tmp_path / "rec" / recordings.MANIFEST).read_text(),
    }
    for what, text in texts.items():
        for folder in {str(tmp_path), str(ROOT), str(Path.home())} - {"/"}:
            at = text.find(folder + "/")
            assert at < 0, f"{what}: …{text[max(0, at - 80) : at + 80]}…"
    again = comparisons.planned(comparisons.again(run, comparisons.Asked(()))[0])
    assert {each.id for each in again.trials} == {each.id for each in made.trials}
