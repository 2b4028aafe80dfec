"""Typed calls of the offline policy: what each field is given, by its words and the material."""

import json
import os
import pathlib
import subprocess
import sys

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archgraph.llm import base, extractive
from archgraph.llm import extractive_choosing as choosing
from archgraph.llm import extractive_dates as dates
from archgraph.llm import extractive_fields as fields
from archgraph.llm import extractive_judging as judging
from archgraph.llm import extractive_reading as reading
from archgraph.llm import extractive_triples as triples

TEXT, TEXTS = {"type": "string"}, {"type": "array", "items": {"type": "string"}}
FLAG, DAY = {"type": "boolean"}, {"type": "string", "format": "date"}


def one_of(*values, about=""):
    return {"type": "string", "enum": list(values), **({"description": about} if about else {})}


def some_of(*values):
    return {"type": "array", "items": {"type": "string", "enum": list(values)}}


def scale(low, high, kind="integer"):
    return {"type": kind, "minimum": low, "maximum": high}


def shape(properties, many=0, required=None):
    needed = list(properties) if required is None else required
    one = {"type": "object", "properties": properties, "required": needed}
    if not many:
        return one
    listed = {"type": "array", "items": one, "maxItems": many}
    return {"type": "object", "properties": {"items": listed}, "required": ["items"]}


def request(told, material, schema, *more):
    shown = "\n\n".join(f"## {name}\n{text}" for name, text in material.items())
    messages = [{"role": "system", "content": told}, {"role": "user", "content": shown}, *more]
    function = {"name": "answer", "description": "Give the answer.", "parameters": schema}
    tools = [{"type": "function", "function": function}]
    return base.Request("offline/extractive", messages, tools, "required")


def ask(material, properties, told="Do it.", many=0, required=None):
    schema = shape(properties, many, required)
    [call] = extractive.Extractive().complete(request(told, material, schema)).tool_calls
    assert call.name == "answer"
    answer = json.loads(call.arguments)
    jsonschema.validate(answer, schema)
    return answer["items"] if many else answer


TALK = """- [m1] 2024-05-01 10:00:00 | Ann: I moved to Berlin last week. I work at Acme as a nurse.
- [m2] 2024-05-01 10:01:00 | assistant: Nice! How is it?
- [m3] 2024-05-01 10:02:00 | Ann: I love hiking with my sister Bea. How are you?
- [m4] 2024-05-01 10:03:00 | Ann: Ok thanks!"""


# --- statements ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["fact", "memory", "observation", "content", "text", "statement", "new_memory"]
)
@pytest.mark.parametrize("section", ["messages", "conversation", "new", "what was said"])
def test_each_sentence_that_states_something_is_an_item(name, section):
    found = ask({section: TALK}, {name: TEXT}, many=10)
    told = [item[name] for item in found]
    assert len(told) == 3
    assert "week before 1 May 2024" in told[0]
    assert told[1:] == ["Ann: I work at Acme as a nurse.", "Ann: I love hiking with my sister Bea."]


def test_a_list_of_texts_and_one_text_hold_the_same_facts():
    listed = ask({"messages": TALK}, {"facts": TEXTS})["facts"]
    assert len(listed) == 3
    assert ask({"messages": TALK}, {"facts": TEXT})["facts"] == "\n".join(listed)
    assert ask({"messages": TALK}, {"fact": TEXT})["fact"] in listed


def test_clauses_that_stand_alone_are_items_of_their_own():
    found = ask({"messages": "- Ann: My name is Ann and I live in Graz with Bo and Leo."},
                {"fact": TEXT}, many=9)  # fmt: skip
    told = ["Ann: My name is Ann", "Ann: I live in Graz with Bo and Leo."]
    assert [item["fact"] for item in found] == told


