"""Tool calls as JSON in text, for models that cannot call tools natively.

`TextProtocol` wraps any gateway; an architecture asks for it with a thread's `protocol: text`.

What the model is sent: the tools stand in the system prompt (`section`), with their schemas and
one example; earlier tool calls are the JSON that the model wrote, tool results are user messages.
What it answers: one or several objects `{"tool": name, "arguments": {...}}`, bare or in a fence,
with or without text around; that text is kept as the text of the answer. JSON that cannot be read
becomes a call whose arguments are that very text, so that the runtime answers it with an error and
the model may try again.

Models also write `name`, `parameters` or `args`; these are read too where the name is a tool's.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from archgraph.llm import base, call_ids
from archgraph.messages import Completion, ToolCall, Wire

RESULT = "[result of {name}]"
"""Opens a tool's result in the user message that carries it."""

_INTRO = """\
# Tools

To use a tool, write one JSON object of this form, with no comment inside:

{"tool": "<name>", "arguments": {...}}

To use several, write one object after the other. Then stop: the results come in the next message,
each after a line such as [result of <name>]. Never write results yourself."""
_REQUIRED = "Every answer must use a tool."

_START = re.compile(r'\{\s*["\']?tool["\']?\s*:')
_NAME = re.compile(r'["\']?tool["\']?\s*:\s*["\']?([\w.-]+)')
_FENCE = re.compile(r"```[\w-]*[ \t]*\n?\s*$")
_INVENTED = re.compile(r"^\[result of [^\]\n]*\]", re.MULTILINE)
_DECODER = json.JSONDecoder(strict=False)  # models write line breaks inside strings


class TextProtocol:
    """Gives tools to the models of `inner` through text."""

    def __init__(self, inner: base.Gateway) -> None:
        self._inner = inner

    def complete(self, request: base.Request) -> Completion:
        """Answer one request; faults are those of the inner gateway."""
        return _read_answer(self._inner.complete(rewrite(request)), request)

    def stream(self, request: base.Request) -> Generator[base.Delta, None, Completion]:
        """Answer piece by piece; text from the first brace or fence on comes at the end."""
        shown = 0
        text = ""
        pieces = self._inner.stream(rewrite(request))
        while True:
            try:
                text += next(pieces).text
            except StopIteration as end:
                answer = _read_answer(end.value, request)
                break
            limit = min((at for at in map(text.find, "{`[") if at >= 0), default=len(text))
            if limit > shown:
                yield base.Delta(text=text[shown:limit])
                shown = limit
        if len(answer.text) > shown:
            yield base.Delta(text=answer.text[shown:])
        for call in answer.tool_calls:
            yield base.Delta(tool=call.name, arguments=call.arguments)
        return answer

    def recorded_call(
        self, tool: str, arguments: Mapping[str, Any], make: Callable[[], tuple[bool, str]]
    ) -> tuple[bool, str]:
        """As the inner gateway does it."""
        if isinstance(self._inner, base.Tape):
            return self._inner.recorded_call(tool, arguments, make)
        return make()


def rewrite(request: base.Request) -> base.Request:
    """The request as the inner gateway gets it: no tools, and no tool messages."""
    offered = request.tools if request.tool_choice != "none" else ()
    messages = _merged([_plain(message, request.messages) for message in request.messages])
    if offered:
        text = section(offered, request.tool_choice)
        if messages and messages[0]["role"] == "system":
            messages[0] = {**messages[0], "content": f"{messages[0]['content']}\n\n{text}"}
        else:
            messages.insert(0, {"role": "system", "content": text})
    return dataclasses.replace(request, messages=messages, tools=(), tool_choice="auto")


def section(tools: Sequence[Wire], tool_choice: str = "auto") -> str:
    """The part of the system prompt that explains the tools."""
    functions = [tool.get("function", tool) for tool in tools]
    listed = "\n\n".join(_describe(function) for function in functions)
    example = f"Example:\n\n{json.dumps(_example(functions[0]), ensure_ascii=False)}"
    parts = [_INTRO, *([_REQUIRED] if tool_choice == "required" else []), example, listed]
    return "\n\n".join(parts)


def parse(text: str, tools: Sequence[Wire] = ()) -> tuple[str, list[tuple[str, str]]]:
    """Split an answer into its text and its calls as (name, raw JSON arguments).

    Args:
        text: what the model wrote.
        tools: the tools on offer; their names allow looser forms.
    """
    invented = _INVENTED.search(text)
    text = text[: invented.start()] if invented else text
    names = {tool.get("function", tool)["name"] for tool in tools}
    calls: list[tuple[str, str]] = []
    kept: list[str] = []
    position = 0
    while (start := text.find("{", position)) >= 0:
        call, end = _call_at(text, start, names)
        if call is None:
            kept.append(text[position:end])
        else:
            calls.append(call)
            kept.append(_FENCE.sub("", text[position:start]))
            closing = re.compile(r"\s*```").match(text, end)
            end = closing.end() if closing else end
        position = end
    kept.append(text[position:])
    return "".join(kept).strip(), calls


