"""A loaded architecture with all that its checks and the compiler look up.

Made once by `check` or `compile` and handed to every rule. Resolves store types, verbs, tool lists
and templates; judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archgraph import errors, prompts, registry
from archgraph.graph import outside
from archgraph.spec import architecture, load, tree
from archgraph.stores import base as stores
from archgraph.tools import base as tools
from archgraph.tools import messaging

TEMPLATE = ".jinja2"


@dataclass(frozen=True, slots=True)
class Template:
    """A template that the architecture names: by which paths, and its source ("" if not found).

    `file` is where it lies; `missing` says why it could not be read.
    """

    name: str
    paths: tuple[tree.Path, ...]
    source: str = ""
    file: str = ""
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Design:
    """What the rules look at. `sound`: the file had no problems of its own."""

    loaded: load.Architecture
    types: Mapping[str, type[stores.Store]]
    templates: Mapping[str, Template]
    problems: list[errors.Problem] = field(default_factory=list)
    offers: outside.Offers = field(default_factory=outside.Offers)

    @property
    def spec(self) -> architecture.ArchitectureSpec:
        """What the file says."""
        return self.loaded.spec

    @property
    def sound(self) -> bool:
        """Whether the file had no errors of its own, so that absences mean something."""
        return not any(each.severity == "error" for each in self.loaded.problems)

    def report(
        self, code: str, message: str, remedy: str, path: tree.Path, *, key: bool = False
    ) -> None:
        """Add an error."""
        self.problems.append(self.loaded.problem(code, message, remedy, path, key=key))

    def warn(
        self, code: str, message: str, remedy: str, path: tree.Path, *, key: bool = False
    ) -> None:
        """Add a warning."""
        self.problems.append(
            self.loaded.problem(code, message, remedy, path, severity="warning", key=key)
        )

    def options(self, store: str) -> Any:
        """A store's validated options."""
        return self.loaded.options[store]

    def verbs(self, store: str) -> dict[str, tools.Verb]:
        """The verbs that a store offers; none if it is broken or unknown."""
        return self.types[store].verbs_for(self.options(store)) if store in self.types else {}

    def references(self, store: str) -> dict[str, str]:
        """Other stores that a store's options name, by option path."""
        if store not in self.types:
            return {}
        found: dict[str, str] = self.options(store).references()
        return found

    def tools_of(self, thread: str) -> list[str]:
        """The known tools that a thread offers, in its order."""
        named = self.spec.threads[thread].tools
        listed = list(self.spec.tools) if named == "all" else named
        return [name for name in dict.fromkeys(listed) if name in self.spec.tools]

    def verbs_of(self, thread: str) -> set[str]:
        """The verbs of a thread's tools that steer it; a store's verb may be called the same."""
        named = [self.spec.tools[name] for name in self.tools_of(thread)]
        return {tool.verb for tool in named if not tool.stores}

    def tool_verb(self, tool: str) -> tools.Verb | None:
        """What a tool's verb is, None if it is not known."""
        spec = self.spec.tools[tool]
        if not spec.verb:
            try:
                return self.offers.of(tool, spec).verb
            except errors.PluginError:
                return None
        if not spec.stores:
            return messaging.VERBS.get(spec.verb)
        found = [self.verbs(store).get(spec.verb) for store in spec.stores]
        return next((verb for verb in found if verb is not None), None)

    def log_of(self, thread: str) -> str:
        """A thread's log: the one that it names, else the only one; empty if that is unclear."""
        spec = self.spec.threads[thread]
        if isinstance(spec, architecture.Pipeline):
            return ""
        if spec.log:
            return spec.log
        logs = [store for store in self.types if self.keeps_messages(store)]
        return logs[0] if len(logs) == 1 else ""

    def keeps_messages(self, store: str) -> bool:
        """Whether a store is a log: one that shows its records as chat messages."""
        return store in self.types and self.types[store].shows_messages

    def known(self, name: str) -> bool:
        """Whether a node has that name, be it a broken one."""
        spec = self.spec
        found = name in spec.stores or name in spec.tools or name in spec.threads
        return found or name in self.loaded.broken

    def unreadable(self, section: str) -> bool:
        """Whether a section is no mapping, so that nobody can tell which nodes it has."""
        node = tree.child(self.loaded.root, section)
        return node is not None and not isinstance(node.value, dict)

    def contexts(self) -> Iterator[tuple[str, int, architecture.ContextItem]]:
        """All parts of all context windows: thread, position, item."""
        for name, thread in self.spec.threads.items():
            for index, item in enumerate(thread.context):
                yield name, index, item

    def triggers(self) -> Iterator[tuple[str, int, architecture.Trigger]]:
        """All triggers: thread, position, trigger."""
        for name, thread in self.spec.threads.items():
            for index, trigger in enumerate(thread.triggers):
                yield name, index, trigger


def names_made(found: Design, thread: str) -> set[str]:
    """The names of the values that a pipeline's steps make."""
    return {step.result for step in found.spec.steps.get(thread, []) if step.result}


def of(loaded: load.Architecture) -> Design:
    """Resolve what a loaded architecture names."""
    types = {name: registry.get("stores", store.type) for name, store in loaded.spec.stores.items()}
    offers = outside.Offers(loaded.files)
    return Design(loaded, types, _templates(loaded), offers=offers)


def event_of(trigger: architecture.Trigger) -> str:
    """The event that a trigger waits for or counts, as `node.event`; empty if none."""
    if trigger.event == "user_message":
        return ""
    return trigger.event or trigger.of or ""


def _templates(loaded: load.Architecture) -> dict[str, Template]:
    paths: dict[str, list[tree.Path]] = {}
    for path, node in tree.leaves(loaded.root):
        if path and path[0] in ("stores", "threads") and node.text.endswith(TEMPLATE):
            paths.setdefault(node.text, []).append(path)
    folders = [file.parent for file in loaded.files] or [Path()]
    return {name: _template(name, tuple(places), folders) for name, places in paths.items()}


def _template(name: str, paths: tuple[tree.Path, ...], folders: list[Path]) -> Template:
    try:
        file = prompts.find(name, folders)
        return Template(name, paths, prompts.read(file), str(file))
    except errors.TemplateError as error:
        return Template(name, paths, missing=str(error))
