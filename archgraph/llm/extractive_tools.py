"""Guesses what each tool is for from its words, as a model would, and fills its arguments.

Called by the offline policy. Reads names, descriptions and parameters of the schemas and nothing
else: a tool works under any name as long as some of its words carry meaning.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from archgraph.llm import extractive_code_tools as code_tools
from archgraph.llm import extractive_job_tools as jobs
from archgraph.llm import extractive_record_tools as record_tools
from archgraph.llm import extractive_words as words
from archgraph.messages import Wire

REPLY, SEARCH, DATES, WRITE, REWRITE, REPLACE, FIELD, NOTE, FINISH, PAUSE, WAIT, OTHER = (
    *("reply", "search", "search dates", "write", "rewrite", "replace", "set a field"),
    *("note", "finish", "pause", "wait", "other"),
)

_VERBS = {
    REPLY: r"repl(?:y|ies)|respond|answer|send|tells?|speak|say|talk|utter|message to|to the user",
    SEARCH: r"search|find|look(?:s|ing)? ?up|look for|recall|query|retrieve|fetch|consult|browse",
    WRITE: r"append|insert|add|save|store|remember|write|record|keep|memori[sz]e|put|archive|file|"
    r"leave|note",
    REWRITE: r"rewrite|rethink|overwrite|anew|whole new|is replaced|reorgani[sz]e|"
    r"replace the (?:whole|entire)",
    NOTE: r"guidance|advice|advise|hint|leave a note|note for|for the (?:other|next) thread",
    FINISH: r"finish|done|end your|stop|nothing left|complete|conclude|quit",
    WAIT: r"wait (?:until|for|till)",
    PAUSE: r"pause|sleep|wait|suspend|snooze|minutes|seconds|how long",
}
_PATTERNS = {role: re.compile(rf"\b(?:{verbs})\w{{0,3}}\b", re.I) for role, verbs in _VERBS.items()}
_PARAMETERS = {
    "heartbeat": r"heartbeat|another step|follow[- ]?up|return(?:ing)? control|go on|act again|"
    r"continue|further step|step more",
    "thoughts": r"thought|monologue|reasoning|thinking|private|inner",
    "page": r"page|offset|part of the results",
    "start": r"start|first day|from|since|earliest|after",
    "end": r"end|last day|until|to\b|latest|before",
    "old": r"old|existing|exact text|to replace|current|be replaced|present text",
    "new": r"new|replacement|instead|changed",
}
_IDENTIFIER = re.compile(r"^(?:\w+ )?ids?\b|\bthe id of|\bidentifier of", re.I)
_KEY, _VALUE = re.compile(r"^(?:field|key|slot)\b"), re.compile(r"^(?:new )?value\b")
_NAMES = {key: re.compile(rf"(?:^|\b|_)(?:{text})", re.I) for key, text in _PARAMETERS.items()}


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool, understood. Parameter fields are names of parameters, empty where it has none."""

    name: str
    role: str
    said: str
    text: str = ""
    page: str = ""
    first_page: int = 0
    store: str = ""
    stores: tuple[str, ...] = ()
    start: str = ""
    end: str = ""
    old: str = ""
    new: str = ""
    key: str = ""
    value: str = ""
    heartbeat: str = ""
    thoughts: str = ""
    id: str = ""
    target: str = ""
    items: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)
    required: Mapping[str, Any] = field(default_factory=dict)
    speaks: int = 0


@dataclass(frozen=True, slots=True)
class Kit:
    """The tools of a request by role, in their order."""

    tools: tuple[Tool, ...]

    def of(self, *roles: str) -> tuple[Tool, ...]:
        """The tools with one of the roles."""
        return tuple(tool for tool in self.tools if tool.role in roles)

    def one(self, *roles: str) -> Tool | None:
        """The first tool with one of the roles."""
        return next(iter(self.of(*roles)), None)

    def named(self, name: str) -> Tool | None:
        """The tool of that name."""
        return next((tool for tool in self.tools if tool.name == name), None)


def read(schemas: Sequence[Wire]) -> Kit:
    """Understand the tools of a request."""
    return Kit(tuple(_one_voice([_understand(json.dumps(schema)) for schema in schemas])))


