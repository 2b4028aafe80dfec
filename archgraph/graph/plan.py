"""The plan: a checked architecture in the frozen form that the runtime walks.

`graph.compile` makes it from a spec; the agent keeps it in its file. Knows nothing of YAML, of
networkx or of what a store type does inside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from archgraph.messages import Wire

CONTROL_VERBS = ("reply", "finish", "pause_heartbeats", "wait")
"""Verbs that belong to no store: they steer the thread that calls them."""

REPLY, FINISH, PAUSE, WAIT = CONTROL_VERBS

THREAD_EVENTS = ("turn", "run", "step", "reply")
"""Events of a thread that triggers may name as `<thread>.<event>`: a foreground run ends with
`turn`, one in the background with `run`."""
AGENT_EVENTS = ("opened", "case_end")
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

    @property
    def control(self) -> bool:
        """Whether the verb steers the thread instead of touching a store."""
        return self.verb in CONTROL_VERBS


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
    but does not become due.
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

    @property
    def background(self) -> bool:
        """Whether its runs take their steps between the user's turns."""
        return self.mode == "background"


@dataclass(frozen=True, slots=True)
class ToolRules:
    """Declared order of tool calls within a run of a thread.

    `first`: the run's first call must be one of these. `last`: a successful call of one of these
    ends the run. `then`: after the key, the next call must be one of the values. `at_most`: calls
    per turn. `required`: must have been called before the run may end. `approval`: a person must
    agree first.
    """

    first: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    then: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    at_most: Mapping[str, int] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    approval: tuple[str, ...] = ()


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
class ThreadPlan:
    """A thread: what it runs on, what it sees, what it may call, when it is due.

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
    if "requested" in thread.heartbeat.when and tool.verb != REPLY:
        properties["request_heartbeat"] = {
            "type": "boolean",
            "description": "true: you act again right after this call. false: you stop here.",
        }
        required.append("request_heartbeat")
    parameters = {"type": "object", "properties": properties, "required": required}
    function = {"name": tool.name, "description": tool.description, "parameters": parameters}
    return {"type": "function", "function": function}
