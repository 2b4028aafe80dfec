"""The plan: a checked architecture in the frozen form that the runtime walks.

`graph.compile` makes it from a spec; the agent keeps it in its file. Knows nothing of YAML, of
networkx or of what a store type does inside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from archgraph.graph import outside, tool_rules
from archgraph.messages import Wire

OutsidePlan = outside.OutsidePlan
ToolRules = tool_rules.ToolRules
Branch = tool_rules.Branch

CONTROL_VERBS = ("reply", "finish", "pause_heartbeats", "wait", "ask", "signal")
"""Verbs that belong to no store: they steer the thread that calls them."""

REPLY, FINISH, PAUSE, WAIT, ASK, SIGNAL = CONTROL_VERBS

THREAD_EVENTS = ("turn", "run", "step", "reply")
"""Events of a thread that triggers may name as `<thread>.<event>`: a foreground run ends with
`turn`, one in the background with `run`."""
AGENT_EVENTS = ("opened", "message", "case_end")
"""Events of the agent as a whole, named `agent.<event>`."""


@dataclass(frozen=True, slots=True)
class StorePlan:
    """A store: its type's name and its validated options in plain form."""

    name: str
    type: str
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolPlan:
    """A tool that a model may call.

    `parameters` is a JSON Schema object without what a thread injects (inner thoughts,
    `request_heartbeat`). `store_argument` names the enum argument that chooses the store when the
    verb is bound to several, else it is empty. `fixed` are arguments that the model does not see.
    `ask` and `signal` call `threads`; `within` bounds the waiting in seconds (0: no bound), `mode`
    is that of the called run (empty: the caller's). `outside` is how a Python function or a tool
    of an MCP server is called; its `verb` is `python` or `mcp`.
    """

    name: str
    verb: str
    stores: tuple[str, ...]
    description: str
    parameters: Mapping[str, Any]
    store_argument: str = ""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    writes: bool = False
    reads: bool = False
    threads: tuple[str, ...] = ()
    within: float = 0.0
    mode: str = ""
    outside: OutsidePlan | None = None

    @property
    def bound(self) -> tuple[str, ...]:
        """What it works on: stores, threads, a function, or a server's tool."""
        beyond = self.outside
        if beyond is None:
            return (*self.stores, *self.threads)
        server = beyond.url or " ".join(beyond.command)
        return (f"{beyond.target} of {server}" if server else beyond.target,)

    @property
    def control(self) -> bool:
        """Whether the verb steers the thread instead of touching a store."""
        return self.verb in CONTROL_VERBS and not self.stores

    @property
    def steers(self) -> str:
        """The verb if it steers the thread, else empty: stores have verbs of the same names."""
        return self.verb if self.control else ""


@dataclass(frozen=True, slots=True)
class ContextItem:
    """One part of a thread's context window, in the order of the file.

    mode `show`: the store renders itself (a block's text, a queue's messages, a collection's list).
    mode `since`: the messages of `store` after this thread's cursor (`since` is `last_run`), or of
    the present turn only (`since` is `turn`); `of` limits them to those of another thread's turns.
    mode `search`: what a search of `store` finds for `query` (`last_user`), `k` records.
    `cap` is the most tokens that the part may take.
    """

    store: str
    mode: str = "show"
    since: str = ""
    of: str = ""
    query: str = "last_user"
    k: int = 10
    cap: int = 0


@dataclass(frozen=True, slots=True)
class TriggerPlan:
    """A rule that makes a thread due.

    kind: `user_message`, `event`, `every` (count of an event), `timer` (every so many seconds),
    `at` (cron), `idle` (seconds without input), `crosses` (a store's measure), `signal`.
    `event` is `node.name`, for example `window.pressure`, `main.turn`, `recall.write`,
    `agent.opened`. `say` is a template whose text is put into the thread's log when it fires.
    `mode` is `foreground`, `background`, or `note`: the thread is told (`say`) at its next step,
    but does not become due. `where` demands fields of the event's payload, each with the values
    that are allowed. With `quiet` nothing is put into the log. With `since` (of `crosses`) the
    measure's rise since the thread's last run counts.
    """

    kind: str
    event: str = ""
    count: int = 1
    seconds: float = 0.0
    cron: str = ""
    measure: str = ""
    over: float = 0.0
    say: str = ""
    mode: str = "foreground"
    busy: str = "coalesce"
    where: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    quiet: bool = False
    since: str = ""

    @property
    def background(self) -> bool:
        """Whether its runs take their steps between the user's turns."""
        return self.mode == "background"


