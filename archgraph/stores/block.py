"""`block`: a labelled, size-limited text that stands in the context window at every step.

MemGPT's core memory (Packer et al., 2023, section 2.1). Limits are enforced before a write; the
model reads the numbers and can act on them. Every version is kept.
"""

from __future__ import annotations

import difflib
import json
import math
from typing import Any, Literal

import pydantic

from archgraph import errors
from archgraph.stores import base
from archgraph.tools import base as tools

CHARACTERS_PER_TOKEN = 3
"""A block without `tokens` may take one token for each three characters of its `limit`."""


class Block(base.Store):
    """A labelled text, or a JSON object, with a limit."""

    measures = ("count", "tokens", "chars", "fill")

    class Options(base.Options):
        """Keys of a `block` store."""

        limit: int = pydantic.Field(default=2000, gt=0)
        """The most characters it may hold."""
        tokens: int | None = pydantic.Field(default=None, gt=0)
        """The most tokens it may hold; a third of `limit` unless given."""
        text: str = ""
        """What it holds when an agent begins."""
        description: str = ""
        """What belongs in it, told to the model beside the text."""
        readonly: bool = False
        """No tool may write it (the runtime may: a summary, for example)."""
        schema_: dict[str, Any] | None = pydantic.Field(default=None, alias="schema")
        """JSON Schema of an object: the block then holds JSON, checked at every write."""
        consistency: Literal["last_write", "reject", "merge"] = "last_write"
        """What happens to a write by a thread that saw an older text: `last_write` takes it,
        `reject` refuses it (compare and set), `merge` joins both line by line."""

        @pydantic.model_validator(mode="after")
        def _fits(self) -> Block.Options:
            if len(self.text) > self.limit:
                size, limit = len(self.text), self.limit
                raise ValueError(f"`text` has {size} characters and `limit` is {limit}")
            return self

        @pydantic.field_validator("schema_")
        @classmethod
        def _of_fields(cls, schema: dict[str, Any] | None) -> dict[str, Any] | None:
            fields = {} if schema is None else schema.get("properties")
            if not isinstance(fields, dict) or not all(
                isinstance(part, dict) for part in fields.values()
            ):
                raise ValueError("`properties` must map each field to its own schema")
            required = (schema or {}).get("required", [])
            if not isinstance(required, list) or not all(isinstance(x, str) for x in required):
                raise ValueError("`required` must be a list of field names")
            return schema

        @pydantic.model_validator(mode="after")
        def _shaped(self) -> Block.Options:
            if self.schema_ is not None:
                try:
                    tools.check_arguments(tools.parse_arguments(self.begins), self.schema_)
                except errors.ToolError as error:
                    raise ValueError(f"`text` does not fit `schema`: {error}") from None
            return self

        @property
        def begins(self) -> str:
            """What it holds when an agent begins."""
            return self.text or ("{}" if self.schema_ is not None else "")

        def token_cap(self) -> int:
            """Tokens of the full block with its frame."""
            return self.text_cap() + 40 + len(self.description) // CHARACTERS_PER_TOKEN

        def text_cap(self) -> int:
            """The most tokens of the text alone."""
            return self.tokens or math.ceil(self.limit / CHARACTERS_PER_TOKEN)

    options: Options

    def __init__(self, name: str, options: Any, context: base.Context) -> None:
        super().__init__(name, options, context)
        self._known: base.Record | None = None

    def start(self) -> None:
        """Write the first text."""
        self.put(self.options.begins)

    @property
    def text(self) -> str:
        """The present text."""
        record = self._record()
        return record.content if record else ""

    def render(self, view: base.View) -> str:
        """The text between tags that carry its label and fill."""
        text = self.text.replace(f"</{self.name}", f"<\\{self.name}")  # it must not end the frame
        text = base.cut(text, view.cap, self.context.count)
        about = f' description="{self.options.description}"' if self.options.description else ""
        only = ' read_only="true"' if self.options.readonly else ""
        fill = f"{len(self.text)}/{self.options.limit}"
        return f'<{self.name}{about}{only} characters="{fill}">\n{text}\n</{self.name}>'

    def measure(self, name: str) -> float:
        """`chars`, `tokens`, or `fill` (share of the limit)."""
        if name == "chars":
            return len(self.text)
        if name == "fill":
            return len(self.text) / self.options.limit
        return super().measure(name)

    def put(self, text: str, *, derived_from: tuple[str, ...] = ()) -> None:
        """Replace the whole text, within the limits; the runtime's own way to write.

        Raises:
            ToolError: it would be too long, or is no JSON object that fits `schema`.
        """
        self._check(text)
        record = self._record()
        size = self.context.count(text)
        if record is None:
            new = base.Record(id=self.name, content=text, tokens=size, derived_from=derived_from)
            self._known = self.records.add(new)
        elif record.content != text:
            self._known = self.records.update(
                record, content=text, tokens=size, derived_from=derived_from
            )
        else:
            return
        self.wrote(chars=len(text))

    def fitting(self, text: str) -> str:
        """A text cut to the block's limits, with a visible mark."""
        mark = f"... [cut: {len(text)} characters in all]"
        if len(text) > self.options.limit:
            text = text[: max(0, self.options.limit - len(mark))] + mark
        return base.cut(text, self.options.text_cap(), self.context.count, mark)

    @base.verb(writes=True)
    def append(self, content: str) -> str:
        """Add text at the end of a memory block. Use it to note a lasting fact.

        Args:
            content: What to add; it becomes a new line.
        """
        text = self.text
        self._write(f"{text}\n{content}" if text else content)
        return "Appended."

    @base.verb(writes=True)
    def replace(self, old_content: str, new_content: str) -> str:
        """Change a piece of text in a memory block. Use it to correct a fact.

        Args:
            old_content: The exact text to replace; it must occur once.
            new_content: The new text; empty to delete.
        """
        if not old_content:
            raise errors.ToolError("old_content must not be empty: give the exact text to replace")
        found = self.text.count(old_content)
        if not found:
            raise errors.ToolError(f"old_content does not occur in {self.name!r}; copy it exactly")
        if found > 1:
            raise errors.ToolError(f"old_content occurs {found} times; give more of the text")
        self._write(self.text.replace(old_content, new_content))
        return "Replaced."

    @base.verb(writes=True)
    def rewrite(self, content: str) -> str:
        """Write a memory block anew. Everything that it held before is replaced.

        Args:
            content: The whole new text.
        """
        self._write(content)
        return "Rewritten."

    @base.verb(writes=True)
    def insert_line(self, content: str, line: int = -1) -> str:
        """Insert a line into a memory block.

        Args:
            content: The new line.
            line: The number of lines that stay before it; -1 for the end.
        """
        lines = self.text.split("\n") if self.text else []
        if line < -1 or line > len(lines):
            raise errors.ToolError(f"there is no line {line}; the block has {len(lines)} lines")
        lines.insert(len(lines) if line == -1 else line, content)
        self._write("\n".join(lines))
        return "Inserted."

    def _write(self, text: str) -> None:
        if self.options.readonly:
            raise errors.ToolError(f"{self.name!r} is read-only and cannot be changed")
        self.put(self._reconciled(text))

    def _reconciled(self, text: str) -> str:
        """The text to write when another thread has written since the caller last saw it."""
        record, thread = self._record(), self.context.db.actor.thread
        if self.options.consistency == "last_write" or record is None or not thread:
            return text
        seen = self.context.seen(thread, self.name)
        history = self.records.history(self.name)
        foreign = [form for form in history if form.born > seen and form.thread != thread]
        if not foreign:
            return text
        theirs = foreign[-1]
        if self.options.consistency == "reject":
            raise errors.ToolError(
                f"{self.name!r} was changed by {theirs.thread!r} since you last saw it; nothing "
                f"was written. It now reads:\n{record.content}"
            )
        known = [form.content for form in history if form.born <= seen]
        return merge_lines(known[-1] if known else "", theirs.content, text)

    def _check(self, text: str) -> None:
        limit, cap = self.options.limit, self.options.text_cap()
        if len(text) > limit:
            raise errors.ToolError(
                f"not written: {self.name!r} would have {len(text)} characters, its limit is "
                f"{limit}. Shorten what it holds, or keep less important facts elsewhere"
            )
        size = self.context.count(text)
        if size > cap:
            raise errors.ToolError(
                f"not written: {self.name!r} would take {size} tokens, its limit is {cap}. "
                "Shorten what it holds, or keep less important facts elsewhere"
            )
        if self.options.schema_ is not None:
            tools.check_arguments(tools.parse_arguments(text), self.options.schema_)

    def _record(self) -> base.Record | None:
        if self._known is None:
            self._known = self.records.get(self.name)
        return self._known

    def refresh(self) -> None:
        """The text is read again."""
        self._known = None

    @base.verb(writes=True)
    def set_field(self, field: str, value: str) -> str:
        """Set one field of a JSON memory block.

        Args:
            field: The field's name.
            value: Its new value as JSON; plain text is taken as text.
        """
        if self.options.schema_ is None:
            raise errors.ToolError(f"{self.name!r} holds plain text, it has no fields")
        held = tools.parse_arguments(self.text)
        try:
            held[field] = json.loads(value)
        except ValueError:
            held[field] = value
        self._write(json.dumps(held, ensure_ascii=False, indent=1))
        return "Set."


