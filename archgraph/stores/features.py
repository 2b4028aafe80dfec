"""What a ranking or a standing can weigh: features of records, and how they become one score.

Plain arithmetic over rows, checked by hand in its tests; the formulas and their sources stand in
`docs/explanation/retrieval-and-forgetting.md`. Used by `scoring` (what a search finds) and
`forgetting` (what a store gives up). Knows no database.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pydantic

from archgraph import errors
from archgraph.storage import records

Values = dict[int, float]
"""The value of one feature by row number."""

HOUR = 3600.0
SEARCHED = ("text", "vector", "overlap", "key", "distance", "pagerank")
"""Features that compare a record with a query."""
OWN = (
    "recency",
    "importance",
    "frequency",
    "strength",
    "activation",
    "tokens",
    "mentions",
    "degree",
)
"""Features that a record has without any query."""
FIELD = "fields."
"""Before the name of a numeric field of the record."""

Normal = Literal["best", "minmax", "rank", "none"]
Fusion = Literal["sum", "product", "max", "rrf", "mmr"]
Weighed = dict[str, float]


class _Part(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Recency(_Part):
    """How age counts, where it is not to halve every `half_life`; one form at most."""

    tau: float | None = pydantic.Field(default=None, gt=0)
    """e^(-age / tau), in seconds. MemoryOS: 86400."""
    per_hour: float | None = pydantic.Field(default=None, gt=0, le=1)
    """d to the power of the age in hours. Generative Agents: 0.995."""
    per_rank: float | None = pydantic.Field(default=None, gt=0, le=1)
    """d to the power of the rank by time, from 1. Generative Agents' released code: 0.99."""
    power: float | None = pydantic.Field(default=None, gt=0)
    """(1 + age in hours) to the power of -d."""
    of: Literal["created", "last_access"] = "created"
    """Since when age runs; a record that was never found was last accessed at its creation."""
    first: Literal["newest", "oldest"] = "newest"
    """Which end of the order has rank 1. Generative Agents' released code has `oldest`, by which
    the oldest record scores highest; the paper means `newest`."""

    @pydantic.model_validator(mode="after")
    def _one_form(self) -> Recency:
        forms = ("tau", "per_hour", "per_rank", "power")
        given = [name for name in forms if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"age has one form; keep one of {', '.join(given)}")
        if self.first == "oldest" and self.per_rank is None:
            raise ValueError("`first` says where ranks begin; it needs `per_rank`")
        return self


class Standing(_Part):
    """What a record is worth without any query: the weighted sum of its own features.

    The heat of MemoryOS is `{features: {frequency: 1, fields.length: 1, recency: 1},
    recency: {tau: 86400, of: last_access}}`.
    """

    features: Annotated[Weighed, pydantic.Field(min_length=1)]
    """Features and what each counts: `recency`, `importance`, `frequency`, `strength`,
    `activation`, `tokens`, `mentions`, `degree`, or `fields.NAME` for a numeric field."""
    half_life: float = pydantic.Field(default=604800, gt=0)
    """Seconds after which recency has halved, unless `recency` gives another form."""
    recency: Recency = Recency()
    """Another form of recency."""

    @pydantic.model_validator(mode="after")
    def _known(self) -> Standing:
        check_names(self.features, OWN)
        return self


@dataclass(frozen=True, slots=True)
class Fact:
    """What features of a record are read from: the record, when it was read, its links."""

    record: records.Record
    recall: records.Recall = field(default_factory=records.Recall)
    degree: int = 0

    @property
    def last_access(self) -> float:
        """When it was last found, else when it was written."""
        return max(*self.recall.moments, self.recall.reset or 0.0, self.record.created)

    @property
    def strength(self) -> float:
        """Its own strength (1 unless given), and what recalls have added."""
        own = self.record.strength
        return (1.0 if own is None else own) + self.recall.gain


Facts = Mapping[int, Fact]


def check_names(features: Iterable[str], known: Iterable[str]) -> None:
    """Refuse names of features that there are not.

    Raises:
        ValueError: says which name is meant.
    """
    offered = list(known)
    for name in features:
        if name not in offered and not (name.startswith(FIELD) and len(name) > len(FIELD)):
            hint = errors.suggest(name, offered)
            raise ValueError(f"no feature {name!r}; {hint} (or fields.NAME for a numeric field)")


