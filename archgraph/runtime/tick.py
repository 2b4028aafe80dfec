"""What can happen to an agent (`Tick`), what to do about it (`Command`), and what it remembers.

Plain frozen values that travel between the reducer, which decides, and the scheduler, which acts.
All of them can be written to the agent's file and read back.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MESSAGE, OBSERVE, STEP, TIMER, WAKE = "message", "observe", "step", "timer", "wake"
CASE_END = "case_end"
"""Kinds of tick that wait in the agent's queue."""

STEPPED, PIPED, FAILED, EVENT, MEASURED, OPENED, SIGNAL = (
    "stepped",
    "piped",
    "failed",
    "event",
    "measured",
    "opened",
    "signal",
)
"""Kinds of tick that are reduced at once, within the commit that caused them."""


RUN_START, UNREAD = MARKS = ("@run", "@unread")
"""Keys in `ThreadState.upto` that are no stores: the last row that was written before the run
began, and that a range did not fit its cap, so that another run is due for the rest."""


@dataclass(frozen=True, slots=True)
class Tick:
    """An input to the reducer. `due` is in seconds since 1970; `seq` its place in the queue."""

    kind: str
    thread: str = ""
    due: float = 0.0
    background: bool = False
    turn: int | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)
    seq: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """What one tool call of a step came to, as far as the reducer cares.

    `error` is what the model was told of a call that failed; `branch` the pattern of the tool's
    branch rule that its result matched.
    """

    tool: str
    verb: str
    ok: bool
    heartbeat: bool = False
    signature: str = ""
    error: str = ""
    branch: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """A message to another thread: by which tool, to whom, and whether the sender waits."""

    tool: str
    thread: str
    message: str
    waits: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step came to. `text` tells that the model answered without calling a tool.

    `said` is what it wrote then; `spoken` what is heard of the step; `sent` goes to other threads.
    """

    calls: tuple[Call, ...] = ()
    text: bool = False
    pause_minutes: int = 0
    wait_minutes: int = 0
    said: str = ""
    spoken: tuple[str, ...] = ()
    sent: tuple[Sent, ...] = ()

    @property
    def asks(self) -> bool:
        """Whether the thread waits for answers of other threads."""
        return any(sent.waits for sent in self.sent)


@dataclass(frozen=True, slots=True)
class Append:
    """Put a message into the log that `thread` keeps its messages in.

    `thread` is empty for input: it then goes into every log of a thread that hears the user.
    """

    kind: str
    text: str
    thread: str = ""
    name: str = ""
    at: float | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class Say:
    """Render a template and put it into a thread's log as an alert."""

    thread: str
    template: str
    event: str


@dataclass(frozen=True, slots=True)
class Schedule:
    """Put a tick into the queue."""

    tick: Tick


@dataclass(frozen=True, slots=True)
class Cancel:
    """Take a thread's waiting ticks of a kind out of the queue; of one trigger only, if given."""

    thread: str
    kind: str
    trigger: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """Take one step of a thread."""

    thread: str


@dataclass(frozen=True, slots=True)
class OpenTurn:
    """Note that a turn has begun."""

    turn: int
    cause: str


@dataclass(frozen=True, slots=True)
class CloseTurn:
    """Note that a turn has ended: `done` or `failed`, with the reason."""

    turn: int
    status: str
    reason: str


@dataclass(frozen=True, slots=True)
class Note:
    """Write an event into the journal."""

    name: str
    payload: Mapping[str, Any]


Command = Append | Say | Schedule | Cancel | Step | OpenTurn | CloseTurn | Note


@dataclass(frozen=True, slots=True)
class ThreadState:
    """What the reducer remembers of a thread.

    `run` numbers the present run (0: at rest). `cursor` holds, per store, the row up to which
    earlier runs have consumed it; `upto` the row at which the present run froze its range.
    `counters` and `timers` are kept per trigger (its place in the thread's list). `armed` names
    what may fire again: pressure per queue, `crosses` per trigger. `says` wait for the next step;
    `queued` are runs that wait for the present one to end, as (template, event, mode). `shown`
    marks the system prompt that the thread was sent last, `seen` what was shown in it. `place`
    is where the run of a pipeline stands: its step, and the item of that step's `each`.

    `asking` are the questions that the thread waits for, as (id, asked thread); `question` the one
    that its present run answers, as (id, asking thread), with `answer` so far; `inbox` those that
    wait for the present run to end, as (id, asking thread, message). `base` holds per measure its
    value when the last run ended; `rebase` says that a run has just ended (`done`, `failed`), and
    the value is to be taken.
    """

    run: int = 0
    turn: int | None = None
    background: bool = False
    steps: int = 0
    failures: int = 0
    repeats: int = 0
    last_failed: str = ""
    called: Mapping[str, int] = field(default_factory=dict)
    last_call: str = ""
    last_branch: str = ""
    again: bool = False
    queued: tuple[tuple[str, str, str], ...] = ()
    says: tuple[tuple[str, str], ...] = ()
    cursor: Mapping[str, int] = field(default_factory=dict)
    upto: Mapping[str, int] = field(default_factory=dict)
    counters: Mapping[str, int] = field(default_factory=dict)
    disarmed: tuple[str, ...] = ()
    paused_until: float = 0.0
    waiting_until: float = 0.0
    shown: tuple[str, int, int] = ("", 0, 0)
    seen: Mapping[str, int] = field(default_factory=dict)
    runs: int = 0
    place: tuple[int, int] = (0, 0)
    asking: tuple[tuple[str, str], ...] = ()
    question: tuple[str, str] = ("", "")
    answer: tuple[str, ...] = ()
    inbox: tuple[tuple[str, str, str], ...] = ()
    base: Mapping[str, float] = field(default_factory=dict)
    rebase: str = ""

    @property
    def at_work(self) -> bool:
        """Whether it is running and waits for nothing."""
        return bool(self.run) and not self.waiting_until and not self.asking


@dataclass(frozen=True, slots=True)
class AgentState:
    """What the reducer remembers of the agent. `turn` is the open turn (0: none)."""

    turn: int = 0
    turns: int = 0
    turn_steps: int = 0
    failed: str = ""
    last_input: float = 0.0
    threads: Mapping[str, ThreadState] = field(default_factory=dict)


def to_plain(value: ThreadState | AgentState) -> dict[str, Any]:
    """Only what differs from a fresh state, so that the file stays small."""
    plain: dict[str, Any] = {}
    for item in dataclasses.fields(value):
        present = getattr(value, item.name)
        if item.name != "threads" and present and present != item.default:
            plain[item.name] = present
    return plain


_TUPLES = (
    "queued", "says", "disarmed", "shown", "place", "asking", "question", "answer", "inbox",
)  # fmt: skip


def thread_from_plain(plain: Mapping[str, Any]) -> ThreadState:
    """Read what `to_plain` wrote."""
    known = dict(plain)
    for name in _TUPLES:
        if name in known:
            known[name] = tuple(
                tuple(item) if isinstance(item, list) else item for item in known[name]
            )
    return ThreadState(**known)
