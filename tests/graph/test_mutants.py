"""Architectures with random faults are told what is wrong, and run when nothing is.

The faults derive from fixed seeds. `python -m tests.graph.mutants 200` tries many more of them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from archgraph.spec import load
from tests.graph import mutants

MANY = 8
"""Mutants of each architecture."""
FOUND = [("scm", 136), ("text_rag", 85)]
"""Architecture and seed of mutants that were treated badly once."""


@pytest.mark.parametrize("name", load.names())
def test_faults_are_told_and_what_checks_runs(name: str, tmp_path: Path) -> None:
    seeds = [*range(MANY), *(seed for each, seed in FOUND if each == name)]
    for seed in seeds:
        path = tmp_path / f"mutant{seed}.yaml"
        made, faults = mutants.mutant(name, seed)
        path.write_text(mutants.written(made), encoding="utf-8")
        assert not mutants.wrong_with(path), f"{name} {seed}: {faults}"
        if mutants.sound(path):
            assert not mutants.wrong_when_run(path), f"{name} {seed}: {faults}"