def test_about_the_user_is_what_is_said_in_the_first_person():
    talk = "- user: My name is Ann.\n- user: I like tea.\n- user: Berlin is the capital of Germany."
    told = "List the facts about the user."
    assert len(ask({"exchange": talk}, {"fact": TEXT}, told, many=9)) == 2
    assert len(ask({"exchange": talk}, {"fact": TEXT}, "List the facts.", many=9)) == 3


def test_nothing_said_gives_nothing():
    for material in ({"messages": ""}, {"messages": "- Ann: Hi!"}, {}):
        assert ask(material, {"fact": TEXT}, many=3) == []
        assert ask(material, {"facts": TEXTS, "summary": TEXT})["facts"] == []


MIXED = """- Ann: I prefer green tea.
- 2024-05-01 10:00 | Ann: I went to Rome yesterday.
- Ann: First rinse the pot, then pour the hot water over it.
- Ann: My wifi password is swordfish."""


@pytest.mark.parametrize(
    ("field", "told", "word"),
    [
        ("preference", "Do it.", "tea"),
        ("statement", "Extract only the preferences of the user.", "tea"),
        ("item", "List the events.", "Rome"),
        ("text", "Collect the procedures.", "rinse"),
        ("procedure", "Do it.", "rinse"),
        ("note", "Keep only passwords and other secrets.", "swordfish"),
    ],
)
def test_words_narrow_what_is_extracted(field, told, word):
    found = ask({"messages": MIXED}, {field: TEXT}, told, many=9)
    assert [word in item[field] for item in found] == [True]


def test_facts_are_not_narrowed_by_a_list_of_examples():
    told = "Extract the facts: events, preferences, plans."
    assert len(ask({"messages": MIXED}, {"fact": TEXT}, told, many=9)) == 4


def test_the_most_items_are_kept_to_and_are_the_weightiest():
    [only] = ask({"messages": TALK}, {"fact": TEXT}, many=1)
    assert only["fact"] != "Ann: Ok thanks!"


def test_a_lesson_is_taken_from_what_went_wrong():
    trial = (
        "- user: Reset it.\n- assistant: I press the red button.\n"
        "- user: No, that's wrong, use the green one."
    )
    found = ask(
        {"trial": trial}, {"success": FLAG, "guidance": TEXT, "reason": TEXT, "lesson": TEXT}
    )
    assert "green" in found["lesson"]
    assert found["success"] is False
    assert "green" in found["guidance"]
    assert "green" in found["reason"]


def test_a_workflow_has_its_steps():
    trial = (
        "- user: Book it.\n- assistant: I open the site.\n- assistant: I pay by card.\n"
        "- user: Perfect!"
    )
    [found] = ask({"trajectory": trial}, {"workflow": TEXT, "steps": TEXTS}, many=3)
    assert [step.split(": ")[1] for step in found["steps"]] == [
        "I open the site.",
        "I pay by card.",
    ]


def test_what_is_there_to_understand_the_rest_gives_no_items():
    material = {"summary": "(none)", "recent_talk": TALK, "exchange": "- Ann: I like tea."}
    for told, name in [("Do it.", "latest_messages"), ("Talk is only there as context.", "talk")]:
        given = {name if n == "recent_talk" else n: text for n, text in material.items()}
        assert ask(given, {"fact": TEXT}, told, many=9) == [{"fact": "Ann: I like tea."}]


def test_a_correction_is_no_material():
    asked = {"question": "When did Ann move to Berlin?", "gists": PAGES}
    refused = asked | {"correction": "Your last answer was refused: no record 'p2'"}
    found = [ask(given, {"page": one_of("", "p1", "p2")})["page"] for given in (asked, refused)]
    assert found[0] == "p2" != found[1]


