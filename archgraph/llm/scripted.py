"""A gateway that answers from a list, for tests and demonstrations.

    gateway = Scripted(["Hello.", call("search", query="dogs"), GatewayFault("busy")])

An item is a text, a call, a list of calls, a whole `Completion`, an exception to raise, or a
function of the request that gives any of these. The model name `scripted/<path>` reads the list
from a YAML or JSON file; see `read`. Knows no agents: it does not look at what it is asked unless
a function in the script does.
"""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from archgraph import errors
from archgraph.llm import base, call_ids
from archgraph.messages import Completion, ToolCall

Plain: TypeAlias = str | ToolCall | Sequence[ToolCall] | Completion | Exception
Item: TypeAlias = Plain | Callable[[base.Request], Plain]


def call(name: str, /, **arguments: Any) -> ToolCall:
    """A tool call for a script; its id is given when it is answered."""
    return ToolCall("", name, json.dumps(arguments, ensure_ascii=False))


class Scripted:
    """Answers request number n with item number n.

    Attributes:
        requests: every request so far.
    """

    def __init__(self, script: Sequence[Item]) -> None:
        self.requests: list[base.Request] = []
        self._script = list(script)
        self._lock = threading.Lock()

    @classmethod
    def open(cls, model: str, options: Mapping[str, Any] | None = None) -> Scripted:
        """For a model name `scripted/<path>`; the script starts anew with each opening.

        Raises:
            InputError: there is no such file, or it is not a script.
        """
        return cls(read(model.partition("/")[2]))

    @property
    def left(self) -> int:
        """The number of items that were not used."""
        return max(0, len(self._script) - len(self.requests))

    def complete(self, request: base.Request) -> Completion:
        """Give the next item.

        Raises:
            GatewayError: the script is over.
        """
        with self._lock:
            position = len(self.requests)
            self.requests.append(request)
        if position >= len(self._script):
            raise errors.GatewayError(
                f"the script is over: {len(self._script)} answers were given and one more was asked"
            )
        item = self._script[position]
        if callable(item):
            item = item(request)
        return _completion(item, request)

    def stream(self, request: base.Request) -> Generator[base.Delta, None, Completion]:
        """Give the next item in one piece."""
        return (yield from base.completed(self, request))


def read(path: str) -> list[Item]:
    """The script in a YAML or JSON file.

    The file is a list. An item is a text, or a mapping with some of `text`, `calls` (a list of
    `{name, arguments}`) and `reasoning`, or `{call: name, arguments: ...}` for a single call, or
    `{fault: text}`. `arguments` is a mapping, or a text that is taken as it is, malformed or not.

    Raises:
        InputError: there is no such file, or it is not a script.
    """
    import yaml

    try:
        data = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise errors.InputError(f"the script {path!r} cannot be read: {error}") from error
    if not isinstance(data, list):
        raise errors.InputError(f"the script {path!r} is not a list of answers")
    return [_item(one, f"{path}, answer {number}") for number, one in enumerate(data, 1)]


def _item(one: Any, where: str) -> Item:
    if isinstance(one, str):
        return one
    known = {"text", "calls", "reasoning", "call", "arguments", "fault"}
    if not isinstance(one, dict) or not one or set(one) - known:
        raise errors.InputError(
            f"{where}: an answer is a text, or a mapping with some of {', '.join(sorted(known))}"
        )
    if "fault" in one:
        return errors.GatewayFault(str(one["fault"]))
    calls = list(one.get("calls") or [])
    if "call" in one:
        calls.append({"name": one["call"], "arguments": one.get("arguments")})
    return Completion(
        text=str(one.get("text") or ""),
        tool_calls=tuple(_call(each, where) for each in calls),
        reasoning=str(one.get("reasoning") or ""),
    )


def _call(one: Any, where: str) -> ToolCall:
    if not isinstance(one, dict) or not isinstance(one.get("name"), str):
        raise errors.InputError(f"{where}: a call is a mapping with `name` and `arguments`")
    arguments = one.get("arguments")
    if isinstance(arguments, str):
        return ToolCall("", one["name"], arguments)
    return call(one["name"], **(arguments or {}))


def _completion(item: Plain, request: base.Request) -> Completion:
    if isinstance(item, Exception):
        raise item
    if isinstance(item, str):
        item = Completion(text=item)
    elif isinstance(item, ToolCall):
        item = Completion(tool_calls=(item,))
    elif not isinstance(item, Completion):
        item = Completion(tool_calls=tuple(item))
    calls = tuple(
        one if one.id else dataclasses.replace(one, id=call_ids.derive(request, index))
        for index, one in enumerate(item.tool_calls)
    )
    reason = "tool_calls" if calls and item.finish_reason == "stop" else item.finish_reason
    return dataclasses.replace(
        item, tool_calls=calls, finish_reason=reason, model=item.model or request.model
    )
