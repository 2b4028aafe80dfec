"""`extract` and `summarize`: ask the pipeline's model for a typed answer, or for a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import pydantic

from archgraph.operators import base, values
from archgraph.operators import fields as typed

Template = Annotated[str, pydantic.Field(pattern=r"\.jinja2$")]


class Extract(base.Operator):
    """Asks the model for a list of items, or for one, with declared fields."""

    class Options(base.Options):
        """Keys of an `extract` step."""

        prompt: Template
        """The template of the instructions; it sees the values so far by name."""
        of: base.Names = pydantic.Field(default=[])
        """What the model is shown below the instructions: values, or stores. What it is about
        stands last; what is written of the answer derives from that."""
        fields: typed.Fields
        """What it must give: name to type. A type is a word (`text`, `texts`, `integer`, `number`,
        `boolean`, `date`), a list of allowed texts, or a mapping with more."""
        one: bool = False
        """One answer instead of a list."""
        most: int = pydantic.Field(default=10, gt=0, le=100)
        """The most items."""
        max_tokens: int = pydantic.Field(default=0, ge=0)
        """Tokens reserved for the answer; what the pipeline says unless given."""
        empty: bool = False
        """Ask also when there is nothing to show."""

        def uses(self) -> dict[str, str]:
            """What is shown, and what ids are chosen from."""
            found = {f"of.{n}": name for n, name in enumerate(self.of)}
            for name, field in self.fields.items():
                found |= {f"fields.{name}": each for each in field.named()}
            return found

        def answer(self) -> Mapping[str, Any]:
            """The parameters of `answer`, without the ids that a run knows."""
            return typed.schema(self.fields, many=0 if self.one else self.most)

        def answer_cap(self) -> int:
            """Its own `max_tokens`."""
            return self.max_tokens

        def cap(self, window: int) -> int:
            """As much as the answer may take, with room for how it is shown."""
            return 2 * self.max_tokens if self.max_tokens else window // 8

    options: Options

    def question(self, bench: base.Bench) -> base.Question | None:
        """The instructions, and what they are about; nothing is asked about nothing."""
        told = self.options
        if not told.empty and told.of and not any(bench.value(name) for name in told.of):
            return None
        schema = typed.schema(
            told.fields, lambda name: ids(bench.value(name)), many=0 if told.one else told.most
        )
        return base.Question(told.prompt, told.of, schema, told.max_tokens)

    def apply(self, bench: base.Bench, answer: Any) -> Any:
        """The items, each with the records that it was made of in `_from`."""
        told = self.options
        origin = list(_origin(bench, told.of))
        if answer is None:
            return {} if told.one else []
        if told.one:
            return typed.cleaned(answer, told.fields) | {"_from": origin}
        found = [typed.cleaned(each, told.fields) for each in answer["items"][: told.most]]
        return [each | {"_from": origin} for each in found if any(each.values())]


class Summarize(base.Operator):
    """Asks the model for a text."""

    class Options(base.Options):
        """Keys of a `summarize` step."""

        prompt: Template
        """The template of the instructions; it sees the values so far by name."""
        of: base.Names
        """What the model is shown below the instructions: values, or stores. What it is about
        stands last; what is written of the text derives from that."""
        max_tokens: int = pydantic.Field(default=300, gt=0)
        """Tokens reserved for the text."""

        def uses(self) -> dict[str, str]:
            """What is shown."""
            return {f"of.{n}": name for n, name in enumerate(self.of)}

        def answer_cap(self) -> int:
            """Its own `max_tokens`."""
            return self.max_tokens

        def cap(self, window: int) -> int:
            """As much as the answer may take."""
            return self.max_tokens

    options: Options

    def question(self, bench: base.Bench) -> base.Question | None:
        """The instructions, and what they are about; nothing is asked about nothing."""
        told = self.options
        if not any(bench.value(name) for name in told.of):
            return None
        return base.Question(told.prompt, told.of, max_tokens=told.max_tokens)

    def apply(self, bench: base.Bench, answer: Any) -> Any:
        """One item: the text as its `content`, with its sources; `{}` if nothing was asked."""
        if not answer:
            return {}
        return {"content": str(answer).strip(), "_from": list(_origin(bench, self.options.of))}


def _origin(bench: base.Bench, of: Sequence[str]) -> tuple[str, ...]:
    """The records that an answer is about: those of the last value that has any."""
    found = (values.sources(bench.value(name)) for name in reversed(of))
    return next(filter(None, found), ())


def ids(value: Any) -> list[str]:
    """The ids of the records in a value."""
    listed = value if isinstance(value, list) else [value]
    return [str(each["id"]) for each in listed if isinstance(each, Mapping) and each.get("id")]
