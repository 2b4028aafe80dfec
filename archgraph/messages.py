"""The values that cross every seam: what a model is sent and what it answers.

Used by gateways, tools, stores and the runtime. Knows none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Wire = dict[str, Any]
"""A message or a tool schema in the shape of the OpenAI chat API, ready to be sent."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model's wish to call a tool. `arguments` is the raw JSON text, possibly malformed."""

    id: str
    name: str
    arguments: str

    def wire(self) -> Wire:
        """The call as the chat API writes it."""
        return {
            "id": self.id,
            "type": "function",
            "function": {"name": self.name, "arguments": self.arguments},
        }


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool call came to. `text` is what the model will read."""

    call_id: str
    name: str
    ok: bool
    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and money of one model call. `cost` is in US dollars, None where unknown."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's answer: text, tool calls, or both.

    `reasoning` is the model's own thinking where the provider returns it apart from the text.
    """

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage = field(default_factory=Usage)
    finish_reason: str = "stop"
    model: str = ""
    reasoning: str = ""

    def to_json(self) -> dict[str, Any]:
        """A plain form without what is empty, which `from_json` reads back."""
        usage = self.usage
        plain = {
            "text": self.text,
            "tool_calls": [[call.id, call.name, call.arguments] for call in self.tool_calls],
            "usage": [
                usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens, usage.cost,
            ],
            "finish_reason": self.finish_reason,
            "model": self.model,
            "reasoning": self.reasoning,
        }  # fmt: skip
        return {key: value for key, value in plain.items() if value}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Completion:
        """Read what `to_json` wrote."""
        return cls(
            text=data.get("text", ""),
            tool_calls=tuple(ToolCall(*call) for call in data.get("tool_calls", ())),
            usage=Usage(*data["usage"]),
            finish_reason=data.get("finish_reason", ""),
            model=data.get("model", ""),
            reasoning=data.get("reasoning", ""),
        )
