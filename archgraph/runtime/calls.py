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
from archgraph.messages import Completion, ToolCall, ToolResult
from archgraph.runtime import tick, world
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
    pause_minutes: int = 0
    wait_minutes: int = 0


@dataclass(frozen=True, slots=True)
class Parsed:
    """A call with its arguments read; `error` says why it cannot be performed."""

    call: ToolCall
    tool: plans.ToolPlan | None
    arguments: Mapping[str, Any]
    heartbeat: bool
    thoughts: str
    error: str


def parse(plan: plans.Plan, thread: plans.ThreadPlan, call: ToolCall) -> Parsed:
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
        checked = tools.check_arguments(arguments, tool.parameters)
    except errors.ToolError as error:
        return Parsed(call, tool, {}, heartbeat, str(thoughts), str(error))
    return Parsed(call, tool, checked, heartbeat, str(thoughts), "")


def prepare(w: world.World, thread: plans.ThreadPlan, parsed: Sequence[Parsed]) -> list[Parsed]:
    """Do what takes long for coming calls, before the commit begins: ask people, embed texts.

    What fails here is told to the model as the call's failed result.
    """
    alone = len(parsed) == 1
    return [item if item.error else _prepared(w, thread, item, alone) for item in parsed]


def _prepared(w: world.World, thread: plans.ThreadPlan, item: Parsed, alone: bool) -> Parsed:
    name = item.call.name
    assert item.tool is not None
    if name in thread.heartbeat.rules.approval and not w.approve(name, item.arguments):
        return replace(item, error=f"{name} needs a person's approval, and it was not given")
    if item.tool.control or (alone and item.tool.writes):
        return item  # a lone write needs nothing: its text is embedded when somebody searches
    try:
        store, arguments = _target(item.tool, item.arguments)
        w.stores[store].prepare(item.tool.verb, arguments)
    except (errors.InputError, errors.MachineError):
        raise  # not the model's affair
    except (errors.ToolError, errors.GatewayError) as error:
        return replace(item, error=str(error))
    except Exception as error:  # a plugin's bug must reach the model, not end the agent
        return replace(item, error=_inside(name, error))
    return item


def perform(
    w: world.World, thread: plans.ThreadPlan, state: tick.ThreadState, parsed: Sequence[Parsed]
) -> Performed:
    """Perform the calls in order, within the commit."""
    done = Performed()
    called, last = dict(state.called), state.last_call
    for item in parsed:
        name = item.call.name
        error = item.error or _against_rules(thread, called, last, item)
        ok, text = (False, error) if error else _perform_one(w, item, done)
        if ok:
            called[name] = called.get(name, 0) + 1
            last = name
        verb = item.tool.verb if item.tool else ""
        signature = "" if ok else f"{name}:{item.call.arguments}"
        done.results.append(ToolResult(item.call.id, name, ok, text))
        done.calls.append(tick.Call(name, verb, ok, item.heartbeat, signature, "" if ok else text))
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
    return f"{name} failed inside: {type(error).__name__}: {error}"


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
    text = str(getattr(messaging.Control(), verb)(**arguments))
    if verb == plans.PAUSE:
        done.pause_minutes = max(0, min(arguments["minutes"], messaging.MAX_PAUSE_MINUTES))
    elif verb == plans.WAIT:
        done.wait_minutes = max(1, arguments["minutes"])
    return text


def _against_rules(
    thread: plans.ThreadPlan,
    called: Mapping[str, int],
    last: str,
    item: Parsed,
) -> str:
    """Which tool rule a call breaks, if any."""
    rules, name = thread.heartbeat.rules, item.call.name
    if rules.first and not called and name not in rules.first:
        return f"the first call must be one of: {', '.join(rules.first)}"
    following = rules.then.get(last, ())
    if following and name not in following:
        return f"after {last} the next call must be one of: {', '.join(following)}"
    most = rules.at_most.get(name)
    if most is not None and called.get(name, 0) >= most:
        return f"{name} may be called at most {most} times in a turn"
    return ""
