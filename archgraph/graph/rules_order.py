"""Rules about the order of calls: which tools they name, and that they leave a way to the end.

The search for deadlocks walks a graph of "may be called after" that the runtime's own rule
(`tool_rules.violation`) makes, so that both mean the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from archgraph import errors
from archgraph.graph import build, design, plan
from archgraph.spec import architecture, rules, tree
from archgraph.tools import base as tools

_LISTS = ("first", "last", "continue", "required", "approval")

# Public functions


def rule_tools(found: design.Design) -> None:
    """`until` and the order rules name tools that the thread offers."""
    for name, beat, path in _heartbeats(found):
        offered = set(found.tools_of(name))
        if beat.until:
            _offered(found, beat.until, offered, (*path, "until"), name)
        for tool, place, key in _named(found, beat.rules, (*path, "rules")):
            _offered(found, tool, offered, place, name, key=key)


def prefilled(found: design.Design) -> None:
    """Arguments that a rule sets are arguments of the tool, of the right type."""
    for _, beat, path in _heartbeats(found):
        places: dict[tuple[str, ...], Mapping[str, dict[str, object]]] = {}
        places[("first",)] = beat.rules.first
        places |= {("then", tool): calls for tool, calls in beat.rules.then.items()}
        for steps, calls in places.items():
            for tool, values in calls.items():
                if tool in found.spec.tools:
                    _arguments(found, tool, values, (*path, "rules", *steps, tool))


def deadlocks(found: design.Design, built: plan.Plan) -> None:
    """The order rules leave a way from the first call to the end."""
    for name, thread in built.threads.items():
        if not thread.heartbeat.rules.any:
            continue
        at: tree.Path = ("threads", name, "heartbeat", "rules")
        _contradictions(found, built, thread, at)
        _unreached(found, thread, at)
        _exhausted(found, thread.heartbeat.rules, at)


def approvals(found: design.Design, built: plan.Plan) -> None:
    """A tool that needs a person's approval is offered where a person can be asked."""
    called = {
        target
        for tool in built.tools.values()
        for target in tool.threads
        if tool.mode != "background"
    }
    for name, thread in built.threads.items():
        runs = [trigger for trigger in thread.triggers if trigger.mode != "note"]
        if name in called or not runs or not all(trigger.background for trigger in runs):
            continue
        for index, tool in enumerate(thread.heartbeat.rules.approval):
            message = f"{tool!r} needs a person's approval, and {name!r} runs in the background, "
            message += "where nobody is asked"
            remedy = "give the thread a trigger in the foreground, or take the tool from `approval`"
            path = ("threads", name, "heartbeat", "rules", "approval")
            found.report("rule-deadlock", message, remedy, _listed(found, path, index))


# Private functions


def _heartbeats(
    found: design.Design,
) -> Iterator[tuple[str, architecture.Heartbeat, tree.Path]]:
    for name, thread in found.spec.threads.items():
        if not isinstance(thread.heartbeat, str):
            yield name, thread.heartbeat, ("threads", name, "heartbeat")


def _named(
    found: design.Design, given: rules.Rules, at: tree.Path
) -> Iterator[tuple[str, tree.Path, bool]]:
    """Every tool that the rules name: its name, its place, whether that is a key."""
    plain = given.model_dump(by_alias=True)
    for rule in _LISTS:
        yield from _members(found, plain[rule], (*at, rule))
    for rule in ("then", "after"):
        for tool, others in plain[rule].items():
            yield tool, (*at, rule, tool), True
            yield from _members(found, others, (*at, rule, tool))
    for tool, patterns in plain["branch"].items():
        yield tool, (*at, "branch", tool), True
        for pattern, others in patterns.items():
            special = (rules.ANY, rules.NOTHING) if pattern == rules.ELSE else ()
            every = _members(found, others, (*at, "branch", tool, pattern))
            yield from (each for each in every if each[0] not in special)
    for tool in plain["at_most"]:
        yield tool, (*at, "at_most", tool), True


def _members(
    found: design.Design, names: Iterable[str], path: tree.Path
) -> Iterator[tuple[str, tree.Path, bool]]:
    node = tree.get(found.loaded.root, path)
    for index, name in enumerate(names):
        if node is not None and name in node.mapping:
            yield name, (*path, name), True
        else:
            yield name, _listed(found, path, index), False


def _arguments(found: design.Design, tool: str, values: dict[str, object], path: tree.Path) -> None:
    verb = found.tool_verb(tool)
    properties = verb.parameters["properties"] if verb else {}
    for key, value in values.items() if verb else ():
        if key not in properties:
            message, remedy = f"{tool} has no argument {key!r}", errors.suggest(key, properties)
            found.report("fixed-argument", message, remedy, (*path, key), key=True)
            continue
        try:
            tools.check_arguments({key: value}, {"properties": {key: properties[key]}})
        except errors.ToolError as error:
            remedy = "give a value of the argument's type"
            found.report("fixed-argument", str(error), remedy, (*path, key))


