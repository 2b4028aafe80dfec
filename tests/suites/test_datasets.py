"""What holds for every dataset, and for every one that is drawn by seed."""

from __future__ import annotations

from typing import Any

import pytest

from archgraph import errors, registry
from archgraph.suites.datasets import base, case

GENERATED = {
    "nested_kv": {"depths": [0, 2], "orderings": 3},
    "fact_updates": {"contexts": 2, "tokens": 4_000, "questions_per_context": 6},
    "persona_chat": {"chats": 2, "sessions": 4, "turns": 12},
    "tasks": {"steps": [5, 9], "jobs": 2},
}
"""Small ones of each."""


def drawn(name: str, **options: Any) -> list[case.Conversation]:
    kind = registry.get("datasets", name)
    return list(kind(kind.Options(**{**GENERATED[name], **options})).selected())


@pytest.mark.parametrize("name", registry.names("datasets"))
def test_a_dataset_names_scorers_that_exist_and_says_what_it_is(name: str) -> None:
    kind = registry.get("datasets", name)
    assert set(kind.scorers) - set(registry.names("scorers")) == set()
    assert kind.mode in ("observe", "converse")
    first = (kind.__doc__ or "").splitlines()[0]
    assert first.endswith(".") and len(first) <= 95, "`archgraph list datasets` shows it"
    assert kind.__doc__ != base.Dataset.__doc__
    named = kind.Options.model_validate({"name": "mine", **need(kind)})
    assert named.name == "mine"


def need(kind: Any) -> dict[str, str]:
    return {"path": "x"} if kind.Options.model_fields.get("path") else {}


@pytest.mark.parametrize("name", GENERATED)
def test_equal_options_draw_equal_work_and_another_seed_other_work(name: str) -> None:
    assert drawn(name) == drawn(name)
    assert drawn(name) != drawn(name, seed=1)
    assert registry.get("datasets", name).split == "generated"


@pytest.mark.parametrize("name", GENERATED)
def test_cases_are_whole(name: str) -> None:
    found = drawn(name)
    cases = [one for conversation in found for one in conversation.cases]
    assert len({one.id for one in cases}) == len(cases) > 3
    assert len({conversation.id for conversation in found}) == len(found)
    for conversation in found:
        ids = [item.id for item in conversation.items]
        assert len(set(ids)) == len(ids) > 3
        times = [item.at for item in conversation.items]
        assert None in times or times == sorted(times)
        for one in conversation.cases:
            assert one.history is conversation.items
            assert set(one.evidence) <= set(ids)
            assert not set(one.rejected) & set(one.answers)
            assert one.question and (one.answers or one.category == "adversarial")


@pytest.mark.parametrize("name", ["fact_updates", "persona_chat"])
def test_common_options_leave_a_part(name: str) -> None:
    whole = drawn(name)
    one = drawn(name, conversations=1, questions=2)
    assert [(each.id, len(each.cases)) for each in one] == [(whole[0].id, 2)]
    category = whole[0].cases[-1].category
    kept = drawn(name, categories=[category])
    assert {c.category for each in kept for c in each.cases} == {category}
    assert [each.items for each in kept] == [each.items for each in whole]


def test_ids_that_stand_twice_are_named() -> None:
    base.distinct("x", "here", ["a", "b"])
    with pytest.raises(errors.InputError, match=r"x: here has several with the same id: b;"):
        base.distinct("x", "here", ["a", "b", "b"])
