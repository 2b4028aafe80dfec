"""Tells what an agent lived through, as text that a person can read and a snapshot can keep."""

from __future__ import annotations

import json
import re
from typing import Any

from archgraph import api, clock
from archgraph.messages import Completion
from archgraph.runtime import agent as agents
from archgraph.storage import journal
from tests.helpers import START, Script


def memgpt(
    *script: Any, name: str = "memgpt", path: Any = None, gateway: Any = None, **params: Any
) -> agents.Agent:
    """A living MemGPT whose model answers from a script; `params` are as with `--set`."""
    chosen = gateway or Script(*script)
    agent = api.open_agent(
        name,
        path,
        overrides=[f"{key}={value}" for key, value in params.items()],
        seed=1,
        clock=clock.VirtualClock(START),
        gateway=chosen,
    )
    chosen.db = agent.db
    return agent


def tell(agent: agents.Agent) -> str:
    """Every step with what was new in its window, what was answered and what came of it."""
    happened: list[tuple[int, int, str]] = []
    before: list[int] = []
    for row in journal.steps(agent.db):
        happened.append((row.born, 1, _step(agent, row, before)))
        before = list(row.window) if row.kind == "step" else before
    for event in journal.events(agent.db):
        told = f"* {event.name} {json.dumps(event.payload)}"
        happened.append((event.born, 0, told))
    for turn in journal.turns(agent.db):
        happened.append((turn.born, -1, f"\n# turn {turn.id}"))
        if turn.closed is not None:
            happened.append((turn.closed, 2, f"= {turn.status} {turn.reason}".rstrip()))
    text = "\n".join(text for _, _, text in sorted(happened, key=lambda each: each[:2])).strip()
    return re.sub(r"\bid [0-9a-f]{16}\b", "id ...", text)


def _step(agent: agents.Agent, row: journal.StepRow, before: list[int]) -> str:
    at = f"{row.at - START:g} s"
    if row.kind == "evict":
        said = _reply(row).text if row.reply else f"failed: {row.reason}"
        return f"- step {row.id} at {at}: eviction of {len(row.window)} messages -> {said}"
    gone = len([seq for seq in before if seq not in row.window])
    lines = [f"- step {row.id} at {at}" + (f", {gone} messages gone" if gone else "")]
    messages = agent.window(row.id)["messages"][1:]
    for seq, message in zip(row.window, messages, strict=True):
        if seq not in before:
            lines.append(f"  > {message['role']}: {_said(message)}")
    if row.reply is None:
        return "\n".join([*lines, f"  ! {row.reason}"])
    reply = _reply(row)
    lines += [f"  < {reply.text}"] if reply.text else []
    for made, result in zip(reply.tool_calls, journal.calls(agent.db, row.id), strict=True):
        lines.append(f"  < {made.name}({made.arguments})")
        shown = result.result.replace("\n", "\n      ")
        lines.append(f"    {'ok' if result.ok else 'FAILED'}: {shown}")
    return "\n".join(lines)


def _reply(row: journal.StepRow) -> Completion:
    return Completion.from_json({k: v for k, v in (row.reply or {}).items() if k != "frozen"})


def _said(message: dict[str, Any]) -> str:
    made = [
        f"{c['function']['name']}({c['function']['arguments']})"
        for c in message.get("tool_calls") or ()
    ]
    return " ".join(filter(None, [message["content"], *made])).replace("\n", "\n      ")


def system(agent: agents.Agent, step: int = 0) -> str:
    """The system prompt of a step; of the newest unless given."""
    rows = journal.steps(agent.db, "kind = 'step'")
    chosen = step or rows[-1].id
    return str(agent.window(chosen)["messages"][0]["content"])


def tool(agent: agents.Agent, name: str) -> dict[str, Any]:
    """A tool's parameters as the model is sent them."""
    schemas = agent.plan.schemas(agent.plan.threads["main"])
    found = {each["function"]["name"]: each["function"]["parameters"] for each in schemas}
    return dict(found[name])


def results(agent: agents.Agent) -> list[tuple[bool, str]]:
    """What every call came to, in order."""
    return [(r[0] == 1, r[1]) for r in agent.db.all("SELECT ok, result FROM call")]


def heard(request: Any) -> list[dict[str, Any]]:
    """The JSON bodies of a request's messages of role user and tool."""
    kept = [m for m in request.messages[1:] if m["role"] in ("user", "tool")]
    return [json.loads(message["content"]) for message in kept]
