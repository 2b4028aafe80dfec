"""What two architectures differ in, told by consequence: what a model sees, may do, what it costs.

Called by `archgraph diff`. `diff` finds what differs; this says what follows from it. Knows no file
and no screen.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from archgraph.graph import budget, diff, phrases, plan, wording

SEES, MAY, RUNS, KEEPS, COSTS = (
    "What the model sees", "What it may do", "When it runs", "What is kept",
    "What a step can cost, in tokens",
)  # fmt: skip
_GROUPS = (SEES, MAY, RUNS, KEEPS, COSTS)
_KEYS = {
    "prompt": SEES, "refresh": SEES, "thoughts": MAY, "protocol": MAY, "log": KEEPS,
    "overflow": RUNS, "kind": RUNS, "max_failures": RUNS, "model": COSTS, "context_window": COSTS,
    "max_tokens": COSTS, "options": COSTS,
}  # fmt: skip
_TOLD = ("context", "tools", "triggers", "heartbeat", "steps", "name")
_MOST_LINES, _LONGEST = 8, 90
_NUMBER = re.compile(r"\d[\d,]*")

Budgets = Sequence[budget.Budget]


@dataclass(frozen=True, slots=True)
class Explanation:
    """The difference of two architectures.

    `head` says in sentences what it comes to; `groups` holds lines by consequence. A line that
    begins with two spaces belongs to the one above it.
    """

    head: tuple[str, ...]
    groups: Mapping[str, Sequence[str]]


@dataclass(slots=True)
class _Telling:
    before: plan.Plan
    after: plan.Plan
    head: list[str] = field(default_factory=list)
    groups: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in _GROUPS})


# Public functions


def explain(
    before: plan.Plan, after: plan.Plan, sums: tuple[Budgets, Budgets] = ((), ())
) -> Explanation:
    """Tell how two plans differ.

    Args:
        before: the first plan.
        after: the second.
        sums: their budgets, where they are known.
    """
    telling = _Telling(before, after)
    _params(telling)
    _threads(telling)
    _tools(telling)
    _prompts(telling)
    _stores(telling)
    if before.embedder != after.embedder:
        telling.groups[KEEPS].append(f"embedder: {before.embedder} → {after.embedder}")
    _costs(telling, *sums)
    if not telling.head and any(telling.groups.values()):
        telling.head.append(f"{after.name} has the same threads and stores as {before.name}.")
    return Explanation(
        tuple(telling.head), {name: lines for name, lines in telling.groups.items() if lines}
    )


# Private functions: parameters and threads


def _params(telling: _Telling) -> None:
    old, new = (dict(each.source.get("params") or {}) for each in (telling.before, telling.after))
    told = [
        f"{name} {_value(old.get(name))} → {_value(new.get(name))}"
        for name in dict.fromkeys([*old, *new])
        if name in old and name in new and old[name] != new[name]
    ]
    if told:
        telling.head.append(f"Parameters: {', '.join(told)}.")


def _threads(telling: _Telling) -> None:
    old, new = telling.before.threads, telling.after.threads
    for name in new:
        if name not in old:
            told = phrases.thread(telling.after, new[name])
            telling.head.append(f"{telling.after.name} adds the thread {name}, {told}.")
    for name in old:
        if name not in new:
            told = phrases.thread(telling.before, old[name])
            telling.head.append(f"{telling.after.name} has no thread {name}, {told}.")
    for name in old:
        if name in new:
            _thread(telling, old[name], new[name])


def _thread(telling: _Telling, old: plan.ThreadPlan, new: plan.ThreadPlan) -> None:
    name, groups = new.name, telling.groups
    seen, now = ([wording.item(item) for item in each.context] for each in (old, new))
    groups[SEES] += _came(f"{name} now sees {{}}", now, seen)
    groups[SEES] += _came(f"{name} no longer sees {{}}", seen, now)
    if seen != now and sorted(seen) == sorted(now):
        groups[SEES].append(f"{name} sees the same in another order: {', '.join(now)}")
    _calls(telling, old, new)
    due, later = ([phrases.due(each) for each in one.triggers] for one in (old, new))
    groups[RUNS] += _came(f"{name} is now due {{}}", later, due)
    groups[RUNS] += _came(f"{name} is no longer due {{}}", due, later)
    beats = [wording.heartbeat(each.heartbeat) for each in (old, new)]
    if beats[0] != beats[1]:
        groups[RUNS].append(f"{name} goes on: {beats[0]} → {beats[1]}")
    _keys(telling, old, new)


def _keys(telling: _Telling, old: plan.ThreadPlan, new: plan.ThreadPlan) -> None:
    """The settings that have no words of their own."""
    for change in diff.of_node("thread", new.name, old, new):
        for path, one, two in change.keys:
            key = path.partition(".")[0]
            if path.startswith("heartbeat.rules."):
                told = path.removeprefix("heartbeat.rules.").replace("_", " ")
                line = f"rule of {new.name}, {told}: {_value(one)} → {_value(two)}"
                telling.groups[MAY].append(line)
            elif path in ("heartbeat.max_failures", "heartbeat.max_repeats") or key not in _TOLD:
                line = f"{path} of {new.name}: {_value(one)} → {_value(two)}"
                telling.groups[_KEYS.get(key, RUNS)].append(line)


def _came(text: str, names: Sequence[str], others: Sequence[str]) -> list[str]:
    found = [name for name in dict.fromkeys(names) if name not in others]
    return [text.format(phrases.listed(found))] if found else []


def _calls(telling: _Telling, old: plan.ThreadPlan, new: plan.ThreadPlan) -> None:
    lines = telling.groups[MAY]
    gained = [telling.after.tools[each] for each in new.tools if each not in old.tools]
    lost = [telling.before.tools[each] for each in old.tools if each not in new.tools]
    lines += [f"{new.name} can now {phrases.tool(each)} ({each.name})" for each in gained]
    lines += [f"{new.name} can no longer {phrases.tool(each)} ({each.name})" for each in lost]
    if gained or lost:
        came = phrases.listed([each.name for each in gained])
        went = phrases.listed([each.name for each in lost])
        told = [f"gains {came}"] if gained else []
        told += [f"loses {went}"] if lost else []
        telling.head.append(f"{new.name} {' and '.join(told)}.")
    one, two = ([phrases.step(n, each) for n, each in enumerate(thread.steps, 1)]
                for thread in (old, new))  # fmt: skip
    if one != two:
        lines.append(f"steps of {new.name}:")
        lines += [f"  {line}" for line in difflib.ndiff(one, two) if not line.startswith("?")]


# Private functions: tools, prompts, stores


def _tools(telling: _Telling) -> None:
    """Tools of the same name that differ."""
    for name, old in telling.before.tools.items():
        new = telling.after.tools.get(name)
        if new is None:
            continue
        told = []
        for change in diff.of_node("tool", name, old, new):
            keys = {path.partition(".")[0] for path, _, _ in change.keys}
            if keys & {"verb", "stores", "threads"}:
                told.append(f"{name}: {phrases.tool(old)} → {phrases.tool(new)}")
            told += [
                f"{path} of {name}: {_value(one)} → {_value(two)}"
                for path, one, two in change.keys
                if path.partition(".")[0] in ("description", "fixed", "within", "mode", "outside")
            ]
        telling.groups[MAY] += told


def _prompts(telling: _Telling) -> None:
    """Changed templates, as the first lines of a unified diff."""
    old, new = telling.before.prompts, telling.after.prompts
    pairs = [
        (thread.prompt, telling.after.threads[name].prompt)
        for name, thread in telling.before.threads.items()
        if name in telling.after.threads and thread.prompt
    ]
    pairs += [(name, name) for name in old if name in new]
    for one, two in dict.fromkeys(pairs):
        text, later = old.get(one, "").splitlines(), new.get(two, "").splitlines()
        lines = list(difflib.unified_diff(text, later, lineterm="", n=0))[2:]
        if not lines:
            continue
        came = sum(line.startswith("+") for line in lines)
        went = sum(line.startswith("-") for line in lines)
        what = one if one == two else f"{one} → {two}"
        telling.groups[SEES].append(f"template {what}, lines: {came} added, {went} removed")
        shown = [line for line in lines if not line.startswith("@@") and line[1:].strip()]
        telling.groups[SEES] += [
            f"  {line[:1]} {wording.short(line[1:], _LONGEST)}" for line in shown[:_MOST_LINES]
        ]
        if len(shown) > _MOST_LINES:
            telling.groups[SEES].append(f"  and {len(shown) - _MOST_LINES} more lines")


def _stores(telling: _Telling) -> None:
    old, new, kept = telling.before.stores, telling.after.stores, telling.groups[KEEPS]
    for name in new:
        if name not in old:
            kept.append(f"{name} comes: {phrases.store(telling.after, name)}")
    for name in old:
        if name not in new:
            kept.append(f"{name} goes: {phrases.store(telling.before, name)}")
        elif old[name].type != new[name].type:
            kept.append(f"{name}: a {old[name].type} → a {new[name].type}")
        else:
            _options(telling, old[name], new[name])


def _options(telling: _Telling, old: plan.StorePlan, new: plan.StorePlan) -> None:
    usual = wording.defaults("stores", old.type)
    for change in diff.of_node("store", new.name, old, new):
        for path, one, two in change.keys:
            key = path.removeprefix("options.")
            ends = [
                _value(each) + (" (the default)" if key in usual and each == usual[key] else "")
                for each in (one, two)
            ]
            group = SEES if key in ("text", "description", "limit", "tokens", "cap") else KEEPS
            telling.groups[group].append(f"{key} of {new.name}: {ends[0]} → {ends[1]}")


# Private functions: costs


def _costs(telling: _Telling, before: Budgets, after: Budgets) -> None:
    old = {each.thread: each for each in before}
    lines = telling.groups[COSTS]
    for each in after:
        known = old.pop(each.thread, None)
        room = f"of {each.window:,}"
        if known is None:
            lines.append(f"{each.thread}: at most {each.total:,} {room}, and was not there")
        elif (known.total, known.window) != (each.total, each.window):
            was = f"{known.total:,} of {known.window:,}"
            lines.append(f"{each.thread}: at most {was} → {each.total:,} {room}")
            lines += _summands(known, each)
    lines += [f"{each.thread}: at most {each.total:,} no longer" for each in old.values()]


def _summands(old: budget.Budget, new: budget.Budget) -> list[str]:
    """The lines of two sums that differ; those that differ in their numbers only are the same."""
    one, two = ({_NUMBER.sub("#", line.what): line for line in each.lines} for each in (old, new))
    found = []
    for key in dict.fromkeys([*one, *two]):
        was, now = (each[key].tokens if key in each else 0 for each in (one, two))
        if was != now:
            found.append(f"  {now - was:+,}  {(two.get(key) or one[key]).what}")
    return found


def _value(value: Any) -> str:
    return wording.short(value, 80)
