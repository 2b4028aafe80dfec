"""Workers are made by forking a process that has imported what a trial needs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from archgraph.graph import compile as compiling
from archgraph.spec import load

PROGRAM = """
import json, sys
from archgraph.suites.running import nursery, trial, worker
from archgraph.graph import compile as compiling
from archgraph.suites.datasets import case
nursery.warm()
before = set(sys.modules)
plan = compiling.plan_from_json(open(sys.argv[1]).read())
said = (case.Item("i", "My cat is called Tom, and he is three."),)
asked = case.Case("q", "c", said, "What is my cat called?", ("Tom",), ("i",))
conditions = trial.simple(plan, "converse")
with trial.ingest(conditions, case.Conversation("c", said, (asked,)), 0) as agent:
    outcome = trial.ask(conditions, agent, asked, 0)
print(json.dumps([outcome.status, sorted(set(sys.modules) - before)]))
"""


def test_a_trial_imports_nothing_heavy_after_the_fork(tmp_path: Path) -> None:
    kept = tmp_path / "plan.json"
    kept.write_text(compiling.plan_to_json(compiling.compile(load.load("memgpt")).plan))
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(kept)], capture_output=True, text=True, check=True
    )
    status, late = json.loads(told.stdout)
    assert status == "done"
    assert len(late) < 20, late
