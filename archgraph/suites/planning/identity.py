"""What a result depends on: ids of histories and trials, as digests of named parts.

Called by `build`. A part is one thing that can change a result (a prompt, a thread, a dataset row,
the source of a scorer, the version of SQLite), with a digest and a line that describes it. The id
of a history is a digest over its parts; that of a trial is one over its own parts and its history's
id. Nothing else goes in: no path, no comment, no name of the suite, no key, no spending limit.

What no digest can see: the code of an MCP server, the weights behind a provider's model name, and
what a Python tool reads from the world. `docs/reference/suites.md` says so.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import sys
import zlib
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from archgraph import registry
from archgraph.graph import plan as plans
from archgraph.llm import base as llm
from archgraph.llm import embedders, recording, secret_options, tokens
from archgraph.storage import driver
from archgraph.suites import plan
from archgraph.suites.datasets import base as datasets
from archgraph.suites.datasets import case as cases
from archgraph.suites.planning import sources
from archgraph.suites.scoring import base as scorers

HISTORY = "history"
"""The part of a trial that stands for all parts of its history."""

ITEMS = "; their digests: "
"""Stands in the description of a history before the digests of its items."""

_DESCRIBED = 1000
"""Items of a history up to which the digest of each is kept; about 20 bytes each."""
_SIZE = 12
_LONG = 2000
_LIBRARIES = ("sqlite-vec", "numpy", "jinja2")
_MODEL = ("model", "options")

Parts = dict[str, str]


class Book:
    """Makes parts and ids, and keeps what every digest stands for.

    Attributes:
        inputs: a description for each digest of a part.
        parts: the parts of each history and trial, by id; a trial's `history` is its history's id.
    """

    def __init__(self) -> None:
        self.inputs: dict[str, str] = {}
        self.parts: dict[str, Mapping[str, str]] = {}

    def part(self, name: str, value: Any, text: str = "") -> str:
        """The digest of a part; its description is `text`, else the value itself."""
        data = canonical(value)
        digest = _hash(f"{name}\0{data}")
        told = text or data
        self.inputs[digest] = told if len(told) <= _LONG else f"{told[:_LONG]}…"
        return digest

    def texts(self, name: str, texts: Sequence[str], text: str) -> str:
        """The digest of a part that is many texts; as `part`, and ten times as fast."""
        lengths = ",".join([str(len(each)) for each in texts])
        digest = _hash(f"{name}\0{lengths}\0{''.join(texts)}")
        self.inputs[digest] = text
        return digest

    def id(self, parts: Mapping[str, str], text: str = "", known: Mapping[str, str] | None = None
           ) -> str:  # fmt: skip
        """The id that parts make together; `known` are shorter ones that stand for the same."""
        short = parts if known is None else known
        made = _hash("\0".join([f"{name}\0{short[name]}" for name in sorted(short)]))
        self.parts[made] = parts
        if text:
            self.inputs[made] = text
        return made


# Public functions


def canonical(value: Any) -> str:
    """A value as JSON in which the order of keys does not show."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"),
                      default=_plain)  # fmt: skip


def arm(book: Book, made: plans.Plan) -> Parts:
    """The parts that an architecture, its model and the code below it give to every history."""
    found: Parts = {}
    _nodes(book, made, found)
    for name, source in made.prompts.items():
        found[f"prompt {name}"] = book.part(f"prompt {name}", source, _sized(source))
    for name, thread in made.threads.items():
        found[f"model of {name}"] = _model(book, f"model of {name}", thread.model, thread.options)
    found |= _code(book, made)
    counters = sorted({tokens.counter(each.model).id for each in made.threads.values()})
    found["tokenizer"] = book.part("tokenizer", counters)
    return found


