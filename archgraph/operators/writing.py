"""`write`, `update`, `link` and `forget`: what a pipeline does to stores."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pydantic

from archgraph import errors
from archgraph.operators import base, values
from archgraph.stores import filters, forgetting
from archgraph.stores import retrieval as ranking


class Write(base.Operator):
    """Puts a value into a store: one record for each item, or the text of a block."""

    class Options(base.Options):
        """Keys of a `write` step."""

        to: str
        """The store: a collection, block, queue, log, or another type that takes what is given."""
        items: str = ""
        """The value that is written; with `each` the present item unless given."""
        content: str = ""
        """The text of each record, with `{{ }}` filled in (`item` is the item); the item's own
        text unless given."""
        set: dict[str, Any] = pydantic.Field(default={})
        """Fields, or parts of the envelope (`id`, `importance`, `valid_from`, `strength`...), that
        each record gets; `{{ }}` is filled in."""
        keep: list[str] | None = None
        """The fields of an item that are kept; all unless given."""
        mode: Literal["replace", "append", "clear"] = "replace"
        """For a block: in place of its text, as further lines, or nothing, so that it is empty."""
        parents: str = ""
        """A value with the records that these were made of, or their ids, if not those of the
        items."""

        def writes(self) -> dict[str, str]:
            """The store."""
            return {"to": self.to}

        def uses(self) -> dict[str, str]:
            """What is written."""
            named = {"items": self.items, "parents": self.parents}
            return {option: name for option, name in named.items() if name}

        def expressions(self) -> dict[str, str]:
            """Templates in `content` and `set`."""
            found = {f"set.{k}": v for k, v in self.set.items() if isinstance(v, str)}
            return found | ({"content": self.content} if self.content else {})

    options: Options

    def prepare(self, bench: base.Bench, answer: Any) -> Any:
        """Embed what will be written while no lock is held."""
        store = bench.store(self.options.to)
        for item in self._items(bench):
            store.prepare("insert", {"content": self._text(bench, item)})
        return None

    def apply(self, bench: base.Bench, answer: Any) -> Any:
        """The written records as items; the new text of a block."""
        told = self.options
        store: Any = bench.store(told.to)
        if callable(getattr(store, "put", None)):
            return self._into_block(bench, store)
        parents = _origins(bench.value(told.parents)) if told.parents else ()
        written = []
        for item in self._items(bench):
            text = self._text(bench, item)
            if not text:
                continue
            fields, envelope = parts(item, self._set(bench, item), told.keep)
            origin = parents or values.sources(item)
            written.append(store.keep(text, fields=fields, derived_from=origin, **envelope))
        return bench.items(told.to, written)

    def _into_block(self, bench: base.Bench, store: Any) -> str:
        if self.options.mode == "clear":
            store.put("")
            return ""
        texts = [self._text(bench, item) for item in self._items(bench)]
        text = "\n".join(filter(None, texts))
        if self.options.mode == "append" and store.text:
            text = f"{store.text}\n{text}" if text else store.text
        elif not texts:
            return str(store.text)
        origin = values.sources(*self._items(bench))
        store.put(store.fitting(text), derived_from=origin)
        return str(store.text)

    def _items(self, bench: base.Bench) -> list[Any]:
        value = bench.value(self.options.items) if self.options.items else bench.item
        if value is None and self.options.content:
            return [{}]
        listed = value if isinstance(value, list) else [value]
        return [each for each in listed if each not in (None, "", {})]

    def _text(self, bench: base.Bench, item: Any) -> str:
        told = self.options.content
        return str(bench.template(told, item=item)).strip() if told else values.content(item)

    def _set(self, bench: base.Bench, item: Any) -> dict[str, Any]:
        return {k: bench.template(v, item=item) for k, v in self.options.set.items()}


class Update(base.Operator):
    """Changes records that are there: their text, fields, or envelope."""

    class Options(base.Options):
        """Keys of an `update` step."""

        within: str = pydantic.Field(alias="in")
        """The collection."""
        items: str = ""
        """The records, as items or ids; with `each` the present item unless given. An item with
        an `id` and other fields gives the record of that id these fields; what was made of one
        record by a step with `each` gives them to that record."""
        content: str = ""
        """The new text, with `{{ }}` filled in; it stays unless given."""
        set: dict[str, Any] = pydantic.Field(default={})
        """Fields or parts of the envelope; `{{ }}` is filled in. `accesses: 0` begins the count
        of accesses, and what they added to strength, anew."""

        def writes(self) -> dict[str, str]:
            """The collection."""
            return {"in": self.within}

        def uses(self) -> dict[str, str]:
            """What is changed."""
            return {"items": self.items} if self.items else {}

        def expressions(self) -> dict[str, str]:
            """Templates in `content` and `set`."""
            found = {f"set.{k}": v for k, v in self.set.items() if isinstance(v, str)}
            return found | ({"content": self.content} if self.content else {})

    options: Options

    def apply(self, bench: base.Bench, answer: Any) -> Any:
        """The changed records as items. Ids that are not there (any more) are left out."""
        told = self.options
        store: Any = bench.store(told.within)
        value = bench.value(told.items) if told.items else bench.item
        changed = []
        for item in value if isinstance(value, list) else [value]:
            id = _id(item)
            held = store.records.get(id) if id else None
            if held is None:
                continue
            given = {k: bench.template(v, item=item) for k, v in told.set.items()}
            begun = {"accesses": int(given.pop("accesses"))} if "accesses" in given else {}
            made = item if isinstance(item, Mapping) and "_row" not in item else {}
            fields, envelope = parts(made, given, None)
            if not told.content:  # so its text is no content, but a field like others
                fields = values.fields(made, all=True) | fields
            text = str(bench.template(told.content, item=item)).strip() if told.content else None
            changed.append(
                store.revise(id, content=text or None, fields=fields or None, **begun, **envelope)
            )
        return bench.items(told.within, changed)


class Near(pydantic.BaseModel):
    """How the ends of a link are looked for by what they say."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    k: int = pydantic.Field(default=1, gt=0, le=50)
    """Records for each text: the best ones."""
    where: filters.Where = pydantic.Field(default={})
    """Fields that they must have: a value, or a list of allowed ones."""
    retrieval: ranking.Retrieval | None = None
    """How they are ranked, if not as the collection says; its `floor` bounds how far they are."""


