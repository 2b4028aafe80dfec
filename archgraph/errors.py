"""Every exception that archgraph raises on purpose; the type says what happens next.

Imported by every other module; imports none.

    ArchgraphError
    ├── InputError            what the user gave is at fault: shown without traceback, exit code 1
    │   ├── SpecError         an architecture file has problems (`.problems`, all of them at once)
    │   ├── UnknownName       a name that nothing has, with the nearest one that exists
    │   ├── TemplateError     a prompt template cannot be found, parsed or rendered
    │   ├── AgentFileError    not an agent file, damaged, or written by a newer archgraph
    │   │   └── AgentBusy     another process is writing to this agent
    │   ├── EmbedderMismatch  an index was built with another embedder
    │   └── RecordingMissing  a replay was asked something that was never recorded
    ├── MachineError          this machine lacks something; the message says how to mend it
    ├── PluginError           a plugin cannot be loaded or breaks its contract
    ├── ToolError             goes back to the model as a failed tool result; the turn goes on
    └── GatewayError          the model could not answer; the turn ends as failed
        ├── GatewayFault      passing trouble (429, 5xx, timeout, cut stream): retried to a bound
        └── ContextOverflow   the request is larger than the model's window
"""

from __future__ import annotations

import difflib
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "AgentBusy",
    "AgentFileError",
    "ArchgraphError",
    "ContextOverflow",
    "EmbedderMismatch",
    "GatewayError",
    "GatewayFault",
    "InputError",
    "MachineError",
    "PluginError",
    "Problem",
    "RecordingMissing",
    "SpecError",
    "TemplateError",
    "ToolError",
    "UnknownName",
    "inside",
    "suggest",
]


class ArchgraphError(Exception):
    """The root of all errors that archgraph raises on purpose."""


class InputError(ArchgraphError):
    """What the user gave is at fault; the message says where and what to do."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong (or doubtful) in a file.

    `code` is stable and documented, for example `unknown-key`. `path` is the place inside the
    file, for example `threads.main.tools[2]`. `line` and `column` count from 1; 0 means that the
    problem has no place in a file (it came from `--set`, say: then `file` names that).
    """

    code: str
    message: str
    remedy: str = ""
    file: str = ""
    line: int = 0
    column: int = 0
    path: str = ""
    severity: str = "error"

    def __str__(self) -> str:
        place = ":".join([self.file, *(str(n) for n in (self.line, self.column) if n)])
        where = "  ".join(part for part in (place, self.path) if part)
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{where}: {self.message}{remedy} [{self.code}]"


class SpecError(InputError):
    """An architecture has problems; all of them are in `problems`, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class UnknownName(InputError):
    """A name that nothing has. The message offers the nearest names that exist."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind, self.name, self.known = kind, name, tuple(known)
        super().__init__(f"no {kind} {name!r}; {suggest(name, self.known)}")


class TemplateError(InputError):
    """A prompt template cannot be found, parsed or rendered."""


class AgentFileError(InputError):
    """Not an agent file, damaged, or written by a newer archgraph."""


class AgentBusy(AgentFileError):
    """Another process is writing to this agent; one writer at a time."""


class EmbedderMismatch(InputError):
    """An index was built with another embedder than the one now given."""


class RecordingMissing(InputError):
    """A replay was asked for a completion that was never recorded."""


class MachineError(ArchgraphError):
    """This machine lacks something; the message says how to mend it."""


class PluginError(ArchgraphError):
    """A plugin cannot be loaded, or breaks its contract; `remedy` says what to do, if anything."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class ToolError(ArchgraphError):
    """A tool call failed; the text goes back to the model, which may act on it."""


class GatewayError(ArchgraphError):
    """The model could not answer, and trying again would not help."""


class GatewayFault(GatewayError):
    """Passing trouble at the provider; `retry_after` is in seconds where the provider said it."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ContextOverflow(GatewayError):
    """The request is larger than the model's context window."""


def inside(error: BaseException) -> str:
    """What a bug of a plugin's says: its type, its text, and where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    place = [f"{Path(frames[-1].filename).name}:{frames[-1].lineno}"] if frames else []
    where = ", ".join([*getattr(error, "__notes__", ()), *place])
    return f"{type(error).__name__}: {error}" + (f" ({where})" if where else "")


def suggest(name: str, known: Iterable[str]) -> str:
    """Say which known name was probably meant: `did you mean "archival"?`, else list them."""
    names = sorted(set(known))
    near = nearest(name, names)
    if near is not None:
        return f'did you mean "{near}"?'
    return f"known: {', '.join(names)}" if names else "none are known"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant, None if none is near enough."""
    names = sorted(set(known))
    near = [each for each in names if sorted(each) == sorted(name)]  # letters swapped
    near = near or difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    near = near or [each for each in names if each.lower() == name.lower()]
    return near[0] if near else None
