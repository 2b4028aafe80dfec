"""What Python does with a collection: add, find, revise, discard, relate, forget.

Called by pipelines, doors and tests, and by the verbs of `collection`, whose lower half it is.
Limits, keys, duplicates, shapes and forgetting hold here, for every way in. It does not know what
records mean, nor what a model reads of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Unpack

import pydantic

from archgraph import errors
from archgraph.stores import (
    backends,
    base,
    conflict,
    declared_fields,
    features,
    filters,
    forgetting,
    relating,
    retrieval,
)

Filter = retrieval.Filter

EVERYTHING = 1 << 30


class Keeping(relating.Relating):
    """The records of a collection and the rules that they keep."""

    def __init__(self, name: str, options: Any, context: base.Context) -> None:
        super().__init__(name, options, context)
        self._digests: dict[str, str] | None = None

    # Writing

    def add(self, content: str, **envelope: Any) -> base.Record:
        """Keep a new record; `envelope` are other fields of `Record`, such as `fields`.

        What is there of the same content or key is dealt with as the options say; the record that
        is returned may be one that was there already.

        Raises:
            ToolError: it is empty or too long, the collection is full, or (with `conflict: ask`)
                one of the same key is there.
        """
        draft = base.Record(id=str(envelope.pop("id", "")), content=content, **envelope)
        self._check(content, draft.fields)
        draft = replace(draft, tokens=self.context.count(content))
        if (twin := self._twin(draft)) is not None:
            return self._seen_again(twin, draft)
        settled = self._settled(draft)
        if settled is None:
            return self._replaced(draft)
        for older, changes in settled.changes:
            self.backend.update(older, **changes)
        if settled.record.status == "active":
            self._make_room()
        return self._added(settled.record)

    def keep(self, content: str, **envelope: Any) -> base.Record:
        """Take a new record that a pipeline writes."""
        return self.add(content, **envelope)

    def revise(
        self, id: str, content: str | None = None, *,
        fields: Mapping[str, Any] | None = None, accesses: int | None = None, **envelope: Any,
    ) -> base.Record:  # fmt: skip
        """Change a record; what is not given stays, the former form is history.

        Args:
            id: the record.
            content: the whole new text.
            fields: fields to set; None removes one.
            accesses: 0 begins the count of accesses, and what they added to strength, anew.
            envelope: `importance`, `strength`, `valid_from`, `valid_to`, `status`,
                `derived_from`, `thread`. A status other than `active` also notes when.

        Raises:
            ToolError: there is no such record, or the content is empty or too long.
        """
        record = self.known(id)
        changes: dict[str, Any] = dict(envelope)
        if fields is not None:
            merged = {**record.fields, **fields}
            changes["fields"] = {key: part for key, part in merged.items() if part is not None}
        if content is not None:
            changes |= {"content": content, "tokens": self.context.count(content)}
        if content is not None or fields is not None:
            self._check(
                record.content if content is None else content,
                changes.get("fields", record.fields),
            )
        if "status" in changes:
            ended = None if changes["status"] == "active" else self.context.db.now()
            changes.setdefault("expired", ended)
        if accesses == 0:
            backends.touch(self.backend, record, backends.ANEW)
        changed = self.backend.update(record, **changes) if changes else record
        self._digests = None
        self.wrote(**{**changed.fields, "verb": "update", "id": id})
        return changed

    def discard(self, id: str) -> base.Record:
        """Remove a record with its links; it stays readable as history.

        Raises:
            ToolError: there is no such record.
        """
        record = self.known(id)
        self.backend.remove(record)
        self._digests = None
        self.wrote(**{**record.fields, "verb": "remove", "id": id})
        return record

    # Reading

    def find(
        self, query: str, k: int = 10, *, policy: retrieval.Retrieval | None = None,
        **bounds: Unpack[filters.Bounds],
    ) -> list[retrieval.Hit]:  # fmt: skip
        """The k best records for a query, best first.

        `where` demands fields (a value, or a list of allowed ones); `since` (inclusive) and
        `until` (exclusive) bound the time of writing, in seconds since 1970; `thread` the writer;
        `valid_at` finds what was true then, `known_at` what the agent believed then; without
        these two history is left out. `policy` ranks otherwise than the options say.
        """
        only = self.current(filters.bounded(bounds))
        policy = policy or self.options.retrieval
        quick = getattr(self.backend, "find", None)
        if quick is not None:
            found: list[retrieval.Hit] = quick(query, k, policy, only)
            return found
        return self.backend.search(query, policy, limit=k, only=only)[0]

    def find_for(
        self, query: str, k: int, *, where: Mapping[str, Any], policy: Any = None
    ) -> list[tuple[base.Record, float]]:
        """The k best records for a query, with their scores."""
        return [(hit.record, hit.score) for hit in self.find(query, k, where=where, policy=policy)]

    def select(
        self, where: Mapping[str, Any] | None = None, *,
        newest: bool = False, limit: int | None = None, status: Sequence[str] = (),
    ) -> list[base.Record]:  # fmt: skip
        """Records by time, oldest first unless `newest`; active ones unless `status` is given."""
        only = self.current(Filter(where or {}, status=tuple(status)))
        return self.backend.page(only, limit=limit or EVERYTHING, newest=newest)

    def held(self) -> int:
        """How many records there are, history not counted."""
        return self.backend.count(self.current(Filter()))

    def current(self, only: Filter) -> Filter:
        """A filter that leaves history out, unless it asks for a moment or for a status."""
        if only.status or only.known_at is not None or backends.all_active(self.backend):
            return only
        ended = () if only.valid_at is None else (conflict.SUPERSEDED,)
        return replace(only, status=("active", *ended))

    def standings(self, standing: features.Standing | None = None) -> dict[str, float]:
        """What each active record is worth by a standing, or by the declared one; by id."""
        told = standing or self.options.standing
        if told is None:
            raise errors.InputError(f"store {self.name!r} declares no `standing`")
        held = self.select()
        worth = features.standings(told, backends.facts(self.backend, held), self.context.db.now())
        return {record.id: worth[place] for place, record in enumerate(held)}

    # Forgetting

    def forget_by(
        self, policy: forgetting.Forgetting | Mapping[str, Any] | None = None
    ) -> list[base.Record]:
        """Let records go by a policy, or by the declared one; those that went, first to last.

        Raises:
            InputError: there is no policy, or it lacks what it needs.
        """
        if isinstance(policy, Mapping):
            policy = _understood(policy)
        told = policy or self.options.policy()
        if told is None:
            raise errors.InputError(f"store {self.name!r} declares no `overflow` policy")
        if not told.bounded(self.options.capacity):
            raise errors.InputError(f"the policy lets nothing of {self.name!r} go; give `keep`")
        room = told.keep if told.keep is not None else self.options.capacity
        return self._let_go(told, -EVERYTHING if room is None else self.held() - room)

    def forget_these(
        self, ids: Sequence[str], policy: forgetting.Forgetting | None = None
    ) -> list[base.Record]:
        """Let certain records go, with what a policy (or the declared one) makes of them.

        Raises:
            ToolError: there is no such record.
        """
        told = policy or self.options.policy() or forgetting.Forgetting()
        return self._gone([self.known(id) for id in ids], told)

    def _let_go(self, policy: forgetting.Forgetting, excess: int) -> list[base.Record]:
        if policy.victim == "lowest" and policy.standing is None:
            if self.options.standing is None:
                raise errors.InputError(f"`lowest` needs a `standing`; {self.name!r} has none")
            policy = policy.model_copy(update={"standing": self.options.standing})
        held, db = self.select(), self.context.db
        facts = backends.facts(self.backend, held)
        chosen = forgetting.victims(policy, facts, excess, db.now(), db.draws())
        return self._gone([held[place] for place in chosen], policy)

    def _gone(self, gone: list[base.Record], policy: forgetting.Forgetting) -> list[base.Record]:
        for record in gone:
            self._end(record, policy)
        if gone:
            self._digests = None
            self.wrote(verb="forget", ids=[record.id for record in gone])
            self.context.emit(self.name, "forgot", {"ids": [record.id for record in gone]})
        return gone

    def _end(self, record: base.Record, policy: forgetting.Forgetting) -> None:
        if policy.action == "invalidate":
            now = self.context.db.now()
            ended = now if record.valid_to is None else record.valid_to
            self.backend.update(record, status="invalid", expired=now, valid_to=ended)
            return
        if policy.action == "archive":
            kept = {
                name: getattr(record, name)
                for name in ("id", "fields", "created", "valid_from", "valid_to", "thread",
                             "importance", "strength", "derived_from")
            }  # fmt: skip
            self.context.peer(policy.into).keep(record.content, **kept)
        self.backend.remove(record)

    def refresh(self) -> None:
        """Drop what is remembered of contents."""
        self._digests = None

    # Rules of adding

    def _make_room(self) -> None:
        """Let others go if it is full; refuse if none may."""
        capacity = self.options.capacity
        if capacity is None or (held := self.held()) < capacity:
            return
        policy = self.options.policy()
        if policy is not None:
            room = min(capacity, policy.keep) if policy.keep is not None else capacity
            self._let_go(policy, held + 1 - room)
            if self.held() < capacity:
                return
        reason = "; remove or update one first" if policy is None else ", none of which may go"
        raise errors.ToolError(
            f"{self.name} is full: it holds {held} of at most {capacity} records{reason}"
        )

    def _settled(self, draft: base.Record) -> conflict.Outcome | None:
        """What the rule of conflict makes of a new record; None: it replaces another."""
        same = self._same(draft)
        if not same:
            return conflict.Outcome(draft)
        active = [record for record in same if record.status == "active"]
        if self.options.conflict == "newest_valid":
            now = self.context.db.now()
            dated = replace(draft, created=draft.created or now)
            return conflict.newest_valid(dated, same, now)
        if not active:
            return conflict.Outcome(draft)
        if self.options.conflict == "replace":
            return None
        shown = declared_fields.shown(self.options.fields, active[0].fields)
        about = ", ".join(f"{name} {shown[name]!r}" for name in self.options.key)
        raise errors.ToolError(
            f"{self.name} holds a record of {about} already: [{active[0].id}] "
            f"{active[0].content[:200]!r}; update that one, or remove it first"
        )

    def _same(self, draft: base.Record) -> list[base.Record]:
        """All records of the same key, ended ones too; those made invalid are left out."""
        key = self.options.key
        if not key or any(draft.fields.get(name) is None for name in key):
            return []
        where = {name: draft.fields[name] for name in key}
        only = Filter(where, status=("active", conflict.SUPERSEDED))
        return self.backend.page(only, limit=EVERYTHING)

    def _replaced(self, draft: base.Record) -> base.Record:
        older = [record for record in self._same(draft) if record.status == "active"][-1]
        given = {
            name: getattr(draft, name)
            for name in ("content", "tokens", "importance", "strength", "valid_from", "valid_to")
            if getattr(draft, name) is not None
        }
        origin = tuple(dict.fromkeys((*older.derived_from, *draft.derived_from)))
        fields = {**older.fields, **draft.fields}
        record = self.backend.update(older, **given, fields=fields, derived_from=origin)
        self._digests = None
        self.wrote(**{**record.fields, "verb": "update", "id": record.id})
        return record

    def _added(self, draft: base.Record) -> base.Record:
        if draft.id and self.backend.get(draft.id) is not None:
            raise errors.ToolError(f"{self.name} holds a record {draft.id!r} already; update it")
        record = self.backend.add(draft)
        if self._digests is not None:
            self._digests.setdefault(_digest(record.content), record.id)
        self.wrote(**{**record.fields, "verb": "insert", "id": record.id})
        return record

    def _twin(self, draft: base.Record) -> base.Record | None:
        """A record of the same content, where duplicates are dropped."""
        if self.options.duplicates == "keep":
            return None
        if self._digests is None:
            self._digests = {}
            for record in self.select():
                self._digests.setdefault(_digest(record.content), record.id)
        id = self._digests.get(_digest(draft.content))
        return self.backend.get(id) if id else None

    def _seen_again(self, twin: base.Record, draft: base.Record) -> base.Record:
        """The record that was there; it now also derives from what the new one did."""
        origin = tuple(dict.fromkeys((*twin.derived_from, *draft.derived_from)))
        if origin == twin.derived_from:
            return twin
        self.wrote(verb="update", id=twin.id)
        return self.backend.update(twin, derived_from=origin)

    def _check(self, content: str, fields: Mapping[str, Any]) -> None:
        if not content.strip():
            raise errors.ToolError("the content is empty; nothing was stored")
        texts = [content, *(declared_fields.text(part) for part in fields.values())]
        if any("\ud800" <= letter <= "\udfff" for text in texts for letter in text):
            raise errors.ToolError("the content holds half a character (a lone surrogate)")
        declared = self.options.fields
        length = len(content) + sum(
            len(declared_fields.text(part)) for name, part in fields.items() if name in declared
        )
        if length > self.options.limit:
            raise errors.ToolError(
                f"the content has {length} characters; one record of {self.name} may have "
                f"at most {self.options.limit}. Shorten it, or store it in parts"
            )


def _digest(content: str) -> str:
    return hashlib.blake2b(content.strip().encode(), digest_size=16).hexdigest()


def _understood(policy: Mapping[str, Any]) -> forgetting.Forgetting:
    try:
        return forgetting.Forgetting.model_validate(policy)
    except pydantic.ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise errors.InputError(f"the policy of forgetting is wrong: {wrong}") from error
