"""The text of a new architecture and of its prompts.

Used by `new architecture`. Chooses tools from what the store types offer, so that plugin types get
theirs too. Writes no file and asks nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archgraph import registry
from archgraph.stores import base as stores

SCHEMA = "architecture.schema.json"
_VERBS = {"block": ("append", "replace"), "log": ("search",), "collection": ("insert", "search"),
          "queue": ("insert",), "tasks": ("push", "start", "finish", "list")}  # fmt: skip
_LINES = {
    "block": "limit: 2000",
    "log": "",
    "collection": "index: [text, vector]",
}
_WHY = {
    "block": "a text that every step sees; limit in characters",
    "log": "keeps every message",
    "queue": "the newest messages that fit the window",
    "collection": "any number of texts, found by words and by meaning",
    "tasks": "what is to be done: states, order, parents",
}
_NAMED = {"queue": "notes, the oldest go first"}


@dataclass(frozen=True, slots=True)
class Wish:
    """What the new architecture is to have.

    `stores` maps names to types; the first of `threads` talks, the others work in the background.
    """

    name: str
    stores: Mapping[str, str]
    threads: Sequence[str] = ("main",)


@dataclass(frozen=True, slots=True)
class Parent:
    """What is extended: its name, params, and its first thread with prompt, context and tools.

    `still`: the thread has no tools and takes one step.
    """

    name: str
    params: Mapping[str, Any]
    thread: str
    prompt: str
    context: Sequence[Any]
    tools: Sequence[str]
    still: bool = False


# Public functions


def files(wish: Wish) -> dict[str, str]:
    """The files of an architecture of its own: path to text."""
    found = {f"{wish.name}.yaml": _whole(wish)}
    for number, thread in enumerate(wish.threads):
        text = _TALKS if number == 0 else _TENDS
        found[f"prompts/{wish.name}/{thread}.jinja2"] = text
    return found


def extending(wish: Wish, parent: Parent) -> dict[str, str]:
    """The files of an architecture that changes another one."""
    prompt = f"{wish.name}/{parent.thread}.jinja2"
    lines = [
        *_head(wish.name, f"As {parent.name}, but - say here what differs."),
        f"extends: {parent.name}            # all that is not named here stays as it is there",
        "",
        *([f"params:                          # of {parent.name}; take the mark off to change one"]
          if parent.params else []),
        *(f"  # {key}: {json.dumps(value)}" for key, value in parent.params.items()),
        "",
    ]  # fmt: skip
    lines += _stores(wish, "") if wish.stores else []
    tools = _tools(wish)
    if tools and parent.still:  # with tools it takes several steps, and says when it speaks
        tools = {"send_message": "{verb: reply}", **tools}
    lines += ["tools:", *_listed(tools), ""] if tools else []
    lines += ["threads:", f"  {parent.thread}:", f"    prompt: {prompt}"]
    if wish.stores:
        shown = [name for name, kind in wish.stores.items() if kind in ("block", "tasks")]
        context = ", ".join(json.dumps(each) if isinstance(each, dict) else str(each)
                            for each in [*shown, *parent.context])  # fmt: skip
        lines.append(f"    context: [{context}]")
        lines.append(f"    tools: [{', '.join([*parent.tools, *tools])}]")
        if parent.still:
            lines.append("    heartbeat: {when: [requested, failed], max_steps: 6}")
    lines += ["# null takes away: `stores: {archival: null}` removes a store and all that uses it."]
    text = "\n".join([*lines, ""]).replace("params:\n\n", "")
    return {f"{wish.name}.yaml": text, f"prompts/{prompt}": parent.prompt}


# Private functions


def _head(name: str, about: str) -> list[str]:
    return [
        f"# yaml-language-server: $schema={SCHEMA}",
        "archgraph: 1",
        f"name: {name}",
        f"about: {about}",
    ]


def _whole(wish: Wish) -> str:
    log = _first(wish, "log")
    tools = _tools(wish)
    lines = [
        *_head(wish.name, "Say in a sentence what this agent remembers, and how."),
        "params:                          # what --set and suites may vary: `${model}` below",
        "  model: offline/extractive      # needs no key; or openai/gpt-4o-mini and the like",
        "  context_window: 8192           # tokens that one step may send, its answer included",
        "",
        *_stores(wish, log),
        "tools:                           # what a model may call: a verb of a store",
        "  send_message: {verb: reply}    # the only thing that the user reads",
        *_listed(tools),
        *(["  finish: {verb: finish}"] if len(wish.threads) > 1 else []),
        "",
        "threads:",
    ]
    for number, thread in enumerate(wish.threads):
        lines += _thread(wish, thread, log) if number == 0 else _tender(wish, thread)
    return "\n".join([*lines, ""])


def _first(wish: Wish, kind: str) -> str:
    return next((name for name, each in wish.stores.items() if each == kind), "")


def _stores(wish: Wish, log: str) -> list[str]:
    rows = []
    for name, kind in wish.stores.items():
        over = f"over: {log}" if kind == "queue" and log and name == _first(wish, "queue") else ""
        options = over or _LINES.get(kind, "capacity: 10" if kind == "queue" else "")
        body = f"  {name}: {{type: {kind}{f', {options}' if options else ''}}}"
        why = _WHY[kind] if kind in _WHY and (over or kind != "queue") else _NAMED.get(kind, "")
        rows.append((body, why))
    rows += [(f"  {each}_diary: {{type: log}}", f"the steps of {each}, apart from {log}")
             for each in wish.threads[1:]]  # fmt: skip
    width = max((len(body) for body, _ in rows), default=0)
    lines = [f"{body:<{width}}  # {why}" if why else body for body, why in rows]
    return ["stores:", *lines, ""]


def _tools(wish: Wish) -> dict[str, str]:
    """Tool name to its line: the usual verbs of each store, all verbs of a plugin's type."""
    found = {}
    view = _first(wish, "queue") if _first(wish, "log") else ""
    for name, kind in wish.stores.items():
        offered = stores.verbs(registry.get("stores", kind))
        for verb in _VERBS.get(kind, tuple(offered)):
            if verb in offered and name != view:
                found[f"{name}_{verb}"] = f"{{verb: {verb}, stores: [{name}]}}"
    return found


