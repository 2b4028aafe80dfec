from __future__ import annotations

import itertools
import re
from typing import Any

import pytest

from archgraph import errors
from archgraph.llm import tokens
from archgraph.suites.datasets import case, fact_updates, fact_world

SAYS = [
    (relation, re.compile(re.escape(text).replace(r"\{s\}", "(.+)").replace(r"\{v\}", "(.+)")))
    for relation in fact_world.RELATIONS
    for text in relation.says
]


def drawn(**options: Any) -> list[case.Conversation]:
    kind = fact_updates.FactUpdates
    return list(kind(kind.Options(**{"contexts": 1, **options})).conversations())


def told(items: tuple[case.Item, ...]) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """Values by subject and relation, with the ids of their facts, the oldest first."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for number, item in enumerate(items, 1):
        told_number, text = item.text.split(". ", 1)
        assert (item.id, told_number) == (f"fact-{number}", str(number))
        readings = [(r, m) for r, pattern in SAYS if (m := pattern.fullmatch(text))]
        relation, match = max(readings, key=lambda each: len(each[1].re.pattern))
        subject, value = match.groups()
        swapped = re.search(r"\{v\}.*\{s\}", template_of(relation, match))
        subject, value = (value, subject) if swapped else (subject, value)
        found.setdefault((subject, relation.name), []).append((value, item.id))
    return found


def template_of(relation: fact_world.Relation, match: re.Match[str]) -> str:
    for text in relation.says:
        if re.escape(text).replace(r"\{s\}", "(.+)").replace(r"\{v\}", "(.+)") == match.re.pattern:
            return text
    raise AssertionError(match)


@pytest.mark.parametrize("size", [6_000, 32_000])
def test_the_context_has_the_size_that_was_asked_for(size: int) -> None:
    count = tokens.counter("offline/extractive").count
    [context] = drawn(tokens=size)
    total = sum(count(item.text) for item in context.items)
    assert abs(total - size) <= 0.01 * size


def test_the_newest_fact_of_each_link_is_the_evidence_and_leads_to_the_answer() -> None:
    [context] = drawn(tokens=6_000, hops=[1, 2, 3], questions_per_context=12, updates=2)
    facts = told(context.items)
    by_id = {id: (key, value) for key, held in facts.items() for value, id in held}
    assert [one.category for one in context.cases] == [1, 2, 3] * 4
    for one in context.cases:
        assert len(one.evidence) == one.category
        subject = None
        for id in one.evidence:
            (of, relation), value = by_id[id]
            assert facts[of, relation][-1] == (value, id), "no later fact says otherwise"
            assert len(facts[of, relation]) == 3, "told twice before"
            assert subject in (None, of), "each link begins where the one before ends"
            subject = value
        assert one.answers == (subject,)
        first = by_id[one.evidence[0]][0][0]
        assert first in one.question and one.answers[0] not in one.question


def test_following_what_is_outdated_ends_in_a_rejected_answer() -> None:
    [context] = drawn(tokens=6_000, hops=[2], questions_per_context=8)
    facts = told(context.items)
    by_id = {id: (key, value) for key, held in facts.items() for value, id in held}
    for one in context.cases:
        (first, link), _ = by_id[one.evidence[0]]
        (_, last), answer = by_id[one.evidence[1]]
        old = facts[first, link][0][0]
        stale = {facts[old, last][-1][0], facts[by_id[one.evidence[1]][0]][0][0]}
        assert stale == set(one.rejected) and answer not in stale


def test_what_is_asked_stands_all_over_the_history() -> None:
    found = [one for each in drawn(contexts=4, hops=[1]) for one in each.cases]
    [*_, long] = [one for each in drawn(hops=[3]) for one in each.cases]
    order = {item.id: n / (len(long.history) - 1) for n, item in enumerate(long.history)}
    assert long.details["position"] == round(min(order[id] for id in long.evidence), 4)
    places = sorted(one.details["position"] for one in found)
    assert places[0] < 0.25 and places[-1] > 0.85
    history = found[0].history
    place = int(found[0].evidence[0].removeprefix("fact-")) - 1
    assert found[0].details["position"] == round(place / (len(history) - 1), 4)


def test_times_move_on() -> None:
    [context] = drawn(tokens=3_000, questions_per_context=5)
    times = [item.at or 0 for item in context.items]
    assert times[0] == fact_updates.START
    assert all(a < b for a, b in itertools.pairwise(times))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(errors.InputError, match="ask fewer"):
        drawn(tokens=1_000, questions_per_context=100)
    with pytest.raises(errors.InputError, match="up to 6"):
        drawn(hops=[7])
