"""`resolve`: fit a new item into what a collection holds - add, update, merge, invalidate, drop.

The write step of Mem0 (Chhikara et al., 2025, arXiv:2504.19413), Zep and A-MEM: candidates are
looked up, a model or a rule decides, the decision is applied.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import pydantic

from archgraph.operators import asking, base, values
from archgraph.operators import fields as typed
from archgraph.stores import base as stores
from archgraph.stores import conflict, filters
from archgraph.stores import retrieval as ranking

Decision = Literal["add", "update", "merge", "invalidate", "delete", "link", "noop"]

_MEANINGS: Mapping[str, str] = {
    "add": "it is new",
    "update": "it replaces what the candidate says",
    "merge": "it belongs with the candidate, whose text becomes both",
    "invalidate": "both cannot be true; what began earlier ends, and stays as history",
    "delete": "it makes the candidate wrong or useless",
    "link": "it is new and relates to the candidate",
    "noop": "it is known already",
}


class Resolve(base.Operator):
    """Decides for each item what it does to the records that are most like it."""

    class Options(base.Options):
        """Keys of a `resolve` step; it stands with `each`."""

        into: str
        """The collection."""
        items: str = ""
        """The item; that of `each` unless given."""
        k: int = pydantic.Field(default=5, gt=0, le=50)
        """Candidates that are looked up."""
        where: filters.Where = pydantic.Field(default={})
        """Fields that a candidate must have; `{{ }}` is filled in."""
        retrieval: ranking.Retrieval | None = None
        """How candidates are ranked, if not as the collection says."""
        prompt: asking.Template | None = None
        """The template by which a model decides, shown `item` and `candidates`. Without it a rule
        decides: the best candidate that scores `same` or more is the same thing."""
        same: float = pydantic.Field(default=0.9, ge=0)
        """The score from which the rule takes a candidate for the same thing."""
        then: Literal["noop", "update", "merge", "link"] = "noop"
        """What the rule does with the same thing."""
        decisions: list[Decision] = pydantic.Field(
            default=["add", "update", "delete", "noop"], alias="ops", min_length=1
        )
        """What the model may decide."""
        set: dict[str, Any] = pydantic.Field(default={})
        """Fields or parts of the envelope of a new record; `{{ }}` is filled in."""
        kind: str = "relates to"
        """The kind of the links that `link` makes."""
        max_tokens: int = pydantic.Field(default=0, ge=0)
        """Tokens reserved for the answer; what the pipeline says unless given."""

        def reads(self) -> dict[str, str]:
            """The collection."""
            return {"into": self.into}

        def writes(self) -> dict[str, str]:
            """The collection."""
            return {"into": self.into}

        def uses(self) -> dict[str, str]:
            """The item."""
            return {"items": self.items} if self.items else {}

        def expressions(self) -> dict[str, str]:
            """Templates in `set` and `where`."""
            found = {f"set.{k}": v for k, v in self.set.items() if isinstance(v, str)}
            return found | {f"where.{k}": v for k, v in self.where.items() if isinstance(v, str)}

        def answer(self) -> Mapping[str, Any] | None:
            """The parameters of `answer` with as many ids as there may be candidates."""
            ids = [f"{n:016x}" for n in range(self.k)]
            return typed.schema(_fields(self), lambda name: ids) if self.prompt else None

        def shows(self, window: int) -> int:
            """Item and candidates; together no more than half of the window."""
            return window // 2

        def answer_cap(self) -> int:
            """Its own `max_tokens`."""
            return self.max_tokens

    options: Options

    def question(self, bench: base.Bench) -> base.Question | None:
        """Item and candidates; nothing is asked where there are no candidates."""
        told, item = self.options, self._item(bench)
        if told.prompt is None or not values.content(item):
            return None
        candidates = [found for found, _ in self._candidates(bench)]
        if not candidates:
            return None
        ids = asking.ids(candidates)
        return base.Question(
            told.prompt,
            schema=typed.schema(_fields(told), lambda name: ids),
            max_tokens=told.max_tokens,
            extra={"item": values.shown(item), "candidates": values.shown(candidates)},
            names={"item": item, "candidates": candidates},
        )

    def prepare(self, bench: base.Bench, answer: Any) -> Any:
        """Embed the item while no lock is held."""
        text = values.content(self._item(bench))
        bench.store(self.options.into).prepare("search", {"query": text})
        bench.store(self.options.into).prepare("insert", {"content": text})
        return None

    def apply(self, bench: base.Bench, answer: Any) -> Any:
        """The decision, what it was about and the record that came of it, as one item."""
        item = self._item(bench)
        if not values.content(item):
            return {}
        decision, target = self._decided(bench, answer)
        return self._applied(bench, item, decision, target, answer or {})

    def _decided(self, bench: base.Bench, answer: Any) -> tuple[str, str]:
        """What to do, and with which candidate."""
        told = self.options
        found = self._candidates(bench)
        if told.prompt is None or answer is None:
            same = [(item, score) for item, score in found if score >= told.same]
            if told.prompt is None and same:
                return told.then, str(same[0][0]["id"])
            return "add", ""
        known = [item["id"] for item, _ in found]
        decision, target = str(answer.get("decision", "")), str(answer.get("id", ""))
        if decision not in told.decisions or (
            decision not in ("add", "noop") and target not in known
        ):
            return ("add" if "add" in told.decisions else "noop"), ""
        return decision, target

    def _applied(
        self, bench: base.Bench, item: Any, decision: str, target: str, answer: Mapping[str, Any]
    ) -> dict[str, Any]:
        from archgraph.operators import writing

        store: Any = bench.store(self.options.into)
        text = str(answer.get("content") or "").strip() or values.content(item)
        given = {k: bench.template(v, item=item) for k, v in self.options.set.items()}
        fields, envelope = writing.parts(item, given, None)
        told = {"decision": decision, "target": target}
        record = None
        if decision in ("update", "merge"):
            held = store.records.get(target)
            whole = decision == "update" or bool(answer.get("content"))
            joined = text if whole else _merged(held.content, text)
            origin = (*held.derived_from, *values.sources(item))
            record = store.revise(
                target, content=joined, fields={**held.fields, **fields},
                derived_from=tuple(dict.fromkeys(origin)), **envelope,
            )  # fmt: skip
        elif decision == "invalidate":
            envelope |= _ended(bench, store, target, envelope)
        elif decision == "delete":
            store.discard(target)
        if decision in ("add", "link", "invalidate"):
            origin = values.sources(item)
            record = store.keep(text, fields=fields, derived_from=origin, **envelope)
        if decision == "link" and record is not None:
            store.relate(record.id, target, self.options.kind)
        items = bench.items(self.options.into, [record] if record is not None else [])
        return {**(items[0] if items else {}), **told}

    def _item(self, bench: base.Bench) -> Any:
        return bench.value(self.options.items) if self.options.items else bench.item

    def _candidates(self, bench: base.Bench) -> list[tuple[dict[str, Any], float]]:
        told = self.options
        wanted = {name: bench.template(part) for name, part in told.where.items()}
        store = bench.store(told.into)
        text = values.content(self._item(bench))
        hits = store.find_for(text, told.k, where=wanted, policy=told.retrieval)
        items = bench.items(told.into, [record for record, _ in hits])
        return list(zip(items, (score for _, score in hits), strict=False))


def _ended(
    bench: base.Bench, store: Any, target: str, envelope: Mapping[str, Any]
) -> dict[str, Any]:
    """End the candidate where the new record begins; the new one, if the candidate began later."""
    dates = {name: envelope[name] for name in values.DATES if name in envelope}
    new = stores.Record(content="", created=bench.now(), **dates)
    outcome = conflict.newest_valid(new, [store.records.get(target)], bench.now())
    for older, changes in outcome.changes:
        store.revise(older.id, **changes)
    if outcome.record.status == "active":
        return {}
    return {name: getattr(outcome.record, name) for name in ("valid_to", "status", "expired")}


def _fields(told: Resolve.Options) -> dict[str, typed.Field]:
    meanings = "; ".join(f"{name}: {_MEANINGS[name]}" for name in told.decisions)
    found = {
        "decision": typed.Field(one_of=list(told.decisions), about=meanings),
        "id": typed.Field(one_of="candidates", about="the candidate that is meant"),
    }
    if {"update", "merge"} & set(told.decisions):
        about = "the whole new text, for update and merge; else empty"
        found["content"] = typed.Field(about=about, optional=True)
    return found


def _merged(old: str, new: str) -> str:
    """Both texts, without saying anything twice."""
    if new in old:
        return old
    return new if old in new else f"{old}\n{new}"