def _call_at(text: str, start: int, names: set[str]) -> tuple[tuple[str, str] | None, int]:
    """The call that begins at `start`, if one does, and where to read on."""
    try:
        value, end = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        if not _START.match(text, start):
            return None, start + 1
        end = _end_of_malformed(text, start)
        broken = text[start:end]
        name = _NAME.search(broken)
        return (name.group(1) if name else "", broken.strip()), end
    call = _call_of(value, names)
    return call, end if call else start + 1


def _end_of_malformed(text: str, start: int) -> int:
    following = _START.search(text, start + 1)
    fence = text.find("```", start)
    ends = [following.start() if following else len(text), fence if fence >= 0 else len(text)]
    return min(ends)


def _call_of(value: Mapping[str, Any], names: set[str]) -> tuple[str, str] | None:
    if isinstance(value.get("tool"), str):
        key = "tool"
    elif isinstance(value.get("name"), str) and value["name"] in names:
        key = "name"
    else:
        return None
    rest = {name: part for name, part in value.items() if name != key}
    for name in ("arguments", "parameters", "args"):
        if name in rest:
            rest = rest[name]
            break
    raw = rest if isinstance(rest, str) else json.dumps(rest or {}, ensure_ascii=False)
    return value[key], raw


def _read_answer(answer: Completion, request: base.Request) -> Completion:
    if not request.tools or request.tool_choice == "none":
        return answer
    text, found = parse(answer.text, request.tools)
    calls = tuple(
        ToolCall(call_ids.derive(request, index), name, raw)
        for index, (name, raw) in enumerate(found)
    )
    reason = "tool_calls" if calls else answer.finish_reason
    return dataclasses.replace(answer, text=text, tool_calls=calls, finish_reason=reason)


def _plain(message: Wire, history: Sequence[Wire]) -> Wire:
    if message["role"] == "tool":
        opening = RESULT.format(name=message.get("name") or _name_of(message, history))
        return {"role": "user", "content": f"{opening}\n{message.get('content') or ''}"}
    if not message.get("tool_calls"):
        return dict(message)
    written = [_written(call["function"]) for call in message["tool_calls"]]
    content = "\n".join([*([message["content"]] if message.get("content") else []), *written])
    return {"role": message["role"], "content": content}


def _written(function: Mapping[str, Any]) -> str:
    """A call as the model wrote it; malformed arguments stand as they were."""
    try:
        arguments = json.loads(function["arguments"] or "{}")
    except ValueError:
        return str(function["arguments"])
    return json.dumps({"tool": function["name"], "arguments": arguments}, ensure_ascii=False)


def _name_of(result: Wire, history: Sequence[Wire]) -> str:
    for message in history:
        for call in message.get("tool_calls") or ():
            if call["id"] == result.get("tool_call_id"):
                return str(call["function"]["name"])
    return "a tool"


def _merged(messages: list[Wire]) -> list[Wire]:
    """Adjacent results in one message: many chat templates want user and model to alternate."""
    result: list[Wire] = []
    for message in messages:
        before = result[-1] if result else None
        if before and _is_result(before) and _is_result(message):
            content = f"{before['content']}\n\n{message['content']}"
            result[-1] = {"role": "user", "content": content}
        else:
            result.append(message)
    return result


def _is_result(message: Wire) -> bool:
    content = message.get("content")
    return message["role"] == "user" and str(content).startswith("[result of ")


def _describe(function: Mapping[str, Any]) -> str:
    schema = json.dumps(function.get("parameters") or {}, ensure_ascii=False)
    return f"## {function['name']}\n{function.get('description') or ''}\narguments: {schema}"


def _example(function: Mapping[str, Any]) -> dict[str, Any]:
    parameters = function.get("parameters") or {}
    properties = parameters.get("properties") or {}
    wanted = [name for name in parameters.get("required") or () if name in properties]
    return {
        "tool": function["name"],
        "arguments": {name: _sample(properties[name]) for name in wanted or list(properties)[:1]},
    }


def _sample(schema: Mapping[str, Any]) -> Any:
    if schema.get("enum"):
        return schema["enum"][0]
    samples = {"integer": 1, "number": 0.5, "boolean": True, "array": [], "object": {}}
    kind = schema.get("type")
    return samples.get(kind, "some text") if isinstance(kind, str) else "some text"