# --- triples -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ann works at Acme", ("Ann", "works at", "Acme")),
        ("I moved to Berlin last week.", ("Eve", "moved to", "Berlin")),
        ("I work at Acme", ("Eve", "works at", "Acme")),
        ("I'm a luthier in Cremona.", ("Eve", "is", "luthier in Cremona")),
        ("My sister Bea lives in Oslo now.", ("Eve's sister Bea", "lives in", "Oslo")),
        ("Ann's favourite colour is blue.", ("Ann's favourite colour", "is", "blue")),
        ("Bob brews beer.", ("Bob", "brews", "beer")),
        ("I have adopted a cat, and he is grey.", ("Eve", "adopted", "cat")),
        ("Ann no longer works at Acme.", ("Ann", "no longer works at", "Acme")),
        ("In May, I started a new job at Initech", ("Eve", "started", "new job at Initech")),
        ("She painted the wall", ("Bea", "painted", "wall")),
        ("Berlin is the capital of Germany", ("Berlin", "is", "capital of Germany")),
    ],
)
def test_simple_sentences_are_cut(text, expected):
    found = triples.of_text(text, "Eve", "Bea")
    assert (found.subject, found.predicate, found.object) == expected


@pytest.mark.parametrize("text", ["Where does Ann work?", "Paris", "Thanks!", "", "In Rome."])
def test_what_is_no_simple_sentence_gives_no_triple(text):
    assert triples.of_text(text) is None


@pytest.mark.parametrize(
    "names",
    [
        ("subject", "predicate", "object"),
        ("source", "relation", "target"),
        ("head", "edge", "tail"),
    ],
)
def test_items_of_links_are_filled_from_sentences(names):
    found = ask(
        {"text": "- Ann works at Acme.\n- Acme makes rockets."}, dict.fromkeys(names, TEXT), many=9
    )
    assert [tuple(item[name] for name in names) for item in found] == [
        ("Ann", "works at", "Acme"),
        ("Acme", "makes", "rockets"),
    ]


def test_an_anonymous_first_person_is_the_user():
    [found] = ask(
        {"messages": "- user: I live in Graz."},
        {"subject": TEXT, "predicate": TEXT, "object": TEXT},
        many=3,
    )
    assert found["subject"] == "user"


# --- how two statements stand, and what is decided -----------------------------------------------


@pytest.mark.parametrize(
    ("new", "old", "how"),
    [
        ("Ann: I moved to Berlin", "Ann: I live in Graz", "changed"),
        ("Ann: I no longer work at Acme", "Ann: I work at Acme", "denied"),
        ("I don't like tea anymore", "I like tea", "denied"),
        ("I like tea", "I like coffee", "related"),
        ("My favourite colour is green", "My favourite colour is blue", "changed"),
        ("I now work at Initech", "I work at Acme", "changed"),
        ("I have a dog named Rex", "I have a dog", "extends"),
        ("The meeting is moved to Friday", "The meeting is on Monday", "changed"),
        ("I live in Graz.", "I live in Graz", "same"),
        ("I play chess with Leo", "The stock market fell", "apart"),
    ],
)
def test_how_a_new_sentence_stands_to_an_older_one(new, old, how):
    [one], [other] = reading.records(f"- {new}"), reading.records(f"- {old}")
    found = triples.stands(one, other)
    if how == "related":
        assert found in ("related", "apart")
    else:
        assert found == how


OLD = "- [a] Ann: I live in Graz.\n- [b] Ann: I like tea.\n- [c] Ann: I have a dog."


