"""Which tools work on one record by its id, and which take more than a text to write.

Called by `extractive_tools` for each tool, after `extractive_job_tools`. A tool is one of these if
its name, or the first words of its description, say such a verb, and its parameters fit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from archgraph.llm import extractive_fields as fields

UPDATE, REMOVE, LINK, READ, WRITE = (
    *("update record", "remove record", "link records", "read record"),
    "write",
)

_VERBS = {
    UPDATE: r"update|replace|change|revise|edit|correct|rewrite|amend|modify",
    REMOVE: r"remove|delete|forget|discard|erase|drop|invalidate|expire|retire",
    READ: r"read|open|look ?up|show|get|fetch|view|recall|load|turn to",
}
_LINKS = re.compile(r"\b(?:links?|connect|relate|associate|join)\b", re.I)
_WRITES = re.compile(
    r"\b(?:insert|add|save|store|remember|write|record|keep|memori[sz]e|append|archive|file)\b",
    re.I,
)
_ADVISES = re.compile(r"guidance|advi[cs]e|hint|note for|for the (?:other|next) thread", re.I)
_ID = re.compile(
    r"^(?:\w+ )?(?:ids?|page|number)\b|\bthe id of|\bidentifier of|\bid of the\b", re.I
)
_TASK = re.compile(r"\b(?:tasks?|to-?dos?|jobs?|chores?)\b", re.I)
_KIND = re.compile(r"^(?:\w+ )*(?:kind|type|category|sort|class|status|mood|level|topic)$", re.I)
_TEXTS = (fields.STATEMENT, fields.WHOLE, fields.GUIDANCE, fields.SUMMARY)


def understand(
    name: str,
    about: str,
    properties: Mapping[str, Any],
    required: set[str],
    found: Mapping[str, Any],
) -> dict[str, Any]:
    """The role of a tool and the names of its parameters, as fields of `Tool`; empty if none.

    `found` is what was understood of the parameters before.
    """
    if _TASK.search(f"{name} . {about.partition('.')[0]}"):
        return {}
    properties = {n: s for n, s in properties.items() if "default" not in s}
    strings = {n: s for n, s in properties.items() if s.get("type", "string") == "string"}
    said = {n: f"{fields.spaced(n)} {s.get('description') or ''}" for n, s in strings.items()}
    ids = [n for n in strings if _ID.search(said[n]) and n in required]
    first = f"{name} . {' '.join(about.split()[:2])}"
    others = {n for n in required if n in strings and n not in ids}
    if len(ids) == 2 and _LINKS.search(first):
        kind = "".join(sorted(others)[:1])
        return {"role": LINK, "id": ids[0], "target": ids[1], "text": kind}
    if len(ids) == 1:
        role = _by_id(first, bool(others))
        text = next((n for n in strings if n in others and not strings[n].get("enum")), "")
        more = {n: s for n, s in properties.items() if n not in (ids[0], text)}
        return {"role": role, "id": ids[0], "text": text, "more": more} if role else {}
    return _writes(f"{first} . {about}", first, properties, found) if not ids else {}


def _by_id(first: str, more: bool) -> str:
    for role, verbs in _VERBS.items():
        if re.search(rf"\b(?:{verbs})\w{{0,2}}\b", first, re.I) and more == (role == UPDATE):
            return role
    return ""


def _writes(
    said: str, first: str, properties: Mapping[str, Any], found: Mapping[str, Any]
) -> dict[str, Any]:
    """A tool that writes a text with fields beside it."""
    other = any(found.get(key) for key in ("page", "old", "key"))
    if other or not _WRITES.search(first) or _ADVISES.search(said):
        return {}
    store = str(found.get("store") or "")
    kind = bool(_KIND.match(fields.spaced(store)))
    plain = {n: s for n, s in properties.items() if n != store or kind}
    read = fields.read({"properties": plain})
    texts = [f.name for f in read if f.type == "string" and f.meaning in _TEXTS and not f.enum]
    text = texts[0] if texts else str(found.get("text") or "")
    more = {n: s for n, s in plain.items() if n != text}
    if not text or not more:
        return {}
    return {"role": WRITE, "text": text, "more": more} | (
        {"store": "", "stores": ()} if kind else {}
    )
