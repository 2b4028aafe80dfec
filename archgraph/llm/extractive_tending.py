"""How a section of memory reads with news in it: written anew, or set field by field.

Called by the offline policy for a thread that tends memory in the background. Looks at what a
section holds now; knows no messages.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from archgraph.llm import extractive_facts as facts
from archgraph.llm import extractive_tools as tools
from archgraph.llm import extractive_words as words
from archgraph.llm.extractive_reading import Block, Window


def rewritten(
    window: Window, tool: tools.Tool, news: Sequence[str], roomy: bool
) -> dict[str, str] | None:
    """What to give a tool that writes a section anew: what it held, and the news.

    A line that a fact says anew goes. With `roomy` None if not all fits; without, the oldest
    lines are cut. A section that is not in view is not written over.
    """
    text = "\n".join(news)
    store = tools.best_store(tool, text, own(tool)) if tool.stores else ""
    block = next((b for b in window.blocks if b.label == store or not store), None)
    if block is None and roomy:
        return None
    held = block.text.splitlines() if block else []
    old = {found[1] for fact in news if block and (found := facts.superseded(fact, [block]))}
    lines = [*(line for line in held if line not in old), *news]
    limit = block.limit if block else 0
    if roomy and limit and len("\n".join(lines)) > limit:
        return None
    while limit and len(lines) > 1 and len("\n".join(lines)) > limit:
        lines.pop(0)
    return {"text": "\n".join(lines), **({"store": store} if store else {})}


def fields(window: Window, tool: tools.Tool, news: Sequence[str]) -> list[dict[str, str]]:
    """What to give a tool that sets fields of a JSON section, a call for each field.

    A fact goes into a text field whose name it shares a word with, else into the first list.
    """
    for block in window.blocks:
        held = _object(block)
        if held and (not tool.stores or block.label in tool.stores):
            store = {"store": block.label} if tool.stores else {}
            changed = _updated(held, news)
            return [{"key": k, "value": _json(v), **store} for k, v in changed.items()]
    return []


def _updated(held: dict[str, Any], news: Sequence[str]) -> dict[str, Any]:
    """The fields that change."""
    changed: dict[str, Any] = {}
    single = [key for key, value in held.items() if isinstance(value, str)]
    listed = next((key for key, value in held.items() if isinstance(value, list)), "")
    for fact in news:
        stems = words.stems(fact)
        key = next((key for key in single if words.stems(key.replace("_", " ")) & stems), "")
        if key:
            changed[key] = fact
        elif listed:
            known = changed.get(listed, held[listed])
            changed[listed] = [*known, fact]
    return changed


def _object(block: Block) -> dict[str, Any]:
    try:
        found = json.loads(block.text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def own(tool: tools.Tool) -> frozenset[str]:
    """Sections about the agent itself, where there are others: facts of users go elsewhere."""
    own = frozenset(store for store in tool.stores if tools.about_self(store))
    return own if len(own) < len(tool.stores) else frozenset()