def decay(age: float, form: Recency, half_life: float, rank: int = 1) -> float:
    """How fresh something of an age in seconds (or of a rank, from 1) is: 1 at age 0."""
    age = max(0.0, age)
    if form.tau is not None:
        return math.exp(-age / form.tau)
    if form.per_hour is not None:
        return float(form.per_hour ** (age / HOUR))
    if form.per_rank is not None:
        return float(form.per_rank**rank)
    if form.power is not None:
        return float((1 + age / HOUR) ** -form.power)
    return float(0.5 ** (age / half_life))


def recency(facts: Facts, now: float, form: Recency, half_life: float) -> Values:
    """How fresh each record is."""
    times = {
        row: fact.last_access if form.of == "last_access" else fact.record.created
        for row, fact in facts.items()
    }
    newest_first = sorted(times, key=lambda row: (times[row], row), reverse=True)
    order = newest_first if form.first == "newest" else newest_first[::-1]
    return {
        row: decay(now - times[row], form, half_life, rank) for rank, row in enumerate(order, 1)
    }


def activation(moments: Iterable[float], now: float, power: float = 0.5) -> float:
    """Base-level activation ln(sum of t^-d) over the seconds since each use (ACT-R, Soar)."""
    return math.log(sum(max(1.0, now - moment) ** -power for moment in moments))


def own(name: str, facts: Facts, now: float, form: Recency, half_life: float) -> Values:
    """The values of a feature that needs no query."""
    if name == "recency":
        return recency(facts, now, form, half_life)
    return {row: _own(name, fact, now) for row, fact in facts.items()}


def _own(name: str, fact: Fact, now: float) -> float:
    record = fact.record
    if name == "activation":
        return activation((record.created, *fact.recall.moments), now)
    found: Any = {
        "importance": record.importance,
        "frequency": len(fact.recall.moments),
        "strength": fact.strength,
        "tokens": record.tokens,
        "mentions": len(record.derived_from),
        "degree": fact.degree,
    }.get(name, record.fields.get(name.removeprefix(FIELD)))
    return float(found) if isinstance(found, int | float) else 0.0


def standings(standing: Standing, facts: Facts, now: float) -> Values:
    """What each record is worth: the weighted sum of its features, as they are."""
    total = dict.fromkeys(facts, 0.0)
    for name, weight in standing.features.items():
        for row, value in own(name, facts, now, standing.recency, standing.half_life).items():
            total[row] += weight * value
    return total


def normalised(values: Values, form: Normal) -> Values:
    """Values on a common scale.

    `best`: divided by the largest (none is left if that is not positive). `minmax`: from 0 to 1;
    0.5 where all are equal, as Generative Agents has it. `rank`: 1 for the largest down by 1/n,
    equals alike. `none`: as they are.
    """
    if form == "none" or not values:
        return dict(values)
    low, high = min(values.values()), max(values.values())
    if form == "best":
        return {row: value / high for row, value in values.items()} if high > 0 else {}
    if form == "minmax":
        if high == low:
            return dict.fromkeys(values, 0.5)
        return {row: (value - low) / (high - low) for row, value in values.items()}
    return {row: 1 - (place - 1) / len(values) for row, place in places(values).items()}


def places(values: Values) -> dict[int, int]:
    """The place of each row from the largest value down, from 1; equals share the better one."""
    ranked = sorted(values, key=lambda row: -values[row])
    found: dict[int, int] = {}
    for place, row in enumerate(ranked, 1):
        before = ranked[place - 2] if place > 1 else None
        same = before is not None and values[before] == values[row]
        found[row] = found[before] if same and before is not None else place
    return found


def combined(table: Mapping[str, Values], weights: Weighed, fusion: Fusion, k: float) -> Values:
    """One score a row from values on a common scale; a missing value counts as 0.

    `sum` (and `mmr`, which reorders later): sum of w * v. `product`: product of v ** w. `max`:
    the largest w * v. `rrf`: sum of w / (k + place), over the values that a row has.
    """
    rows = dict.fromkeys(row for values in table.values() for row in values)
    if fusion == "rrf":
        total = dict.fromkeys(rows, 0.0)
        for name, values in table.items():
            for place, row in enumerate(sorted(values, key=lambda row: (-values[row], row)), 1):
                total[row] += weights[name] / (k + place)
        return total
    return {row: _joined([(table[n].get(row, 0.0), weights[n]) for n in table], fusion)
            for row in rows}  # fmt: skip


def _joined(pairs: list[tuple[float, float]], fusion: Fusion) -> float:
    if fusion == "product":
        return math.prod(float(max(0.0, value) ** weight) for value, weight in pairs)
    weighted = [value * weight for value, weight in pairs]
    return max(weighted) if fusion == "max" else sum(weighted)
