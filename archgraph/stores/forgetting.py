"""Which records a collection gives up, and what becomes of them: a declared policy.

`victims` chooses by plain arithmetic over facts; `keeping` removes, archives or invalidates them.
The formulas and their sources stand in `docs/explanation/retrieval-and-forgetting.md`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import pydantic

from archgraph.stores import features


class _Part(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Curve(_Part):
    """The forgetting curve of `victim: sample`: retention R = e^(-t / (scale * strength)).

    A record goes with probability 1 - R. MemoryBank (Zhong et al., 2023, arXiv:2305.10250), after
    Ebbinghaus: t in days, strength from 1, raised by each recall.
    """

    unit: float = pydantic.Field(default=86400, gt=0)
    """Seconds in which t is counted: a day."""
    scale: float = pydantic.Field(default=5, gt=0)
    """Units after which a record of strength 1 is kept with probability 1/e. The paper's
    R = e^(-t/S) is 1."""
    of: Literal["created", "last_access"] = "last_access"
    """Since when t runs; a recall sets it to 0."""
    inverted: bool = False
    """As MemoryBank's released code computes it: e^(-t * strength / scale), by which a stronger
    memory fades faster."""


class Forgetting(_Part):
    """Which records go when there are too many or time has passed, and what becomes of them."""

    victim: Literal["fifo", "lru", "lfu", "lowest", "sample"] = "fifo"
    """Who goes first: the oldest, the least recently found, the least often found, the one of
    the lowest standing, or whom the draw hits."""
    action: Literal["drop", "archive", "invalidate"] = "drop"
    """What becomes of them: removed (history stays readable), moved to another collection, or
    kept as history that search leaves out."""
    into: str = ""
    """The collection that archived records move to."""
    keep: int | None = pydantic.Field(default=None, ge=0)
    """So many stay; the collection's `capacity` unless given."""
    below: float | None = None
    """Every record whose standing lies below goes, however many there are."""
    age: float | None = pydantic.Field(default=None, ge=0)
    """Only records of at least so many seconds go; alone, all of them."""
    protect: float | None = None
    """Records of at least this importance never go."""
    standing: features.Standing | None = None
    """What a record is worth, for `lowest` and `below`; the collection's unless given."""
    curve: Curve = Curve()
    """How memory fades, for `sample`."""

    @pydantic.model_validator(mode="after")
    def _sound(self) -> Forgetting:
        if (self.action == "archive") != bool(self.into):
            raise ValueError("`action: archive` and `into` (the other collection) need each other")
        if self.below is not None and self.victim != "lowest":
            raise ValueError("`below` bounds a standing; it needs `victim: lowest`")
        if self.curve != Curve() and self.victim != "sample":
            raise ValueError("`curve` says how draws are made; it needs `victim: sample`")
        if self.standing is not None and self.victim != "lowest":
            raise ValueError("`standing` needs `victim: lowest`")
        return self

    def bounded(self, capacity: int | None) -> bool:
        """Whether it says how many go."""
        known = capacity is not None or self.keep is not None
        return known or self.victim == "sample" or self.below is not None or self.age is not None


def retention(age: float, strength: float, curve: Curve) -> float:
    """The probability that a record of an age in seconds is still remembered."""
    t = max(0.0, age) / curve.unit
    strength = max(strength, 1e-9)
    if curve.inverted:
        return math.exp(-t * strength / curve.scale)
    return math.exp(-t / (curve.scale * strength))


def victims(
    policy: Forgetting,
    facts: features.Facts,
    excess: int,
    now: float,
    draw: Callable[[], float],
) -> list[int]:
    """The rows that go, the first victim first.

    Args:
        policy: who goes; its `standing` is given where it needs one.
        facts: the records that there are, by row.
        excess: how many must go at least, as far as protection allows; 0 or less: none must.
        now: the moment, in seconds since 1970.
        draw: gives numbers from [0, 1).
    """
    open_to = {row: fact for row, fact in facts.items() if _may_go(policy, fact, now)}
    if policy.victim == "sample":
        return _sampled(policy, open_to, excess, now, draw)
    standing = policy.standing
    worth = features.standings(standing, open_to, now) if standing else {}
    order = sorted(open_to, key=lambda row: (*_rank(policy.victim, open_to[row], worth, row), row))
    if policy.below is not None:
        low = sum(worth[row] < policy.below for row in order)
        return order[: max(low, excess)]
    if policy.age is not None and policy.keep is None and excess <= 0:
        return order
    return order[: max(0, excess)]


def _may_go(policy: Forgetting, fact: features.Fact, now: float) -> bool:
    record = fact.record
    if policy.protect is not None and (record.importance or 0.0) >= policy.protect:
        return False
    return policy.age is None or now - record.created >= policy.age


def _rank(victim: str, fact: features.Fact, worth: features.Values, row: int) -> tuple[float, ...]:
    created, seen = fact.record.created, fact.last_access
    orders: dict[str, tuple[Any, ...]] = {
        "lru": (seen, created),
        "lfu": (len(fact.recall.moments), seen, created),
        "lowest": (worth.get(row, 0.0), created),
    }
    return orders.get(victim, (created,))


def _sampled(
    policy: Forgetting,
    facts: features.Facts,
    excess: int,
    now: float,
    draw: Callable[[], float],
) -> list[int]:
    """Each record is drawn once; if too few go, those most faded follow."""
    curve = policy.curve
    kept: features.Values = {}
    gone = []
    for row, fact in sorted(facts.items()):
        since = fact.record.created if curve.of == "created" else fact.last_access
        kept[row] = retention(now - since, fact.strength, curve)
        if draw() >= kept[row]:
            gone.append(row)
    rest = sorted((row for row in kept if row not in set(gone)), key=lambda row: (kept[row], row))
    return gone + rest[: max(0, excess - len(gone))]
