"""The networkx form of an architecture, and the questions that are asked of it.

Called by the flow rules, by `diff` and by `draw`. Edges lead from the node that names another to
the node that is named, save `emits` and `triggers`, which lead from cause to effect.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from archgraph import registry
from archgraph.graph import plan, tool_rules

if TYPE_CHECKING:
    import networkx as nx

START = "<start>"
USER = "user"
_REST = tool_rules.Progress()

# Public functions


def graph(built: plan.Plan, references: Mapping[str, Mapping[str, str]]) -> nx.MultiDiGraph:
    """The graph of a plan.

    Nodes have `kind` (`store`, `tool`, `thread`, `event`) and `label`; edges have `type` (`shows`,
    `logs`, `offers`, `reads`, `writes`, `uses`, `calls`, `over`, `evicts_into`, `refers`, `emits`,
    `triggers`, and for tool rules `first`, `then`, `after`, `branch`,
    `at_most`, `requires`, `approves`, `continues`, `ends`), which is also their key, and
    `background` where that differs.

    Args:
        built: the plan.
        references: for each store what its options name, by option path.
    """
    import networkx as nx

    out = nx.MultiDiGraph(name=built.name)
    for store in built.stores.values():
        out.add_node(store.name, kind="store", label=store.type)
    for tool in built.tools.values():
        label = f"{tool.verb} {tool.bound[0]}" if tool.outside else tool.verb
        out.add_node(tool.name, kind="tool", label=label)
    for thread in built.threads.values():
        out.add_node(thread.name, kind="thread", label=thread.model)
    for source, target, kind, background in edges(built, references):
        for name in (source, target):
            if name not in out:
                out.add_node(name, kind="event", label=name)
        out.add_edge(source, target, key=kind, type=kind, background=background)
    return out


def edges(
    built: plan.Plan, references: Mapping[str, Mapping[str, str]]
) -> list[tuple[str, str, str, bool]]:
    """All edges as source, target, type and whether they are background work."""
    found = []
    for store, named in references.items():
        for option, target in named.items():
            found.append((store, target, _edge_type(option), False))
    for tool in built.tools.values():
        found += [
            (tool.name, store, kind, False) for store in tool.stores for kind in _use(built, tool)
        ]
        later = tool.mode == "background"
        found += [(tool.name, thread, "calls", later) for thread in tool.threads]
    for thread in built.threads.values():
        found += _thread_edges(thread)
        found += _rule_edges(thread)
        found += [
            (thread.name, store, kind, False)
            for step in thread.steps
            for store, kind in step_stores(built, step)
        ]
    return list(dict.fromkeys(found))


def step_stores(built: plan.Plan, step: plan.StepPlan) -> list[tuple[str, str]]:
    """The stores that a step of a pipeline touches, and how: `reads` or `writes`."""
    options = registry.get("operators", step.operator).Options.model_validate(step.options)
    reads = [*options.reads().values(), *options.uses().values()]
    made = {each.result for thread in built.threads.values() for each in thread.steps}
    found = [(name, "reads") for name in reads if name in built.stores and name not in made]
    return [*found, *((name, "writes") for name in options.writes().values())]


def references(built: plan.Plan) -> dict[str, dict[str, str]]:
    """For each store of a plan what its options name, by option path."""
    found = {}
    for store in built.stores.values():
        options = registry.get("stores", store.type).Options
        found[store.name] = dict(options.model_validate(store.options).references())
    return found


def reachable(steps: nx.DiGraph, starts: Iterable[str]) -> set[str]:
    """All nodes that can be reached, the starts included."""
    import networkx as nx

    reached: set[str] = set()
    for start in starts:
        if start in steps and start not in reached:
            reached |= {start} | nx.descendants(steps, start)
    return reached


def cycles(pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Every strongly connected group that holds a cycle, each in a stable order."""
    left = _within_cycles(pairs)
    if not left:
        return []
    import networkx as nx

    steps = nx.DiGraph(left)
    groups = nx.strongly_connected_components(steps)
    found = [group for group in groups if len(group) > 1 or steps.has_edge(*(list(group) * 2))]
    return sorted(sorted(group) for group in found)


def runaway(gains: Mapping[tuple[str, str], float]) -> list[list[str]]:
    """Circles in which one round makes at least one more: the product of their gains is 1 or more.

    In terms of networkx: a cycle whose negated logarithms sum below zero. One circle is given for
    each strongly connected group that has any.
    """
    groups = cycles(gains)
    if not groups:
        return []
    import networkx as nx

    steps = nx.DiGraph()
    for (source, target), gain in gains.items():
        steps.add_edge(source, target, weight=-math.log(gain) - 1e-9)  # 1e-9: a gain of 1 counts
    found = []
    for group in groups:
        part = steps.subgraph(group).copy()
        loops = [
            name for name in group if part.get_edge_data(name, name, {"weight": 1})["weight"] < 0
        ]
        if loops:
            found.append(loops[:1])
        elif nx.negative_edge_cycle(part):
            found.append(sorted(set(nx.find_negative_cycle(part, group[0]))))
    return found


def arrows(pairs: Iterable[tuple[str, str]]) -> nx.DiGraph:
    """A plain directed graph of pairs."""
    import networkx as nx

    return nx.DiGraph(list(pairs))


