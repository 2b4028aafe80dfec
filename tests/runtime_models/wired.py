"""Agents whose model is the fake server, reached through litellm as a real one would be."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from archgraph import api, clock
from archgraph.runtime import agent as agents
from archgraph.runtime import world
from archgraph.storage import journal
from tests import fake_openai, helpers
from tests.fake_openai import Calls, FakeOpenAI, Received

OPTIONS = {"retries": 2, "retry_cap": 0.02}
"""Few retries, and next to no waiting between them."""


class Wired:
    """An agent that talks to a server; `streams` says whether somebody watches its answers."""

    def __init__(
        self, server: FakeOpenAI, path: Path, streams: bool = False,
        source: str | Path = "memgpt", extra: Sequence[str] = (), **options: Any,
    ) -> None:  # fmt: skip
        self.server, self.path, self.streams = server, path, streams
        self.notices: list[world.Notice] = []
        given = json.dumps({"api_base": server.url, **OPTIONS, **options})
        self.agent: agents.Agent = api.open_agent(
            source, path, seed=7, model="openai/tiny",
            overrides=(f"threads.main.options={given}", *extra),
            clock=clock.VirtualClock(helpers.START),
        )  # fmt: skip

    def send(self, text: str, *answers: fake_openai.Answer) -> agents.Turn:
        """Send a message; the server will give these answers."""
        self.server.queue(*answers)
        return self.agent.send(text, watch=self.notices.append if self.streams else None)

    def results(self) -> list[dict[str, Any]]:
        """The tool results that the server was sent last, unpacked."""
        messages = self.server.chats[-1].json["messages"]
        return [json.loads(m["content"]) for m in messages if m["role"] == "tool"]

    def texts(self) -> list[str]:
        """What users and system said in the window that the server was sent last."""
        messages = self.server.chats[-1].json["messages"]
        return [helpers.text_of(m) for m in messages if m["role"] == "user"]

    def close(self) -> bytes:
        """Close the agent; every byte of its files."""
        self.agent.close()
        beside = sorted(self.path.parent.glob(f"{self.path.name}*"))
        return b"".join(file.read_bytes() for file in beside)


def say(text: str, **more: Any) -> Calls:
    """The reply of memgpt."""
    return Calls.of("send_message", inner_thoughts="I answer.", message=text, **more)


def act(name: str, /, **arguments: Any) -> tuple[str, str]:
    """A call that asks for another step."""
    return name, json.dumps({"inner_thoughts": "", "request_heartbeat": True, **arguments})


def calls(*parts: tuple[str, str]) -> Calls:
    return Calls(tuple(parts))


def canonical(value: Any) -> bytes:
    """JSON in one form only."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def same_windows(agent: agents.Agent, received: Sequence[Received]) -> int:
    """Compare each step's window with what the server got for it; how many were compared.

    `received` are the requests that were answered, in order.
    """
    steps = [row for row in journal.steps(agent.db) if row.reply is not None]
    assert len(steps) == len(received)
    for row, request in zip(steps, received, strict=True):
        window, body = agent.window(row.id), request.json
        for part in ("messages", "tools"):
            assert window.get(part, []) == body.get(part, []), (row.id, part)
            assert canonical(window.get(part, [])) == canonical(body.get(part, [])), (row.id, part)
        written = json.dumps(window["messages"]).encode()  # as litellm writes JSON
        assert written in request.body, "not the bytes that were sent"
    return len(steps)
