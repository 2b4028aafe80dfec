"""The tool calls of one step: checked, performed in order, and answered.

Called by `step` within commit 2, so that store writes, results and journal stand or fall
together. A bad call is never an exception: it becomes a failed result that the model reads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from archgraph import errors
from archgraph.graph import plan as plans
from archgraph.graph import tool_rules
from archgraph.messages import Completion, ToolCall, ToolResult
from archgraph.runtime import outside, tick, world
from archgraph.tools import base as tools
from archgraph.tools import messaging

HEARTBEAT, THOUGHTS = "request_heartbeat", "inner_thoughts"
"""Arguments that the runtime injects into schemas and takes out before a call."""


@dataclass(slots=True)
class Performed:
    """What the calls of a step came to. `spoken` are the replies that the user hears."""

    results: list[ToolResult] = field(default_factory=list)
    calls: list[tick.Call] = field(default_factory=list)
    spoken: list[str] = field(default_factory=list)
    sent: list[tick.Sent] = field(default_factory=list)
    pause_minutes: int = 0
    wait_minutes: int = 0


@dataclass(frozen=True, slots=True)
class Parsed:
    """A call with its arguments read; `error` says why it cannot be performed.

    `prefill` are the arguments that a tool rule has set; `answer` is what came of an outside tool.
    """

    call: ToolCall
    tool: plans.ToolPlan | None
    arguments: Mapping[str, Any]
    heartbeat: bool
    thoughts: str
    error: str
    prefill: Mapping[str, Any] = field(default_factory=dict)
    answer: outside.Answer | None = None


def parse(
    plan: plans.Plan,
    thread: plans.ThreadPlan,
    call: ToolCall,
    prefill: Mapping[str, Any] | None = None,
) -> Parsed:
    """Read and check one call; whatever is wrong with it becomes `error`."""
    if call.name not in thread.tools:
        hint = errors.suggest(call.name, thread.tools)
        return Parsed(call, None, {}, False, "", f"no tool named {call.name!r}; {hint}")
    tool = plan.tools[call.name]
    try:
        arguments = _mended(tools.parse_arguments(call.arguments))
    except errors.ToolError as error:
        return Parsed(call, tool, {}, False, "", str(error))
    wanted = arguments.pop(HEARTBEAT, None) if "requested" in thread.heartbeat.when else None
    heartbeat = wanted is True or str(wanted).lower() == "true"
    thoughts = arguments.pop(THOUGHTS, "") if thread.thoughts == "argument" else ""
    try:
        checked = tools.check_arguments({**arguments, **(prefill or {})}, tool.parameters)
    except errors.ToolError as error:
        return Parsed(call, tool, {}, heartbeat, str(thoughts), str(error))
    return Parsed(call, tool, checked, heartbeat, str(thoughts), "", prefill or {})


def prepare(
    w: world.World, thread: plans.ThreadPlan, state: tick.ThreadState, asked: Sequence[ToolCall]
) -> list[Parsed]:
    """Read coming calls and do what takes long for them, before the commit begins.

    People are asked, texts embedded. What fails here is told to the model as the call's failed
    result. Tool rules are kept as if each call before went well; `perform` looks again.
    """
    rules, progress = thread.heartbeat.rules, _progress(state)
    ready: list[Parsed] = []
    for call in asked:
        set_by_rule = tool_rules.prefilled(rules, progress, call.name)
        item = parse(w.plan, thread, call, set_by_rule)
        if item.tool and (refusal := tool_rules.refusal(rules, thread.tools, progress, call.name)):
            item = replace(item, error=refusal)
        if not item.error:
            item = _prepared(w, thread, state, item, alone=len(asked) == 1)
        if not item.error and item.tool and item.tool.outside:
            place = len(ready)
            answer = outside.answer(w, thread, state, item.tool, item.arguments, place)
            item = replace(item, answer=answer)
        if not item.error and (item.answer is None or item.answer[0]):
            progress = _further(progress, call.name, None)
        ready.append(item)
    return ready


def _progress(state: tick.ThreadState) -> tool_rules.Progress:
    return tool_rules.Progress(state.called, state.last_call, state.last_branch)


def _further(progress: tool_rules.Progress, name: str, branch: str | None) -> tool_rules.Progress:
    called = {**progress.called, name: progress.called.get(name, 0) + 1}
    return tool_rules.Progress(called, name, branch)


def _prepared(
    w: world.World,
    thread: plans.ThreadPlan,
    state: tick.ThreadState,
    item: Parsed,
    *,
    alone: bool,
) -> Parsed:
    name = item.call.name
    assert item.tool is not None
    if name in thread.heartbeat.rules.approval and (denied := _denied(w, state, item)):
        return replace(item, error=denied)
    if item.tool.control or item.tool.outside:
        return item
    store, arguments = _target(item.tool, item.arguments)
    if alone and item.tool.writes and item.tool.verb not in w.stores[store].slow:
        return item  # a lone write needs nothing: its text is embedded when somebody searches
    try:
        w.stores[store].prepare(item.tool.verb, arguments)
    except (errors.InputError, errors.MachineError):
        raise  # not the model's affair
    except (errors.ToolError, errors.GatewayError) as error:
        return replace(item, error=str(error))
    except Exception as error:  # a plugin's bug must reach the model, not end the agent
        return replace(item, error=_inside(name, error))
    return item


def _denied(w: world.World, state: tick.ThreadState, item: Parsed) -> str:
    """Why a call that needs a person's approval may not be made; empty if it may."""
    assert item.tool is not None
    reason: bool | str = "nobody is asked in the background"
    if not state.background:
        reason = w.approve(item.call.name, {**item.arguments, **item.tool.fixed})
    if reason is True:
        return ""
    why = f": {' '.join(reason.split())}" if isinstance(reason, str) and reason.strip() else ""
    return f"{item.call.name} needs a person's approval, and it was not given{why}"


