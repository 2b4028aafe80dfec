"""The continue rule: does a thread take another step without input?

Pure functions of the plan, what the thread remembers and what its last step came to. Called by
the reducer only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from archgraph.graph import plan as plans
from archgraph.graph import tool_rules
from archgraph.runtime import tick

_SHOWN = 200
"""Characters of a failure that are told as the reason of a failed turn."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the run goes on. `reason` tells why a run was broken off; `nudge` is said first."""

    go_on: bool
    reason: str = ""
    nudge: str = ""


def account(
    thread: tick.ThreadState, outcome: tick.Outcome, unheard: bool = False
) -> tick.ThreadState:
    """Count a step: calls per tool, failures in a row, the same failing call again.

    `unheard`: the model wrote plain text where only a call would have been heard.
    """
    called = dict(thread.called)
    for call in outcome.calls:
        called[call.tool] = called.get(call.tool, 0) + call.ok
    failed = [call for call in outcome.calls if not call.ok]
    signature = failed[-1].signature if failed else ""
    same = bool(signature) and signature == thread.last_failed
    good = [call for call in outcome.calls if call.ok]
    return replace(
        thread,
        steps=thread.steps + 1,
        called={name: count for name, count in called.items() if count},
        last_call=good[-1].tool if good else thread.last_call,
        last_branch=(good[-1].branch if good else thread.last_branch) or "",
        answer=thread.answer + (outcome.spoken if thread.question[0] else ()),
        failures=thread.failures + 1 if failed or unheard else 0,
        repeats=thread.repeats + 1 if same else int(bool(failed)),
        last_failed=signature,
    )


def verdict(
    plan: plans.Plan,
    thread: plans.ThreadPlan,
    after: tick.ThreadState,
    outcome: tick.Outcome,
    open_items: Mapping[str, float],
) -> Verdict:
    """Decide after a step. `open_items` are the `open` measures of stores, by store."""
    if outcome.wait_minutes or outcome.asks:
        return _bounded(thread, after, outcome, Verdict(True))
    if unheard(plan, thread, outcome):
        return _bounded(thread, after, outcome, Verdict(True, nudge=_call_a_tool(plan, thread)))
    wanted = _wanted(plan, thread, after, outcome, open_items)
    return _bounded(thread, after, outcome, wanted) if wanted.go_on else wanted


def unheard(plan: plans.Plan, thread: plans.ThreadPlan, outcome: tick.Outcome) -> bool:
    """Whether a step was plain text that nobody hears."""
    return not outcome.calls and outcome.text and must_call(plan, thread)


def must_call(plan: plans.Plan, thread: plans.ThreadPlan) -> bool:
    """Whether plain text of this thread is heard by nobody (it has a tool to reply or finish)."""
    return any(plan.tools[name].steers in (plans.REPLY, plans.FINISH) for name in thread.tools)


def _wanted(
    plan: plans.Plan,
    thread: plans.ThreadPlan,
    after: tick.ThreadState,
    outcome: tick.Outcome,
    open_items: Mapping[str, float],
) -> Verdict:
    rule, good = thread.heartbeat, [call for call in outcome.calls if call.ok]
    ends = {rule.until, *rule.rules.last} - {""}
    if any(call.tool in ends or call.verb == plans.FINISH for call in good):
        missing = [name for name in rule.rules.required if not after.called.get(name)]
        if not missing:
            return Verdict(after.again)
        return Verdict(True, nudge=f"Before you end you must call: {', '.join(missing)}.")
    if after.again or _asked(thread, outcome, must_call(plan, thread)):
        return Verdict(True)
    if rule.while_open and open_items.get(rule.while_open, 0) > 0:
        return Verdict(True)
    missing = [name for name in rule.rules.required if not after.called.get(name)]
    if missing:
        return Verdict(True, nudge=f"Before you end you must call: {', '.join(missing)}.")
    progress = tool_rules.Progress(after.called, after.last_call, after.last_branch)
    following = tool_rules.must_follow(rule.rules, progress)
    if following and not outcome.calls:
        return Verdict(True, nudge=f"Next you must call one of: {', '.join(following)}.")
    return Verdict(bool(following) or any(call.tool in rule.rules.go_on for call in good))


def _asked(thread: plans.ThreadPlan, outcome: tick.Outcome, by_tool: bool) -> bool:
    """Whether one of the reasons in `when` holds."""
    when, calls = thread.heartbeat.when, outcome.calls
    return (
        ("failed" in when and not all(call.ok for call in calls))
        or ("requested" in when and any(call.ok and call.heartbeat for call in calls))
        or ("called" in when and any(call.ok and call.verb != plans.REPLY for call in calls))
        or ("always" in when and (bool(calls) or by_tool))
    )


def _bounded(
    thread: plans.ThreadPlan, after: tick.ThreadState, outcome: tick.Outcome, wanted: Verdict
) -> Verdict:
    rule = thread.heartbeat
    if after.failures >= rule.max_failures:
        why = _last_failure(thread, outcome)
        return Verdict(False, f"{after.failures} failed steps in a row{why}")
    if after.repeats >= rule.max_repeats:
        why = _last_failure(thread, outcome)
        return Verdict(False, f"the same failing call {after.repeats} times{why}")
    if after.steps >= rule.max_steps:
        return Verdict(False, f"max_steps ({rule.max_steps}) reached; heartbeat.max_steps sets it")
    return wanted


def _last_failure(thread: plans.ThreadPlan, outcome: tick.Outcome) -> str:
    """What went wrong last, and what may help, for whoever reads why a turn failed."""
    failed = [call for call in outcome.calls if not call.ok]
    if failed:
        text = f"; the last: {failed[-1].tool}: {_short(failed[-1].error)}"
        return f"{text}; try another model, or say more in the prompt {thread.prompt}"
    text = f"; the model answered without calling a tool, the last time: {_short(outcome.said)!r}"
    if thread.protocol == "text":
        return f"{text}; try another model"
    return f"{text}; a model that cannot call tools needs `protocol: text` in its thread"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}..."


def _call_a_tool(plan: plans.Plan, thread: plans.ThreadPlan) -> str:
    replies = [name for name in thread.tools if plan.tools[name].steers == plans.REPLY]
    how = f"To be heard by the user, call {replies[0]}." if replies else "Act by calling a tool."
    return f"Failed: you answered without calling a tool, so nobody heard you. {how}"
