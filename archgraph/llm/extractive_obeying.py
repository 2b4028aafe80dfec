"""What the system tells the offline policy to do, and what other threads have answered.

Called by `extractive_policy`. Knows messages and tools by their words, and no architecture.
"""

from __future__ import annotations

import re

from archgraph.llm import extractive_tools as tools
from archgraph.llm.extractive_reading import Window

_ANSWER = re.compile(r"[\w ]{1,40}\b(?:answers|replies|reports): (.+)", re.S)
_ALLOWED = re.compile(r"\ballowed(?: \w+)?: (.+)", re.I)
_DEMAND = re.compile(r"\b(?:must|have to|need to) call\b[: ]*(.+)", re.I)


def demanded(window: Window, kit: tools.Kit) -> tools.Tool | None:
    """The tool that a message, just received, says must be called, or alone may be."""
    last = window.events[-1] if window.events else None
    demand = _DEMAND.search(last.text) if last and last.kind in ("note", "idle") else None
    if last and last.kind == "result" and not last.ok:
        demand = _ALLOWED.search(last.text)
    if demand is None:
        return None
    told = demand[1]
    return next((t for t in kit.tools if re.search(rf"\b{re.escape(t.name)}\b", told)), None)


def passed_on(window: Window) -> str:
    """What another thread has answered since the user wrote, in a message from the system."""
    since = [each.text for each in window.events[window.asked + 1 :] if each.kind == "note"]
    answers = [found[1].strip() for text in since if (found := _ANSWER.match(text))]
    return "" if not answers or answers[-1].startswith("(") else answers[-1]
