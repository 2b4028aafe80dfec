"""`skills`: code that an agent has written, found by description and run in a sandbox.

Each record is a program with a name; saving under a name that is taken makes a new version. Code
is run before the commit begins (`prepare`), so that no lock is held meanwhile; the commit only
takes the outcome over. It does not know what the code is for.
"""

from __future__ import annotations

import builtins
import json
import keyword
from collections.abc import Mapping
from typing import Any, Literal

import pydantic

from archgraph import errors
from archgraph.stores import base, indexes
from archgraph.stores import retrieval as ranking
from archgraph.tools import sandbox

NAME_LENGTH = 64
"""The longest name of a skill, in characters."""

_KEPT = 64
"""Outcomes that wait for their commit, at most: those of a commit that failed stay behind."""


class Skills(base.Store):
    """Programs with search by what they do, run in a process of their own with limits."""

    slow = ("run", "try_code", "save")

    class Options(base.Options):
        """Keys of a `skills` store."""

        index: builtins.list[Literal["text", "vector"]] = pydantic.Field(
            default=["text", "vector"], min_length=1
        )
        """How descriptions are searched: `text`, `vector` (embeddings), or both."""
        retrieval: ranking.Retrieval = ranking.Retrieval()
        """How search ranks; the default was chosen by measurement."""
        page_size: int = pydantic.Field(default=5, gt=0, le=100)
        """Skills on one page of search results."""
        result_cap: int = pydantic.Field(default=100, gt=0)
        """The most tokens of one skill in a page of results; more is cut with a visible mark."""
        cap: int = pydantic.Field(default=500, gt=0)
        """The most tokens that it takes where a context window shows it: its latest skills."""
        limit: int = pydantic.Field(default=8000, gt=0)
        """The most characters of one skill's code, and of its description."""
        capacity: int | None = pydantic.Field(default=None, gt=0)
        """The most skills; without it there is no bound."""
        proven: bool = True
        """Code is run once more before it is saved, and is refused if that fails."""
        seconds: float = pydantic.Field(default=10, gt=0, le=600)
        """How long a run may take by the clock; the processor is granted half of it."""
        memory: int = pydantic.Field(default=256, ge=64)
        """Megabytes of memory that a run may take."""
        file_size: int = pydantic.Field(default=1, gt=0)
        """Megabytes that a file which a run writes, or its output, may have."""
        output_cap: int = pydantic.Field(default=400, gt=0)
        """The most tokens of what a run says; more is cut with a visible mark."""

        def token_cap(self) -> int:
            """Its share of a context window that shows it."""
            return self.cap

        def doubts(self) -> builtins.list[str]:
            """What the sandbox does not give on this machine."""
            if not sandbox.available():
                return ["this machine cannot bound a process, so no code can be run here"]
            return []

    options: Options

    def __init__(self, name: str, options: Any, context: base.Context) -> None:
        super().__init__(name, options, context)
        kinds = tuple(self.options.index)
        self.index = indexes.SearchIndex(
            context.db, name, context.embedder, kinds, as_of=context.as_of
        )
        self._outcomes: dict[str, sandbox.Outcome] = {}

    # For Python: the runtime, doors and tests

    def prepare(self, verb_name: str, arguments: Mapping[str, Any]) -> None:
        """Run coming code, and embed a coming query, before the commit begins."""
        if verb_name == "search":
            self.index.prepare(query=str(arguments.get("query", "")))
            return
        if verb_name == "run":
            found = self.records.get(str(arguments["name"]))
            code = str(found.fields["code"]) if found else None
        elif verb_name == "try_code" or (verb_name == "save" and self.options.proven):
            code = str(arguments["code"])
        else:
            return
        if code is None or (verb_name == "save" and self._refusal(arguments)):
            return  # the verb will say what is wrong
        given = arguments.get("arguments") or {}
        outcome = sandbox.run(code, given, self._limits(), sandbox.imported(code, self._source))
        while len(self._outcomes) >= _KEPT:
            self._outcomes.pop(next(iter(self._outcomes)))
        self._outcomes[_key(code, given)] = outcome

    def render(self, view: base.View) -> str:
        """The latest skills, oldest of them first, as many as the cap holds."""
        cap = min(view.cap or self.options.cap, self.options.cap)
        lines: builtins.list[str] = []
        for record in self.records.select(order="seq DESC", limit=100):
            line = self._line(record)
            if self.context.count("\n".join([line, *lines])) > cap:
                break
            lines.insert(0, line)
        return "\n".join(lines)

    def lines(self, query: str, k: int) -> builtins.list[str]:
        """The `k` best skills for a query, best first."""
        hits = self.index.find(query, k, self.options.retrieval, ranking.Filter())
        return [self._line(hit.record) for hit in hits]

    # What a model may call

    @base.verb(reads=True)
    def try_code(self, code: str, arguments: dict[str, Any] | None = None) -> str:
        """Execute Python code and see what it prints or which error it raises. Nothing is kept.

        Args:
            code: The whole code. If it defines `main`, that is called with the arguments.
            arguments: What `main` is called with, by name.
        """
        return self._told(code, arguments)

    @base.verb(writes=True)
    def save(
        self, name: str, description: str, code: str, arguments: dict[str, Any] | None = None
    ) -> str:
        """Keep Python code that works as a skill. A name that is taken gets a new version.

        Args:
            name: A name for the skill, in letters, digits and _.
            description: What the skill does, in a sentence; it is found by this.
            code: The whole code. Its function `main` is the entry; it may import other skills.
            arguments: Arguments that `main` works with, by name; it is tested with them.
        """
        given = {"name": name, "description": description, "code": code, "arguments": arguments}
        if refusal := self._refusal(given):
            raise errors.ToolError(refusal)
        if self.options.proven:
            outcome = self._outcome(code, arguments)
            if not outcome.ok:
                shown = base.cut(outcome.text, self.options.output_cap, self.context.count)
                raise errors.ToolError(f"{name} was not saved, for the code fails:\n{shown}")
        old = self.records.get(name)
        version = int(old.fields["version"]) + 1 if old else 1
        text = f"{name}: {description}"
        fields = {"code": code, "version": version, "arguments": arguments or {}}
        tokens = self.context.count(text)
        if old:
            self.records.update(old, content=text, fields=fields, tokens=tokens)
        else:
            self.records.add(base.Record(id=name, content=text, fields=fields, tokens=tokens))
        self.wrote(verb="save", id=name, version=version)
        return f"Saved the skill {name} (version {version})."

    @base.verb(reads=True)
    def run(self, name: str, arguments: dict[str, Any] | None = None) -> str:
        """Execute a skill and see what it gives.

        Args:
            name: The name of the skill.
            arguments: What it is called with, by name.
        """
        return self._told(str(self._known(name).fields["code"]), arguments)

    @base.verb(reads=True)
    def search(self, query: str, page: int = 0) -> str:
        """Search your skills for one that does what is wanted.

        Args:
            query: What the skill should do.
            page: Page of the results, from 0.
        """
        if not query.strip():
            raise errors.ToolError("the query is empty; say what to look for")
        size = self.options.page_size
        hits, total = self.index.search(
            query, self.options.retrieval, limit=size, offset=max(0, page) * size
        )
        if total:
            base.pages(total, page, size)
        return base.listing([self._line(hit.record) for hit in hits], total, page, size)

    @base.verb(reads=True)
    def list(self, page: int = 0) -> str:
        """List your skills, the newest first.

        Args:
            page: Page of the list, from 0.
        """
        total, size = self.records.count(), self.options.page_size
        offset, _ = base.pages(total, page, size)
        found = self.records.select(order="seq DESC", limit=size, offset=offset)
        return base.listing([self._line(record) for record in found], total, page, size)

    @base.verb(reads=True)
    def read(self, name: str) -> str:
        """Read the code of a skill.

        Args:
            name: The name of the skill.
        """
        found = self._known(name)
        example = json.dumps(found.fields["arguments"], ensure_ascii=False)
        head = f"{found.content} (version {found.fields['version']}, works with {example})"
        return f"{head}\n{found.fields['code']}"

    @base.verb(writes=True)
    def remove(self, name: str) -> str:
        """Remove a skill.

        Args:
            name: The name of the skill.
        """
        self.records.remove(self._known(name))
        self.wrote(verb="remove", id=name)
        return f"Removed {name}."

    # What the verbs share

    def _told(self, code: str, arguments: Mapping[str, Any] | None) -> str:
        outcome = self._outcome(code, arguments)
        text = base.cut(outcome.text, self.options.output_cap, self.context.count)
        if not outcome.ok:
            raise errors.ToolError(text or "the code failed and did not say why")
        return text or "It ran well and gave nothing back."

    def _outcome(self, code: str, arguments: Mapping[str, Any] | None) -> sandbox.Outcome:
        found = self._outcomes.pop(_key(code, arguments or {}), None)
        if found is None:
            raise errors.ToolError(
                "the skill was changed by another call of this very step; run it in the next step"
            )
        return found

    def _limits(self) -> sandbox.Limits:
        options = self.options
        return sandbox.Limits(
            seconds=options.seconds,
            cpu=max(1, round(options.seconds / 2)),
            memory=options.memory * sandbox.MEGABYTE,
            file_size=options.file_size * sandbox.MEGABYTE,
        )

    def _source(self, name: str) -> str | None:
        found = self.records.get(name)
        return str(found.fields["code"]) if found else None

    def _refusal(self, given: Mapping[str, Any]) -> str:
        """Why a skill cannot be saved, whatever its code does; empty if it can."""
        name, limit = str(given["name"]), self.options.limit
        if not name.isidentifier() or keyword.iskeyword(name) or len(name) > NAME_LENGTH:
            return f"{name[:NAME_LENGTH]!r} is no name of letters, digits and _"
        for key in ("description", "code"):
            text = str(given[key])
            if not text.strip():
                return f"the {key} is empty; nothing was saved"
            if len(text) > limit:
                return f"the {key} has {len(text)} characters; it may have at most {limit}"
            if any("\ud800" <= letter <= "\udfff" for letter in text):
                return f"the {key} holds half a character (a lone surrogate)"
        capacity = self.options.capacity
        if capacity is not None and not self.records.get(name):
            held = self.records.count()
            if held >= capacity:
                return f"{self.name} is full: it holds {held} of at most {capacity} skills"
        return ""

    def _line(self, record: base.Record) -> str:
        takes = ", ".join(record.fields["arguments"])
        line = f"- {record.content}" + (f" (takes {takes})" if takes else "")
        return base.cut(line, self.options.result_cap, self.context.count)

    def _known(self, name: str) -> base.Record:
        found = self.records.get(name)
        if found is None:
            known = [record.id for record in self.records.select(order="seq DESC", limit=100)]
            hint = errors.suggest(name[:NAME_LENGTH], known)
            raise errors.ToolError(f"{self.name} has no skill {name[:NAME_LENGTH]!r}; {hint}")
        return found


def _key(code: str, arguments: Mapping[str, Any]) -> str:
    return json.dumps([code, arguments], sort_keys=True, ensure_ascii=False)