@pytest.mark.parametrize(
    ("news", "decided", "target"),
    [
        ("I moved to Berlin.", "UPDATE", "a"),
        ("I live in Graz.", "NONE", "a"),
        ("I no longer like tea.", "DELETE", "b"),
        ("My brother Leo plays chess.", "ADD", ""),
        ("I have a dog named Rex.", "UPDATE", "c"),
    ],
)
@pytest.mark.parametrize("names", [("event", "id"), ("operation", "target"), ("action", "of")])
@pytest.mark.parametrize("section", ["candidates", "existing memories", "neighbours"])
def test_a_decision_compares_the_new_with_the_candidates(news, decided, target, names, section):
    decision, record = names
    asked = {
        decision: one_of("ADD", "UPDATE", "DELETE", "NONE"),
        record: one_of("", "a", "b", "c"),
        "text": TEXT,
    }
    found = ask({"fact": f"- Ann: {news}", section: OLD}, asked)
    assert (found[decision], found[record]) == (decided, target)
    assert found["text"] == f"Ann: {news}"
    [item] = ask({"messages": f"- Ann: {news}", section: OLD}, asked, many=5)
    assert item == found


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        (("add", "invalidate", "noop"), "invalidate"),
        (("insert", "replace", "skip"), "replace"),
        (("create", "merge", "ignore"), "merge"),
        (("remove", "add"), "remove"),
    ],
)
def test_a_change_takes_the_operation_that_is_offered(offered, expected):
    found = ask({"fact": "- Ann: I moved to Berlin.", "candidates": OLD}, {"op": one_of(*offered)})
    assert found["op"] == expected


def test_without_candidates_all_is_added():
    asked = {"op": one_of("add", "noop"), "id": one_of("")}
    assert ask({"fact": "- I live in Graz.", "candidates": ""}, asked) == {"op": "add", "id": ""}


def test_older_records_are_decided_one_by_one():
    asked = {"id": one_of("a", "b", "c"), "action": one_of("keep", "invalidate")}
    found = ask({"note": "- Ann: I moved to Berlin.", "neighbours": OLD}, asked, many=5)
    assert found == [{"id": "a", "action": "invalidate"}]


def test_what_is_outdated_is_dropped_and_the_rest_kept():
    held = (
        "- [a] 2024-01-01 10:00 | Ann: I live in Graz.\n"
        "- [b] 2024-02-01 10:00 | Ann: I live in Rome now.\n- [c] Ann: I like tea."
    )
    found = ask(
        {"memories": held}, {"keep": some_of("a", "b", "c"), "outdated": some_of("a", "b", "c")}
    )
    assert found == {"keep": ["b", "c"], "outdated": ["a"]}
    assert ask({"memories": held}, {"contradiction": FLAG})["contradiction"] is True


@pytest.mark.parametrize("name", ["contradicts", "invalidated", "supersedes"])
def test_what_a_fact_ends_is_named(name):
    old = {"candidates": OLD}
    asked = {"fact": TEXT, name: some_of("a", "b", "c")}
    [found] = ask({"messages": "- Ann: I moved to Berlin.", **old}, asked, many=3)
    assert found[name] == ["a"]
    [found] = ask({"messages": "- Ann: I like green tea.", **old}, asked, many=3)
    assert found[name] == []
    one = {"fact": TEXT, name: one_of("", "a", "b", "c"), "duplicate_of": one_of("", "a", "b", "c")}
    [found] = ask({"messages": "- Ann: I like tea.", **old}, one, many=3)
    assert (found[name], found["duplicate_of"]) == ("", "b")


# --- choosing records ----------------------------------------------------------------------------

PAGES = "- [p1] Ann talks of her cat.\n- [p2] Ann tells that she moved to Berlin.\n- [p3] Weather."


@pytest.mark.parametrize("name", ["pages", "ids", "relevant", "evidence"])
def test_pages_are_chosen_by_the_words_of_the_question(name):
    asked = {"question": "When did Ann move to Berlin?", "gists": PAGES}
    assert ask(asked, {name: some_of("p1", "p2", "p3")})[name] == ["p2"]
    assert ask(asked, {"page": one_of("", "p1", "p2", "p3")})["page"] == "p2"
    assert ask(asked, {"page": one_of("p1", "p2", "p3"), "why": TEXT}, many=4)[0]["page"] == "p2"
    lost = {"question": "Who painted the ceiling?", "gists": PAGES}
    assert ask(lost, {name: some_of("p1", "p2", "p3")})[name] == []