def machine(book: Book) -> Parts:
    """The parts that are the same for every trial on this machine: engine and libraries."""
    python = ".".join(map(str, sys.version_info[:2]))
    found = {
        "engine": book.part("engine", sources.engine(), "archgraph's own code"),
        "Python": book.part("Python", python),
        "SQLite": book.part("SQLite", driver.driver().version),
    }
    for name in _LIBRARIES:
        found[name] = book.part(name, version(name))
    return found


def dataset(book: Book, label: str, made: datasets.Dataset, mode: str) -> Parts:
    """The parts that a dataset gives to its histories, its rows apart."""
    kind = type(made)
    return {
        "dataset": book.part("dataset", label),
        "dataset type": book.part("dataset type", sources.of_type(kind),
                                  f"the source of {kind.__module__}:{kind.__qualname__}"),
        "mode": book.part("mode", mode),
    }  # fmt: skip


def conversation(book: Book, found: cases.Conversation) -> str:
    """The part that a history's items are; described with a short digest of each, if not too many.

    These digests tell which items differ, no more: whether any does is what the part tells.
    """
    texts = [found.id]
    for each in found.items:
        texts += (each.id, each.text, each.role, each.name, repr(each.at))
    told = f"{found.id}: {len(found.items)} items"
    if 0 < len(found.items) <= _DESCRIBED:
        told += ITEMS + json.dumps({
            texts[at]: zlib.crc32("\0".join(texts[at + 1 : at + 5]).encode("utf-8", "replace"))
            for at in range(1, len(texts), 5)
        })  # fmt: skip
    return book.texts("items", texts, told)


def case(book: Book, found: cases.Case, items: tuple[cases.Item, ...]) -> Parts:
    """The parts that a question is."""
    own = found.history is not items and found.history != items
    held = [(each.id, each.text) for each in found.history] if own else None
    about = [found.id, found.cluster, found.category, found.details, held]
    return {
        "case": book.part("case", about, f"{found.id} of {found.cluster}"),
        "question": book.part("question", [found.question, found.asked_at], found.question),
        "answers": book.part("answers", [found.answers, found.rejected]),
        "evidence": book.part("evidence", found.evidence),
    }


def scorer(book: Book, made: plan.ScorerPlan, kind: type[scorers.Scorer]) -> tuple[str, str]:
    """The part that a scorer is, and a digest of its source."""
    own = made.type.replace(".py:", ":").replace("/", ".")
    code = sources.of_function(own, (made.folder,)) if ":" in own else sources.of_type(kind)
    source = f"{code}/{sources.of_module('archgraph.suites.scoring.run')}"
    options = kind.Options.model_validate(dict(made.options)).model_dump(
        mode="json", exclude=set(kind.Options.aside)
    )
    name = f"scorer {made.name}"
    told = canonical(options) if options else "without options"
    value = {"type": kind.__qualname__, "options": options, "source": source}
    return book.part(name, value, f"{told}, source {_hash(source)[:8]}"), _hash(source)


def together(parts: Mapping[str, str]) -> str:
    """One digest for many parts, where they are the same for many histories."""
    return _hash(canonical(parts))


def judge(book: Book, model: str) -> str:
    """The part that the judge is."""
    source = sources.of_module(_module("gateways", _gateway_name(model)))
    return book.part("judge", [_asked(model, {}), source, sources.alone(sources.JUDGING)], model)


@functools.cache
def version(package: str) -> str:
    """The version of an installed package, empty if it is not there."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


# Private functions


def _nodes(book: Book, made: plans.Plan, found: Parts) -> None:
    """Stores, tools and threads, each on its own; the order of threads, where it can matter."""
    groups: tuple[tuple[str, Mapping[str, Any]], ...] = (
        ("store", made.stores), ("tool", made.tools), ("thread", made.threads),
    )  # fmt: skip
    for kind, nodes in groups:
        for name, node in nodes.items():
            plain = _apart(kind, _without_places(dataclasses.asdict(node)))
            said = made.source.get(f"{kind}s", {}).get(name, plain)
            told = canonical(_apart(kind, said))
            found[f"{kind} {name}"] = book.part(f"{kind} {name}", plain, told)
    if len(made.threads) > 1:
        found["order of threads"] = book.part("order of threads", list(made.threads))


def _apart(kind: str, node: Mapping[str, Any]) -> dict[str, Any]:
    """A node without what is a part of its own: a thread's model and how it is asked."""
    left = _MODEL if kind == "thread" else ()
    return {key: value for key, value in node.items() if key not in left}


