"""What a Python user gets wrong is told as an error of ours, which says what would be right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import archgraph
from archgraph import errors
from archgraph.spec import load

WRONG: tuple[tuple[dict[str, Any], str], ...] = (
    ({"durability": "foo"}, "no durability 'foo'; known: full, normal"),
    ({"seed": "x"}, "seed must be a whole number, not 'x'"),
    ({"source": 3}, "an architecture is a name, a path or a plan, not int"),
    ({"overrides": "core_limit=a b"}, "core_limit"),
)


@pytest.mark.parametrize(("given", "told"), WRONG, ids=[next(iter(each)) for each, _ in WRONG])
def test_open_agent_says_what_is_wrong(given: dict[str, Any], told: str) -> None:
    with pytest.raises(errors.InputError) as caught:
        archgraph.open_agent(**{"source": "memgpt", **given})
    assert told in str(caught.value)


def test_one_override_may_stand_without_a_list() -> None:
    found = load.load("memgpt", "core_limit=500")
    assert found.spec.stores["human"].options["limit"] == 500
    with archgraph.open_agent("memgpt", overrides="core_limit=500") as agent:
        assert agent.plan.stores["human"].options["limit"] == 500


def test_an_unknown_thread_has_no_window() -> None:
    with (
        archgraph.open_agent("memgpt") as agent,
        pytest.raises(errors.UnknownName, match="no thread 'man'; did you mean"),
    ):
        agent.next_window("man")


def test_a_closed_agent_says_so(tmp_path: Path) -> None:
    agent = archgraph.open_agent("memgpt", tmp_path / "a.db")
    agent.close()
    agent.close()
    with pytest.raises(errors.AgentFileError, match="was closed here; open the agent again"):
        agent.send("hello")


def test_the_face_is_listed() -> None:
    assert {"check", "compile", "load", "open_agent", "errors"} <= set(dir(archgraph))
