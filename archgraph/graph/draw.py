"""An architecture as text, Mermaid, SVG or plain data.

Called by `archgraph show`. Draws a plan's graph as it is; judges nothing and needs no network and
no outside program.
"""

from __future__ import annotations

from typing import Any

from archgraph.graph import build, picture, plan

_SHAPES = {
    "store": ('[("', '")]'),
    "tool": ('("', '")'),
    "thread": ('{{"', '"}}'),
    "event": ('>"', '"]'),
}
_STYLES = "\n".join(
    f"  classDef {kind} fill:{fill},stroke:{stroke},color:#111"
    for kind, (fill, stroke) in picture.COLOURS.items()
)

# Public functions


def plain(built: plan.Plan) -> dict[str, Any]:
    """The graph as data: `nodes` (name, kind, label) and `edges` (from, to, type, background)."""
    return build.plain(build.graph(built, build.references(built)))


def text(built: plan.Plan) -> str:
    """The graph as an indented list: each thread with what it names, then tools and stores."""
    lines = [f"{built.name}: {built.about}" if built.about else built.name]
    for thread in built.threads.values():
        lines += ["", *_thread(built, thread)]
    lines += ["", "stores"]
    links = [
        each for each in build.edges(built, build.references(built)) if each[0] in built.stores
    ]
    for store in built.stores.values():
        named = [
            f"{kind.replace('_', ' ')} {target}"
            for source, target, kind, _ in links
            if source == store.name and kind != "emits"
        ]
        lines.append("  " + ", ".join([f"{store.name}: {store.type}", *named]))
    return "\n".join(lines)


def mermaid(built: plan.Plan) -> str:
    """The graph as a Mermaid flowchart; triggers and background work are dashed."""
    found = plain(built)
    names = {node["name"]: f"n{index}" for index, node in enumerate(found["nodes"])}
    lines = ["flowchart LR"]
    for node in found["nodes"]:
        left, right = _SHAPES[node["kind"]]
        label = _quoted(picture.label(node)).replace("\n", "<br/>")
        lines.append(f"  {names[node['name']]}{left}{label}{right}:::{node['kind']}")
    for edge in found["edges"]:
        arrow = "-.->" if picture.dashed(edge) else "-->"
        kind = edge["type"].replace("_", " ")
        lines.append(f"  {names[edge['from']]} {arrow}|{kind}| {names[edge['to']]}")
    return "\n".join([*lines, _STYLES]) + "\n"


def svg(built: plan.Plan) -> str:
    """The graph as a picture that stands on its own."""
    return picture.svg(plain(built))


# Private functions


def _thread(built: plan.Plan, thread: plan.ThreadPlan) -> list[str]:
    due = [
        build.event_name(each) + (f" ({each.mode})" if each.mode != "foreground" else "")
        for each in thread.triggers
    ]
    beat = ", ".join(thread.heartbeat.when) or "never"
    beat += f", until {thread.heartbeat.until}" if thread.heartbeat.until else ""
    beat += f", while {thread.heartbeat.while_open} is open" if thread.heartbeat.while_open else ""
    lines = [
        f"thread {thread.name} on {thread.model}, {thread.context_window:,} tokens",
        f"  prompt     {thread.prompt}",
        f"  due        {'; '.join(due) or 'never'}",
        f"  shows      {', '.join(map(_item, thread.context)) or 'nothing but its own run'}",
        f"  log        {thread.log}",
        f"  heartbeat  {beat}",
    ]
    width = max(map(len, thread.tools), default=0)
    for number, name in enumerate(thread.tools):
        tool = built.tools[name]
        head = "  tools      " if number == 0 else " " * 13
        stores = f" {', '.join(tool.stores)}" if tool.stores else ""
        lines.append(f"{head}{name:<{width}}  {tool.verb}{stores}")
    return lines


def _item(item: plan.ContextItem) -> str:
    if item.mode == "search":
        return f"{item.k} found in {item.store}"
    of = f" of {item.of}" if item.of else ""
    return f"{item.store} since {item.since}{of}" if item.since else item.store


def _quoted(label: str) -> str:
    for sign, code in (("#", "#35;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;")):
        label = label.replace(sign, code)
    return label
