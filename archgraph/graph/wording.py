"""What parts of a plan are called where people read of them: triggers, context items, options.

Called by whatever draws or tells of a plan. Knows no picture and no file.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from archgraph import errors, registry
from archgraph.graph import build, plan

_EVENTS = {
    "turn": "turns", "run": "runs", "step": "steps", "reply": "replies", "write": "writes",
    "message": "messages", "case_end": "case ends",
}  # fmt: skip
_LONGEST = 60

# Public functions


def trigger(found: plan.TriggerPlan) -> str:
    """When a trigger fires, in words: `every 5 turns of main`."""
    node, _, event = found.event.partition(".")
    if found.kind == "user_message":
        return "user message"
    if found.kind == "timer":
        return f"every {build.duration(found.seconds)}"
    if found.kind == "at":
        return f"at {found.cron}"
    if found.kind == "idle":
        return f"idle {build.duration(found.seconds)}"
    if found.kind == "crosses":
        rise = " since last run" if found.since else ""
        return f"{found.measure} > {found.over:g}{rise}"
    if found.kind == "signal":
        return f"signal {found.event}"
    words = _EVENTS.get(event, event.replace("_", " "))
    if found.kind == "every" and found.count > 1:
        return f"every {found.count} {words}" + (f" of {node}" if node != "agent" else "")
    return f"agent {event}".replace("_", " ") if node == "agent" else found.event


def source(found: plan.TriggerPlan) -> str:
    """The node whose event, measure or signal a trigger waits for; empty if there is none."""
    name = (found.event or found.measure).partition(".")[0]
    return "" if name == "agent" else name


def item(found: plan.ContextItem) -> str:
    """A part of a context window: `recall since last run of main`."""
    if found.mode == "search":
        return f"{found.k} found in {found.store}"
    of = f" of {found.of}" if found.of else ""
    if found.since:
        return f"{found.store} since {found.since.replace('_', ' ')}{of}"
    return found.store


def heartbeat(found: plan.HeartbeatPlan) -> str:
    """When a thread goes on by itself: `requested, failed; at most 20 steps`."""
    beat = ", ".join(found.when) or "never"
    beat += f", until {found.until}" if found.until else ""
    beat += f", while {found.while_open} is open" if found.while_open else ""
    return beat if beat == "never" else f"{beat}; at most {found.max_steps} steps"


def options(store: plan.StorePlan) -> dict[str, Any]:
    """A store's options that are not what its type has anyway."""
    return _unusual(store.options, defaults("stores", store.type))


def defaults(kind: str, name: str) -> dict[str, Any]:
    """The plain default of each option of a registered type; empty if the type is not there."""
    try:
        fields = registry.get(kind, name).Options.model_fields
    except (errors.ArchgraphError, AttributeError):
        return {}
    found = {}
    for key, field in fields.items():
        if not field.is_required():
            value = field.get_default(call_default_factory=True, validated_data={})
            found[field.alias or key] = plain(value)
    return found


def changed(thread: plan.ThreadPlan) -> dict[str, Any]:
    """A thread's settings that are not what threads have anyway."""
    skipped = ("name", "model", "context_window", "prompt", "log", "context", "tools", "triggers",
               "heartbeat", "kind", "steps")  # fmt: skip
    found = {}
    for field in dataclasses.fields(thread):
        usual = field.default
        if field.default_factory is not dataclasses.MISSING:
            usual = field.default_factory()
        value = getattr(thread, field.name)
        if field.name not in skipped and value != usual:
            found[field.name] = value
    return found


def pairs(values: Mapping[str, Any]) -> str:
    """Options as one line: `limit 2000, readonly`."""
    return ", ".join(
        key if value is True else f"not {key}" if value is False else f"{key} {short(value)}"
        for key, value in values.items()
    )


def short(value: Any, longest: int = _LONGEST) -> str:
    """A value on one line, as people write it."""
    if value in (None, "", (), [], {}):
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        told = ", ".join(
            f"{key} {short(each)}" for key, each in value.items() if each not in (None, "", {}, [])
        )
    elif isinstance(value, list | tuple):
        told = ", ".join(short(each) for each in value)
    elif isinstance(value, float):
        told = f"{value:g}"
    else:
        told = " ".join(str(value).split())
    return told if len(told) <= longest else told[: longest - 1] + "…"


def plain(value: Any) -> Any:
    """A default as the plan has it."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value


# Private functions


def _unusual(values: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for key, value in values.items():
        known = usual.get(key)
        if isinstance(value, Mapping) and isinstance(known, Mapping):
            value = _unusual(value, known) or known
        if value is not None and value != known:
            found[key] = value
    return found
