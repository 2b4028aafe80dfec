"""What the offline policy does in one step: calls of tools, or a text.

Used by the modules that decide. Knows no rules.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from archgraph.llm import extractive_tools as tools


@dataclass(frozen=True, slots=True)
class Call:
    """A tool to call, with its arguments."""

    tool: tools.Tool
    arguments: dict[str, Any]

    def wire(self) -> str:
        """The arguments as JSON text, as a model would send them."""
        return json.dumps(self.arguments, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Move:
    """What the policy does in one step: calls, or a text, or neither where all is done."""

    calls: tuple[Call, ...] = ()
    text: str = ""

    @property
    def rests(self) -> bool:
        """Whether it does no more than to end the work."""
        return not self.text and all(call.tool.role == tools.FINISH for call in self.calls)
