"""The confound lint: in what, beside the architecture, the arms of a suite differ.

Called by `build`; its sentences stand in the plan and above every table. Arms that a suite makes
by `models`, `vary` or `ablate`, or by setting something of one and the same architecture, differ on
purpose and are left out: only their default arms are compared. Judges nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from archgraph import errors, prompts
from archgraph.graph import plan as plans
from archgraph.graph import tool_rules
from archgraph.llm import tokens
from archgraph.suites import plan
from archgraph.suites.datasets import base as datasets
from archgraph.suites.datasets import case as cases
from archgraph.suites.planning import arms, load

FACTOR = 2.0
"""Prompts that differ by more than this are named; a prompt half as long is no longer the same."""

_SHOWN = 4
"""Arms that are named for one value; the others are counted."""

_Fact = Callable[[plans.Plan], Any]


# Public functions


def lint(suite: load.Suite) -> tuple[str, ...]:
    """One sentence for each confound, the ones that weigh most first."""
    default = list(_default(suite.arms.found))
    found: list[str] = []
    for what, fact, why in _FACTS:
        found += _differing(what, fact, why, default)
    found += _prompt_sizes(default)
    found += _misfits(suite)
    found += _unreferenced(suite)
    found += _splits(suite.work.datasets)
    return tuple(found)


def prompt_tokens(made: plans.Plan) -> int:
    """Tokens of the system prompt and the tool schemas of the thread that answers the user.

    Stores are taken as empty. 0 where a template cannot be rendered so.
    """
    thread = answering(made)
    if thread is None or thread.pipeline:
        return 0
    counter = tokens.counter(thread.model)
    values = {
        **{item.store: "" for item in thread.context},
        "tools": [made.tools[name] for name in thread.tools],
        "rules": tool_rules.describe(thread.heartbeat.rules),
        "thread": thread.name,
        "now": "2023-05-08 13:56:00 Mon",
        "counts": dict.fromkeys(made.stores, 0),
    }
    try:
        text = prompts.render(made.prompts[thread.prompt], values).strip()
    except errors.TemplateError:
        return 0
    schemas = json.dumps(made.schemas(thread)) if thread.tools else ""
    return counter.count(text) + counter.count(schemas)


def answering(made: plans.Plan) -> plans.ThreadPlan | None:
    """The thread that hears the user; of several the first."""
    heard = [each for each in made.threads.values()
             if any(trigger.kind == "user_message" for trigger in each.triggers)]  # fmt: skip
    return next(iter([each for each in heard if not each.pipeline] or heard), None)


def history_tokens(found: Sequence[cases.Conversation], counter: tokens.TokenCounter) -> list[int]:
    """Tokens of each conversation's items, each item as a message; equal texts are counted once."""
    counted: dict[str, int] = {}
    sizes = []
    for each in found:
        for item in each.items:
            if item.text not in counted:
                counted[item.text] = counter.count(item.text) + tokens.PER_MESSAGE
        sizes.append(sum(counted[item.text] for item in each.items))
    return sizes


# What arms may differ in


def _models(made: plans.Plan) -> tuple[str, ...]:
    return tuple(sorted({thread.model for thread in made.threads.values()}))


def _options(made: plans.Plan) -> str:
    thread = answering(made)
    shown = {} if thread is None else dict(thread.options)
    return json.dumps(shown, sort_keys=True, default=str) if shown else "none"


def _window(made: plans.Plan) -> int:
    thread = answering(made)
    return thread.context_window if thread is not None else 0


def _reply(made: plans.Plan) -> int:
    thread = answering(made)
    return thread.max_tokens if thread is not None else 0


def _results(made: plans.Plan) -> tuple[int, ...]:
    """How many results searches give: of tools, of context windows, of pipelines."""
    found: set[int] = set()
    for tool in made.tools.values():
        if tool.verb.startswith("search"):
            sizes = (made.stores[name].options.get("page_size") for name in tool.stores)
            found |= {size for size in sizes if isinstance(size, int)}
    for thread in made.threads.values():
        found |= {item.k for item in thread.context if item.mode == "search"}
        steps = [step.options for step in thread.steps if step.operator == "retrieve"]
        found |= {size for each in steps if isinstance(size := each.get("k"), int)}
    return tuple(sorted(found))