def test_links_are_the_neighbours_that_overlap():
    note = "- [n9] Ann: I started pottery classes with Bea in Oslo."
    old = "- [n1] Ann: Bea lives in Oslo.\n- [n2] Bob: The stock market fell."
    asked = {"keywords": TEXTS, "tags": TEXTS, "context": TEXT, "links": some_of("n1", "n2")}
    found = ask({"note": note, "neighbours": old}, asked)
    assert found["links"] == ["n1"]
    assert {"pottery", "Oslo"} <= set(found["keywords"])
    assert "pottery" in found["tags"]
    assert "pottery" in found["context"]


def test_a_neighbour_evolves_with_the_new_note():
    note = "- [n9] Ann: I started pottery classes with Bea in Oslo."
    old = "- [n1] Ann: Bea lives in Oslo.\n- [n2] Bob: The stock market fell."
    [found] = ask(
        {"note": note, "neighbours": old},
        {"id": one_of("n1", "n2"), "tags": TEXTS, "context": TEXT},
        many=4,
    )
    assert found["id"] == "n1"
    assert "pottery" in found["tags"]
    assert "lives in Oslo" in found["context"]


def test_insights_carry_their_evidence():
    asked = {"insight": TEXT, "evidence": some_of("m1", "m2", "m3", "m4")}
    found = ask({"question": "What is known about Ann?", "memories": TALK}, asked, many=5)
    assert [item["evidence"][0] for item in found if "Bea" in item["insight"]] == ["m3"]
    assert all(item["evidence"] for item in found)


def test_a_value_that_a_complaint_quotes_is_not_given_again():
    schema = shape({"page": one_of("", "p1", "p2")})
    wrong = {"role": "tool", "tool_call_id": "x", "content": "no record 'p2'; give another"}
    asked = {"question": "When did Ann move to Berlin?", "gists": PAGES}
    [call] = extractive.Extractive().complete(request("x", asked, schema, wrong)).tool_calls
    assert json.loads(call.arguments)["page"] != "p2"


# --- judging -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["importance", "poignancy", "score", "rating"])
def test_importance_orders_life_above_small_talk(name):
    lines = [
        "ok thanks",
        "I brushed my teeth",
        "I love my garden in Oslo",
        "We got married in Rome",
    ]
    rated = [ask({"memory": f"- Ann: {x}"}, {name: scale(1, 10)})[name] for x in lines]
    assert rated == sorted(rated)
    assert rated[0] == 1
    assert rated[1] <= 3
    assert rated[3] >= 7


def test_importance_is_what_its_documentation_says():
    def units(text):
        return reading.records(f"- Ann: {text}")

    assert judging.importance(units("ok thanks")) == 0
    assert judging.importance(units("The kettle is boiling")) == pytest.approx(0.1)
    assert judging.importance(units("We got married in Rome")) == pytest.approx(0.7)
    assert judging.importance(units("I moved from Lima to Quito")) == pytest.approx(0.7)
    assert judging.importance(units("I will water 3 plants")) == pytest.approx(0.3)


def test_numbers_keep_to_their_bounds_and_types():
    found = ask(
        {"memory": "- Ann: I was diagnosed with cancer at 31."},
        {"importance": scale(0, 1, "number"), "age": {"type": "integer"}, "relevance": scale(0, 5),
         "confidence": scale(0, 1, "number")},
    )  # fmt: skip
    assert 0.6 <= found["importance"] <= 1
    assert found["age"] == 31
    assert found["confidence"] == 0.9


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("My wifi password is swordfish.", "vault"),
        ("I went to Rome yesterday.", "episodic"),
        ("First press the lid, then turn the key to open it.", "procedural"),
        ("I read report.pdf about birds", "resource"),
        ("Berlin is the capital of Germany.", "semantic"),
    ],
)
@pytest.mark.parametrize("name", ["kind", "type", "memory", "route"])
def test_a_kind_is_chosen_by_what_its_word_stands_for(text, kind, name):
    values = ["episodic", "semantic", "procedural", "resource", "vault"]
    assert ask({"messages": f"- Ann: {text}"}, {name: one_of(*values)})[name] == kind


