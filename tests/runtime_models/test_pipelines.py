"""Pipelines whose model is reached over the wire: typed answers, bad ones, and a busy provider."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from archgraph.storage import journal
from tests.fake_openai import KEY, Calls, FakeOpenAI, Received, Status, Text
from tests.runtime_models import wired

FACT = {"fact": "The user lives in Bergen.", "subject": "user", "relation": "lives in",
        "object": "Bergen", "valid_from": "2023-11-14"}  # fmt: skip
ENTITIES = [{"name": "user", "about": "the user"}, {"name": "Bergen", "about": "a town"}]


def answer(given: Any) -> Calls:
    return Calls((("answer", given if isinstance(given, str) else json.dumps(given)),))


def plausible(request: Received) -> Any:
    """What a model that understood everything would answer."""
    tools = request.json.get("tools", [])
    if not tools or tools[0]["function"]["name"] != "answer":
        return Text("I see.")
    fields = tools[0]["function"]["parameters"]["properties"]
    if "decision" in fields:
        return answer({"decision": "noop" if "noop" in fields["decision"]["enum"] else "add",
                       "id": fields["id"]["enum"][0]})  # fmt: skip
    return answer({"items": [FACT] if "fact" in fields["items"]["items"]["properties"]
                   else ENTITIES})  # fmt: skip


class Spoiled:
    """Answers as `plausible`, but gives `bad` to the first `times` typed questions."""

    def __init__(self, bad: Any, times: int) -> None:
        self.bad, self.left = bad, times

    def __call__(self, request: Received) -> Any:
        typed = request.json.get("tools", [{}])[0].get("function", {}).get("name") == "answer"
        if typed and self.left:
            self.left -= 1
            return self.bad
        return plausible(request)


def zep(server: FakeOpenAI, folder: Path) -> wired.Wired:
    given = json.dumps({"api_base": server.url, **wired.OPTIONS})
    extra = [f"threads.{name}.options={given}" for name in ("remember", "rebuild_communities")]
    return wired.Wired(server, folder / "zep.db", source="zep", extra=extra)


def facts(agent: wired.Wired) -> list[str]:
    held = agent.agent.stores["graph"].records.select()
    return [each.content for each in held if each.fields.get("kind") == "fact"]


BAD = {
    "text": Text("The user lives in Bergen, I believe."),
    "empty": Text(""),
    "wrong type": answer({"items": "none"}),
    "wrong type within": answer({"items": [{"name": 3, "about": []}]}),
    "a list": answer([1]),
    "no JSON": answer('{"items": ['),
    "another tool": Calls((("send_message", '{"message": "x"}'),)),
    "a number": answer("3"),
    "deep": answer("[" * 5000),
    "surrogates": answer('{"items": [{"name": "\\ud800", "about": "x"}]}'),
    "busy": Status(429, retry_after=0),
    "broken": Status(500),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_one_bad_answer_is_got_over(openai_server: FakeOpenAI, tmp_path: Path, kind: str) -> None:
    openai_server.default = Spoiled(BAD[kind], 1)
    agent = zep(openai_server, tmp_path)
    assert agent.send("I live in Bergen.").reply == "I see."
    agent.agent.work()
    agent.send("It rains here.")  # the next run goes on with what a failed one left
    agent.agent.work()
    assert "The user lives in Bergen." in facts(agent)
    told = [row.reason for row in journal.steps(agent.agent.db)]
    assert not any("failed inside" in each for each in told)
    assert KEY.encode() not in agent.close()


@pytest.mark.parametrize("kind", BAD)
def test_bad_answers_without_end_end_the_run_and_not_the_agent(
    openai_server: FakeOpenAI, tmp_path: Path, kind: str
) -> None:
    openai_server.default = Spoiled(BAD[kind], 1000)
    agent = zep(openai_server, tmp_path)
    assert agent.send("I live in Bergen.").reply == "I see."
    agent.agent.work()
    asked = len(openai_server.chats)
    assert asked < 30
    failed = [row for row in journal.steps(agent.agent.db) if row.thread == "remember"]
    assert failed and failed[-1].status == "failed" and failed[-1].reason
    assert "failed inside" not in failed[-1].reason
    openai_server.default = plausible
    agent.send("Thank you.")
    agent.agent.work()
    assert "The user lives in Bergen." in facts(agent), "what was not digested is given again"
    assert KEY.encode() not in agent.close()
