"""The offline policy with tools that take fields, or work on one record by its id."""

import json

import pytest

from archgraph import clock
from archgraph.llm import base, extractive
from archgraph.llm import extractive_record_tools as record_tools
from archgraph.llm import extractive_tools as tools
from tests.llm import agent_world as worlds

NOW = 1714557600.0  # 1 May 2024, 10:00
TEXT = {"type": "string"}


def a_tool(name, about, required, optional=None):
    properties = {**required, **(optional or {})}
    heartbeat = {"type": "boolean", "description": "Ask for another step after this call."}
    shape = {"type": "object", "properties": {**properties, "request_heartbeat": heartbeat},
             "required": [*required, "request_heartbeat"]}  # fmt: skip
    function = {"name": name, "description": about, "parameters": shape}
    return {"type": "function", "function": function}


ID = {"type": "string", "description": "The id of the record."}
REPLY = worlds.CLASSIC[0]
INSERT = a_tool("keep", "Store a text in long-term memory.", {"content": TEXT})
SEARCH = a_tool(
    "look_up", "Search long-term memory.",
    {"query": {"type": "string", "description": "Words to look for."}},
)  # fmt: skip
UPDATE = a_tool(
    "amend", "Replace the text of a record.",
    {"id": ID, "content": {"type": "string", "description": "The whole new text."}},
)  # fmt: skip
REMOVE = a_tool("let_go", "Remove a record.", {"id": ID})
READ = a_tool("open_page", "Read one record in full.", {"id": ID})
LINK = a_tool(
    "tie", "Link two records.",
    {"source": ID, "target": {"type": "string", "description": "The id of the other record."},
     "kind": {"type": "string", "description": "The relation in a word."}},
)  # fmt: skip


class Mind:
    """Records by id behind whichever of the tools above it is given."""

    def __init__(self, tools, prompt="You keep memory.", pages=()):
        self.tools, self.prompt, self.pages = [REPLY, *tools], prompt, dict(pages)
        self.window, self.calls, self.records, self.replies = [], [], {}, []

    def send(self, text):
        packed = {"type": "user_message", "message": text, "name": "Ann", "time": clock.stamp(NOW)}
        self.window.append({"role": "user", "content": json.dumps(packed)})
        for _ in range(12):
            asked = [{"role": "system", "content": self.prompt}, *self.window]
            done = extractive.Extractive().complete(base.Request("x", asked, self.tools))
            calls = [call.wire() for call in done.tool_calls]
            self.window.append({"role": "assistant", "content": done.text, "tool_calls": calls})
            again = [self.perform(call) for call in done.tool_calls]
            if not any(again):
                return self.replies[-1]
        raise AssertionError(self.calls)

    def perform(self, call):
        arguments = json.loads(call.arguments)
        again = arguments.pop("request_heartbeat", False)
        self.calls.append((call.name, arguments))
        result = self.result(call.name, arguments)
        packed = json.dumps({"status": "OK", "message": result})
        self.window.append({"role": "tool", "tool_call_id": call.id, "content": packed})
        return again

    def result(self, name, arguments):
        if name == "send_message":
            self.replies.append(arguments["message"])
            return "Sent."
        if name == "keep":
            key = f"k{len(self.records) + 1}"
            self.records[key] = arguments
            return f"Stored in archive (id {key})."
        if name == "amend":
            self.records[arguments["id"]] = {"content": arguments["content"]}
            return "Updated."
        if name == "let_go":
            del self.records[arguments["id"]]
            return "Removed."
        if name == "open_page":
            return self.pages[arguments["id"]]
        if name == "tie":
            return "Linked."
        rows = [
            f"- [{key}] {clock.stamp(NOW)} | {row['content']}" for key, row in self.records.items()
        ]
        return "\n".join([f"Showing {len(rows)} of {len(rows)} results (page 0/0):", *rows])

    def named(self, name):
        return [arguments for made, arguments in self.calls if made == name]


