"""Removing any one node of any shipped architecture: it still runs, or says what now dangles."""

from __future__ import annotations

from pathlib import Path

import pytest

from archgraph.graph import check
from archgraph.spec import load
from tests.gallery import conversation


def nodes() -> list[tuple[str, str]]:
    """Every node of every shipped architecture."""
    found = []
    for name in load.names():
        spec = load.load(name).spec
        found += [(name, node) for part in (spec.stores, spec.tools, spec.threads) for node in part]
    return found


@pytest.mark.parametrize(("name", "node"), nodes())
def test_without_a_node_it_runs_or_says_what_dangles(name: str, node: str, tmp_path: Path) -> None:
    problems = check.check(name, [f"{node}=null"])
    wrong = [each for each in problems if each.severity == "error"]
    for each in wrong:
        assert each.remedy, f"{each} gives no remedy"
        assert node in str(each) or each.line > 0, f"{each} does not say where"
    if wrong:
        return
    agent = conversation.begin(name, f"{node}=null", tmp_path=tmp_path)
    conversation.tell(agent, conversation.TALK[:3])
    turns = agent.db.all("SELECT status, reason FROM turn ORDER BY id")
    reasons = {reason for status, reason in turns if status != "done"}
    assert all(reason for reason in reasons)
    assert len(turns) <= 3
    inside = agent.db.all("SELECT payload FROM event WHERE payload LIKE '%failed inside%'")
    assert inside == [], f"{name} without {node} broke inside"
