"""What the offline policy makes of words: records, tools, questions, look-ups, dates."""

import pytest

from archgraph import clock
from archgraph.llm import extractive_answering as answering
from archgraph.llm import extractive_dates as dates
from archgraph.llm import extractive_lookup as lookup
from archgraph.llm import extractive_reading as reading
from archgraph.llm import extractive_tools as tools
from tests.llm import agent_world as worlds

MAY_8 = clock.parse_moment("2023-05-08T13:56:00")


@pytest.mark.parametrize(
    "text",
    [
        "Showing 1 of 23 results (page 0/4):\n1. [2023-05-08 13:56:00 Mon] user (Ann): I ski.",
        "Showing 1 of 23 results (page 0/4):\n- 2023-05-08 13:56:00 Mon | Ann: I ski.",
        'Showing 1 of 1 (page 0/0): ["timestamp: 2023-05-08 01:56:00 PM UTC+0000, Ann - I ski."]',
        "2023-05-08T13:56:00Z Ann: I ski.",
        "1:56 pm on 8 May, 2023 - Ann: I ski.",
        '* 2023-05-08 13:56:00 Mon: user: {"type": "user_message", "message": "I ski.", '
        '"name": "Ann"}',
    ],
)
def test_records_of_many_forms_are_read_alike(text):
    [unit] = reading.records(text)
    assert (unit.text, unit.speaker, unit.at) == ("I ski.", "Ann", MAY_8)


def test_a_line_that_begins_with_a_date_is_not_stamped_by_it():
    [unit] = reading.records("8 May 1923: 9 June 2000")
    assert (unit.raw, unit.at) == ("8 May 1923: 9 June 2000", None)


def test_sections_know_their_fill_and_instructions_are_none():
    prompt = (
        '<rules>Save facts.</rules><human characters="10/2000">\nName: Chad\n</human>'
        "<memory_blocks><persona><description>d</description><metadata>- chars_limit=500</metadata>"
        "<value>I am Sam.</value></persona></memory_blocks>"
    )
    found = {
        block.label: (block.text, block.used, block.limit) for block in reading.sections(prompt)
    }
    assert found == {"human": ("Name: Chad", 10, 2000), "persona": ("I am Sam.", 9, 500)}


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ('{"type": "user_message", "message": "hi", "time": "x"}', "user"),
        ('{"type": "system_alert", "message": "The history will soon reach its maximum length"}',
         "alert"),
        ('{"type": "system_alert", "message": "Summary of earlier messages: Ann skis."}', "note"),
        ('{"type": "heartbeat", "reason": "timer"}', "idle"),
        ('{"type": "login", "time": "x"}', "idle"),
        ('{"a": 1}', "user"),
        ("hi", "user"),
        ("Ann: hi\nBob: hello\nAnn: how are you", "transcript"),
    ],
)  # fmt: skip
def test_kinds_of_message(content, kind):
    assert [e.kind for e in reading.read([{"role": "user", "content": content}]).events] == [kind]


@pytest.mark.parametrize(
    ("term", "record", "value"),
    [
        ("a b", "Key-value pair: key = a b, value = c d", "c d"),
        ("c d", "Key-value pair: key = a b, value = c d", ""),
        ("8 May 1923", "8 May 1923: 9 June, 2000", "9 June, 2000"),
        ("S", '{"K": "S", "S": "V"}', "V"),
        ("S", "K: S, L: W", ""),
        ("K", "K -> S", "S"),
        ("S", "K -> S", ""),
        ("x1", "The value of x1 is y2.", "y2"),
        ("x1", "x1 maps to y2", "y2"),
        ("x1", "x1-b maps to y2", ""),
        ("ZOË", "Zoë = 東京", "東京"),
    ],
)
def test_look_ups(term, record, value):
    assert lookup.value_of(term, record, True) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("I went yesterday", "7 May 2023"),
        ("It was two weeks ago", "two weeks before 8 May 2023"),
        ("It was 2 days ago", "6 May 2023"),
        ("We met last week", "the week before 8 May 2023"),
        ("We met last Sunday", "the Sunday before 8 May 2023"),
        ("I started 3 years ago", "2020"),
        ("We go next month", "June 2023"),
        ("I was there on 4 July", "4 July 2023"),
        ("On May 3rd, 2022 we left", "3 May 2022"),
        ("I moved in May 2021", "May 2021"),
        ("I moved in March", "March 2023"),
        ("I did it", ""),
    ],
)
def test_relative_dates(text, said):
    assert dates.when(text, MAY_8) == said


@pytest.mark.parametrize(
    ("message", "subject"),
    [
        ("What is the value of the key silver canyon?", "silver canyon"),
        ("Which value is stored under 9 June 1804?", "9 June 1804"),
        ('Look up "May 8 1923".', "May 8 1923"),
        ("Please tell me the value for the key 0a1b-2c3d.", "0a1b-2c3d"),
    ],
)
def test_the_term_that_a_question_asks_for(message, subject):
    assert answering.question_in(message).subjects[0] == subject


@pytest.mark.parametrize(
    "message", ["How are you?", "I went home.", "Hey! What's up with you?", ""]
)
def test_what_asks_nothing(message):
    assert answering.question_in(message) is None


def described(name, about, parameters):
    return tools.read([worlds.schema(name, about, parameters)]).tools[0]


def test_roles_come_from_descriptions_when_names_say_nothing():
    roles = []
    for number, tool in enumerate(worlds.CLASSIC):
        function = {**tool["function"], "name": f"t{number}"}
        roles.append(tools.read([{"type": "function", "function": function}]).tools[0].role)
    assert roles == ["reply", "write", "replace", "search", "write", "search"]


def test_roles_come_from_names_when_nothing_is_described():
    empty = {"type": "string"}
    assert described("answer_user", "", {"x": empty}).role == "reply"
    assert described("findInNotes", "", {"x": empty}).role == "search"
    assert described("remember", "", {"x": empty}).role == "write"
    assert described("all_done", "", {}).role == "finish"


def test_roles_come_from_parameters_when_nothing_else_speaks():
    assert described("a", "", {"x": worlds.text("What the user will read.")}).role == "reply"
    assert described("b", "", {"x": worlds.text("Words to search for.")}).role == "search"
    assert described("c", "", {"x": worlds.text("The text to save.")}).role == "write"
    dated = {"x": worlds.text("First day, YYYY-MM-DD."), "y": worlds.text("Last day, YYYY-MM-DD.")}
    assert described("d", "", dated).role == "search dates"