@pytest.mark.parametrize(
    ("tool", "role"),
    [(INSERT, "write"), (SEARCH, "search"), (UPDATE, record_tools.UPDATE),
     (REMOVE, record_tools.REMOVE), (READ, record_tools.READ), (LINK, record_tools.LINK)],
)  # fmt: skip
def test_tools_are_understood_by_their_words(tool, role):
    assert tools.read([tool]).tools[0].role == role


DATED = {"type": "string", "description": "As YYYY-MM-DD."}
RICH = a_tool(
    "note_down",
    "Store a text in long-term memory.",
    {
        "content": TEXT,
        "subject": TEXT,
        "importance": {"type": "integer", "minimum": 1, "maximum": 10},
    },
    {
        "tags": {"type": "array", "items": TEXT},
        "valid_from": DATED,
        "valid_to": DATED,
        "kind": {"type": "string", "enum": ["semantic", "episodic"]},
    },
)


def test_a_write_with_fields_has_them_filled_a_call_for_each_fact():
    mind = Mind([RICH])
    mind.send("My sister Bea moved to Oslo yesterday. I like tea.")
    first, second = mind.named("note_down")
    assert first["content"].startswith("Ann: My sister Bea moved to Oslo")
    assert first["subject"] == "Ann's sister Bea"
    assert first["importance"] >= 6 > second["importance"]
    assert first["kind"] == "episodic"
    assert first["valid_from"] == "2024-04-30"
    assert "valid_to" not in first
    assert {"bea", "oslo"} <= set(first["tags"])
    assert second["content"] == "Ann: I like tea."


def test_a_correction_changes_the_record_that_it_outdates():
    mind = Mind([INSERT, SEARCH, UPDATE])
    mind.send("I live in Graz.")
    mind.window.clear()
    mind.send("I moved to Berlin.")
    assert [name for name, _ in mind.calls][2:5] == ["look_up", "amend", "send_message"]
    assert [row["content"] for row in mind.records.values()] == ["Ann: I moved to Berlin."]


def test_without_such_a_tool_a_correction_is_kept_beside_the_old():
    mind = Mind([INSERT, SEARCH])
    mind.send("I live in Graz.")
    mind.window.clear()
    mind.send("I moved to Berlin.")
    assert len(mind.records) == 2
    assert not mind.named("look_up")


def test_with_removal_alone_the_old_goes_and_the_new_is_kept():
    mind = Mind([INSERT, SEARCH, REMOVE])
    mind.send("I live in Graz.")
    mind.window.clear()
    mind.send("I moved to Berlin.")
    assert [row["content"] for row in mind.records.values()] == ["Ann: I moved to Berlin."]


def test_a_correction_of_nothing_known_is_kept():
    mind = Mind([INSERT, SEARCH, UPDATE])
    mind.send("I no longer work at Acme.")
    assert not mind.named("amend")
    assert len(mind.records) == 1


def test_a_new_record_is_linked_with_one_in_view():
    mind = Mind(
        [INSERT, LINK], "You keep memory.\n<notes>\n- [n7] Ann: Bea lives in Oslo.\n</notes>"
    )
    mind.send("I visited Bea in Oslo with Leo.")
    assert mind.named("tie") == [{"source": "k1", "target": "n7", "kind": "related to"}]


GISTS = """Use your tools.
<gists>
- [p1] Ann talks of her cat.
- [p2] Ann tells of moving house.
- [p3] Weather.
</gists>"""
FULL = {
    "p1": "My cat is called Miso.",
    "p2": "I was moving house in June, to Rome.",
    "p3": "It rained.",
}


def test_the_page_whose_gist_fits_is_read_before_the_answer():
    mind = Mind([READ], GISTS, FULL)
    assert "Miso" in mind.send("What is the cat of Ann called?")
    assert [arguments["id"] for arguments in mind.named("open_page")] == ["p1"]


def test_no_page_is_read_where_no_gist_fits_and_none_twice():
    mind = Mind([READ], GISTS, FULL)
    assert "no information available" in mind.send("Who painted the ceiling?")
    assert not mind.named("open_page")
    mind.send("What did the cat of Ann eat while moving house?")
    opened = [arguments["id"] for arguments in mind.named("open_page")]
    assert 0 < len(opened) == len(set(opened)) <= 3
