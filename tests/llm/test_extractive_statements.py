"""How the offline policy cuts sentences into triples, and what it makes of a change."""

from __future__ import annotations

import pytest

from archgraph.llm import extractive_answering as answering
from archgraph.llm import extractive_choosing as choosing
from archgraph.llm import extractive_dates as dates
from archgraph.llm import extractive_focus as focusing
from archgraph.llm import extractive_materials as materials
from archgraph.llm import extractive_reading as reading
from archgraph.llm import extractive_texts as texts
from archgraph.llm import extractive_triples as triples
from archgraph.llm.extractive_reading import Unit


def unit(text: str) -> Unit:
    return reading.records(f"- {text}")[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("We relocated from Lima to Quito.", ("user", "relocated to", "Quito")),
        ("Ana switched from tea to coffee.", ("Ana", "switched to", "coffee")),
        ("Ana commutes from Oslo to Drammen.", None),
        ("My uncle is afraid of dogs.", ("user's uncle", "is afraid of", "dogs")),
        ("Ana is a teacher of music.", ("Ana", "is", "teacher of music")),
        ("Ben gave us a tent.", ("Ben", "gave user", "tent")),
        ("Next Tuesday we meet Carla.", None),
        ("On Tuesday we meet Carla.", ("user", "meets", "Carla")),
    ],
)
def test_a_sentence_is_cut(text: str, expected: tuple[str, str, str] | None) -> None:
    found = triples.of_text(text)
    cut = (found.subject, found.predicate, found.object) if found else None
    if expected is None:
        assert cut is None or cut[1] != "commutes to"
    else:
        assert cut == expected


def test_what_says_that_a_state_began_answers_a_question_for_the_state() -> None:
    told = [
        unit("I live in Lima."),
        unit("We relocated from Lima to Quito."),
        unit("The move cost a lot."),
    ]
    question = answering.question_in("Where do we live?")
    assert question is not None
    weighed = answering.weigh(question, told)
    assert [each.unit.text for each in weighed] == [told[1].text, told[0].text]
    assert answering.answer(question, weighed[0].unit) == "Quito"
    origin = answering.question_in("Where did we relocate from?")
    assert origin is not None
    assert answering.answer(origin, told[1]) == "Lima"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("I live in Lima.", "I moved from Lima to Quito last week.", "I live in Quito."),
        ("Ana is in room 3.", "Ana is in room 9 now.", "Ana is in room 9 now."),
        ("I drink tea at noon.", "I switched from tea to coffee.", "I drink coffee at noon."),
    ],
)  # fmt: skip
def test_an_older_record_is_written_anew_with_its_value_changed(
    old: str, new: str, expected: str
) -> None:
    material = materials.read([{"role": "user", "content": f"## known\n- {old}\n## fact\n- {new}"}])
    over = material.old[0]
    focus = focusing.Focus((unit(new),), over=over, how=triples.CHANGED)
    field = texts.Field("content", "string", texts.fields.STATEMENT, "content", "content")
    assert texts.write(field, focus, material) == expected


def test_days_and_months_name_nobody() -> None:
    told = [unit("On Sunday I met Carla."), unit("April plays chess in March.")]
    assert choosing.entities(told) == ["Carla", "April"]


def test_since_when_a_fact_is_true_is_its_time() -> None:
    (told,) = reading.records("- 2024-03-04 to now | Ana lives in Quito.")
    assert (told.text, told.at) == ("Ana lives in Quito.", dates.parse("2024-03-04"))


def test_a_clause_with_a_pronoun_is_no_fact_of_its_own_but_a_triple() -> None:
    told = unit("My horse is called Bolt and she is six years old.")
    assert [clause.text for clause in triples.clauses(told)] == [told.text]
    found = [(t.subject, t.predicate, t.object) for t, _ in triples.of_units([told])]
    assert found == [("user's horse", "is called", "Bolt"), ("user's horse", "is", "six years old")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("On Sunday I fly to Lima.", "the Sunday after 4 March 2024"),
        ("We will meet on Sunday.", "the Sunday after 4 March 2024"),
        ("On Sunday I flew to Lima.", "the Sunday before 4 March 2024"),
    ],
)
def test_the_verb_says_whether_a_day_lies_ahead(text: str, expected: str) -> None:
    assert dates.when(text, dates.parse("2024-03-04")) == expected


def test_what_only_helps_to_understand_narrows_nothing() -> None:
    told = (
        "List the facts that the episode states. The latest messages are only there to "
        "understand the episode; take nothing from them alone."
    )
    shown = "## latest messages\n- Ana has a boat.\n## episode\n- Ben has a kite."
    made = [{"role": "system", "content": told}, {"role": "user", "content": shown}]
    assert [u.text for u in choosing.statements(None, materials.read(made))] == ["Ben has a kite."]
