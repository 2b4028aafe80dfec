"""What a dataset is: the contract of built-in ones and plugins alike.

A dataset is a class over `Dataset` with an `Options` model (its keys in a suite file), registered
in the entry-point group `archgraph.datasets`. Called by the planner, once per run. Knows no
architecture and no agent.
"""

from __future__ import annotations

import collections
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

import pydantic

from archgraph import errors
from archgraph.suites.datasets import case

Conversation = case.Conversation


class Options(pydantic.BaseModel):
    """A dataset's keys in a suite file. Every dataset's `Options` inherits from this."""

    model_config = pydantic.ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, populate_by_name=True
    )

    name: str = ""
    """What tables call it; the type's name where it is left out."""
    mode: Literal["", "observe", "converse"] = ""
    """How a history is fed: `observe` logs it and fires event triggers, `converse` sends every
    item as a message and runs the threads. Left out: what suits the dataset."""
    conversations: int = pydantic.Field(0, ge=0)
    """Only the first so many conversations; 0: all."""
    questions: int = pydantic.Field(0, ge=0)
    """Only the first so many questions of each conversation; 0: all."""
    categories: list[int | str] = []
    """Only questions of these categories; empty: all."""


class Dataset:
    """Work to compare architectures on.

    Attributes:
        mode: how histories are fed unless the suite says otherwise.
        split: `held out`, `dev` (looked at while archgraph was made), `generated`, `own` (the
            user's, of which archgraph knows nothing), or a mix in words; printed in every table. A
            dataset that knows it only from the file sets it anew.
        scorers: the scorers that fit, the primary one first.
        licence: of the data.
        category_name: what a case's category is, as `depth`.
        ordered_categories: whether categories are a quantity, so that a plot may join them by a
            line; numbers that are only names are none.
        category_names: what categories that are numbers are called, by their text.
    """

    Options: ClassVar[type[Options]] = Options
    mode: ClassVar[str] = "observe"
    split: str = "held out"
    scorers: ClassVar[tuple[str, ...]] = ("contains",)
    licence: ClassVar[str] = ""
    category_name: ClassVar[str] = "category"
    ordered_categories: ClassVar[bool] = False
    category_names: ClassVar[Mapping[str, str]] = {}

    def __init__(self, options: Any) -> None:
        """Take the options; read and check the user's file, if there is one.

        Raises:
            InputError: the file is missing or has another shape; the message says where to get it.
        """
        self.options = options

    def conversations(self) -> Iterator[Conversation]:
        """All histories with their questions; equal options and files give equal ones."""
        raise NotImplementedError

    def provenance(self) -> Mapping[str, Any]:
        """What the data is, for manifest and tables: `sha256`, `file`, `verified`, counts...

        Without files it is empty: the options and the generator's source say all.
        """
        return {}

    def selected(self) -> Iterator[Conversation]:
        """The conversations and questions that the common options leave."""
        chosen = self.options
        wanted = {str(each) for each in chosen.categories}
        for number, found in enumerate(self.conversations()):
            if chosen.conversations and number >= chosen.conversations:
                return
            kept = [c for c in found.cases if not wanted or str(c.category) in wanted]
            yield case.Conversation(found.id, found.items, tuple(kept[: chosen.questions or None]))


def distinct(dataset: str, place: str, ids: Sequence[str]) -> None:
    """Refuse ids of one kind and place that stand there twice.

    Raises:
        InputError: names them.
    """
    if len(set(ids)) < len(ids):
        twice = [each for each, count in collections.Counter(ids).items() if count > 1]
        raise errors.InputError(
            f"{dataset}: {place} has several with the same id: {', '.join(twice[:10])}; ids must "
            f"differ"
        )
