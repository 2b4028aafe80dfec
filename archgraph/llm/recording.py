"""Records every answer of a gateway, and answers from such a recording without the model.

`Recorder` wraps any gateway; `Replay` takes its place later. A recording is a file of JSON lines,
one for each answer or failure. Used by the doors and by suites. Knows no agents.

An answer belongs to the digest of its request and to the ordinal among equal requests: asking the
same thing twice gives the two recorded answers in turn. Calls of outside tools (Python functions,
MCP servers) are kept in the same way, by tool and arguments: a replay runs none of them. The digest
covers all that can change an answer; secrets and the settings of the transport are in neither the
digest nor the file.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

from archgraph import errors
from archgraph.llm import base
from archgraph.messages import Completion

_log = logging.getLogger(__name__)

_UNRECORDED = re.compile(
    r"key|token$|secret|password|auth|credential|header|^api_|base_url|organization|"
    r"^timeout$|^retries$|^retry_cap$",
    re.IGNORECASE,
)
_FAILURES: dict[str, type[errors.GatewayError]] = {
    kind.__name__: kind
    for kind in (errors.GatewayFault, errors.ContextOverflow, errors.GatewayError)
}


def digest(request: base.Request) -> str:
    """SHA-256, in hex, of the canonical JSON of all in a request that can change its answer.

    Raises:
        InputError: the request holds something that JSON cannot.
    """
    return _sha(_fields(request))


def described(request: base.Request) -> dict[str, Any]:
    """The head of a row: the digests of a request (with its model, and without), its outline.

    Raises:
        InputError: the request holds something that JSON cannot.
    """
    fields = _fields(request)
    return {"key": _sha(fields), "bare": _bare(fields), "request": _outline(fields)}


def nearest(request: base.Request, rows: Sequence[Mapping[str, Any]]) -> str:
    """What sets a request apart from the nearest of the rows of a recording, in words."""
    fields = _fields(request)
    asked = _outline(fields)
    if asked["model"].startswith("replay/"):
        asked["model"] = None
    near = max(
        (row for row in rows if "call" not in row),
        key=lambda row: _likeness(asked, row["request"]),
        default=None,
    )
    if near is None:
        return "the recording is empty"
    what = _difference(asked, near["request"], fields)
    return f"no such request was recorded; nearest is line {rows.index(near) + 1}: {what}"


class Recorder:
    """Passes requests to `inner` and appends what came back to the file at `path`.

    A row is handed to the operating system before the answer is returned, so a killed process
    loses none that was used; a power failure may. A half row at the end, left by a kill, is
    removed and reported.

    Attributes:
        report: what was found wrong with an existing file, or "".
    """

    def __init__(self, inner: base.Gateway, path: str | Path) -> None:
        self._inner = inner
        self._path = Path(path)
        self._lock = threading.Lock()
        rows, self.report, end = _read(self._path) if self._path.exists() else ([], "", 0)
        self._ordinals: dict[str, int] = {}
        for row in rows:
            self._ordinals[row["key"]] = row["ordinal"] + 1
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        if self.report:
            os.ftruncate(self._file, end)

    def complete(self, request: base.Request) -> Completion:
        """Answer through the inner gateway and record what it gives or raises."""
        try:
            completion = self._inner.complete(request)
        except errors.GatewayError as error:
            self._append(request, _failure(error))
            raise
        self._append(request, {"completion": completion.to_json()})
        return completion

    def stream(self, request: base.Request) -> Generator[base.Delta, None, Completion]:
        """Stream through the inner gateway and record the whole answer at the end."""
        try:
            completion = yield from self._inner.stream(request)
        except errors.GatewayError as error:
            self._append(request, _failure(error))
            raise
        self._append(request, {"completion": completion.to_json()})
        return completion

    def recorded_call(
        self, tool: str, arguments: Mapping[str, Any], make: Callable[[], tuple[bool, str]]
    ) -> tuple[bool, str]:
        """Let an outside tool be called, and record what came of it."""
        if isinstance(self._inner, base.Tape):
            ok, text = self._inner.recorded_call(tool, arguments, make)
        else:
            ok, text = make()
        call = {"tool": tool, "arguments": dict(arguments)}
        self._write({"key": _sha(call), "call": call, "result": [ok, text]})
        return ok, text

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _append(self, request: base.Request, outcome: Mapping[str, Any]) -> None:
        self._write({**described(request), **outcome})

    def _write(self, row: dict[str, Any]) -> None:
        with self._lock:
            row["ordinal"] = self._ordinals.get(row["key"], 0)
            self._ordinals[row["key"]] = row["ordinal"] + 1
            os.write(self._file, json.dumps(row, ensure_ascii=False).encode() + b"\n")


class Replay:
    """Answers from a recording.

    A request whose model is `replay/<path>` matches a recorded one of any model; otherwise the
    model must be the same too.

    Attributes:
        report: what was found wrong with the file, or "".

    Raises:
        InputError: there is no such file, or it is not a recording.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        if not self._path.is_file():
            raise errors.InputError(f"there is no recording {str(path)!r}")
        self._rows, self.report, _ = _read(self._path)
        self._lock = threading.Lock()
        self._asked: dict[str, int] = {}
        self._found: dict[str, list[Mapping[str, Any]]] = {}
        for row in self._rows:
            self._found.setdefault(row["key"], []).append(row)
            if "bare" in row:
                self._found.setdefault(row["bare"], []).append(row)

    @classmethod
    def open(cls, model: str, options: Mapping[str, Any] | None = None) -> Replay:
        """For a model name `replay/<path>`."""
        return cls(model.partition("/")[2])

    def complete(self, request: base.Request) -> Completion:
        """Give the recorded answer, or raise the recorded failure.

        Raises:
            RecordingMissing: this was never recorded; the message says what differs from the
                nearest request that was.
        """
        fields = _fields(request)
        key = _bare(fields) if request.model.startswith("replay/") else _sha(fields)
        with self._lock:
            ordinal = self._asked.get(key, 0)
            self._asked[key] = ordinal + 1
        rows = self._found.get(key, [])
        if ordinal >= len(rows):
            raise errors.RecordingMissing(f"{self._path}: {self._missing(request, len(rows))}")
        row = rows[ordinal]
        if "failure" in row:
            raise failed(*row["failure"])
        return Completion.from_json(row["completion"])

    def stream(self, request: base.Request) -> Generator[base.Delta, None, Completion]:
        """Give the recorded answer in one piece."""
        return (yield from base.completed(self, request))

    def recorded_call(
        self, tool: str, arguments: Mapping[str, Any], make: Callable[[], tuple[bool, str]]
    ) -> tuple[bool, str]:
        """Give the recorded result of an outside tool's call; the tool is not run.

        Raises:
            RecordingMissing: such a call was never recorded.
        """
        key = _sha({"tool": tool, "arguments": dict(arguments)})
        with self._lock:
            ordinal = self._asked.get(key, 0)
            self._asked[key] = ordinal + 1
        rows = self._found.get(key, [])
        if ordinal >= len(rows):
            asked = json.dumps(dict(arguments), ensure_ascii=False)[:200]
            times = f"{len(rows)} times" if rows else "never"
            raise errors.RecordingMissing(
                f"{self._path}: the call {tool}({asked}) was recorded {times}, "
                "and a replay runs no outside tool"
            )
        ok, text = rows[ordinal]["result"]
        return bool(ok), str(text)

    def _missing(self, request: base.Request, recorded: int) -> str:
        if recorded:
            times = "once" if recorded == 1 else f"{recorded} times"
            return f"this request was recorded {times} and is asked once more"
        return nearest(request, self._rows)


