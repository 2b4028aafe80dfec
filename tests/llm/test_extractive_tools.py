"""What the offline policy takes a tool for, from its words alone."""

from __future__ import annotations

from archgraph.llm import extractive_tools as tools
from archgraph.messages import Wire


def schema(name: str, about: str, **parameters: str) -> Wire:
    properties = {key: {"type": "string", "description": text} for key, text in parameters.items()}
    wanted = {"type": "object", "properties": properties, "required": list(parameters)}
    return {"function": {"name": name, "description": about, "parameters": wanted}}


BALANCE = schema("balance", "Tell the balance of a counter.", counter="The counter's name.")
SEND = schema("send_message", "Send a message to the user.", message="What the user reads.")


def test_what_the_user_hears_is_the_reply() -> None:
    for listed in ((BALANCE, SEND), (SEND, BALANCE)):
        reply = tools.read(listed).one(tools.REPLY)
        assert reply is not None and reply.name == "send_message"
        assert [tool.name for tool in tools.read(listed).of(tools.REPLY)] == ["send_message"]


def test_one_that_only_tells_is_the_reply_where_no_other_is() -> None:
    tell = schema("tell", "Tell something.", text="What to say.")
    reply = tools.read((tell,)).one(tools.REPLY)
    assert reply is not None and reply.text == "text"
