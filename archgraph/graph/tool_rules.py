"""Tool rules: which calls a run allows next, and what a model is told of them.

Pure functions over the rules of a thread's plan. Called by the runtime before each call, by the
templates' `rules`, and by the deadlock check. Knows neither tools nor threads beyond their names.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

FIRST = ""
"""Key in `ToolRules.prefill` of the arguments of a run's first call."""


@dataclass(frozen=True, slots=True)
class Branch:
    """What may follow a tool by its result.

    `when` maps patterns of the result (`*` stands for anything) to tools. After any other result
    `otherwise` may follow; any tool if that is empty; with `strict` only the tool itself again.
    """

    when: Mapping[str, tuple[str, ...]]
    otherwise: tuple[str, ...] = ()
    strict: bool = False


@dataclass(frozen=True, slots=True)
class ToolRules:
    """Declared order of tool calls within a run of a thread.

    `first`: the run's first call must be one of these. `last`: a successful call of one of these
    ends the run. `then`: after the key, the next call must be one of the values. `after`: the key
    may only be called right after one of the values. `branch`: what may follow depends on the
    result. `go_on`: a successful call of one of these never ends the run. `at_most`: calls in a
    run. `required`: must have been called before the run may end. `approval`: a person must agree
    first. `prefill`: arguments that replace the model's, by the tool before (`FIRST` for none) and
    the tool itself.
    """

    first: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    then: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    at_most: Mapping[str, int] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    approval: tuple[str, ...] = ()
    go_on: tuple[str, ...] = ()
    after: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    branch: Mapping[str, Branch] = field(default_factory=dict)
    prefill: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)

    @property
    def any(self) -> bool:
        """Whether there is a rule at all."""
        return self != _NONE


_NONE = ToolRules()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: successful calls by tool, the last of them, and its branch's pattern.

    `branch` is empty if the result matched none, and None while the result is not known.
    """

    called: Mapping[str, int] = field(default_factory=dict)
    last: str = ""
    branch: str | None = ""


# Public functions


def violation(rules: ToolRules, progress: Progress, name: str) -> str:
    """Which rule a call would break, in words for the model; empty if none."""
    if rules.first and not progress.called and name not in rules.first:
        return f"the first call must be one of: {', '.join(rules.first)}"
    following = rules.then.get(progress.last, ())
    if following and name not in following:
        return f"after {progress.last} the next call must be one of: {', '.join(following)}"
    before = rules.after.get(name, ())
    if before and progress.last not in before:
        return f"{name} may only be called right after: {', '.join(before)}"
    if told := _against_branch(rules, progress, name):
        return told
    most = rules.at_most.get(name)
    if most is not None and progress.called.get(name, 0) >= most:
        return f"{name} may be called at most {most} times in a run"
    return ""


def refusal(rules: ToolRules, offered: Collection[str], progress: Progress, name: str) -> str:
    """What the model is told of a call that breaks a rule, with what it may call; else empty."""
    reason = violation(rules, progress, name)
    if not reason:
        return ""
    legal = [tool for tool in offered if not violation(rules, progress, tool)]
    allowed = f"Allowed now: {', '.join(legal)}" if legal else "No tool is allowed now"
    return f"{name} was not called, a rule forbids it: {reason}. {allowed}."


def prefilled(rules: ToolRules, progress: Progress, name: str) -> Mapping[str, Any]:
    """The arguments that a rule sets for a call."""
    before = progress.last if progress.called else FIRST
    return rules.prefill.get(before, {}).get(name, {})


def matched(rules: ToolRules, name: str, result: str) -> str:
    """The pattern of a tool's branch that its result matches; empty if it matches none."""
    branch = rules.branch.get(name)
    patterns = branch.when if branch else ()
    return next((pattern for pattern in patterns if _matches(pattern, result)), "")


def must_follow(rules: ToolRules, progress: Progress) -> tuple[str, ...]:
    """The tools of which one has to come next, if a rule says so of the last call."""
    if not progress.last:
        return ()
    branch = rules.branch.get(progress.last)
    demanded = _following(branch, progress) if branch else ()
    return rules.then.get(progress.last, ()) or demanded


def describe(rules: ToolRules) -> str:
    """The rules as a list for a prompt, one line each; empty if there are none."""
    lines = []
    if rules.first:
        lines.append(f"Your first call must be {_or(rules.first)}.")
    for tool, following in rules.then.items():
        lines.append(f"Right after {tool}, call {_or(following)}.")
    for tool, before in rules.after.items():
        lines.append(f"Call {tool} only right after {_or(before)}.")
    for tool, branch in rules.branch.items():
        lines += [f"When {tool} gives {p!r}, call {_or(to)}." for p, to in branch.when.items()]
        if branch.strict:
            lines.append(f"When {tool} gives anything else, call it again.")
        elif branch.otherwise:
            lines.append(f"When {tool} gives anything else, call {_or(branch.otherwise)}.")
    for tool, most in rules.at_most.items():
        lines.append(f"Call {tool} at most {most} times in a run.")
    lines += [f"You act again after {tool}." for tool in rules.go_on]
    if rules.required:
        lines.append(f"Before you end, call {_and(rules.required)}.")
    lines += [f"A person must agree to each call of {tool}." for tool in rules.approval]
    if rules.last:
        lines.append(f"A call of {_or(rules.last)} ends your run.")
    return "\n".join(f"- {line}" for line in lines)


# Private functions


def _against_branch(rules: ToolRules, progress: Progress, name: str) -> str:
    branch = rules.branch.get(progress.last)
    following = _following(branch, progress) if branch else ()
    if not following or name in following:
        return ""
    given = f"gave {progress.branch!r}" if progress.branch else "gave nothing that is foreseen"
    return f"{progress.last} {given}, so the next call must be one of: {', '.join(following)}"


def _following(branch: Branch, progress: Progress) -> tuple[str, ...]:
    """What a branch lets follow; empty for anything."""
    if progress.branch is None:
        return ()
    if progress.branch:
        return branch.when.get(progress.branch, ())
    return (progress.last,) if branch.strict else branch.otherwise


def _matches(pattern: str, result: str) -> bool:
    """Whether a result is what a pattern says: case and white space aside, numbers by value."""
    wanted, given = " ".join(pattern.split()).lower(), " ".join(result.split()).lower()
    if re.fullmatch(re.escape(wanted).replace(r"\*", ".*"), given):
        return True
    try:
        return float(wanted) == float(given)
    except ValueError:
        return False


def _or(names: Collection[str]) -> str:
    return " or ".join(names)


def _and(names: Collection[str]) -> str:
    return " and ".join(names)