def _one_voice(tools: Sequence[Tool]) -> Iterator[Tool]:
    """The tools; where several seem to reply, only those that say so most plainly do.

    "Tell the balance of a counter" tells the model, beside "Send a message to the user".
    """
    most = max((tool.speaks for tool in tools), default=0)
    for tool in tools:
        beside = tool.role == REPLY and tool.speaks < most
        yield dataclasses.replace(tool, role=OTHER) if beside else tool


@functools.lru_cache(maxsize=1_000)
def _understand(schema: str) -> Tool:
    function = json.loads(schema)
    function = function.get("function", function)
    name, about = str(function["name"]), str(function.get("description") or "")
    parameters = function.get("parameters") or {}
    properties: dict[str, Any] = parameters.get("properties") or {}
    found = _parameters(properties, set(parameters.get("required") or ()))
    said = " ".join((_spaced(name), about, *_said(properties)))
    own = {key: schema for key, schema in properties.items() if key not in _injected(found)}
    found |= jobs.understand(_spaced(name), about, own, set(parameters.get("required") or ()))
    if not found.get("role"):
        needed_by = parameters.get("required") or ()
        found |= code_tools.understand(_spaced(name), about, own, needed_by)
    if not found.get("role"):
        needs = set(parameters.get("required") or ())
        found |= record_tools.understand(_spaced(name), about, own, needs, found)
    role = found.pop("role", "") or _role(_spaced(name), about, found, properties)
    needed = {key: properties.get(key, {}) for key in parameters.get("required") or ()}
    if role == REPLY and found["text"]:
        found["speaks"] = _speaks(
            _spaced(name), about, _spaced_parameter(found["text"], properties)
        )
    return Tool(name=name, role=role, said=said.lower(), required=needed, **found)


def _injected(found: Mapping[str, Any]) -> set[str]:
    """Parameters of a thread, not of the tool."""
    return {found.get("heartbeat", ""), found.get("thoughts", "")}


def _spaced(name: str) -> str:
    return re.sub(r"[_\-.]+|(?<=[a-z])(?=[A-Z])", " ", name).lower()


def _said(properties: Mapping[str, Any]) -> list[str]:
    return [_spaced_parameter(name, properties) for name in properties]


def _spaced_parameter(name: str, properties: Mapping[str, Any]) -> str:
    return f"{_spaced(name)} {properties[name].get('description') or ''}"