def _steps(made: plans.Plan) -> int:
    """The most steps of a run, for threads that may take more than one."""
    thread = answering(made)
    beat = thread.heartbeat if thread is not None else plans.HeartbeatPlan(max_steps=0)
    return beat.max_steps if beat.when or beat.while_open else 0


def _failures(made: plans.Plan) -> int:
    thread = answering(made)
    return thread.heartbeat.max_failures if thread is not None and _steps(made) else 0


_FACTS: Sequence[tuple[str, _Fact, str]] = (
    ("model", _models, "a difference may be the model's"),
    ("model options", _options, "a difference may come from how the model is asked"),
    ("embedder", lambda made: made.embedder, "a difference may be the embedder's"),
    ("context window", _window, "an arm with more room may win by it alone"),
    ("search results", _results, "an arm that is shown more may win by it alone"),
    ("room for an answer", _reply, "a shorter answer may be cut"),
    ("steps per run", _steps, "an arm with more steps has more attempts"),
    ("failed steps in a row", _failures, "an arm that may fail more often has more attempts"),
)
"""What is compared, how it is read off a plan, and why it matters. Empty and 0 do not count."""


def _differing(what: str, fact: _Fact, why: str, default: Sequence[plan.Arm]) -> Iterator[str]:
    groups: dict[Any, list[str]] = {}
    for arm in default:
        value = fact(arm.plan)
        if value:
            groups.setdefault(value, []).append(arm.name)
    if len(groups) > 1:
        told = "; ".join(f"{_value(value)} in {_names(names)}" for value, names in groups.items())
        yield f"{what}: {told}: {why}"


def _prompt_sizes(default: Sequence[plan.Arm]) -> Iterator[str]:
    sizes = {arm.name: size for arm in default if (size := prompt_tokens(arm.plan))}
    if len(sizes) > 1:
        least, most = min(sizes.values()), max(sizes.values())
        if most > FACTOR * least:
            told = ", ".join(f"{name} {size:,}" for name, size in sizes.items())
            yield (f"prompt size (tokens of system prompt and tool schemas): {told}: every step "
                   "of a longer prompt costs more and leaves less room")  # fmt: skip


# What else a reader has to know


def _misfits(suite: load.Suite) -> Iterator[str]:
    """Arms that fail when their window is full, with data that does not fit into it."""
    sizes: dict[tuple[str, str], list[int]] = {}
    for arm in suite.arms.found:
        thread = answering(arm.plan)
        if thread is None or thread.overflow != "fail":
            continue
        if arm.plan.source.get("feed") == "evidence":
            continue  # it is fed a few items only
        counter = tokens.counter(thread.model)
        room = thread.context_window - thread.max_tokens - prompt_tokens(arm.plan)
        for label, found in suite.work.conversations.items():
            key = (label, counter.id)
            if key not in sizes:
                sizes[key] = history_tokens(found, counter)
            over = [each for each in sizes[key] if each > room]
            if over:
                yield (f"{arm.name} cannot hold {len(over)} of {len(sizes[key])} histories of "
                       f"{label} (up to {max(over):,} tokens, room for {room:,}): its trials there "
                       "fail and count as wrong")  # fmt: skip


def _unreferenced(suite: load.Suite) -> Iterator[str]:
    names = {arm.architecture for arm in suite.arms.found}
    if len(names) > 1 and not names & set(arms.REFERENCE):
        yield (f"no reference arm: without one of {', '.join(arms.REFERENCE[:4])} nothing shows "
               "whether memory helps at all")  # fmt: skip


def _splits(found: Mapping[str, datasets.Dataset]) -> Iterator[str]:
    for label, each in found.items():
        if "dev" in each.split.split() or each.split.startswith("dev"):
            yield (f"{label} is of the split {each.split!r}: defaults of archgraph were chosen on "
                   "it, so its scores flatter")  # fmt: skip


# Words


def _default(found: Sequence[plan.Arm]) -> Iterator[plan.Arm]:
    """Of each architecture the first arm that nothing was varied in or taken from.

    Further ones of the same architecture (other models, or set apart by `set`) differ on purpose.
    """
    seen: set[str] = set()
    for arm in found:
        if not arm.of and arm.architecture not in seen:
            seen.add(arm.architecture)
            yield arm


def _value(value: Any) -> str:
    if isinstance(value, tuple):
        return " and ".join(_value(each) for each in value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