def test_a_description_explains_odd_values():
    about = "a1: events that happened; b2: passwords and phone numbers; c3: facts"
    for text, value in [("I went to Rome yesterday.", "a1"), ("My PIN is 1234.", "b2"),
                        ("Cats are mammals.", "c3")]:  # fmt: skip
        assert (
            ask({"note": f"- Ann: {text}"}, {"box": one_of("a1", "b2", "c3", about=about)})["box"]
            == value
        )


@pytest.mark.parametrize("name", ["success", "solved", "succeeded", "task_done"])
@pytest.mark.parametrize(
    ("end", "so"),
    [
        ("thanks, that works", True),
        ("no, that's wrong", False),
        ("Error: no such file", False),
        ("hm", False),
    ],
)
def test_success_is_read_from_reactions(name, end, so):
    talk = f"- user: Reset it.\n- assistant: Press the red button.\n- user: {end}"
    assert ask({"trial": talk}, {name: FLAG})[name] is so


@pytest.mark.parametrize(
    ("question", "needed", "enough"),
    [
        ("Where does Ann work?", False, True),
        ("What is Ann's dog called?", True, False),
        ("Hello!", False, False),
    ],
)
def test_gates_look_whether_the_material_answers(question, needed, enough):
    asked = {"needed": FLAG, "sufficient": FLAG, "answerable": FLAG, "missing": FLAG}
    found = ask({"question": question, "summary": "- Ann works at Acme as a nurse."}, asked)
    assert found == {
        "needed": needed,
        "sufficient": enough,
        "answerable": enough,
        "missing": needed,
    }


def test_same_continues_and_contradicts():
    old = {"previous": "- Ann: I live in Graz with my dog."}
    asked = {"same": FLAG, "continues": FLAG, "contradicts": FLAG}
    assert ask({"new": "- Ann: I live in Graz with my dog.", **old}, asked)["same"]
    assert ask({"new": "- Ann: My dog likes Graz.", **old}, asked)["continues"]
    assert ask({"new": "- Ann: I moved to Rome.", **old}, asked)["contradicts"]
    assert not any(ask({"new": "- Bob: Bread is cheap.", **old}, asked).values())


# --- texts ---------------------------------------------------------------------------------------


def test_gist_summary_title_and_names():
    found = ask({"page": TALK}, {"gist": TEXT, "title": TEXT, "people": TEXTS}, "At most 12 words.")
    assert 0 < len(found["gist"].split()) <= 12
    assert set(found["title"].split()) <= set(TALK.replace(".", "").split())
    assert found["people"][0] == "Ann"
    assert "Berlin" in found["people"]


def ask_text(told, material):
    shown = "\n\n".join(f"## {name}\n{text}" for name, text in material.items())
    messages = [{"role": "system", "content": told}, {"role": "user", "content": shown}]
    return extractive.Extractive().complete(base.Request("x", messages)).text


@pytest.mark.parametrize("told", ["Write a summary in at most 30 words.", "Merge these."])
def test_a_plain_text_is_made_of_the_records_without_their_headings(told):
    text = ask_text(told, {"summary": "(none)", "messages": TALK})
    assert "Ann: I moved to Berlin last week" in text
    assert not {"##", "[m1]", "(none)"} & set(text.split())


def test_a_plain_text_answers_a_question_of_the_material():
    told = "Answer from the pages."
    material = {"question": "Where does Bea live?", "pages": "- [p1] Bea lives in Oslo."}
    assert ask_text(told, material) == "Oslo"
    assert "no information" in ask_text(told, material | {"question": "Who painted the ceiling?"})