def _parameters(properties: Mapping[str, Any], required: set[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    texts: list[str] = []
    for name, schema in properties.items():
        said, kind = _spaced_parameter(name, properties), schema.get("type", "string")
        if kind == "boolean" and _NAMES["heartbeat"].search(said):
            found.setdefault("heartbeat", name)
        elif kind in ("integer", "number"):
            if _NAMES["page"].search(said):
                found.setdefault("page", name)
                found["first_page"] = int(schema.get("default") == 1 or "from 1" in said)
        elif schema.get("enum"):
            found.setdefault("store", name)
            found.setdefault("stores", tuple(map(str, schema["enum"])))
        elif kind == "string" and _NAMES["thoughts"].search(said):
            found.setdefault("thoughts", name)
        elif kind == "string":
            texts.append(name)
    found.update(_pair(texts, properties))
    rest = [name for name in texts if name not in found.values()]
    rest.sort(key=lambda name: name not in required)
    found["text"] = rest[0] if rest else ""
    return found


def _pair(texts: Sequence[str], properties: Mapping[str, Any]) -> dict[str, str]:
    """Two texts that belong together: days, a field and its value, or an old and a new text."""
    said = {name: _spaced_parameter(name, properties).lower() for name in texts}
    dated = [name for name in texts if re.search(r"\b(?:date|day)\b|yyyy", said[name])]
    if len(dated) >= 2:
        start = next((n for n in dated if _NAMES["start"].search(said[n])), dated[0])
        return {"start": start, "end": next(name for name in dated if name != start)}
    key = next((name for name in texts if _KEY.search(said[name])), "")
    value = next((name for name in texts if _VALUE.search(said[name])), "")
    if key and value and "field" in said[key]:
        return {"key": key, "value": value}
    old = next((name for name in texts if _NAMES["old"].search(said[name])), "")
    new = next((n for n in texts if n != old and _NAMES["new"].search(said[n])), "")
    return {"old": old, "new": new} if old and new else {}


def _role(name: str, about: str, found: Mapping[str, Any], properties: Mapping[str, Any]) -> str:
    if found.get("start"):
        return DATES
    if found.get("key"):
        return FIELD
    if found.get("old"):
        return REPLACE
    if not found["text"]:
        return _wordless_role(" ".join((name, about, *_said(properties))))
    if any(_IDENTIFIER.search(parameter) for parameter in _said(properties)):
        return OTHER  # works on one record that is known by its id
    said = _spaced_parameter(found["text"], properties)
    scores = {role: _score(_PATTERNS[role], name, about, said) for role in (SEARCH, WRITE, REWRITE)}
    scores = {REPLY: _speaks(name, about, said), **scores}
    scores[SEARCH] += 4 if found.get("page") else 0
    scores[SEARCH] += 2 * bool(re.search(r"\bquery|quer(?:y|ies)|look for|search", said))
    scores[REWRITE] += 3 * bool(scores[REWRITE])
    best = max(scores, key=lambda role: scores[role])
    if not scores[best]:
        return OTHER
    noted = best == WRITE and _PATTERNS[NOTE].search(f"{name} {about} {said}")
    return NOTE if noted else best


def _wordless_role(said: str) -> str:
    if _PATTERNS[PAUSE].search(said):
        return WAIT if _PATTERNS[WAIT].search(said) else PAUSE
    return FINISH if _PATTERNS[FINISH].search(said) else OTHER


def _speaks(name: str, about: str, said: str) -> int:
    """How plainly a tool says that the user hears its text."""
    heard = re.search(r"user (?:will )?(?:reads?|sees?|hears?)|\buser\b", said)
    return _score(_PATTERNS[REPLY], name, about, said) + 3 * bool(heard)


def _score(pattern: re.Pattern[str], name: str, about: str, parameter: str) -> int:
    """Words that act weigh most: in the name, and first in the description."""
    first = " ".join(about.split()[:2])
    return (
        3 * bool(pattern.search(name))
        + 3 * bool(pattern.search(first))
        + bool(pattern.search(about))
        + bool(pattern.search(parameter))
    )


# --- arguments -----------------------------------------------------------------------------------

_USER = re.compile(
    r"human|user|person|people|profile|customer|client|facts?|knowledge|notes?", re.I
)
_SELF = re.compile(r"persona|self|agent|assistant|character|style|instruction|guidance", re.I)


def arguments(tool: Tool, again: bool, thought: str, **given: Any) -> dict[str, Any]:
    """Arguments for a call: those given by field of `Tool`, and what the schema still requires."""
    filled: dict[str, Any] = {}
    if tool.thoughts:
        filled[tool.thoughts] = thought
    for key, value in given.items():
        parameter = getattr(tool, key)
        if parameter:
            filled[parameter] = value
    if tool.heartbeat:
        filled[tool.heartbeat] = again
    for name, schema in tool.required.items():
        if name not in filled:
            filled[name] = _default(schema, str(given.get("text", "")))
    return filled


def longest(tool: Tool) -> dict[str, int]:
    """The most that a tool's required numbers may be, as their descriptions say; 60 if unsaid."""
    found = {}
    for name, schema in tool.required.items():
        if schema.get("type") in ("integer", "number"):
            said = re.search(r"(?:at most|up to|maximum)\D{0,20}(\d+)", _told(schema))
            found[name] = int(said[1]) if said else 60
    return found


def _told(schema: Mapping[str, Any]) -> str:
    return str(schema.get("description") or "").lower()


def _default(schema: Mapping[str, Any], text: str) -> Any:
    if "default" in schema:
        return schema["default"]
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type", "string")
    empty: dict[str, Any] = {
        "boolean": False,
        "integer": int(schema.get("minimum", 0)),
        "number": schema.get("minimum", 0),
        "array": [],
        "object": {},
    }
    return empty.get(kind, text)


def about_self(store: str) -> bool:
    """Whether a store's name says that it is about the agent itself."""
    return bool(_SELF.search(store))


def best_store(tool: Tool, text: str, barred: frozenset[str] = frozenset()) -> str:
    """The value of the store-choosing argument that fits a text best; empty if all are barred."""
    open_stores = [store for store in tool.stores if store not in barred]

    def fit(store: str) -> tuple[int, int]:
        shared = len(words.stems(_spaced(store)) & words.stems(text))
        return shared, bool(_USER.search(store)) - 2 * bool(_SELF.search(store))

    return max(open_stores, key=fit, default="")
