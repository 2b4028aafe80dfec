"""What an architecture file may say, as models without any reading or running.

`validate` builds them from a merged tree; `graph` compiles them; the JSON Schema is made from
them. The docstrings below each key are the descriptions that editors show. Short forms of a
value are turned into the long form here.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import pydantic
from pydantic_core import PydanticCustomError

from archgraph.spec import outside, rules, triggers

NAME = rules.NAME
RESERVED = (
    "agent", "all", "counts", "event", "none", "now", "rules", "say", "thread", "tools", "user",
    "user_message",
)  # fmt: skip
"""Names that mean something else in templates, events or lists."""

STAND_INS: dict[str, Any] = {
    "model": "offline/extractive", "context_window": 8192, "prompt": "none.jinja2",
}  # fmt: skip
"""What a thread of which these are missing or wrong is read with, so that the rest is checked."""

STAND_INS_PIPELINE: dict[str, Any] = {
    "model": "offline/extractive", "context_window": 8192, "steps": [{}],
}  # fmt: skip

Trigger = triggers.Trigger
PositiveInt = Annotated[int, pydantic.Field(ge=1)]
Name = rules.Name
Template = Annotated[str, pydantic.Field(pattern=r"\.jinja2$")]


Names = rules.Names
Rules = rules.Rules
_listed = rules.listed  # a field of that name hides the module


class Tool(triggers.Model):
    """A tool: a verb and the stores it works on, a Python function, or an MCP server's tool."""

    verb: Name = ""
    """What the tool does: a verb of the stores' type, or `reply`, `finish`, `pause_heartbeats`,
    `wait`, `ask`, `signal`."""
    stores: Names = pydantic.Field(default_factory=list)
    """The stores that the verb is bound to; with several the model chooses one by name."""
    threads: Names = pydantic.Field(default_factory=list)
    """With `ask` and `signal`: the threads that it calls; with several the model chooses one."""
    within: triggers.Duration | None = None
    """With `ask`: the longest time that the thread waits for the answer."""
    mode: Literal["foreground", "background"] | None = None
    """With `signal`: whether the turn waits for the called run. As the caller's, unless said."""
    about: str = ""
    """What the model is told of the tool, instead of the verb's own description."""
    fixed: dict[str, Any] = pydantic.Field(default_factory=dict)
    """Arguments that are set here and that the model does not see."""
    python: outside.Function | None = None
    """Instead of a verb: a Python function as `module:function`. The module is looked for beside
    the architecture's file, then among the installed packages."""
    mcp: outside.Mcp | None = None
    """Instead of a verb: the MCP server whose tool this is. Equal servers share a connection."""
    tool: Annotated[str | None, pydantic.Field(min_length=1)] = None
    """With `mcp`: what the server calls the tool, where that is not this tool's name."""
    timeout: triggers.Duration = outside.DEFAULT_TIMEOUT
    """With `python` or `mcp`: how long a call may take."""
    result_cap: PositiveInt = outside.DEFAULT_CAP
    """With `python` or `mcp`: the most tokens of a result; more is cut with a visible mark."""

    @pydantic.model_validator(mode="after")
    def _one_kind(self) -> Tool:
        outside.one_kind(self)
        return self


class Search(triggers.Model):
    """A search whose results stand in the context window."""

    query: Literal["last_user"] = "last_user"
    """What is searched for: the user's last message."""
    k: PositiveInt = 10
    """How many records."""


class ContextItem(triggers.Model):
    """A part of a context window: a store as it shows itself, new messages, or search results."""

    store: Name
    """The store that is shown."""
    since: Literal["last_run", "turn"] | None = None
    """Only the messages since this thread's last run, or only those of the present turn."""
    of: Name | None = None
    """With `since`: only the messages of this thread's turns."""
    search: Search | None = None
    """What a search of the store finds, instead of the store as it is."""
    cap: PositiveInt | None = None
    """The most tokens that this part may take."""

    @pydantic.model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"store": value} if isinstance(value, str) else value

    @pydantic.model_validator(mode="after")
    def _one_mode(self) -> ContextItem:
        if self.since and self.search:
            raise PydanticCustomError("wrong-value", "`since` and `search` exclude each other")
        if self.of and not self.since:
            raise PydanticCustomError("missing-key", "`of` needs `since: last_run` or `turn`")
        return self


When = Literal["requested", "failed", "called", "always"]


class Heartbeat(triggers.Model):
    """When a thread takes another step without input."""

    when: Annotated[
        list[When],
        pydantic.BeforeValidator(_listed, json_schema_input_type=When | list[When]),
    ] = pydantic.Field(default_factory=list)
    """`requested` by the model, after a `failed` call, after any tool was `called`, `always`."""
    until: Name | None = None
    """A successful call of this tool ends the run."""
    while_open: Annotated[
        str | None, pydantic.Field(alias="while", pattern=r"^[A-Za-z]\w*\.open$")
    ] = None
    """`store.open`: go on while the store has something open."""
    max_steps: PositiveInt = 20
    """The most steps of a run."""
    max_failures: PositiveInt = 3
    """The most failed steps in a row."""
    max_repeats: PositiveInt = 2
    """How often the very same failing call may be repeated."""
    rules: Rules = Rules()
    """The order in which tools may be called."""