def perform(
    w: world.World, thread: plans.ThreadPlan, state: tick.ThreadState, parsed: Sequence[Parsed]
) -> Performed:
    """Perform the calls in order, within the commit."""
    done = Performed()
    rules, progress = thread.heartbeat.rules, _progress(state)
    for item in parsed:
        name, branch = item.call.name, ""
        error = item.error or tool_rules.refusal(rules, thread.tools, progress, name)
        if not error and tool_rules.prefilled(rules, progress, name) != item.prefill:
            error = f"{name} was not called, since what came before it failed; call it again"
        if item.answer is not None:
            ok, text = item.answer  # it has run, whatever the calls before it have come to
        else:
            ok, text = (False, error) if error else _perform_one(w, item, done)
        if ok:
            branch = tool_rules.matched(rules, name, text)
            progress = _further(progress, name, branch)
        verb = item.tool.steers if item.tool else ""
        signature = "" if ok else f"{name}:{item.call.arguments}"
        done.results.append(ToolResult(item.call.id, name, ok, text))
        told = "" if ok else text
        done.calls.append(tick.Call(name, verb, ok, item.heartbeat, signature, told, branch))
    return done


def whole(completion: Completion) -> Completion:
    """An answer without halves of characters, which no file can hold (a cut emoji, say)."""
    texts = (completion.text, completion.reasoning, *_names(completion))
    if all(_mended(text) == text for text in texts):
        return completion
    made = [ToolCall(c.id, _mended(c.name), _mended(c.arguments)) for c in completion.tool_calls]
    return replace(
        completion,
        text=_mended(completion.text),
        reasoning=_mended(completion.reasoning),
        tool_calls=tuple(made),
    )


def _names(completion: Completion) -> list[str]:
    return [text for call in completion.tool_calls for text in (call.name, call.arguments)]


def _mended(value: Any) -> Any:
    """A JSON value with `?` for each half of a character."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_mended(name): _mended(part) for name, part in value.items()}
    return [_mended(part) for part in value] if isinstance(value, list) else value


def safe_arguments(call: ToolCall) -> str:
    """The arguments as they may be sent back to a provider, which refuses malformed JSON."""
    try:
        json.loads(call.arguments or "{}")
    except (ValueError, RecursionError):
        return json.dumps({"malformed": call.arguments[:500]}, ensure_ascii=False)
    return call.arguments or "{}"


def numbered(completion: Completion, step: int) -> list[ToolCall]:
    """The calls of an answer, each with an id that is unique in the agent."""
    seen: set[str] = set()
    calls = []
    for ordinal, call in enumerate(completion.tool_calls):
        id = call.id if call.id and call.id not in seen else f"call_{step}_{ordinal}"
        seen.add(id)
        calls.append(ToolCall(id, call.name, call.arguments))
    return calls


def _perform_one(w: world.World, item: Parsed, done: Performed) -> tuple[bool, str]:
    assert item.tool is not None
    if item.tool.control:
        try:
            return True, _control(item, done)
        except errors.ToolError as error:
            return False, str(error)
    w.db.execute("SAVEPOINT call")
    try:
        text = _store_verb(w, item)
    except errors.ToolError as error:
        w.db.execute("ROLLBACK TO call")
        w.forget_calls()
        return False, str(error)
    except Exception as error:  # a plugin's bug must reach the model, not end the agent
        if not w.db.in_transaction:
            raise  # the database itself failed (a full disk): the commit is lost, the step is not
        w.db.execute("ROLLBACK TO call")
        w.forget_calls()
        return False, _inside(item.call.name, error)
    finally:
        if w.db.in_transaction:
            w.db.execute("RELEASE call")
    return True, text


def _inside(name: str, error: Exception) -> str:
    return f"{name} failed inside: {errors.inside(error)}"


def _store_verb(w: world.World, item: Parsed) -> str:
    assert item.tool is not None
    store, arguments = _target(item.tool, item.arguments)
    return str(getattr(w.stores[store], item.tool.verb)(**arguments))


def _target(tool: plans.ToolPlan, arguments: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The store that a call goes to, and the verb's own arguments."""
    rest = {**arguments, **tool.fixed}
    if not tool.store_argument:
        return tool.stores[0], rest
    return str(rest.pop(tool.store_argument)), rest


def _control(item: Parsed, done: Performed) -> str:
    assert item.tool is not None
    verb, arguments = item.tool.verb, {**item.arguments, **item.tool.fixed}
    if verb == plans.REPLY:
        done.spoken.append(arguments["message"])
        return "Sent."
    target = _called(item.tool, arguments)
    text = str(getattr(messaging.Control(), verb)(**arguments))
    if verb == plans.PAUSE:
        done.pause_minutes = max(0, min(arguments["minutes"], messaging.MAX_PAUSE_MINUTES))
    elif verb == plans.WAIT:
        done.wait_minutes = max(1, arguments["minutes"])
    elif target:
        waits = verb == plans.ASK
        done.sent.append(tick.Sent(item.tool.name, target, arguments["message"], waits))
    return text


def _called(tool: plans.ToolPlan, arguments: dict[str, Any]) -> str:
    """The thread that a call goes to, if its verb calls one."""
    chosen = arguments.pop(tool.store_argument, "") if tool.store_argument else ""
    return str(chosen) or next(iter(tool.threads), "")
