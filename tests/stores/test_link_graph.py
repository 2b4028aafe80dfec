"""Walks along links: by hand for small graphs, PageRank also against networkx."""

from __future__ import annotations

from collections.abc import Sequence

import networkx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networkx.algorithms.link_analysis import pagerank_alg

from archgraph.stores import link_graph

CHAIN = [("a", "b", 1.0), ("b", "c", 1.0), ("c", "d", 1.0)]


def beside(ids: Sequence[str]) -> list[link_graph.Edge]:
    return [edge for edge in CHAIN if edge[0] in ids or edge[1] in ids]


def test_steps_are_counted_breadth_first() -> None:
    assert link_graph.hops(["b"], 2, beside) == {"b": 0, "a": 1, "c": 1, "d": 2}
    assert link_graph.hops(["b"], 9, beside, "out") == {"b": 0, "c": 1, "d": 2}
    assert link_graph.hops(["b"], 9, beside, "in") == {"b": 0, "a": 1}
    assert link_graph.hops(["a", "d"], 1, beside) == {"a": 0, "d": 0, "b": 1, "c": 1}


def test_pagerank_of_three_by_hand() -> None:
    """a -> b -> c, always starting at a, damping 0.5; c has no way out and starts again.

    a = 0.5 + 0.5 c, b = 0.5 a, c = 0.5 b, so a = 4/7, b = 2/7, c = 1/7.
    """
    found = link_graph.pagerank(CHAIN[:2], {"a": 1.0}, damping=0.5, direction="out")
    assert found == pytest.approx({"a": 4 / 7, "b": 2 / 7, "c": 1 / 7})


def test_pagerank_starts_by_weight() -> None:
    """Two records without links keep their shares of the start: 3 to 1."""
    assert link_graph.pagerank([], {"x": 3.0, "y": 1.0}) == {"x": 0.75, "y": 0.25}
    assert link_graph.pagerank(CHAIN, {}) == {}


EDGES = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef"), st.sampled_from([0.5, 1, 3])),
    min_size=1, max_size=15, unique_by=lambda edge: edge[:2],
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(EDGES, st.dictionaries(st.sampled_from("abcdef"), st.floats(0.1, 5), min_size=1))
def test_pagerank_agrees_with_networkx(
    edges: list[link_graph.Edge], reset: dict[str, float]
) -> None:
    graph = networkx.DiGraph()
    graph.add_nodes_from(reset)
    graph.add_weighted_edges_from(edges)
    exact = {"tol": 1e-12, "max_iter": 1000}
    expected = pagerank_alg._pagerank_python(graph, 0.7, reset, dangling=reset, **exact)
    found = link_graph.pagerank(edges, reset, damping=0.7, direction="out")
    assert found == pytest.approx(expected, abs=1e-7)


def test_communities_are_what_hangs_together() -> None:
    triangles = [("a", "b", 1.0), ("b", "c", 1.0), ("c", "a", 1.0),
                 ("x", "y", 1.0), ("y", "z", 1.0), ("z", "x", 1.0)]  # fmt: skip
    assert link_graph.communities([*triangles, ("c", "x", 0.1)]) == [["a", "b", "c"],
                                                                     ["x", "y", "z"]]  # fmt: skip
    assert link_graph.communities([]) == []


def test_the_way_down_a_tree() -> None:
    """MemTree's threshold: 0.4 at the root, 0.4 e^(0.5 * 1/2) = 0.5136 one level below."""
    tree = link_graph.Tree(deepest=2)
    assert [tree.threshold(d) for d in (0, 1, 2)] == pytest.approx([0.4, 0.513610, 0.659489])
    children = {"r": ["s", "t"], "t": ["u"]}
    alike = {"r": 0.45, "q": 0.41, "s": 0.2, "t": 0.52, "u": 0.65}

    def way() -> list[str]:
        return link_graph.descend(
            ["q", "r"], lambda one: children.get(one, []), alike.__getitem__, tree.threshold
        )

    assert way() == ["r", "t"], "u is like it by 0.65, under 0.6595"
    alike["u"] = 0.66
    assert way() == ["r", "t", "u"]
    alike["r"] = alike["q"] = 0.39
    assert way() == []


@pytest.mark.parametrize(
    ("shape", "source", "target", "reason"),
    [
        ("any", "c", "a", ""),
        ("none", "a", "b", "takes no links"),
        ("tree", "a", "c", "c has a link from b already"),
        ("tree", "c", "a", "a lies above c already"),
        ("tree", "a", "e", ""),
        ("tree", "a", "a", "a lies above a already"),
        ("chain", "a", "e", "a has a link to b already"),
        ("chain", "c", "e", ""),
        ("tree", "b", "c", ""),  # replaces itself
    ],
)
def test_shapes(shape: link_graph.Shape, source: str, target: str, reason: str) -> None:
    found = link_graph.fault([("a", "b"), ("b", "c")], source, target, shape)
    assert reason in found
    assert bool(found) == bool(reason)