def test_a_running_summary_keeps_what_it_held():
    held = {"summary": "Ann keeps a cat named Miso.", "messages": TALK}
    found = ask(held, {"summary": TEXT})["summary"]
    assert "Miso" in found
    assert "Acme" in found


@pytest.mark.parametrize("name", ["question", "focal_point"])
def test_questions_ask_about_the_most_frequent_names(name):
    found = ask({"memories": TALK}, {name: TEXT}, "Ask 2 questions.", many=3)
    assert found[0] == {name: "What is known about Ann?"}
    assert 2 <= len(found) <= 3


def test_entities_are_items_with_a_kind():
    text = "Ann met Bob in Paris. Bob likes tea."
    asked = {"name": TEXT, "type": one_of("person", "place", "other"), "summary": TEXT}
    found = {item["name"]: item for item in ask({"text": text}, asked, many=9)}
    assert found["Paris"]["type"] == "place"
    assert found["Bob"]["type"] == "person"
    assert "tea" in found["Bob"]["summary"]


@pytest.mark.parametrize("name", ["answer", "reply", "response"])
def test_a_reply_is_extracted(name):
    assert ask(
        {"question": "Where does Bea live?", "memories": "- Bea lives in Oslo."}, {name: TEXT}
    ) == {name: "Oslo"}
    lost = ask({"question": "Who painted the ceiling?", "memories": TALK}, {name: TEXT})
    assert "no information available" in lost[name]


def test_a_profile_is_written_anew_with_what_changed():
    held = "Ann lives in Graz.\nAnn likes tea."
    found = ask({"profile": held, "messages": "- Ann: I moved to Berlin."}, {"profile": TEXT})
    assert found["profile"].splitlines() == ["Ann: I moved to Berlin.", "Ann likes tea."]


def test_code_is_found_and_named():
    code = 'def add_two(a, b):\n    """Add two numbers."""\n    ## no heading\n    return a + b'
    trial = f"- assistant: here\n```python\n{code}\n```\n- user: thanks, that works"
    found = ask({"trial": trial}, {"name": TEXT, "description": TEXT, "code": TEXT})
    assert found == {"name": "add_two", "description": "Add two numbers.", "code": code}


# --- days ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("I moved yesterday", "2024-04-30"),
        ("I moved on 3 March 2023", "2023-03-03"),
        ("I moved last week", "2024-04-24"),
        ("I moved last Sunday", "2024-04-28"),
        ("I moved in January", "2024-01-01"),
        ("I moved two years ago", "2022-01-01"),
        ("I moved", "2024-05-01"),
    ],
)
@pytest.mark.parametrize("name", ["when", "valid_from", "occurred", "date"])
def test_days_are_resolved_against_the_line(text, day, name):
    assert ask({"messages": f"- 2024-05-01 10:00 | Ann: {text}."}, {name: DAY})[name] == day


def test_an_end_is_told_or_empty():
    asked = {"valid_from": DAY, "valid_until": DAY}
    line = "- 2024-05-01 10:00 | Ann: "
    assert (
        ask({"messages": f"{line}I live here until 7 June 2024."}, asked)["valid_until"]
        == "2024-06-07"
    )
    assert (
        ask({"messages": f"{line}I no longer work at Acme."}, asked)["valid_until"] == "2024-05-01"
    )
    assert ask({"messages": f"{line}I live here."}, asked)["valid_until"] == ""
    assert "valid_until" not in ask(
        {"messages": f"{line}I live here."}, asked, required=["valid_from"]
    )


def test_the_weekday_that_is_due_lies_ahead():
    wednesday = dates.parse("2024-05-01")
    assert choosing.day("Send it by Friday", wednesday, ahead=True) == dates.parse("2024-05-03")
    assert choosing.day("I called on Friday", wednesday) == dates.parse("2024-04-26")


# --- the grammar ---------------------------------------------------------------------------------

