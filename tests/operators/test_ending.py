"""`resolve` that invalidates by date, and `group`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from archgraph import clock
from tests import helpers
from tests.helpers import call
from tests.runtime.test_pipelines import EXTRACT, READ, Model, facts, opened

DATED = (
    "      - {extract: {prompt: ask.jinja2, of: said, fields: {fact: text, valid_from: date}}, "
    "as: found}\n"
    "      - {resolve: {into: facts, prompt: ask.jinja2, ops: [add, invalidate]}, each: found}\n"
)


def told(folder: Path, *given: tuple[str, str]) -> dict[str, Any]:
    """Facts by text, after they were told with the days on which they begin."""

    def ends(request: Any) -> Any:
        properties = request.tools[0]["function"]["parameters"]["properties"]
        id = next(id for id in properties["id"]["enum"] if id)
        return call("answer", decision="invalidate", id=id)

    answers: list[Any] = []
    for fact, day in given:
        answers += [call("answer", items=[{"fact": fact, "valid_from": day}])]
        answers += [ends] if len(answers) > 1 else []
    agent = opened(folder, READ + DATED, Model(*answers))
    for fact, _ in given:
        agent.send(fact)
        agent.work()
    store: Any = agent.stores["facts"]
    return {each.content: each for each in store.select(status=["active", "superseded"])}


@pytest.mark.parametrize("late", [False, True])
def test_what_began_earlier_ends_where_the_later_one_begins(tmp_path: Path, late: bool) -> None:
    """In whichever order they are told (Graphiti's rule: the new information has priority)."""
    lima, quito = ("Ann lives in Lima", "2024-01-10"), ("Ann lives in Quito", "2024-02-20")
    found = told(tmp_path, *((quito, lima) if late else (lima, quito)))
    old, new = found[lima[0]], found[quito[0]]
    assert (old.status, new.status) == ("superseded", "active")
    assert (old.valid_from, old.valid_to) == tuple(map(clock.parse_moment, (lima[1], quito[1])))
    assert old.expired is not None
    assert (new.valid_from, new.valid_to) == (clock.parse_moment(quito[1]), None)


@pytest.mark.parametrize(
    ("policy", "left"),
    [("", []), (", policy: {action: invalidate}", ["a invalid", "b invalid"])],
)
def test_what_becomes_of_records_that_are_told_to_go(
    tmp_path: Path, policy: str, left: list[str]
) -> None:
    """They go by the policy as well: kept as history, where it says so."""
    steps = (
        "      - {write: {to: facts, items: found}, as: kept}\n"
        f"      - {{forget: {{in: facts, items: kept{policy}}}}}\n"
    )
    agent = opened(tmp_path, READ + EXTRACT + steps, Model(facts("a", "b")))
    agent.send("Hello.")
    agent.work()
    store: Any = agent.stores["facts"]
    assert store.select() == []
    assert [f"{each.content} {each.status}" for each in store.select(status=["invalid"])] == left


@pytest.mark.parametrize("date", ["item.time", "now"])
def test_a_time_that_an_expression_gives_is_a_date(tmp_path: Path, date: str) -> None:
    """`now` and `time` are texts with a weekday; set as a date they are not lost."""
    steps = (
        f"      - {{write: {{to: facts, items: said, set: {{valid_from: '{{{{ {date} }}}}'}}}}}}\n"
    )
    agent = opened(tmp_path, READ + steps, Model())
    agent.send("Hello.")
    agent.work()
    store: Any = agent.stores["facts"]
    assert [each.valid_from for each in store.select()] == [helpers.START]


def groups(folder: Path, options: str, pairs: Sequence[tuple[str, str]]) -> list[list[str]]:
    """What `group` finds among records a to d that are linked so."""
    joined = "item|map(attribute='content')|join(' ')"
    steps = (
        f"{READ}      - {{group: {{in: facts{options}}}, as: groups}}\n"
        f'      - {{write: {{to: facts, items: "{joined}"}}, each: groups}}\n'
    )
    agent = opened(folder, steps, Model())
    store: Any = agent.stores["facts"]
    with agent.db.transaction():
        ids = {name: store.keep(name, fields={"kind": "odd" if name == "d" else "even"}).id
               for name in "abcd"}  # fmt: skip
        for source, target in pairs:
            store.relate(ids[source], ids[target], "knows")
    agent.send("Go.")
    agent.work()
    return [record.content.split() for record in store.select() if record.content not in ids]


def test_records_that_are_linked_are_a_group(tmp_path: Path) -> None:
    found = groups(tmp_path, "", [("a", "b"), ("d", "c")])
    assert sorted(found) == [["a", "b"], ["c", "d"]]


def test_members_may_be_of_a_kind_and_groups_of_a_size(tmp_path: Path) -> None:
    found = groups(tmp_path, ", where: {kind: even}", [("a", "b"), ("c", "d")])
    assert found == [["a", "b"]]
