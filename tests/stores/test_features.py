"""Features and their arithmetic, against values that were worked out by hand."""

from __future__ import annotations

import math

import pydantic
import pytest

from archgraph.storage import records
from archgraph.stores import features

HOUR, DAY = 3600.0, 86400.0
NOW = 100 * DAY


def fact(
    age: float = 0.0, *, seen: tuple[float, ...] = (), gain: float = 0.0, **envelope: object
) -> features.Fact:
    """A record of an age in seconds, found at so many seconds before now."""
    record = records.Record(created=NOW - age, **envelope)  # type: ignore[arg-type]
    return features.Fact(record, records.Recall(tuple(NOW - ago for ago in seen), gain))


@pytest.mark.parametrize(
    ("form", "age", "expected"),
    [
        ({}, 7 * DAY, 0.5),  # halves in a week
        ({"tau": DAY}, 2 * DAY, 0.1353352832),  # e^-2
        ({"per_hour": 0.995}, 24 * HOUR, 0.8866535105),  # 0.995^24
        ({"power": 0.5}, 3 * HOUR, 0.5),  # (1 + 3)^-0.5
        ({"tau": DAY}, -5.0, 1.0),  # what lies ahead is fresh
    ],
)
def test_forms_of_decay(form: dict[str, float], age: float, expected: float) -> None:
    told = features.Recency.model_validate(form)
    assert features.decay(age, told, 7 * DAY) == pytest.approx(expected)


def test_recency_by_rank_from_either_end() -> None:
    facts = {1: fact(30), 2: fact(20), 3: fact(10)}
    newest = features.Recency(per_rank=0.9)
    # the newest (3) has rank 1: 0.9, 0.81, 0.729
    assert features.recency(facts, NOW, newest, DAY) == pytest.approx({3: 0.9, 2: 0.81, 1: 0.729})
    oldest = features.Recency(per_rank=0.9, first="oldest")
    assert features.recency(facts, NOW, oldest, DAY) == pytest.approx({1: 0.9, 2: 0.81, 3: 0.729})


def test_recency_of_last_access_falls_back_to_creation() -> None:
    facts = {1: fact(10 * DAY, seen=(3 * DAY, DAY)), 2: fact(2 * DAY)}
    told = features.Recency(tau=DAY, of="last_access")
    found = features.recency(facts, NOW, told, DAY)
    assert found == pytest.approx({1: math.exp(-1), 2: math.exp(-2)})


def test_own_features_of_a_record() -> None:
    one = fact(
        4.0, seen=(1.0,), gain=2.0, importance=7.0, strength=3.0, tokens=11,
        derived_from=("a", "b"), fields={"rating": 4, "word": "x"},
    )  # fmt: skip
    facts = {1: features.Fact(one.record, one.recall, degree=5)}
    found = {
        name: features.own(name, facts, NOW, features.Recency(), DAY)[1]
        for name in ("importance", "frequency", "strength", "tokens", "mentions", "degree",
                     "fields.rating", "fields.word", "fields.none", "activation")
    }  # fmt: skip
    assert found == pytest.approx({
        "importance": 7, "frequency": 1, "strength": 5, "tokens": 11, "mentions": 2, "degree": 5,
        "fields.rating": 4, "fields.word": 0, "fields.none": 0,
        "activation": math.log(1.5),  # 4^-0.5 + 1^-0.5 = 0.5 + 1
    })  # fmt: skip


def test_heat_of_memory_os() -> None:
    heat = features.Standing.model_validate({
        "features": {"frequency": 1, "fields.length": 1, "recency": 1},
        "recency": {"tau": DAY, "of": "last_access"},
    })  # fmt: skip
    facts = {
        1: fact(9 * DAY, seen=(3 * DAY, 2 * DAY, DAY), fields={"length": 4}),
        2: fact(2 * DAY, fields={"length": 1}),
    }
    # 3 visits + 4 + e^-1 = 7.367879; 0 + 1 + e^-2 = 1.135335
    assert features.standings(heat, facts, NOW) == pytest.approx({1: 7.367879441, 2: 1.135335283})


def test_normal_forms() -> None:
    values = {1: 2.0, 2: 6.0, 3: 4.0, 4: 6.0}
    assert features.normalised(values, "none") == values
    assert features.normalised(values, "best") == pytest.approx({1: 1 / 3, 2: 1, 3: 2 / 3, 4: 1})
    # (v - 2) / (6 - 2)
    assert features.normalised(values, "minmax") == {1: 0.0, 2: 1.0, 3: 0.5, 4: 1.0}
    # places 1, 1, 3, 4 of 4
    assert features.normalised(values, "rank") == {2: 1.0, 4: 1.0, 3: 0.5, 1: 0.25}
    assert features.normalised({1: 3.0, 2: 3.0}, "minmax") == {1: 0.5, 2: 0.5}
    assert features.normalised({1: 0.0}, "best") == {}


def test_fusion() -> None:
    table = {"text": {1: 1.0, 2: 0.5}, "vector": {2: 0.25, 3: 1.0}}
    weights = {"text": 1.0, "vector": 2.0}

    def joined(fusion: features.Fusion, k: float = 60) -> features.Values:
        return features.combined(table, weights, fusion, k)

    assert joined("sum") == {1: 1.0, 2: 1.0, 3: 2.0}
    assert joined("max") == {1: 1.0, 2: 0.5, 3: 2.0}
    # 2: 0.5^1 * 0.25^2; the others lack a feature
    assert joined("product") == {1: 0.0, 2: 0.03125, 3: 0.0}
    # text: 1 before 2; vector: 3 before 2
    assert joined("rrf") == pytest.approx({1: 1 / 61, 2: 1 / 62 + 2 / 62, 3: 2 / 61})


def test_graphitis_rank_const_one_is_k_zero() -> None:
    # graphiti: 1 / (i + 1) with i from 0, so 1, 1/2, 1/3
    table = {"text": {7: 3.0, 8: 2.0, 9: 1.0}}
    assert features.combined(table, {"text": 1.0}, "rrf", 0) == {7: 1.0, 8: 0.5, 9: 1 / 3}


def test_wrong_features_are_refused() -> None:
    with pytest.raises(pydantic.ValidationError, match=r'no feature .recencey.*"recency"'):
        features.Standing(features={"recencey": 1})
    with pytest.raises(pydantic.ValidationError, match="no feature 'vector'"):
        features.Standing(features={"vector": 1})
    with pytest.raises(pydantic.ValidationError, match="keep one of tau, per_hour"):
        features.Recency(tau=1, per_hour=0.5)
    with pytest.raises(pydantic.ValidationError, match="needs `per_rank`"):
        features.Recency(first="oldest")
