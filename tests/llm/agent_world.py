"""A small world for the offline policy: stores with tools, and a loop that runs its turns.

It is not the runtime: it has just what a model sees. Every name can be changed.
"""

import json
import re
from dataclasses import dataclass, field

from archgraph import clock
from archgraph.llm import base, extractive

PAGE = 5


def schema(name, description, parameters, heartbeat=True):
    properties = dict(parameters)
    if heartbeat:
        properties["request_heartbeat"] = {
            "type": "boolean",
            "description": "Ask for another step after this call.",
        }
    required = [key for key, value in properties.items() if "default" not in value]
    shape = {"type": "object", "properties": properties, "required": required}
    function = {"name": name, "description": description, "parameters": shape}
    return {"type": "function", "function": function}


def text(description):
    return {"type": "string", "description": description}


PAGES = {"type": "integer", "description": "Page of the results, from 0.", "default": 0}
BLOCKS = {"type": "string", "enum": ["persona", "human"], "description": "Which block."}

CLASSIC = [
    schema("send_message", "Send a message to the user.", {"message": text("The text.")}, False),
    schema(
        "core_memory_append",
        "Add text at the end of a memory block.",
        {"store": BLOCKS, "content": text("What to add.")},
    ),
    schema(
        "core_memory_replace",
        "Change a piece of text in a memory block.",
        {
            "store": BLOCKS,
            "old_content": text("The exact text to replace."),
            "new_content": text("The new text; empty to delete."),
        },
    ),
    schema(
        "conversation_search",
        "Search earlier messages of the conversation.",
        {"query": text("Words to look for."), "page": PAGES},
    ),
    schema(
        "archival_memory_insert",
        "Keep a text in long-term memory.",
        {"content": text("The text to keep.")},
    ),
    schema(
        "archival_memory_search",
        "Search long-term memory.",
        {"query": text("Words to look for."), "page": PAGES},
    ),
]
ROLES = ["reply", "append", "replace", "recall", "insert", "search"]


@dataclass
class World:
    """An agent's memory and its loop. `names` maps a tool's name to what it does."""

    tools: list = field(default_factory=lambda: list(CLASSIC))
    does: dict = field(default_factory=dict)
    limit: int = 400
    prompt: str = "You keep memory for a user. Use your tools."
    blocks: dict = field(default_factory=lambda: {"persona": "I am Sam.", "human": ""})
    archive: list = field(default_factory=list)
    log: list = field(default_factory=list)
    window: list = field(default_factory=list)
    replies: list = field(default_factory=list)
    calls: list = field(default_factory=list)
    heartbeats: bool = True

    def __post_init__(self):
        self.gateway = extractive.Extractive()
        if not self.does:
            names = [tool["function"]["name"] for tool in self.tools]
            self.does = dict(zip(names, ROLES, strict=True))

    def system(self):
        parts = [self.prompt]
        for label, body in self.blocks.items():
            parts.append(f'<{label} characters="{len(body)}/{self.limit}">\n{body}\n</{label}>')
        return {"role": "system", "content": "\n\n".join(parts)}

    def send(self, message, at=0.0, name="", most=40):
        packed = {"type": "user_message", "message": message, "time": clock.stamp(at)}
        if name:
            packed["name"] = name
        self.log.append((at, name or "user", message))
        return self.turn({"role": "user", "content": json.dumps(packed)}, at, most)

    def turn(self, message, at=0.0, most=40):
        self.window.append(message)
        before = len(self.replies)
        for _ in range(most):
            if not self.step(at):
                break
        else:
            raise AssertionError("the turn did not end")
        return self.replies[-1] if len(self.replies) > before else None

    def step(self, at=0.0):
        completion = self.complete()
        wire = {"role": "assistant", "content": completion.text}
        if completion.tool_calls:
            wire["tool_calls"] = [call.wire() for call in completion.tool_calls]
        elif completion.text:
            self.replies.append(completion.text)
        self.window.append(wire)
        again = False
        for call in completion.tool_calls:
            arguments = json.loads(call.arguments)
            self.calls.append((call.name, arguments))
            wants = arguments.pop("request_heartbeat", False)
            ok, result = self.perform(self.does[call.name], list(arguments.values()), at)
            status = {"status": "OK" if ok else "Failed", "message": result}
            content = json.dumps(status, ensure_ascii=False)
            self.window.append({"role": "tool", "tool_call_id": call.id, "content": content})
            again = again or not ok or (wants and self.heartbeats)
        return again

    def complete(self):
        request = base.Request("offline/extractive", [self.system(), *self.window], self.tools)
        return self.gateway.complete(request)

    def perform(self, role, values, at):
        texts = [value for value in values if isinstance(value, str)]
        page = next((value for value in values if isinstance(value, int)), 0)
        if role == "reply":
            self.replies.append(texts[0])
            self.log.append((at, "assistant", texts[0]))
            return True, "Sent."
        if role == "insert":
            self.archive.append((at, "memory", texts[0]))
            return True, "Inserted."
        if role in ("append", "replace"):
            return self.edit(role, [v for v in texts if v not in self.blocks], texts)
        rows = self.log if role == "recall" else self.archive
        return True, listing(ranked(texts[0], rows), page)

    def edit(self, role, rest, texts):
        label = next(value for value in texts if value in self.blocks)
        old = self.blocks[label]
        if role == "replace":
            first, second = sorted(rest, key=lambda value: value not in old)
            self.blocks[label] = old.replace(first, second)
            return True, "Replaced."
        new = f"{old}\n{rest[0]}".strip()
        if len(new) > self.limit:
            return False, f"the block would have {len(new)} characters, its limit is {self.limit}"
        self.blocks[label] = new
        return True, "Appended."


def ranked(query, rows):
    """Rows that share a word with the query, most shared words first, verbatim hits before all."""
    words = set(re.findall(r"\w+", query.lower()))

    def hits(row):
        body = f"{row[1]} {row[2]}".lower()
        return 100 * (query.lower() in body) + len(words & set(re.findall(r"\w+", body)))

    return sorted(filter(hits, rows), key=hits, reverse=True)


def listing(rows, page):
    if not rows:
        return "No results found."
    last = (len(rows) - 1) // PAGE
    shown = rows[page * PAGE : page * PAGE + PAGE]
    head = f"Showing {len(shown)} of {len(rows)} results (page {page}/{last}):"
    return "\n".join([head, *(f"- {clock.stamp(at)} | {who}: {body}" for at, who, body in shown)])