def _ends(thread: plan.ThreadPlan) -> set[str]:
    return {*thread.heartbeat.rules.last, thread.heartbeat.until} - {""}


def _contradictions(
    found: design.Design, built: plan.Plan, thread: plan.ThreadPlan, at: tree.Path
) -> None:
    """What ends a run is not followed by anything, and nothing follows what is not allowed to."""
    given = thread.heartbeat.rules
    following = {"then": given.then, "branch": given.branch, "continue": given.go_on}
    for tool in sorted(_ends(thread)):
        for rule in (rule for rule, keys in following.items() if tool in keys):
            message = f"{tool!r} ends the run, and `{rule}` says that the run goes on after it"
            _report(found, message, f"take it from `{rule}`, or let another tool end the run", at)
        if built.tools[tool].verb == plan.ASK:
            message = f"{tool!r} ends the run, so its answer would come when nobody waits for it"
            _report(found, message, "let the run go on after it, or use the verb signal", at)
    for tool, branch in given.branch.items():
        if branch.strict and "*" not in branch.when and tool in given.at_most:
            message = f"a result of {tool!r} that no pattern matches leaves only {tool!r}, "
            message += f"which may be called {given.at_most[tool]} times"
            remedy = "give `else` a tool, or take it from `at_most`"
            _report(found, message, remedy, (*at, "branch", tool))


def _unreached(found: design.Design, thread: plan.ThreadPlan, at: tree.Path) -> None:
    """Some order of calls leads to what is required, and to what ends the run."""
    given, ends = thread.heartbeat.rules, _ends(thread)
    steps, stuck = build.call_order(thread.tools, given, ends)
    reached = build.reachable(steps, [build.START])
    for tool in stuck:
        if tool == build.START:
            message = "no tool may be the first: `first` and `after` exclude each other"
            _report(found, message, "let a tool of `first` stand without `after`", at)
        elif tool in reached:
            message = f"after {tool!r} a call must follow, and none is allowed: "
            message += "`then`, `branch` and `after` exclude each other"
            _report(found, message, "let them have a tool in common", at)
    for index, tool in enumerate(given.required):
        if tool not in reached:
            message = f"{tool!r} is required, but can never be called before the run ends"
            remedy = "allow it in `first` or `then`, or do not require it"
            _report(found, message, remedy, _listed(found, (*at, "required"), index))
    if ends and not ends & reached:
        message = f"no order of calls leads to {' or '.join(sorted(ends))}"
        _report(found, message, "let `then` lead to a tool that ends the run", at)


def _exhausted(found: design.Design, given: plan.ToolRules, at: tree.Path) -> None:
    """A call that must follow may be used up by `at_most` before the call that it follows."""
    for rule, tool, after in _demands(given):
        if not after:
            message = f"nothing may follow {tool!r}"
            _report(
                found, message, "name what may follow, or put it under `last`", (*at, rule, tool)
            )
        elif tool not in given.last and all(each in given.at_most for each in after):
            allowed = sum(given.at_most[each] for each in after)
            own = given.at_most.get(tool)
            if own is None or own > allowed:
                message = f"after {tool!r} must come {' or '.join(after)}, "
                message += f"which may be called {allowed} times in all"
                remedy = f"give {tool} an `at_most` of {allowed} or less"
                _report(found, message, remedy, (*at, rule, tool))


def _demands(given: plan.ToolRules) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Which tools must follow a tool: the rule that says so, the tool, what may follow."""
    for tool, after in given.then.items():
        yield "then", tool, after
    for tool, branch in given.branch.items():
        for after in branch.when.values():
            yield "branch", tool, after


def _report(found: design.Design, message: str, remedy: str, path: tree.Path) -> None:
    found.report("rule-deadlock", message, remedy, path)


def _offered(
    found: design.Design,
    tool: str,
    offered: set[str],
    path: tree.Path,
    thread: str,
    *,
    key: bool = False,
) -> None:
    if tool in offered or tool in found.loaded.broken or found.unreadable("tools"):
        return
    if tool in found.spec.tools:
        message = f"the thread {thread!r} does not offer the tool {tool!r}"
        remedy = "add it to the thread's `tools`"
    else:
        message, remedy = f"no tool {tool!r}", errors.suggest(tool, offered)
    found.report("rule-tool", message, remedy, path, key=key)


def _listed(found: design.Design, path: tree.Path, index: int) -> tree.Path:
    """The place of an item, which is that of the value itself if only one was written."""
    node = tree.get(found.loaded.root, path)
    return (*path, index) if node is not None and isinstance(node.value, list) else path
