from __future__ import annotations

import json
from pathlib import Path

import pytest

from archgraph import errors
from archgraph.llm import base, gateways, scripted
from archgraph.messages import Completion, ToolCall, Usage

ASK = base.Request("scripted/x", [{"role": "user", "content": "hi"}])


def test_every_kind_of_item() -> None:
    gateway = scripted.Scripted(
        [
            "words",
            scripted.call("search", query="dögs", page=2),
            [scripted.call("a"), ToolCall("mine", "b", "{broken")],
            Completion(text="whole", usage=Usage(5, 6)),
            errors.GatewayFault("busy"),
            lambda request: f"you said {request.messages[-1]['content']}",
            lambda request: scripted.call("c"),
        ]
    )
    assert gateway.complete(ASK).text == "words"
    one = gateway.complete(ASK)
    assert one.finish_reason == "tool_calls"
    assert json.loads(one.tool_calls[0].arguments) == {"query": "dögs", "page": 2}
    two = gateway.complete(ASK).tool_calls
    assert [call.name for call in two] == ["a", "b"]
    assert two[0].id and two[1] == ToolCall("mine", "b", "{broken")
    assert gateway.complete(ASK).usage == Usage(5, 6)
    with pytest.raises(errors.GatewayFault, match="busy"):
        gateway.complete(ASK)
    assert gateway.complete(ASK).text == "you said hi"
    assert gateway.left == 1
    assert gateway.complete(ASK).tool_calls[0].name == "c"
    assert gateway.requests == [ASK] * 7
    with pytest.raises(errors.GatewayError, match="7 answers were given"):
        gateway.complete(ASK)


def test_ids_are_the_same_each_time_and_differ_along_a_conversation() -> None:
    longer = base.Request("scripted/x", [*ASK.messages, {"role": "user", "content": "hi"}])
    ids = [
        scripted.Scripted([[scripted.call("a"), scripted.call("a")]]).complete(request).tool_calls
        for request in (ASK, ASK, longer)
    ]
    assert ids[0] == ids[1]
    assert len({call.id for calls in ids for call in calls}) == 4


def test_stream() -> None:
    stream = scripted.Scripted([Completion("a", (scripted.call("b"),))]).stream(ASK)
    assert next(stream) == base.Delta(text="a")
    assert next(stream) == base.Delta(tool="b", arguments="{}")
    with pytest.raises(StopIteration) as end:
        next(stream)
    assert end.value.value.text == "a"


SCRIPT = """
- Hello.
- {call: search, arguments: {query: dogs}}
- {call: search, arguments: '{"query": '}
- text: I look twice.
  reasoning: hm
  calls: [{name: search, arguments: {query: a}}, {name: done}]
- {fault: busy}
"""


def test_a_script_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "script.yaml"
    path.write_text(SCRIPT)
    gateway = gateways.open_gateway(f"scripted/{path}")
    assert isinstance(gateway, scripted.Scripted)
    assert gateway.complete(ASK).text == "Hello."
    assert gateway.complete(ASK).tool_calls[0].arguments == '{"query": "dogs"}'
    assert gateway.complete(ASK).tool_calls[0].arguments == '{"query": '
    both = gateway.complete(ASK)
    assert (both.text, both.reasoning) == ("I look twice.", "hm")
    assert [call.arguments for call in both.tool_calls] == ['{"query": "a"}', "{}"]
    with pytest.raises(errors.GatewayFault, match="busy"):
        gateway.complete(ASK)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- {txet: a}", "answer 1"),
        ("- a\n- 3", "answer 2"),
        ("{}", "not a list"),
        ("- {calls: [a]}", "call is a mapping"),
        ("[", "cannot be read"),
        (None, "cannot be read"),
    ],
)
def test_files_that_are_no_script(tmp_path: Path, text: str | None, says: str) -> None:
    path = tmp_path / "script.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(errors.InputError, match=says):
        scripted.read(str(path))
