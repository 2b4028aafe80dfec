"""The plan of an architecture whose references are known to be right.

Called by `compile`, and by the rules that look at the whole. Judges nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from archgraph.graph import design, plan, tool_rules
from archgraph.spec import architecture, rules, triggers

# Public functions


def make(found: design.Design) -> plan.Plan:
    """The plan of an architecture whose references are known to be right."""
    spec = found.spec
    source = found.loaded.source
    prompts = {name: template.source for name, template in found.templates.items()}
    return plan.Plan(
        name=spec.name,
        about=spec.about,
        source=source,
        digest=_digest(source, prompts),
        stores={
            name: plan.StorePlan(name, store.type, store.options)
            for name, store in spec.stores.items()
        },
        tools={name: tool_plan(found, name) for name in spec.tools},
        threads={name: _thread(found, name) for name in spec.threads},
        prompts=prompts,
        embedder=spec.embedder,
    )


def tool_plan(found: design.Design, name: str) -> plan.ToolPlan:
    """A tool with the schema that its verb gives it."""
    spec = found.spec.tools[name]
    verb = found.tool_verb(name)
    assert verb is not None, f"{name} has no verb, which a check should have told"
    bound, what = (spec.threads, "thread") if spec.threads else (spec.stores, "store")
    argument = store_argument(verb.parameters, what) if len(bound) > 1 else ""
    properties: dict[str, Any] = {}
    if argument:
        which = f"Which one to use: {' or '.join(bound)}."
        properties[argument] = {"type": "string", "enum": list(bound), "description": which}
    properties |= {
        key: value for key, value in verb.parameters["properties"].items() if key not in spec.fixed
    }
    required = [key for key in verb.parameters.get("required", []) if key not in spec.fixed]
    return plan.ToolPlan(
        name=name,
        verb=verb.name,
        stores=tuple(spec.stores),
        description=" ".join(spec.about.split()) or verb.description,
        parameters={
            "type": "object",
            "properties": properties,
            "required": [argument, *required] if argument else required,
        },
        store_argument=argument,
        fixed=dict(spec.fixed),
        writes=verb.writes,
        reads=verb.reads,
        threads=tuple(spec.threads),
        within=triggers.seconds(spec.within) if spec.within else 0.0,
        mode=spec.mode or "",
        outside=None if spec.verb else found.offers.plan(name, spec),
    )


def store_argument(parameters: Mapping[str, Any], what: str = "store") -> str:
    """What the argument is called that chooses the store, or the thread."""
    return "name" if "name" not in parameters["properties"] else what


# Private functions


def _digest(source: Mapping[str, Any], prompts: Mapping[str, str]) -> str:
    text = json.dumps([source, prompts], sort_keys=True, ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _pipeline(found: design.Design, name: str) -> plan.ThreadPlan:
    spec = found.spec.threads[name]
    return plan.ThreadPlan(
        name=name,
        model=spec.model,
        context_window=spec.context_window,
        prompt="",
        log="",
        context=(),
        triggers=tuple(_trigger(trigger, name, found) for trigger in spec.triggers),
        max_tokens=spec.max_tokens,
        options=dict(spec.options),
        kind="pipeline",
        steps=tuple(_steps(found, name)),
        max_failures=getattr(spec, "max_failures", 3),
    )


def _steps(found: design.Design, name: str) -> Iterator[plan.StepPlan]:
    steps = found.spec.steps.get(name, [])
    for step, options in zip(steps, found.loaded.operators.get(name, ()), strict=True):
        modifiers = (step.result or "", step.when or "", step.each or "")
        folders = found.offers.folders if options.calls() else ()
        yield plan.StepPlan(step.operator, step.options, *modifiers, folders)


def _thread(found: design.Design, name: str) -> plan.ThreadPlan:
    spec = found.spec.threads[name]
    if not isinstance(spec, architecture.Thread):
        return _pipeline(found, name)
    return plan.ThreadPlan(
        name=name,
        model=spec.model,
        context_window=spec.context_window,
        prompt=spec.prompt,
        log=found.log_of(name),
        context=tuple(_item(item, spec) for item in spec.context),
        tools=tuple(found.tools_of(name)),
        triggers=tuple(_trigger(trigger, name, found) for trigger in spec.triggers),
        heartbeat=_heartbeat(spec.heartbeat),
        max_tokens=spec.max_tokens,
        refresh=spec.refresh,
        thoughts=spec.thoughts,
        protocol=spec.protocol,
        overflow=spec.overflow,
        options=dict(spec.options),
    )


def _item(item: architecture.ContextItem, thread: architecture.Thread) -> plan.ContextItem:
    if item.since:
        cap = item.cap or default_cap(thread)
        return plan.ContextItem(item.store, "since", since=item.since, of=item.of or "", cap=cap)
    if item.search:
        cap = item.cap or default_cap(thread)
        search = item.search
        return plan.ContextItem(item.store, "search", query=search.query, k=search.k, cap=cap)
    return plan.ContextItem(item.store, cap=item.cap or 0)


def default_cap(thread: architecture.Thread) -> int:
    """Tokens that new messages or search results may take: a quarter of the context window."""
    return thread.context_window // 4


def _trigger(spec: architecture.Trigger, thread: str, found: design.Design) -> plan.TriggerPlan:
    kind, values = _kind(spec)
    source = str(values.get("event", "")).partition(".")[0]
    of_other = kind == "every" and source != thread and source in found.spec.threads
    background = kind in ("timer", "at", "idle") or of_other
    mode = spec.mode or ("background" if background else "foreground")
    where = {
        key: tuple(value) if isinstance(value, list) else (value,)
        for key, value in (spec.where or {}).items()
    }
    return plan.TriggerPlan(
        kind, **values, say=spec.say or "", mode=mode, busy=spec.busy, where=where,
        quiet=spec.say is False,
    )  # fmt: skip


def _kind(spec: architecture.Trigger) -> tuple[str, dict[str, Any]]:
    if spec.event == "user_message":
        return "user_message", {}
    if spec.event:
        return "event", {"event": spec.event}
    if isinstance(spec.every, int):
        return "every", {"event": spec.of, "count": spec.every}
    if spec.every:
        return "timer", {"seconds": triggers.seconds(spec.every)}
    if spec.at:
        return "at", {"cron": spec.at}
    if spec.idle:
        return "idle", {"seconds": triggers.seconds(spec.idle)}
    if spec.crosses:
        crosses = spec.crosses
        since = crosses.since or ""
        return "crosses", {"measure": crosses.of, "over": crosses.over, "since": since}
    return "signal", {"event": spec.signal}


def _heartbeat(spec: architecture.Heartbeat | str) -> plan.HeartbeatPlan:
    if isinstance(spec, str):
        return plan.HeartbeatPlan()
    given = spec.rules
    return plan.HeartbeatPlan(
        when=tuple(spec.when),
        until=spec.until or "",
        while_open=(spec.while_open or "").removesuffix(".open"),
        max_steps=spec.max_steps,
        max_failures=spec.max_failures,
        max_repeats=spec.max_repeats,
        rules=plan.ToolRules(
            first=tuple(given.first),
            last=tuple(given.last),
            then={name: tuple(after) for name, after in given.then.items()},
            at_most=dict(given.at_most),
            required=tuple(given.required),
            approval=tuple(given.approval),
            go_on=tuple(given.go_on),
            after={name: tuple(before) for name, before in given.after.items()},
            branch={name: _branch(given) for name, given in given.branch.items()},
            prefill=_prefill(given),
        ),
    )


def _branch(given: Mapping[str, list[str]]) -> plan.Branch:
    when = {pattern: tuple(names) for pattern, names in given.items() if pattern != rules.ELSE}
    rest = given.get(rules.ELSE, [rules.ANY])
    named = tuple(name for name in rest if name not in (rules.ANY, rules.NOTHING))
    return plan.Branch(when, named, strict=rest == [rules.NOTHING])


def _prefill(given: rules.Rules) -> dict[str, dict[str, dict[str, Any]]]:
    """The arguments that rules set, by the tool before and the tool itself."""
    every = {tool_rules.FIRST: given.first, **given.then}
    found = {
        before: {name: dict(values) for name, values in calls.items() if values}
        for before, calls in every.items()
    }
    return {before: calls for before, calls in found.items() if calls}