def merge_lines(base_text: str, theirs: str, mine: str) -> str:
    """Three-way merge by lines: what both sides added stays, what either removed goes.

    Lines that the other side added since `base_text` are kept in `mine` at the place where they
    follow the same line as in `theirs`, else at the end.
    """
    old, other, merged = (text.split("\n") for text in (base_text, theirs, mine))
    removed = set(old) - set(other)
    merged = [line for line in merged if line not in removed]
    matcher = difflib.SequenceMatcher(a=old, b=other, autojunk=False)
    for tag, _, _, start, end in matcher.get_opcodes():
        if tag not in ("insert", "replace"):
            continue
        for index in range(start, end):
            line = other[index]
            if line in merged:
                continue
            before = other[index - 1] if index else None
            place = merged.index(before) + 1 if before in merged else len(merged)
            merged.insert(place, line)
    return "\n".join(merged)


def line_authors(history: list[base.Record]) -> list[tuple[str, base.Record]]:
    """For each line of the newest form of a record, the form in which it first stood there."""
    owners: list[tuple[str, base.Record]] = []
    for form in history:
        lines = form.content.split("\n")
        matcher = difflib.SequenceMatcher(a=[o[0] for o in owners], b=lines, autojunk=False)
        kept: list[tuple[str, base.Record]] = [(line, form) for line in lines]
        for start, place, size in matcher.get_matching_blocks():
            for step in range(size):
                kept[place + step] = owners[start + step]
        owners = kept
    return owners
