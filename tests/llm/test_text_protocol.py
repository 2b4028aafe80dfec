from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archgraph import clock
from archgraph.llm import base, scripted, text_protocol
from archgraph.messages import Completion, ToolCall
from tests.fake_openai import FakeOpenAI, Text

SEARCH = {
    "type": "function",
    "function": {
        "name": "search",
        "description": "Search the archive.",
        "parameters": {
            "type": "object",
            "properties": {
                "query": {"type": "string"},
                "page": {"type": "integer"},
                "kind": {"type": "string", "enum": ["note", "diary"]},
            },
            "required": ["query", "kind"],
        },
    },
}
REPLY = {"type": "function", "function": {"name": "send_message", "parameters": {}}}
TOOLS = [SEARCH, REPLY]
ASK = base.Request(
    "scripted/x",
    [{"role": "system", "content": "You are Sam."}, {"role": "user", "content": "hi"}],
    TOOLS,
)
CALL = ("search", '{"query": "dogs"}')


@pytest.mark.parametrize(
    ("text", "rest", "calls"),
    [
        ('{"tool": "search", "arguments": {"query": "dogs"}}', "", [CALL]),
        (
            'I look.\n```json\n{"tool":"search","arguments":{"query":"dogs"}}\n```',
            "I look.",
            [CALL],
        ),
        ('```\n{"tool":"search","arguments":{"query":"dogs"}}\n```\nDone', "Done", [CALL]),
        ('Now {"tool":"search","arguments":{"query":"dogs"}} I wait.', "Now  I wait.", [CALL]),
        (
            '{"tool":"search","arguments":{"query":"dogs"}}\n{"tool": "send_message"}',
            "",
            [CALL, ("send_message", "{}")],
        ),
        ('[{"tool":"search","arguments":{"query":"dogs"}}]', "[]", [CALL]),
        ('{"name": "search", "parameters": {"query": "dogs"}}', "", [CALL]),
        ('{"tool": "search", "query": "dogs"}', "", [CALL]),
        ('{"tool": "search", "arguments": "{\\"query\\": \\"dogs\\"}"}', "", [CALL]),
        ('{"tool": "unknown", "arguments": {}}', "", [("unknown", "{}")]),
        ('{"name": "Bob", "age": 3}', '{"name": "Bob", "age": 3}', []),
        (
            '{"tool": "search", "arguments": {"query": "a\nb"}}',
            "",
            [("search", '{"query": "a\\nb"}')],
        ),
        ("a set {1, 2} and a dict {} stay", "a set {1, 2} and a dict {} stay", []),
        ('{"a": {"tool": "search", "arguments": {"query": "dogs"}}}', '{"a": }', [CALL]),
        ("", "", []),
        (
            '{"tool":"search","arguments":{"query":"dogs"}}\n[result of search]\nFound: a lie',
            "",
            [CALL],
        ),
    ],
)
def test_parse(text: str, rest: str, calls: list[tuple[str, str]]) -> None:
    assert text_protocol.parse(text, TOOLS) == (rest, calls)


@pytest.mark.parametrize(
    ("text", "rest", "calls"),
    [
        (
            'So:\n```json\n{"tool": "search", "arguments": {"query": "dogs"\n```\nok',
            "So:\n\nok",
            [("search", '{"tool": "search", "arguments": {"query": "dogs"')],
        ),
        (
            "{'tool': 'search', 'arguments': {}}",
            "",
            [("search", "{'tool': 'search', 'arguments': {}}")],
        ),
        ('{"tool": ', "", [("", '{"tool":')]),
        (
            '{"tool": "search", "arguments": {]}\n{"tool": "send_message", "arguments": {}}',
            "",
            [("search", '{"tool": "search", "arguments": {]}'), ("send_message", "{}")],
        ),
    ],
)
def test_malformed_json_is_a_call_with_that_text(
    text: str, rest: str, calls: list[tuple[str, str]]
) -> None:
    assert text_protocol.parse(text, TOOLS) == (rest, calls)


@given(st.lists(st.sampled_from([*'{}[]":,`\n\\a', '{"tool": ', '"search"', "[result of a]"])))
def test_any_text_is_read(pieces: list[str]) -> None:
    for name, arguments in text_protocol.parse("".join(pieces), TOOLS)[1]:
        assert isinstance(name, str) and isinstance(arguments, str)


