"""The keys of a `collection` in YAML, and which of them make no sense together.

Used by `collection`, whose verbs and rules they steer.
"""

from __future__ import annotations

from typing import Literal

import pydantic

from archgraph import registry
from archgraph.stores import (
    base,
    declared_fields,
    features,
    forgetting,
    link_graph,
)
from archgraph.stores import conflict as conflicts
from archgraph.stores import retrieval as ranking


class Options(base.Options):
    """Keys of a `collection` store."""

    index: list[Literal["text", "vector"]] = pydantic.Field(
        default=["text", "vector"], min_length=1
    )
    """How it can be searched: `text` (full-text), `vector` (embeddings), or both."""
    searched: list[str] = pydantic.Field(default=[])
    """Fields that search looks at besides the content."""
    retrieval: ranking.Retrieval = ranking.Retrieval()
    """How search ranks; the default was chosen by measurement."""
    page_size: int = pydantic.Field(default=5, gt=0, le=100)
    """Records on one page of search results."""
    result_cap: int = pydantic.Field(default=100, gt=0)
    """The most tokens of one record in a page of results; more is cut with a visible mark."""
    cap: int = pydantic.Field(default=500, gt=0)
    """The most tokens that it takes where a context window shows it: its latest records."""
    limit: int = pydantic.Field(default=8000, gt=0)
    """The most characters of one record, its fields included."""
    fields: declared_fields.Declared = pydantic.Field(default={})
    """Fields that `insert` and `update` take: `{subject: text, since: date}`. The types are
    `text`, `integer`, `number`, `boolean`, `date` and `list`; the names `importance`, `strength`,
    `valid_from` and `valid_to` mean the record's own."""
    key: list[str] = pydantic.Field(default=[])
    """Fields whose equality says that two records are about the same thing."""
    conflict: conflicts.Rule = "keep_both"
    """What a new record of an equal `key` does: `newest_valid` ends the older one where the new
    one begins, and keeps it as history; `replace` takes its place; `ask` is refused and shown the
    one that is there; `keep_both` does nothing."""
    duplicates: Literal["keep", "drop"] = "keep"
    """Whether a record of exactly the same content is kept a second time."""
    capacity: int | None = pydantic.Field(default=None, gt=0)
    """The most records, history not counted; without it there is no bound."""
    overflow: Literal["refuse"] | forgetting.Forgetting = "refuse"
    """What happens when it is full: a new record is refused, or others go. The same policy acts
    when a pipeline or the verb `prune` asks it to forget."""
    standing: features.Standing | None = None
    """What a record is worth without a query: the measure `standing` is the highest, and the
    victim `lowest` has the lowest."""
    links: link_graph.Shape = "any"
    """What links of one kind may form: anything, a `tree`, a `chain`, or `none` at all."""
    ids: bool = False
    """Results show the ids that `read`, `update`, `remove` and `link` take."""
    show: list[str] = pydantic.Field(default=[])
    """Fields that results show behind the content."""
    dates: Literal["created", "valid"] = "created"
    """Which dates results show: when it was written, or since and until when it is true."""
    backend: str = "sqlite"
    """What keeps the records: `sqlite` (the agent's own file), `file`, or a plugin's."""
    path: str = ""
    """Where a back-end outside the agent's file keeps them; relative to the agent's folder."""

    def token_cap(self) -> int:
        """Its share of a context window that shows it."""
        return self.cap

    def references(self) -> dict[str, str]:
        """The collection that receives what is archived."""
        into = getattr(self.overflow, "into", "")
        return {"overflow.into": into} if into else {}

    def policy(self) -> forgetting.Forgetting | None:
        """The declared policy, if there is one."""
        return self.overflow if isinstance(self.overflow, forgetting.Forgetting) else None

    def doubts(self) -> list[str]:
        """What a back-end outside the agent's file cannot give."""
        if self.backend == "sqlite":
            return []
        lost = ", ".join(registry.get("backends", self.backend).lost)
        outside = f"the back-end {self.backend!r} keeps records outside the agent's file"
        return [f"{outside}, without: {lost}"] if lost else []

    @pydantic.model_validator(mode="after")
    def _place(self) -> Options:
        if self.backend == "file" and not self.path:
            raise ValueError("the back-end 'file' needs `path`: where to keep the records")
        return self

    @pydantic.model_validator(mode="after")
    def _sound(self) -> Options:
        declared_fields.check(self.fields, self.key)
        if bool(self.key) != (self.conflict != "keep_both"):
            raise ValueError(
                "`key` and `conflict` need each other: which fields make two records the same "
                "thing, and what happens then (newest_valid, replace, ask)"
            )
        for kind in ("text", "vector"):
            if kind in self.retrieval.features and kind not in self.index:
                raise ValueError(f"the feature {kind!r} needs `index` to hold {kind!r}")
            if kind in self.retrieval.sources and kind not in self.index:
                raise ValueError(f"the source {kind!r} needs `index` to hold {kind!r}")
        return self

    @pydantic.model_validator(mode="after")
    def _forgets(self) -> Options:
        policy = self.policy()
        if policy is None:
            return self
        if policy.victim == "lowest" and not (policy.standing or self.standing):
            raise ValueError("`victim: lowest` needs `standing`: what a record is worth")
        if not policy.bounded(self.capacity):
            raise ValueError(
                "`overflow` never lets anything go; give `capacity`, or say in it what goes: "
                "`keep`, `age`, or `below`"
            )
        return self
