"""What an operator is: one step of a pipeline, the contract of built-in ones and plugins alike.

An operator is a class over `Operator` with an `Options` model, registered in the entry-point group
`archgraph.operators`. A step of a pipeline goes through it in three moments: `question` (what a
model is to be asked, if anything), `prepare` (slow outside work, before any lock is held), and
`apply` (reads and writes stores within a commit; its result is the value that `as` names). It
knows stores by what `stores.base.Store` offers, and neither the runtime nor its siblings.

Options name stores under `store`, `from`, `to`, `into` or `in`; under `of` they name values of
earlier steps, or stores. So a removed store takes its steps along (`spec.prune_steps`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Protocol

import pydantic

from archgraph.operators import values
from archgraph.stores import base as stores

Item = values.Item


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Names = Annotated[
    list[str], pydantic.BeforeValidator(_listed, json_schema_input_type=str | list[str])
]
"""One name, or a list of names."""


class Options(pydantic.BaseModel):
    """An operator's keys in YAML. Every operator's `Options` inherits from this."""

    model_config = pydantic.ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, populate_by_name=True
    )

    short: ClassVar[str] = ""
    """The option that a bare text stands for: `read: recall` is `read: {store: recall}`."""

    def reads(self) -> dict[str, str]:
        """Stores that the step reads: option path to name. Each becomes an edge."""
        return {}

    def writes(self) -> dict[str, str]:
        """Stores that the step writes: option path to name. Each becomes an edge."""
        return {}

    def uses(self) -> dict[str, str]:
        """What the step needs from before, by option path: names of values, or of stores."""
        return {}

    def expressions(self) -> dict[str, str]:
        """The jinja2 expressions and templates in the options, by option path."""
        return {}

    def calls(self) -> dict[str, str]:
        """Python functions of the user's own, `module:function`, by option path."""
        return {}

    def answer(self) -> Mapping[str, Any] | None:
        """The parameters of the answer that its model must give; None if it asks for text."""
        return None

    def cap(self, window: int) -> int:
        """The most tokens that its result may take where a model reads it.

        Args:
            window: the context window of the pipeline, in tokens.
        """
        return window // 4

    def shows(self, window: int) -> int:
        """The most tokens of what its model is shown besides `of`: what it looks up itself."""
        return 0

    def answer_cap(self) -> int:
        """Tokens reserved for its model's answer; 0: what the pipeline says."""
        return 0


@dataclass(frozen=True, slots=True)
class Question:
    """What a model is asked in a step.

    `prompt` is the instructions' template; `of` names what the model is shown below them;
    `schema` is the JSON Schema of the arguments of its `answer`, None where plain text is wanted.
    `extra` are more sections (heading to text), `names` more values for the template.
    """

    prompt: str
    of: Sequence[str] = ()
    schema: Mapping[str, Any] | None = None
    max_tokens: int = 0
    extra: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, Any] = field(default_factory=dict)


class Bench(Protocol):
    """What an operator works on: the values of the run so far, and the agent's stores."""

    thread: str
    """The pipeline's name."""
    item: Any
    """The present item of `each`; None without."""
    place: str
    """Where in the run this is, for draws and journal: `step` or `step.item`."""
    prepared: Any
    """What `prepare` returned."""

    def value(self, name: str) -> Any:
        """A value by name or path (`item.text`), an expression's result, or a store's content.

        Raises:
            OperatorError: there is nothing of that name.
        """

    def template(self, source: str, **names: Any) -> Any:
        """A text with `{{ }}` filled in; the value itself where the text is one expression."""

    def store(self, name: str) -> stores.Store:
        """A store of the agent."""

    def function(self, target: str) -> Callable[..., Any]:
        """A function that the options name in `calls`.

        Raises:
            PluginError: it cannot be imported, or is no function.
        """

    def since(self, store: str, cap: int, most: int | None = None) -> list[Item]:
        """What came into a store since the last good run of this pipeline, as much as `cap` holds.

        What the pipeline wrote itself is not news to it: it would never come to an end.

        The range is frozen by its first reading in a run; it counts as consumed when the run ends
        well, and what `cap` (tokens) leaves over is read by the next run. With `most`, so many at
        most; a run for what is left follows at once.
        """

    def turn(self, store: str) -> list[Item]:
        """What came into a store in the present turn."""

    def items(self, store: str, records: Sequence[stores.Record]) -> list[Item]:
        """Records as values: see `values.Item`."""

    def now(self) -> float:
        """The agent's time, seconds since 1970."""

    def count(self, text: str) -> int:
        """Tokens of a text, as the pipeline's model counts them."""


class Operator:
    """One step of a pipeline. Subclass it, give it `Options`, and register it."""

    Options: ClassVar[type[Options]] = Options

    def __init__(self, options: Any) -> None:
        self.options = options

    @classmethod
    def verify(cls) -> None:
        """Look the class over as it is registered; whatever is wrong is a `PluginError`."""

    def question(self, bench: Bench) -> Question | None:
        """What a model is to be asked now; None if nothing."""
        return None

    def prepare(self, bench: Bench, answer: Any) -> Any:
        """Slow outside work (embedding, foreign code), before the commit; kept as `prepared`."""
        return None

    def apply(self, bench: Bench, answer: Any) -> Any:
        """Do it, within a commit; the result is the step's value.

        Args:
            bench: values and stores.
            answer: what the model said: a dict that fits the schema, a text, or None if it was
                not asked.

        Raises:
            ToolError, OperatorError: it cannot be done; the run ends as failed and nothing is
                written.
        """
        raise NotImplementedError