def _without_places(value: Any) -> Any:
    """Plain data without the folders in which functions are looked for."""
    if isinstance(value, Mapping):
        return {key: _without_places(each) for key, each in value.items() if key != "folders"}
    if isinstance(value, list | tuple):
        return [_without_places(each) for each in value]
    return value


def _code(book: Book, made: plans.Plan) -> Parts:
    """The source of every type that an architecture uses, and of its own functions."""
    wanted: dict[str, str] = {}
    for store in made.stores.values():
        wanted[f"store type {store.type}"] = _module("stores", store.type)
        backend = store.options.get("backend")
        if isinstance(backend, str) and backend in registry.names("backends"):
            wanted[f"back-end {backend}"] = _module("backends", backend)
    for thread in made.threads.values():
        name = _gateway_name(thread.model)
        wanted[f"gateway {name}"] = _module("gateways", name)
        for step in thread.steps:
            wanted[f"operator {step.operator}"] = _module("operators", step.operator)
    found = {
        name: book.part(name, sources.of_module(module), f"the source of {module}")
        for name, module in wanted.items()
    }
    for target, folders in _functions(made):
        name = f"function {target}"
        found[name] = book.part(name, sources.of_function(target, folders), "its source")
    found["embedder"] = _embedder(book, made.embedder)
    return found


def _functions(made: plans.Plan) -> Iterable[tuple[str, tuple[str, ...]]]:
    """The user's own functions: of tools and of pipelines' steps."""
    for tool in made.tools.values():
        if tool.outside is not None and tool.outside.kind == "python":
            yield tool.outside.target, tool.outside.folders
    for thread in made.threads.values():
        for step in thread.steps:
            options = registry.get("operators", step.operator).Options
            for target in options.model_validate(dict(step.options)).calls().values():
                yield target, step.folders


@functools.cache
def _opened(name: str) -> tuple[str, str]:
    """An embedder's id, which covers its weights, and a digest of its source."""
    opened = embedders.open_embedder(name)
    return opened.id, sources.of_type(type(opened))


def _embedder(book: Book, name: str) -> str:
    id, source = _opened(name)
    return book.part("embedder", [id, source], id)


def _model(book: Book, name: str, model: str, options: Mapping[str, Any]) -> str:
    shown = {key: value for key, value in options.items() if not secret_options.is_secret(key)}
    told = f"{model} {canonical(shown)}" if shown else model
    return book.part(name, _asked(model, options), told)


def _asked(model: str, options: Mapping[str, Any]) -> str:
    """What of a model and its options can change an answer, as recordings see it.

    A model that answers from a file (`scripted/...`, `replay/...`) is what the file holds.
    """
    first, _, rest = model.partition("/")
    if first in ("scripted", "replay") and Path(rest).is_file():
        model = f"{first}/{hashlib.sha256(Path(rest).read_bytes()).hexdigest()}"
    return recording.digest(llm.Request(model=model, messages=(), options=options))


def _gateway_name(model: str) -> str:
    first = model.partition("/")[0]
    return first if first in registry.entries("gateways") else "litellm"


def _module(kind: str, name: str) -> str:
    """Where a registered class lives; it is not imported for that."""
    return registry.entries(kind)[name].target.partition(":")[0]


def _sized(text: str) -> str:
    return f"{len(text):,} characters, {_hash(text)[:8]}"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    return str(value)


def _hash(text: str) -> str:
    data = text.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(data, digest_size=_SIZE).hexdigest()