class Thread(triggers.Model):
    """A thread: what it runs on, what it sees, what it may do, and when it is due."""

    kind: Literal["agent"] = "agent"
    """`agent`: the heartbeat loop. (`pipeline`: a list of operators, with keys of its own.)"""
    model: Annotated[str, pydantic.Field(min_length=1)]
    """The model's full name, for example `openai/gpt-4o-mini` or `offline/extractive`."""
    context_window: Annotated[int, pydantic.Field(ge=256)]
    """Tokens that one step may send and be answered with."""
    prompt: Template
    """The template of the system prompt."""
    log: Name | None = None
    """The log that keeps this thread's messages; may be left out when there is only one."""
    context: list[ContextItem] = pydantic.Field(default_factory=list)
    """What every step sees after the system prompt, in this order."""
    tools: Annotated[
        list[Name] | Literal["all"],
        pydantic.Field(union_mode="left_to_right"),
    ] = pydantic.Field(default_factory=list)
    """The tools that the model may call, or `all`."""
    triggers: list[Trigger] = pydantic.Field(default_factory=list)
    """What makes the thread due."""
    heartbeat: Heartbeat | Literal["never"] = "never"
    """When it takes another step without input."""
    max_tokens: PositiveInt = 512
    """Tokens reserved for the model's answer."""
    refresh: Literal["step", "turn", "eviction"] = "step"
    """When the system prompt is rendered again."""
    thoughts: Literal["argument", "text", "none"] = "argument"
    """Where the model thinks: in an argument of every tool, in its text, or not at all."""
    protocol: Literal["native", "text"] = "native"
    """How tools are called: natively, or as JSON in text for models that cannot."""
    overflow: Literal["evict", "fail"] = "evict"
    """What happens when the window is full. `fail` is for arms that are meant to overflow."""
    options: dict[str, Any] = pydantic.Field(default_factory=dict)
    """Settings for the model: `temperature`, `api_base`, `timeout` (seconds) and so on."""


class Modifiers(triggers.Model):
    """What stands beside a step's operator."""

    result: Annotated[str | None, pydantic.Field(alias="as", pattern=NAME)] = None
    """The name under which later steps and templates find the result."""
    when: str | None = None
    """A jinja2 expression over the values so far; the step is left out where it is false."""
    each: str | None = None
    """A value (or a path in one, or an expression) that is a list: the step is taken once for
    each of its items, which it finds as `item`; its result is the list of results."""


MODIFIERS = ("as", "when", "each")


class Step(Modifiers):
    """A step of a pipeline: one operator, and what becomes of its result."""

    operator: str
    """A registered operator. In YAML its name is the key under which its options stand."""
    options: dict[str, Any] = pydantic.Field(default_factory=dict)
    """The operator's options, checked by the operator."""


class Pipeline(triggers.Model):
    """A thread that is a fixed list of operators: no loop, and no tools that a model chooses."""

    kind: Literal["pipeline"]
    """`pipeline`: a list of operators."""
    model: Annotated[str, pydantic.Field(min_length=1)] = "offline/extractive"
    """The model of the steps that ask one."""
    context_window: Annotated[int, pydantic.Field(ge=256)] = 8192
    """Tokens that one request may send and be answered with."""
    max_tokens: PositiveInt = 512
    """Tokens reserved for the model's answer, unless a step says otherwise."""
    triggers: list[Trigger] = pydantic.Field(default_factory=list)
    """What makes the thread due."""
    steps: list[dict[str, Any]] = pydantic.Field(min_length=1)
    """The operators, in order. Each step is a mapping with the operator's name as key, and
    `as`, `when` and `each` beside it."""
    max_failures: PositiveInt = 3
    """How often one step asks its model again when the answer cannot be used."""
    options: dict[str, Any] = pydantic.Field(default_factory=dict)
    """Settings for the model, as in other threads."""

    # What only threads of the other kind have; the checks ask both alike.
    prompt: ClassVar[str] = ""
    log: ClassVar[None] = None
    context: ClassVar[tuple[ContextItem, ...]] = ()
    tools: ClassVar[tuple[str, ...]] = ()
    heartbeat: ClassVar[Literal["never"]] = "never"
    overflow: ClassVar[Literal["evict"]] = "evict"
    protocol: ClassVar[Literal["native"]] = "native"


class Store(triggers.Model):
    """A store: its type, and the options that the type declares."""

    type: str
    """A registered store type."""
    options: dict[str, Any] = pydantic.Field(default_factory=dict)
    """The type's options, checked by the type. In YAML they stand beside `type`."""


class Head(triggers.Model):
    """The keys of a file that are not nodes."""

    archgraph: Literal[1]
    """The version of this language."""
    name: Annotated[str, pydantic.Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]
    """What the architecture is called."""
    about: str = ""
    """What it is, in a sentence or two."""
    params: dict[str, Any] = pydantic.Field(default_factory=dict)
    """What `--set` or a suite may vary: name to default. `${name}` stands for the value."""
    embedder: Annotated[str, pydantic.Field(min_length=1)] = "hashed"
    """What turns texts into vectors."""
    feed: Literal["history", "evidence"] = "history"
    """What a suite lets it live through before a question: the whole history, or the items that
    hold the answer and nothing else. `evidence` makes an oracle, an upper bound to compare with."""


class ArchitectureSpec(Head):
    """A whole architecture after `extends`, `--set` and parameters."""

    stores: dict[str, Store] = pydantic.Field(default_factory=dict)
    """What keeps state across turns."""
    tools: dict[str, Tool] = pydantic.Field(default_factory=dict)
    """What a model may call."""
    threads: dict[str, Thread | Pipeline] = pydantic.Field(default_factory=dict)
    """What thinks: a prompt, a context window and triggers."""
    steps: dict[str, list[Step]] = pydantic.Field(default_factory=dict)
    """The steps of each pipeline, read. Not a key of its own in YAML."""