def call_order(
    offered: Collection[str], rules: tool_rules.ToolRules, ends: Collection[str]
) -> tuple[nx.DiGraph, list[str]]:
    """Which tool may be called after which, and after which ones a call must come and none may.

    Nothing follows a tool that ends the run. How often a tool may be called is left out.
    """
    free = dataclasses.replace(rules, at_most={})
    starts = [tool for tool in offered if not tool_rules.violation(free, _REST, tool)]
    pairs = [(START, tool) for tool in starts]
    stuck = [] if starts else [START]
    for tool in offered:
        for progress in _outcomes(free, tool) if tool not in ends else ():
            legal = [each for each in offered if not tool_rules.violation(free, progress, each)]
            pairs += [(tool, each) for each in legal]
            if not legal and (tool_rules.must_follow(free, progress) or tool in rules.go_on):
                stuck.append(tool)
    return arrows(pairs), list(dict.fromkeys(stuck))


def _outcomes(rules: tool_rules.ToolRules, tool: str) -> list[tool_rules.Progress]:
    """How a run may stand after a call: once for each pattern of its branch, and for none."""
    branch = rules.branch.get(tool)
    patterns = ["", *branch.when] if branch else [""]
    return [tool_rules.Progress({tool: 1}, tool, pattern) for pattern in patterns]


def event_name(trigger: plan.TriggerPlan) -> str:
    """What a trigger waits for, in words."""
    if trigger.kind == "user_message":
        return "user_message"
    if trigger.kind == "timer":
        return f"every {duration(trigger.seconds)}"
    if trigger.kind == "at":
        return f"at {trigger.cron}"
    if trigger.kind == "idle":
        return f"idle {duration(trigger.seconds)}"
    if trigger.kind == "crosses":
        return f"{trigger.measure} > {trigger.over:g}"
    if trigger.kind == "every" and trigger.count > 1:
        return f"every {trigger.count} {trigger.event}"
    return f"signal {trigger.event}" if trigger.kind == "signal" else trigger.event


def duration(seconds: float) -> str:
    """Seconds as the language writes them: `30m`."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds and seconds % size == 0:
            return f"{int(seconds // size)}{unit}"
    return f"{seconds:g}s"


# Private functions


def _within_cycles(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The pairs without dead ends, so that networkx is loaded only where a circle is left."""
    left = list(pairs)
    while True:
        sources, targets = {source for source, _ in left}, {target for _, target in left}
        kept = [pair for pair in left if pair[0] in targets and pair[1] in sources]
        if len(kept) == len(left):
            return left
        left = kept


def _edge_type(option: str) -> str:
    if option.startswith(("evict", "overflow")):
        return "evicts_into"
    return "over" if option == "over" else "refers"


def _use(built: plan.Plan, tool: plan.ToolPlan) -> list[str]:
    kinds = ["reads"] if tool.reads else []
    kinds += ["writes"] if tool.writes else []
    return kinds or ["uses"]


def _thread_edges(thread: plan.ThreadPlan) -> list[tuple[str, str, str, bool]]:
    name = thread.name
    found = [(name, thread.log, "logs", False)] if thread.log else []
    found += [(name, item.store, "shows", False) for item in thread.context]
    found += [(name, tool, "offers", False) for tool in thread.tools]
    if thread.heartbeat.while_open:
        found.append((name, thread.heartbeat.while_open, "refers", False))
    for trigger in thread.triggers:
        event = event_name(trigger)
        source = (trigger.event or trigger.measure).partition(".")[0]
        if source and source != "agent":
            found.append((source, event, "emits", trigger.background))
        found.append((event, name, "triggers", trigger.background))
    return found


def _rule_edges(thread: plan.ThreadPlan) -> list[tuple[str, str, str, bool]]:
    """The tool rules of a thread: between tools, or between the thread and a tool."""
    rules, name = thread.heartbeat.rules, thread.name
    ends = [*rules.last, *filter(None, [thread.heartbeat.until])]
    pairs = [(name, tool, "first") for tool in rules.first]
    pairs += [(tool, each, "then") for tool, after in rules.then.items() for each in after]
    pairs += [(each, tool, "after") for tool, before in rules.after.items() for each in before]
    for tool, branch in rules.branch.items():
        every = [*branch.when.values(), branch.otherwise, (tool,) if branch.strict else ()]
        pairs += [(tool, each, "branch") for after in every for each in after]
    pairs += [(name, tool, "at_most") for tool in rules.at_most]
    pairs += [(name, tool, "requires") for tool in rules.required]
    pairs += [(name, tool, "approves") for tool in rules.approval]
    pairs += [(tool, name, "continues") for tool in rules.go_on]
    pairs += [(tool, name, "ends") for tool in ends]
    return [(*pair, False) for pair in pairs]


def plain(found: nx.MultiDiGraph) -> dict[str, Any]:
    """The graph as plain data: nodes and edges in the order in which they were added."""
    return {
        "name": found.graph.get("name", ""),
        "nodes": [{"name": name, **values} for name, values in found.nodes(data=True)],
        "edges": [
            {"from": source, "to": target, **values}
            for source, target, values in found.edges(data=True)
        ],
    }
