"""`link` with `near`, and what the records that an answer becomes derive from."""

from __future__ import annotations

from pathlib import Path

from tests.runtime import test_pipelines as pipes
from tests.runtime.test_pipelines import EXTRACT, READ, Model, facts, opened

KEPT = "      - {write: {to: facts, items: found}, as: kept}\n"


def linked(folder: Path, near: str, start: str = "item") -> list[tuple[str, str, str]]:
    """Links by text, after three facts of which two share words."""
    link = f"{{in: facts, from: {start}, to: item.content, near: {near}, kind: like}}"
    step = f"      - {{link: {link}, each: kept}}\n"
    model = Model(facts("Ann has a red bicycle", "Ann lost the red bicycle", "It rains"))
    agent = opened(folder, READ + EXTRACT + KEPT + step, model)
    agent.send("Told.")
    agent.work()
    store = agent.stores["facts"]
    text = {record.id: record.content for record in store.records.select()}
    return [
        (text[link.source], link.kind, text[link.target])
        for id in text
        for link in store.links(id)
        if link.source == id
    ]


def test_the_ends_of_a_link_are_looked_for_by_what_they_say(tmp_path: Path) -> None:
    red, lost = "Ann has a red bicycle", "Ann lost the red bicycle"
    assert linked(tmp_path, "{k: 2}") == [(red, "like", lost), (lost, "like", red)]


def test_a_record_is_not_linked_with_itself(tmp_path: Path) -> None:
    assert linked(tmp_path, "{k: 1}") == [], "the nearest to a text is the record that has it"


def test_both_ends_may_be_texts(tmp_path: Path) -> None:
    red, lost = "Ann has a red bicycle", "Ann lost the red bicycle"
    assert linked(tmp_path, "{k: 2}", "item.content") == [(red, "like", lost), (lost, "like", red)]


def test_a_floor_bounds_how_far_the_ends_are(tmp_path: Path) -> None:
    far = "{k: 2, retrieval: {sources: [text], features: {text: 1}, floor: {text: 1000}}}"
    assert linked(tmp_path, far) == []


def test_records_derive_from_what_the_answer_is_about_and_not_from_its_context(
    tmp_path: Path,
) -> None:
    context = "      - {read: {store: recall, newest: 10}, as: latest}\n"
    ask = EXTRACT.replace("of: said", "of: [latest, said]")
    agent = opened(tmp_path, context + READ + ask + pipes.WRITE, Model(facts("A"), facts("B")))
    for text in ("First.", "Second."):
        agent.send(text)
        agent.work()
    said = agent.stores["recall"].records.select("json_extract(fields, '$.kind') = 'user'")
    kept = agent.stores["facts"].records.select()
    assert [record.derived_from for record in kept] == [(said[0].id,), (said[1].id,)]
