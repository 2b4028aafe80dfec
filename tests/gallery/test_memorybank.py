"""Golden trace: a day is summed up in the evening; at night what was not recalled fades."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from archgraph import clock
from archgraph.operators import writing
from archgraph.runtime import agent as agents
from archgraph.runtime import pipeline
from archgraph.stores import base, features
from tests.gallery import conversation as talk

NAME = "memorybank"
DAY = 86_400.0
STRENGTH = features.Standing.model_validate({"features": {"strength": 1}})


def kept(agent: agents.Agent, kind: str) -> list[base.Record]:
    """The memories of a kind that are not forgotten, oldest first."""
    return [r for r in agent.stores["memories"].records.select() if r.fields["kind"] == kind]


def text(agent: agents.Agent, block: str) -> str:
    """What a block holds."""
    store: Any = agent.stores[block]
    return str(store.text)


def sums_up_and_fades(agent: agents.Agent) -> None:
    """What distinguishes the design: summaries of the day, and forgetting that spares them."""
    days = kept(agent, "day")
    assert [clock.stamp(day.created)[:16] for day in days] == ["2024-03-04 23:59"]
    assert "cello" in days[0].content
    assert "cello" in text(agent, "history"), "drawn together over all days"
    assert text(agent, "portrait"), "and so is who the user is"
    first = {message.text for message in talk.TALK[:6]}
    left = {record.content for record in kept(agent, "exchange")} & first
    assert 0 < len(left) < 6, "some exchanges of the first day have faded"


def test_evening_and_night(tmp_path: Path) -> None:
    agent = talk.play(NAME, tmp_path=tmp_path)
    sums_up_and_fades(agent)
    assert talk.right(agent) == set(talk.ANSWERS)


def test_what_has_faded_is_known_from_the_summary(tmp_path: Path) -> None:
    agent = talk.play(NAME, tmp_path=tmp_path)
    left = [record.content for record in kept(agent, "exchange")]
    assert talk.TALK[1].text not in left, "the exchange about Ole's cello is gone"
    assert "cello" in talk.replies(agent)["What does my brother play?"]


@pytest.mark.parametrize("ablation", ["evening=null", "fade=null", "scale=1000000.0"])
def test_without_evening_or_night_it_is_another_memory(ablation: str, tmp_path: Path) -> None:
    agent = talk.play(NAME, ablation, tmp_path=tmp_path)
    with pytest.raises(AssertionError):
        sums_up_and_fades(agent)


def test_what_is_recalled_grows_stronger(tmp_path: Path) -> None:
    def strengths(agent: agents.Agent) -> list[float]:
        store: Any = agent.stores["memories"]
        return list(store.standings(STRENGTH).values())

    one = talk.tell(talk.begin(NAME, tmp_path=tmp_path), talk.TALK[:3])
    # the second message found the first exchange, the third the second: each S = 1 + 1
    assert strengths(one) == [2.0, 2.0, 1.0]
    (tmp_path / "other").mkdir()
    plain = "stores.memories.retrieval.effects=null"
    other = talk.begin(NAME, plain, tmp_path=tmp_path / "other")
    assert strengths(talk.tell(other, talk.TALK[:3])) == [1.0, 1.0, 1.0]


def share(agent: agents.Agent, strength: float, days: float) -> float:
    """The share of 400 memories of a strength that is kept after so many days without recall."""
    store: Any = agent.stores["memories"]
    (step,) = agent.plan.threads["fade"].steps
    forget: Any = pipeline.made(step)
    assert isinstance(forget, writing.Forget)
    with agent.db.transaction():
        for n in range(400):
            created = agent.db.now() - days * DAY
            store.keep(f"memory {n}", strength=strength, created=created)
        store.forget_by(forget.options.policy)
    return float(store.held()) / 400


@pytest.mark.parametrize(
    ("overrides", "strength", "days", "expected"),
    [
        ((), 1, 1, 0.3679),  # the paper, R = e^(-t/S): e^-1
        ((), 2, 1, 0.6065),  # e^(-1/2): a stronger memory fades more slowly
        (("scale=5.0",), 1, 1, 0.8187),  # e^(-1/5)
        (("scale=5.0",), 2, 1, 0.9048),  # e^(-1/10)
        (("scale=5.0", "inverted=true"), 2, 1, 0.6703),  # the code, e^(-1 * 2 / 5): faster
        (("scale=5.0", "inverted=true"), 1, 1, 0.8187),
    ],
)
def test_the_curve_by_hand(
    overrides: tuple[str, ...], strength: float, days: float, expected: float, tmp_path: Path
) -> None:
    found = share(talk.begin(NAME, *overrides, tmp_path=tmp_path), strength, days)
    spread = math.sqrt(expected * (1 - expected) / 400)
    assert found == pytest.approx(expected, abs=3 * spread)