@dataclass(frozen=True, slots=True)
class HeartbeatPlan:
    """When a thread takes another step without input.

    `when` holds `requested`, `failed`, `called` (after any tool call) or `always`. `until` names
    a tool whose successful call ends the run; `while_open` a store whose measure `open` keeps it
    going. `max_steps` bounds a run, `max_failures` the failed steps in a row; the same failing
    call `max_repeats` times ends the run as well.
    """

    when: tuple[str, ...] = ()
    until: str = ""
    while_open: str = ""
    max_steps: int = 20
    max_failures: int = 3
    max_repeats: int = 2
    rules: ToolRules = field(default_factory=ToolRules)


@dataclass(frozen=True, slots=True)
class StepPlan:
    """A step of a pipeline: an operator with its options in plain form.

    `result` names the value that it makes, `when` is the expression that must hold, `each` the one
    whose items it is taken for; all three may be empty. `folders` are where functions that it calls
    are looked for, those of the architecture's files, the last one first.
    """

    operator: str
    options: Mapping[str, Any]
    result: str = ""
    when: str = ""
    each: str = ""
    folders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ThreadPlan:
    """A thread: what it runs on, what it sees, what it may call, when it is due.

    A pipeline (`kind`) has `steps` instead of prompt, log, context and tools.

    `context_window` and `max_tokens` (reserved for the answer) are in tokens. `prompt` names a
    template in `Plan.prompts`. `refresh` is `step`, `turn` or `eviction`: when the system prompt
    is rendered again. `thoughts` is `argument` (an injected first argument), `text` or `none`.
    `protocol` is `native` or `text` (JSON in text). `overflow` is `evict` or `fail`.
    """

    name: str
    model: str
    context_window: int
    prompt: str
    log: str
    context: tuple[ContextItem, ...]
    tools: tuple[str, ...] = ()
    triggers: tuple[TriggerPlan, ...] = ()
    heartbeat: HeartbeatPlan = field(default_factory=HeartbeatPlan)
    max_tokens: int = 512
    refresh: str = "step"
    thoughts: str = "argument"
    protocol: str = "native"
    overflow: str = "evict"
    options: Mapping[str, Any] = field(default_factory=dict)
    kind: str = "agent"
    steps: tuple[StepPlan, ...] = ()
    max_failures: int = 3

    @property
    def pipeline(self) -> bool:
        """Whether it is a list of operators instead of a heartbeat loop."""
        return self.kind == "pipeline"


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole architecture, checked. `prompts` holds the source of every template it uses.

    `source` is the resolved spec in plain form (after `extends`, `params` and `--set`); `digest`
    is a hash of source and prompts.
    """

    name: str
    about: str
    source: Mapping[str, Any]
    digest: str
    stores: Mapping[str, StorePlan]
    tools: Mapping[str, ToolPlan]
    threads: Mapping[str, ThreadPlan]
    prompts: Mapping[str, str]
    embedder: str = "hashed"

    def schemas(self, thread: ThreadPlan) -> list[Wire]:
        """The tool schemas as the thread's model is sent them, injected arguments included."""
        return [_schema(self.tools[name], thread) for name in thread.tools]


def _schema(tool: ToolPlan, thread: ThreadPlan) -> Wire:
    properties: dict[str, Any] = {}
    required: list[str] = []
    if thread.thoughts == "argument":
        properties["inner_thoughts"] = {
            "type": "string",
            "description": "Your private thoughts in under 50 words; nobody else reads them.",
        }
        required.append("inner_thoughts")
    properties |= tool.parameters["properties"]
    required += tool.parameters.get("required", [])
    if "requested" in thread.heartbeat.when and tool.steers != REPLY:
        properties["request_heartbeat"] = {
            "type": "boolean",
            "description": "true: you act again right after this call. false: you stop here.",
        }
        required.append("request_heartbeat")
    parameters = {"type": "object", "properties": properties, "required": required}
    function = {"name": tool.name, "description": tool.description, "parameters": parameters}
    return {"type": "function", "function": function}
