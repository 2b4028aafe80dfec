"""Which tools work on a list of tasks, by their words: push, plan, take, finish, give up.

Called by `extractive_tools` for each tool. A tool is one of these if its name, or the beginning
of its description, says a verb of that kind of tasks (`todo_add`, `Close a task ...`) and its
parameters fit: to finish or give up a task one must be able to name it, to push one to say it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

PUSH, PLAN, TAKE, FINISH, GIVE_UP = (
    *("push task", "plan tasks", "take task"),
    *("finish task", "give up task"),
)
ROLES = (PUSH, PLAN, TAKE, FINISH, GIVE_UP)
OTHER = "other"

_TASK = r"(?:tasks?|to-?dos?|jobs?|chores?|assignments?|(?:action|work) items?)"
_ADDING = r"push|add|put|plan|enqueue|queue|create|schedule|append"
_VERBS = {
    GIVE_UP: r"fail|give up|abandon|as failed",
    FINISH: r"finish|complete|done|close|resolve|(?:check|tick) off",
    TAKE: r"pop|take|next|dequeue|claim|pull|fetch",
    PLAN: _ADDING,
    PUSH: _ADDING,
}
_IN_NAME = {role: re.compile(rf"\b(?:{verbs})\b", re.I) for role, verbs in _VERBS.items()}
_IN_TEXT = {
    role: re.compile(rf"^\W*(?:{verbs})\W+(?:[\w-]+\W+){{0,3}}?{_TASK}\b", re.I)
    for role, verbs in _VERBS.items()
}
_ABOUT_TASKS = re.compile(rf"\b{_TASK}\b", re.I)
_IDENTIFIER = re.compile(r"^(?:\w+_)?id$", re.I)


def understand(
    name: str, about: str, properties: Mapping[str, Any], required: set[str]
) -> dict[str, Any]:
    """The role of a tool and the names of its parameters, as fields of `Tool`; empty if none.

    `name` has spaces between its words; `properties` are without what a thread injects.
    """
    strings = [n for n, schema in properties.items() if schema.get("type", "string") == "string"]
    lists = [n for n, schema in properties.items() if schema.get("type") == "array"]
    ids = [n for n in strings if _IDENTIFIER.search(n)]
    texts = [n for n in strings if n not in ids and not properties[n].get("enum")]
    texts.sort(key=lambda n: n not in required)
    needed = {n for n in texts + ids if n in required}
    fits = {
        GIVE_UP: bool(ids),
        FINISH: bool(ids),
        TAKE: not properties,
        PLAN: any(n in required for n in lists) and not needed,
        PUSH: bool(needed) and not ids,
    }
    role = next((role for role in fits if fits[role] and _says(role, name, about)), "")
    if role:
        items = next((n for n in lists if n in required), "")
        return {"role": role, "id": "".join(ids[:1]), "text": "".join(texts[:1]), "items": items}
    listing = properties and not needed and _ABOUT_TASKS.search(f"{name} {_first(about)}")
    return {"role": OTHER} if listing and not texts else {}


def _says(role: str, name: str, about: str) -> bool:
    where = f"{name} {_first(about)}" if role in (FINISH, GIVE_UP) else name
    named = _IN_NAME[role].search(name) and _ABOUT_TASKS.search(where)
    return bool(named or _IN_TEXT[role].search(about))


def _first(about: str) -> str:
    return about.partition(".")[0]
