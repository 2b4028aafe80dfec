"""What `check` proves about the context window holds in the worst states that are legal."""

from __future__ import annotations

import json
from collections.abc import Generator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import archgraph
from archgraph.llm import base as llm
from archgraph.messages import Completion, ToolCall
from archgraph.storage import journal
from archgraph.stores import block

DENSE = "⚙x9!漢字 "
"""Text that takes many tokens for its length."""


class Greedy:
    """Calls what it is told, with the longest arguments that its answer may have."""

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def complete(self, request: llm.Request) -> Completion:
        name = self.names.pop(0) if self.names else "send_message"
        arguments = {
            "send_message": {"message": DENSE * 40},
            "archival_memory_insert": {"content": DENSE * 60, "request_heartbeat": True},
            "archival_memory_search": {"query": DENSE, "request_heartbeat": True},
            "conversation_search": {"query": "漢字 x9", "request_heartbeat": True},
            "core_memory_append": {
                "name": "human", "content": DENSE * 50, "request_heartbeat": True,
            },
            "nonsense": {"request_heartbeat": True},
        }[name]  # fmt: skip
        raw = json.dumps({"inner_thoughts": "more", **arguments}, ensure_ascii=False)
        return Completion(tool_calls=(ToolCall("", name, raw),))

    def stream(self, request: llm.Request) -> Generator[llm.Delta, None, Completion]:
        return llm.completed(self, request)


TOOLS = st.sampled_from(
    ["archival_memory_insert", "archival_memory_search", "conversation_search",
     "core_memory_append", "nonsense", "send_message"]
)  # fmt: skip


@settings(max_examples=12, deadline=None)
@given(st.lists(TOOLS, max_size=40), st.lists(st.integers(1, 9000), min_size=1, max_size=6))
def test_no_legal_state_overflows_the_window(names: list[str], lengths: list[int]) -> None:
    with archgraph.open_agent("memgpt", seed=1, gateway=Greedy(names)) as agent:
        for name in ("persona", "human", "summary"):
            _fill(agent, name)
        for length in lengths:
            turn = agent.send(DENSE * length)
            assert "tokens, the window holds" not in turn.reason
        thread = agent.plan.threads["main"]
        room = thread.context_window - thread.max_tokens
        steps = journal.steps(agent.db, "kind = 'step'")
        assert steps
        assert max(row.window_tokens for row in steps) <= room


def test_a_window_that_could_overflow_is_refused() -> None:
    with pytest.raises(archgraph.errors.SpecError) as caught:
        archgraph.compile("memgpt", ["context_window=5000"])
    assert [problem.code for problem in caught.value.problems] == ["budget"]


def _fill(agent: object, name: str) -> None:
    """Put as much into a block as its limits allow."""
    store = agent.stores[name]  # type: ignore[attr-defined]
    assert isinstance(store, block.Block)
    unit, size = DENSE, store.options.text_cap()
    count = 1
    while store.context.count(unit * (count + 1)) <= size:
        count += 1
    with agent.db.transaction():  # type: ignore[attr-defined]
        store.put((unit * count)[: store.options.limit])
    agent.world.take_events()  # type: ignore[attr-defined]