def failed(kind: str, text: str) -> errors.GatewayError:
    """The error of a recorded failure."""
    return _FAILURES[kind](text)


def failure(error: errors.GatewayError) -> tuple[str, str]:
    """The kind and text that a recording keeps of a failure."""
    kind = next(name for name, one in _FAILURES.items() if isinstance(error, one))
    return kind, str(error)


def _fields(request: base.Request) -> dict[str, Any]:
    return {
        "model": request.model,
        "messages": list(request.messages),
        "tools": list(request.tools),
        "tool_choice": request.tool_choice,
        "max_tokens": request.max_tokens,
        "seed": request.seed,
        "options": _recorded(request.options),
    }


def _recorded(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {key: _recorded(one) for key, one in value.items() if not _UNRECORDED.search(key)}


def _sha(value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise errors.InputError(f"a request cannot be recorded: {error}") from error
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _bare(fields: Mapping[str, Any]) -> str:
    return _sha({**fields, "model": None})


def _outline(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What a row keeps of a request: enough to say which part of another one differs."""
    return {
        **fields,
        "messages": [f"{one.get('role')} {_sha(one)[:12]}" for one in fields["messages"]],
        "tools": [
            f"{one.get('function', one).get('name')} {_sha(one)[:12]}" for one in fields["tools"]
        ],
    }


def _failure(error: errors.GatewayError) -> dict[str, Any]:
    return {"failure": list(failure(error))}


def _common(left: list[str], right: list[str]) -> int:
    """How many first items are equal."""
    pairs = zip(left, right, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(left), len(right)))


def _likeness(asked: Mapping[str, Any], row: Mapping[str, Any]) -> tuple[int, int]:
    """Equal settings count before equal first messages."""
    settings = sum(asked[name] == row[name] for name in asked if name != "messages")
    common = _common(asked["messages"], row["messages"])
    return settings, 2 * common - abs(len(asked["messages"]) - len(row["messages"]))


def _difference(asked: Mapping[str, Any], row: Mapping[str, Any], fields: Mapping[str, Any]) -> str:
    plain = [
        f"{name} is {asked[name]!r}, recorded {row[name]!r}"
        for name in ("model", "tool_choice", "max_tokens", "seed", "options")
        if asked[name] is not None and asked[name] != row[name]
    ]
    return "; ".join([*plain, *_lists("tools", asked, row), *_texts(asked, row, fields)])


def _lists(name: str, asked: Mapping[str, Any], row: Mapping[str, Any]) -> list[str]:
    if asked[name] == row[name]:
        return []
    at = _common(asked[name], row[name])
    now = asked[name][at].split()[0] if at < len(asked[name]) else "nothing"
    then = row[name][at].split()[0] if at < len(row[name]) else "nothing"
    return [f"{name}[{at}] is {now}, recorded {then}" + (", changed" if now == then else "")]


def _texts(
    asked: Mapping[str, Any], row: Mapping[str, Any], fields: Mapping[str, Any]
) -> list[str]:
    found = _lists("messages", asked, row)
    at = _common(asked["messages"], row["messages"])
    if not found or at >= len(fields["messages"]):
        return found
    content = str(fields["messages"][at].get("content") or "")
    return [f"{found[0]}: {content[:80]!r}"]


def _read(path: Path) -> tuple[list[dict[str, Any]], str, int]:
    """The rows, what is wrong with the end of the file, and where its whole rows end in bytes."""
    whole, _, rest = path.read_bytes().rpartition(b"\n")
    end = len(whole) + 1 if whole else 0
    report = ""
    if rest:
        report = f"{path}: the last line is half a row ({len(rest)} bytes), left by a kill; ignored"
        _log.warning(report)
    rows = []
    for number, line in enumerate(whole.split(b"\n") if whole else [], 1):
        try:
            row = json.loads(line)
            row["key"], row["ordinal"]
            row["result"] if "call" in row else (row["bare"], row["request"]["messages"])
        except (ValueError, KeyError, TypeError) as error:
            raise errors.InputError(
                f"{path}:{number}: not a row of a recording: {error}"
            ) from error
        rows.append(row)
    return rows, report, end