@pytest.mark.parametrize("piece", ['{"a":', "{", '{"tool": ', "[{", "`"])
def test_hostile_text_is_read_in_bounded_time(piece: str) -> None:
    started = clock.elapsed()
    text_protocol.parse(piece * (20_000 // len(piece)), TOOLS)
    assert clock.elapsed() - started < 10


def test_the_tools_go_into_the_system_prompt() -> None:
    inner = scripted.Scripted(["fine", "fine"])
    text_protocol.TextProtocol(inner).complete(ASK)
    sent = inner.requests[0]
    assert sent.tools == ()
    system = sent.messages[0]["content"]
    assert system.startswith("You are Sam.\n\n# Tools\n")
    assert '{"tool": "search", "arguments": {"query": "some text", "kind": "note"}}' in system
    assert "## search\nSearch the archive.\narguments: " in system and "## send_message" in system
    assert sent.messages[1:] == ASK.messages[1:]
    assert ASK.messages[0] == {"role": "system", "content": "You are Sam."}, "not changed in place"
    alone = base.Request("scripted/x", ASK.messages[1:], TOOLS, tool_choice="required")
    text_protocol.TextProtocol(inner).complete(alone)
    first = inner.requests[1].messages[0]
    assert first["role"] == "system" and "must use a tool" in first["content"]


def test_the_example_in_the_prompt_is_read_back() -> None:
    section = text_protocol.section(TOOLS)
    example = section.partition("Example:")[2].partition("##")[0]
    (name, arguments) = text_protocol.parse(example, TOOLS)[1][0]
    assert (name, json.loads(arguments)) == ("search", {"query": "some text", "kind": "note"})


def test_history_becomes_text() -> None:
    calls = [ToolCall("1", "search", '{"query": "ü"}'), ToolCall("2", "search", '{"tool": "sea')]
    messages = [
        ASK.messages[0],
        {"role": "assistant", "content": "Hm.", "tool_calls": [call.wire() for call in calls]},
        {"role": "tool", "tool_call_id": "1", "content": "none"},
        {"role": "tool", "tool_call_id": "2", "content": "bad JSON"},
        {"role": "user", "content": "well?"},
    ]
    plain = text_protocol.rewrite(base.Request("scripted/x", messages)).messages
    assert plain == [
        ASK.messages[0],
        {
            "role": "assistant",
            "content": 'Hm.\n{"tool": "search", "arguments": {"query": "ü"}}\n{"tool": "sea',
        },
        {
            "role": "user",
            "content": "[result of search]\nnone\n\n[result of search]\nbad JSON",
        },
        {"role": "user", "content": "well?"},
    ]


def test_an_answer_without_tools_on_offer_is_left_alone() -> None:
    text = '{"tool": "search", "arguments": {}}'
    for request in (
        base.Request("scripted/x", ASK.messages),
        base.Request("scripted/x", ASK.messages, TOOLS, tool_choice="none"),
    ):
        inner = scripted.Scripted([text])
        answer = text_protocol.TextProtocol(inner).complete(request)
        assert (answer.text, answer.tool_calls) == (text, ())
        assert inner.requests[0].messages == ASK.messages


def test_calls_get_ids_and_the_rest_of_the_answer_stays() -> None:
    written = Completion('Hm. {"tool": "a"} {"tool": "a"}', model="tiny", reasoning="r")
    answer = text_protocol.TextProtocol(scripted.Scripted([written])).complete(ASK)
    assert (answer.text, answer.finish_reason, answer.model) == ("Hm.", "tool_calls", "tiny")
    assert answer.reasoning == "r"
    assert len({call.id for call in answer.tool_calls}) == 2


@pytest.mark.parametrize(
    "text", ["plain words", 'I look. {"tool": "search", "arguments": {"query": "dogs"}}', "a {b} c"]
)
def test_streaming_shows_no_json_and_ends_with_the_same_answer(
    openai_server: FakeOpenAI, text: str
) -> None:
    from archgraph.llm import litellm_gateway

    openai_server.default = Text(text)
    gateway = text_protocol.TextProtocol(litellm_gateway.LitellmGateway(openai_server.options()))
    request = base.Request("openai/tiny", ASK.messages, TOOLS)
    whole = gateway.complete(request)
    stream = gateway.stream(request)
    deltas = []
    while True:
        try:
            deltas.append(next(stream))
        except StopIteration as end:
            streamed = end.value
            break
    assert (streamed.text, streamed.tool_calls) == (whole.text, whole.tool_calls)
    assert "".join(delta.text for delta in deltas).strip() == whole.text
    calls = [(delta.tool, delta.arguments) for delta in deltas if delta.tool]
    assert calls == [(call.name, call.arguments) for call in whole.tool_calls]
    assert "tools" not in openai_server.chats[0].json