class Link(base.Operator):
    """Notes how records of a collection relate."""

    class Options(base.Options):
        """Keys of a `link` step."""

        within: str = pydantic.Field(alias="in")
        """The collection."""
        source: str = pydantic.Field(alias="from")
        """The records that the relation starts from: a value with records or ids."""
        to: str
        """The records that it points to: a value with records or ids."""
        near: Near | None = None
        """With this, an end may be a text: it stands for the records that are most like it."""
        kind: str
        """The relation in a word or two; `{{ }}` is filled in."""
        weight: float = pydantic.Field(default=1.0, gt=0)
        """How strong it is."""

        def writes(self) -> dict[str, str]:
            """The collection."""
            return {"in": self.within}

        def uses(self) -> dict[str, str]:
            """Both ends."""
            return {"from": self.source, "to": self.to}

        def expressions(self) -> dict[str, str]:
            """The kind."""
            return {"kind": self.kind}

    options: Options

    def prepare(self, bench: base.Bench, answer: Any) -> Any:
        """Embed what is looked for while no lock is held."""
        told, store = self.options, bench.store(self.options.within)
        for text in _texts(bench.value(told.source), bench.value(told.to)) if told.near else ():
            if store.records.get(text) is None:
                store.prepare("search", {"query": text})
        return None

    def apply(self, bench: base.Bench, answer: Any) -> Any:
        """The number of links that were made."""
        told = self.options
        store: Any = bench.store(told.within)
        kind, made = str(bench.template(told.kind)), 0
        targets = _ends(store, bench.value(told.to), told.near)
        for source in _ends(store, bench.value(told.source), told.near):
            for target in targets:
                if source != target:
                    store.relate(source, target, kind, weight=told.weight)
                    made += 1
        return made