FIELD_NAMES = """
    fact memory summary title keywords question subject predicate object importance kind action
    target ids links when valid_until success needed same contradicts answer guidance code
    confidence steps reason profile query relevance zyx pages evidence text number due
"""
NAMES = st.sampled_from(FIELD_NAMES.split())
WORDS = st.sampled_from(["a", "b", "", "add", "update", "noop", "keep", "episodic", "other", "m1"])
PLAIN = st.one_of(
    st.just(TEXT), st.just(FLAG), st.just(DAY), st.just({"type": "string", "format": "date-time"}),
    st.just(TEXTS),
    st.lists(WORDS, min_size=1, max_size=5, unique=True).map(lambda v: one_of(*v)),
    st.builds(lambda v, n: {**some_of(*v), "maxItems": n},
              st.lists(WORDS, min_size=1, max_size=5, unique=True), st.integers(1, 4)),
    st.builds(lambda low, size, kind: scale(low, low + size, kind),
              st.integers(-5, 5), st.integers(0, 9), st.sampled_from(["integer", "number"])),
    st.builds(lambda kind: {"type": kind}, st.sampled_from(["integer", "number"])),
    st.builds(lambda n: {"type": "string", "maxLength": n}, st.integers(1, 30)),
)  # fmt: skip
FIELDS = st.dictionaries(NAMES, PLAIN, min_size=1, max_size=5)
SCHEMAS = st.builds(
    lambda found, many, few: shape(found, many, list(found)[:few] if few else None),
    FIELDS, st.integers(0, 4), st.integers(0, 3),
)  # fmt: skip
LINES = st.lists(
    st.one_of(
        st.sampled_from(TALK.splitlines() + OLD.splitlines() + MIXED.splitlines()),
        st.text(max_size=40),
    ),
    max_size=5,
).map("\n".join)
SECTIONS = st.dictionaries(
    st.sampled_from(["messages", "note", "candidates", "question", "pages", "profile", "x"]),
    LINES, max_size=3,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(SECTIONS, SCHEMAS, st.sampled_from(["", "Extract 3 facts.", "Summarise in 5 words."]))
def test_every_answer_is_valid_and_the_same_again(material, schema, told):
    asked = request(told, material, schema)
    first = extractive.Extractive().complete(asked)
    assert first == extractive.Extractive().complete(asked)
    jsonschema.validate(json.loads(first.tool_calls[0].arguments), schema)


def test_every_process_answers_alike():
    program = (
        "import sys; sys.path.insert(0, '.')\n"
        "from tests.llm import test_extractive_typed as t\n"
        "asked = {'fact': t.TEXT, 'tags': t.TEXTS, 'importance': t.scale(1, 10), 'when': t.DAY,\n"
        "         'links': t.some_of('a', 'b', 'c'), 'kind': t.one_of('episodic', 'semantic')}\n"
        "print(t.ask({'messages': t.TALK, 'candidates': t.OLD}, asked, many=9))\n"
    )
    root = pathlib.Path(__file__).parents[2]
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=root, capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(outputs) == 1
    assert "Berlin" in outputs.pop()


def test_an_agent_with_a_tool_named_answer_is_no_typed_call():
    function = {"name": "answer", "description": "Send a message to the user."}
    tool = {"type": "function", "function": function | {"parameters": shape({"message": TEXT})}}
    packed = json.dumps({"type": "user_message", "message": "Hi!"})
    asked = base.Request("x", [{"role": "user", "content": packed}], [tool], "required")
    [call] = extractive.Extractive().complete(asked).tool_calls
    assert "Hello" in json.loads(call.arguments)["message"]


@pytest.mark.parametrize(
    ("value", "means"),
    [
        ("ADD", "add"),
        ("no_op", "noop"),
        ("NONE", "noop"),
        ("updated", "update"),
        ("merge_into", "merge"),
        ("invalidate", "invalidate"),
        ("purple", ""),
    ],
)
def test_words_of_operations(value, means):
    assert fields.operation(value) == means
