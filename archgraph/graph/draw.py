"""An architecture as text, Mermaid, SVG or plain data.

Called by `archgraph show`. Draws a plan's graph as it is; judges nothing and needs no network and
no outside program.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from archgraph.graph import budget, build, contrast, picture, plan, scene, tool_rules, wording
from archgraph.graph import mermaid as charts

_WIDTH = 96

# Public functions


def plain(built: plan.Plan) -> dict[str, Any]:
    """The graph as data: `nodes` (name, kind, label) and `edges` (from, to, type, background)."""
    return build.plain(build.graph(built, build.references(built)))


def text(built: plan.Plan) -> str:
    """The graph as an indented list: each thread with what it names, then the stores."""
    about = "\n".join(textwrap.wrap(" ".join(built.about.split()), _WIDTH))
    lines = [built.name, *([about] if about else [])]
    for thread in built.threads.values():
        lines += ["", *_thread(built, thread)]
    return "\n".join([*lines, "", *_stores(built)])


def mermaid(built: plan.Plan) -> str:
    """The graph as a Mermaid flowchart; triggers and background work are dashed."""
    return charts.mermaid(scene.scene(built))


def svg(built: plan.Plan, shares: scene.Shares | None = None) -> str:
    """The graph as a picture that stands on its own; `shares` tell of each thread's budget."""
    return picture.svg(scene.scene(built, shares))


def compared(before: plan.Plan, after: plan.Plan, form: str) -> str:
    """Two architectures as one drawing, in which what differs is marked: `svg` or `mermaid`."""
    both = contrast.contrast(scene.scene(before), scene.scene(after))
    return picture.svg(both) if form == "svg" else charts.mermaid(both)


def shares(sums: Iterable[budget.Budget]) -> dict[tuple[str, str], str]:
    """What pictures tell of a budget: how much of a window each of its parts can take."""
    return {
        (each.thread, line.node): f"at most {line.tokens:,} of {each.window:,} tokens, "
        f"{line.tokens / each.window:.0%}"
        for each in sums
        for line in each.lines
        if line.node
    }


# Private functions


def _thread(built: plan.Plan, thread: plan.ThreadPlan) -> list[str]:
    due = [
        wording.trigger(each) + (f" ({each.mode})" if each.mode != "foreground" else "")
        for each in thread.triggers
    ]
    kind = "pipeline" if thread.pipeline else "thread"
    lines = [f"{kind} {thread.name} on {thread.model}, {thread.context_window:,} tokens"]
    if thread.pipeline:
        return [*lines, *_part("due", due or ["never"], "; "), *_steps(built, thread)]
    shown = [wording.item(each) for each in thread.context]
    lines += _part("prompt", [thread.prompt])
    lines += _part("due", [*due, *_callers(built, thread)] or ["never"], "; ")
    lines += _part("sees", shown or ["nothing but its own run"])
    lines += _part("log", [thread.log])
    lines += _part("goes on", [wording.heartbeat(thread.heartbeat)])
    return [*lines, *_tools(built, thread), *_rules(thread)]


def _callers(built: plan.Plan, thread: plan.ThreadPlan) -> list[str]:
    """Who asks the thread, or tells it something, so that it needs no trigger."""
    return [
        f"when {other.name} calls {name}"
        for other in built.threads.values()
        for name in other.tools
        if thread.name in built.tools[name].threads
    ]


def _rules(thread: plan.ThreadPlan) -> list[str]:
    """The order in which tools may be called, as the model is told it."""
    lines = tool_rules.describe(thread.heartbeat.rules).split("\n")
    told = [line.removeprefix("- ") for line in lines]
    heads = ["  rules      ", *[" " * 13] * len(told)]
    return [head + line for head, line in zip(heads, told, strict=False)] if told[0] else []


def _part(title: str, words: Sequence[str], between: str = ", ") -> list[str]:
    """A heading and what belongs to it, broken between items and never within one."""
    lines = [f"  {title:<9}  "]
    for number, word in enumerate(words):
        piece = word + (between.rstrip() if number < len(words) - 1 else "")
        if lines[-1].strip() not in ("", title) and len(lines[-1]) + len(piece) > _WIDTH:
            lines.append(" " * 13)
        lines[-1] += piece + (" " if number < len(words) - 1 else "")
    return [line.rstrip() for line in lines]


def _tools(built: plan.Plan, thread: plan.ThreadPlan) -> list[str]:
    width = max(map(len, thread.tools), default=0)
    verbs = max((len(built.tools[name].verb) for name in thread.tools), default=0)
    lines = []
    for number, name in enumerate(thread.tools):
        tool = built.tools[name]
        head = "  may call   " if number == 0 else " " * 13
        targets = ", ".join(tool.bound)
        lines.append(f"{head}{name:<{width}}  {tool.verb:<{verbs}}  {targets}".rstrip())
    return lines


def _steps(built: plan.Plan, thread: plan.ThreadPlan) -> list[str]:
    width = max((len(step.operator) for step in thread.steps), default=0)
    lines = []
    for number, step in enumerate(thread.steps):
        head = "  does       " if number == 0 else " " * 13
        uses = [f"{kind} {store}" for store, kind in build.step_stores(built, step)]
        told = [", ".join(dict.fromkeys(uses))] if uses else []
        told += [f"as {step.result}"] if step.result else []
        told += [f"for each of {step.each}"] if step.each else []
        told += [f"when {wording.short(step.when)}"] if step.when else []
        lines.append(f"{head}{number + 1:>2}  {step.operator:<{width}}  {'; '.join(told)}".rstrip())
    return lines


def _stores(built: plan.Plan) -> list[str]:
    links = [
        each for each in build.edges(built, build.references(built)) if each[0] in built.stores
    ]
    name = max(map(len, built.stores), default=0)
    kind = max((len(store.type) for store in built.stores.values()), default=0)
    lines = ["stores"]
    for store in built.stores.values():
        told = list(scene.store_notes(store))
        told += [
            f"{how.replace('_', ' ')} {target}"
            for source, target, how, _ in links
            if source == store.name and how != "emits"
        ]
        lines.append(f"  {store.name:<{name}}  {store.type:<{kind}}  {', '.join(told)}".rstrip())
    return lines