class Forget(base.Operator):
    """Lets a collection forget by its own `overflow` policy, or by one that is given."""

    class Options(base.Options):
        """Keys of a `forget` step."""

        within: str = pydantic.Field(alias="in")
        """The collection."""
        items: str = ""
        """The records that go: a value with records or ids. Without it the policy chooses."""
        policy: forgetting.Forgetting | None = None
        """How victims are chosen and what becomes of them: the keys of a collection's
        `overflow`; its own unless given."""

        def writes(self) -> dict[str, str]:
            """The collection."""
            return {"in": self.within}

        def reads(self) -> dict[str, str]:
            """The collection: what is forgotten is chosen by what is there."""
            return {"in": self.within}

        def uses(self) -> dict[str, str]:
            """What goes."""
            return {"items": self.items} if self.items else {}

    options: Options

    def apply(self, bench: base.Bench, answer: Any) -> Any:
        """What was forgotten, as items."""
        told = self.options
        store: Any = bench.store(told.within)
        if told.items:
            gone = store.forget_these(_known(store, bench.value(told.items)), told.policy)
        else:
            gone = store.forget_by(told.policy)
        return bench.items(told.within, gone)


def parts(
    item: Any, given: Mapping[str, Any], keep: Sequence[str] | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields and the envelope of a record from an item and what the step sets."""
    fields = values.fields(item)
    if keep is not None:
        fields = {name: part for name, part in fields.items() if name in keep}
    envelope = {k: item[k] for k in values.ENVELOPE if isinstance(item, Mapping) and k in item}
    for name, part in given.items():
        if name in (*values.ENVELOPE, "id"):
            envelope[name] = part
        elif part not in (None, ""):
            fields[name] = part
    for name in values.DATES:
        if name in envelope:
            envelope[name] = values.moment(envelope[name])
    for name in ("importance", "strength"):
        if name in envelope:
            envelope[name] = _number(name, envelope[name])
    return fields, {k: v for k, v in envelope.items() if v is not None}


def _origins(value: Any) -> tuple[str, ...]:
    """The ids of the records that a value holds, or was made of; a text is an id itself."""
    listed = value if isinstance(value, list) else [value]
    named = (each for each in listed if isinstance(each, str) and each)
    return tuple(dict.fromkeys((*named, *values.sources(value))))[: values.MOST_SOURCES]


def _texts(*parts: Any) -> list[str]:
    """The texts among values, and in lists of them."""
    listed = [each for part in parts for each in (part if isinstance(part, list) else [part])]
    texts = (each.strip() for each in listed if isinstance(each, str))
    return list(dict.fromkeys(filter(None, texts)))


def _ends(store: Any, value: Any, near: Near | None) -> list[str]:
    """The ids of the records that a value holds, or that are like its texts."""
    found = _known(store, value)
    if near is None:
        return found
    for text in _texts(value):
        if text not in found:
            hits = store.find_for(text, near.k, where=near.where, policy=near.retrieval)
            found += [record.id for record, _ in hits if record.id not in found]
    return found


def _number(name: str, value: Any) -> float | None:
    try:
        number = None if value in (None, "") else float(value)
        if number is None or math.isfinite(number):
            return number
        raise ValueError(value)
    except (TypeError, ValueError, OverflowError):
        raise errors.ToolError(f"{name} must be a number, not {str(value)[:40]!r}") from None


def _id(value: Any) -> str:
    """The id of a record, or of the one that something was made for."""
    if isinstance(value, Mapping):
        return str(value.get("id") or value.get("_for") or "")
    return str(value or "")


def _known(store: Any, value: Any) -> list[str]:
    """The ids in a value that the store has, without repetition."""
    found: list[str] = []
    for each in value if isinstance(value, list) else [value]:
        id = _id(each)
        if id and id not in found and store.records.get(id) is not None:
            found.append(id)
    return found
