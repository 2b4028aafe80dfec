"""What a suite file may say, as models without any reading or running.

`written` builds them from YAML; `arms` and `work` resolve them; the JSON Schema is made from them.
The docstrings below each key are the descriptions that editors show. Names (of architectures,
datasets, scorers, models) stand as they were written: a name, or a name with its options.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar

import pydantic
from pydantic_core import PydanticCustomError

NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$"
ALL: Literal["all"] = "all"

Kind = Literal["bad_json", "unknown_tool", "timeout", "429"]
"""The kinds of fault that `faults` may draw."""

PositiveInt = Annotated[int, pydantic.Field(ge=1)]
Text = Annotated[str, pydantic.Field(min_length=1)]
Item = TypeVar("Item")


def _listed(value: Any) -> Any:
    """One name, or one name with its options, as a list."""
    return [value] if isinstance(value, str | dict) else value


def _named(value: str) -> str:
    """A name that can be that of a folder."""
    if not re.fullmatch(NAME, value):
        hint = "use letters, digits, and - _ . within, as in window-sizes"
        raise PydanticCustomError("wrong-value", "this cannot be a suite's name", {"hint": hint})
    return value


_some = pydantic.Field(min_length=1)
_short = pydantic.BeforeValidator(_listed)
Names = Annotated[list[Text | dict[str, dict[str, Any]]], _short]


class Model(pydantic.BaseModel):
    """Keys are spelt as here, and what is made does not change."""

    model_config = pydantic.ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, populate_by_name=True
    )


class ArmOptions(Model):
    """What may stand behind an architecture's name: `{memgpt: {set: {core_limit: 500}}}`."""

    label: Annotated[str, pydantic.Field(alias="as", pattern=r"^\S(.{0,60}\S)?$|^$")] = ""
    """What tables call the arm, instead of the architecture's name."""
    model: str = ""
    """The model of this arm alone, instead of the suite's `models`."""
    set: dict[str, Any] = {}
    """Parameters (or paths in the file) that this arm changes; null removes a node."""


class Seeds(Model):
    """How often each part of a trial is repeated; the report splits the variance by them."""

    ingest: PositiveInt = 1
    """How often a history is fed, each time with another seed."""
    answer: PositiveInt = 1
    """How often each question is asked of an ingested agent."""
    judge: PositiveInt = 1
    """How often the judge is asked for the same answer."""


class Budget(Model):
    """Every arm is cut at the same number of tokens. 0: no bound."""

    tokens_per_case: Annotated[int, pydantic.Field(ge=0)] = 0
    """Tokens, prompts and answers together, that a question may take."""
    ingest_tokens: Annotated[int, pydantic.Field(ge=0)] = 0
    """Tokens that feeding a history may take."""


class Faults(Model):
    """Model calls that go wrong on purpose, drawn by seed and alike for all arms."""

    rate: Annotated[float, pydantic.Field(ge=0, le=1)] = 0.1
    """The share of model calls that go wrong."""
    kinds: list[Kind] = ["bad_json", "unknown_tool", "timeout", "429"]
    """What may happen to them."""
    latency: Annotated[float, pydantic.Field(ge=0)] = 0.0
    """Seconds of real time that every call takes longer."""


class SuiteSpec(Model):
    """A whole suite: what is compared, on what, how often, and by what measure."""

    suite: Annotated[str, pydantic.AfterValidator(_named)]
    """What the suite is called; its runs are kept under this name."""
    extends: str = ""
    """A suite that this one changes: mappings are merged, everything else is replaced."""
    about: str = ""
    """What the suite is, in a sentence or two."""
    question: str = ""
    """What it asks; the report opens with it."""
    architectures: Annotated[list[Text | dict[str, ArmOptions]], _short, _some]
    """What is compared: names, paths of files, or `{name: {set: {...}, model: ..., as: label}}`."""
    models: Names = []
    """Every arm runs on each of these: names, or `{name: {temperature: 0}}`. Left out: the model
    that each architecture names."""
    datasets: Annotated[Names, _some]
    """The work: names, or `{name: {option: value}}`."""
    vary: dict[str, Annotated[list[Any], _some]] = {}
    """More arms, one for each combination: `memgpt.core_limit: [500, 2000]` for one architecture,
    `context_window: [4096, 8192]` for all of them."""
    ablate: Literal["all"] | dict[str, Literal["all"] | list[str]] = {}
    """More arms, each the default one without one node: `{memgpt: [archival]}`, `{memgpt: all}`,
    or `all` for every node of every architecture."""
    set: dict[str, Any] = {}
    """Parameters (or paths in the file) that every arm changes alike."""
    repeats: PositiveInt = 1
    """How often every case is done, from a new ingest on: short for `seeds: {ingest: N}`."""
    seeds: Seeds | None = None
    """How often each part is repeated, instead of `repeats`."""
    seed: Annotated[int, pydantic.Field(ge=0)] = 0
    """The first seed; everything that is drawn follows from it."""
    mode: Literal["", "observe", "converse"] = ""
    """How histories are fed: `observe` logs them, `converse` sends each item as a message and runs
    the threads. Left out: what suits each dataset."""
    budget: Budget = Budget()
    """The same bound on tokens for every arm."""
    max_calls: Annotated[int, pydantic.Field(ge=0)] = 0
    """The run stops before it makes more paid model calls than this. 0: no bound."""
    max_cost: Annotated[float, pydantic.Field(ge=0)] = 0.0
    """The run stops before it spends more than this, in US dollars. 0: no bound."""
    faults: Faults | None = None
    """Model calls that go wrong on purpose."""
    scorers: Annotated[list[Text | dict[str, Any]], _short] = []
    """How trials are scored: names, or `{name: {option: value}}`. Left out: each dataset's own."""
    primary: str | dict[str, str] = ""
    """The scorer that decides: one for all datasets, or by dataset. Left out: the first one."""
    baseline: str = ""
    """The arm that the others are compared with. Left out: the first reference arm, else the
    first arm."""
    alpha: Annotated[float, pydantic.Field(gt=0, lt=1)] = 0.05
    """The risk, over a whole family of comparisons, of claiming a difference that is not there."""
    margin: Annotated[float, pydantic.Field(gt=0, lt=1)] = 0.05
    """Differences within this are taken as equivalence."""
    family: Literal["dataset", "run"] = "dataset"
    """The comparisons that share `alpha`: those on one dataset, or all of the run."""
    judge: str = ""
    """The model behind scorers that ask one."""
    embedder: str = ""
    """What turns texts into vectors in every arm. Left out: what each architecture names."""

    @property
    def counts(self) -> Seeds:
        """How often each part is repeated."""
        return self.seeds or Seeds(ingest=self.repeats)


def named(
    entries: Sequence[str | Mapping[str, Item]],
) -> Iterator[tuple[str, Item | None]]:
    """Names with their options, None where there are none."""
    for entry in entries:
        if isinstance(entry, str):
            yield entry, None
        else:
            yield from entry.items()
