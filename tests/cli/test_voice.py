"""How an answer is shown while it streams: in pieces, and once."""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence

import pytest

from archgraph import api
from archgraph.cli import screen, voice
from archgraph.llm import base, scripted
from archgraph.messages import Completion, ToolCall


class Piecewise(scripted.Scripted):
    """Streams each answer character by character, as slow providers do."""

    def stream(self, request: base.Request) -> Generator[base.Delta, None, Completion]:
        answer = self.complete(request)
        for letter in answer.text:
            yield base.Delta(text=letter)
        for call in answer.tool_calls:
            for letter in call.arguments:
                yield base.Delta(tool=call.name, arguments=letter)
        return answer


def shown(
    architecture: str, answers: Sequence[scripted.Item], capsys: pytest.CaptureFixture[str]
) -> str:
    with api.open_agent(architecture, gateway=Piecewise(answers)) as agent:
        capsys.readouterr()
        speaker = voice.Voice(screen.Screen(), agent.plan)
        turn = agent.send("hi", watch=speaker.notice)
        speaker.end()
        assert turn.status == "done"
    return capsys.readouterr().out


def says(text: str, thoughts: str) -> ToolCall:
    return scripted.call("send_message", inner_thoughts=thoughts, message=text)


def test_a_reply_streams_and_is_shown_once(capsys: pytest.CaptureFixture[str]) -> None:
    text = 'She said "hé\\o",\nand left. 🐝'
    assert shown("memgpt", [says(text, "Think.")], capsys) == f"  Think.\nmemgpt: {text}\n"


def test_several_calls_in_one_answer(capsys: pytest.CaptureFixture[str]) -> None:
    note = scripted.call("core_memory_append", inner_thoughts="One.", name="human", content="Bees.")
    again = scripted.call(
        "core_memory_append", inner_thoughts="Two.", name="human", content="Hives."
    )
    out = shown("memgpt", [[note, again, says("Done.", "Three.")]], capsys)
    for text in ("  One.\n", "  Two.\n", "  Three.\n", "memgpt: Done.\n"):
        assert out.count(text) == 1, out
    assert out.count("→ core_memory_append(") == 2


def test_text_is_the_reply_where_there_is_no_tool(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown("no_memory", ["Hello there."], capsys) == "no_memory: Hello there.\n"


def test_text_beside_calls_is_a_thought(capsys: pytest.CaptureFixture[str]) -> None:
    answer = Completion(text="Hm.", tool_calls=(says("Yes.", "Sure."),))
    assert shown("memgpt", [answer], capsys) == "  Hm.\n  Sure.\nmemgpt: Yes.\n"


def test_arguments_as_people_read_them() -> None:
    raw = json.dumps({"inner_thoughts": "x", "query": "bees", "page": 0, "request_heartbeat": True})
    assert voice.plain_arguments(raw) == 'query="bees", page=0'
    assert voice.plain_arguments("{bro") == "{bro"
    assert voice.plain_arguments("[1]") == "[1]"