def _listed(tools: Mapping[str, str]) -> list[str]:
    return [f"  {name}: {line}" for name, line in tools.items()]


def _thread(wish: Wish, name: str, log: str) -> list[str]:
    """The thread that talks."""
    messages = _first(wish, "queue") or f"{{store: {log}, since: turn}}"
    shown = [each for each, kind in wish.stores.items() if kind not in ("log", "collection")]
    context = [*(each for each in shown if each != messages), messages]
    tools = ["send_message", *_tools(wish)]
    return [
        f"  {name}:",
        '    model: "${model}"',
        '    context_window: "${context_window}"',
        f"    prompt: {wish.name}/{name}.jinja2",
        f"    log: {log}",
        f"    context: [{', '.join(context)}]   # what every step sees, in this order",
        f"    tools: [{', '.join(tools)}]",
        "    triggers: [user_message]     # also: {every: 30m}, {idle: 10m}, {event: node.name}",
        "    heartbeat: {when: [requested, failed], max_steps: 6}   # further steps without input",
    ]


def _tender(wish: Wish, name: str) -> list[str]:
    """A thread that works between the turns of the first."""
    main, log = wish.threads[0], _first(wish, "log")
    shown = [each for each, kind in wish.stores.items() if kind in ("block", "tasks")]
    context = [*shown, f"{{store: {log}, since: last_run, of: {main}}}"]
    tools = [*_tools(wish), "finish"]
    return [
        f"  {name}:",
        '    model: "${model}"',
        '    context_window: "${context_window}"',
        f"    prompt: {wish.name}/{name}.jinja2",
        f"    log: {name}_diary",
        f"    context: [{', '.join(context)}]",
        f"    tools: [{', '.join(tools)}]",
        f"    triggers: [{{every: 5, of: {main}.turn, mode: background}}, {{idle: 10m}}]",
        "    heartbeat: {when: always, until: finish, max_steps: 4}",
    ]


_TALKS = """\
You talk with one person. The person reads only what you send with {{ tools[0].name }}.
Keep what will matter later. What is not in view, look up; do not invent.

Your tools:
{% for tool in tools %}- {{ tool.name }}: {{ tool.description }}
{% endfor %}
{#- Each store of `context` can be shown where you like, by its name in double braces; those that
    you do not name follow below. `counts`, `now` and `thread` are there too. #}
"""
_TENDS = """\
You do not talk with anyone. You read what was said lately and tend the memory of the one who does:
keep lasting facts, correct what has changed, drop what is wrong. Then finish.

Your tools:
{% for tool in tools %}- {{ tool.name }}: {{ tool.description }}
{% endfor %}
"""
