"""What a search may vary, and the halves that it is judged on.

Called by `search` and by the door. Pure functions; knows no score and runs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from archgraph import clock, errors
from archgraph.spec import tree
from archgraph.suites import plan
from archgraph.suites.planning import arguments, arms
from archgraph.suites.planning import written as planned

Half = Literal["tune", "validate"]

_STEPS = 5
"""Values of a range that does not say how many."""
_DROPS = 2
"""The most nodes that a drawn candidate lacks: with more, hardly any graph still runs."""


@dataclass(frozen=True, slots=True)
class Space:
    """What may be varied: ordered values by parameter, with the place of each default; nodes."""

    choices: Mapping[str, tuple[Any, ...]]
    defaults: Mapping[str, int]
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """One point of a space: the place of each parameter's value, and the nodes taken away."""

    places: tuple[int, ...]
    without: frozenset[str] = frozenset()


# Halves


def halves(made: plan.RunPlan, seed: int, share: float = 0.5) -> dict[Half, plan.RunPlan]:
    """A plan cut in two by conversation, within each dataset; `share` goes to the tune half.

    Raises:
        InputError: a dataset has fewer than two conversations.
    """
    tune: set[tuple[str, str]] = set()
    for number, dataset in enumerate(made.datasets):
        known = [id for name, id in made.conversations if name == dataset]
        if len(known) < 2:
            raise errors.InputError(
                f"{dataset} has {len(known)} conversation; a search needs two or more in each "
                "dataset, to keep some that it has not seen"
            )
        clock.derive_random(seed, number, 0).shuffle(known)
        count = min(max(1, round(share * len(known))), len(known) - 1)
        tune |= {(dataset, id) for id in known[:count]}
    other = set(made.conversations) - tune
    return {"tune": _cut(made, tune), "validate": _cut(made, other)}


def _cut(made: plan.RunPlan, kept: set[tuple[str, str]]) -> plan.RunPlan:
    histories = tuple(h for h in made.histories if (h.dataset, h.conversation) in kept)
    ids = {history.id for history in histories}
    return replace(
        made,
        histories=histories,
        trials=tuple(each for each in made.trials if each.history in ids),
        conversations={key: each for key, each in made.conversations.items() if key in kept},
    )


# The space


def written(texts: Sequence[str]) -> dict[str, Any]:
    """What `made` takes, from arguments: `core_limit=500,1000` or `evict_to=0.25..0.75`.

    Raises:
        InputError: one of them is no such thing.
    """
    found: dict[str, Any] = {}
    for text in texts:
        name, sign, raw = text.partition("=")
        if not sign or not name.strip():
            raise errors.InputError(f"{text!r}: write NAME=A,B,... or NAME=LOW..HIGH")
        low, dots, high = raw.partition("..")
        values = [_value(text, part) for part in ((low, high) if dots else arguments.parts(raw))]
        found[name.strip()] = dict(zip(("low", "high"), values, strict=True)) if dots else values
    return found


def _value(text: str, raw: str) -> Any:
    node, problems = planned.text_value(raw, tree.Origin(text))
    if node is None or problems:
        raise errors.InputError(f"{text!r}: {raw!r} is no value")
    return tree.plain(node)


def made(
    values: Mapping[str, Any],
    params: Mapping[str, Any],
    remove: Sequence[str] = (),
    nodes: Sequence[str] = (),
) -> Space:
    """A space as a user writes it, checked.

    Args:
        values: by parameter a list of values, or `{low, high}` with `steps` and `scale: log`.
        params: the architecture's parameters with their defaults.
        remove: nodes that may be taken away.
        nodes: all nodes of the architecture.

    Raises:
        InputError: a name is unknown, a range has no sense, or there is nothing to vary.
    """
    choices, defaults = {}, {}
    for name, given in values.items():
        if name not in params:
            raise errors.UnknownName("parameter", name, params)
        some = _range(name, given) if isinstance(given, Mapping) else given
        if not isinstance(some, list | tuple) or not some:
            raise errors.InputError(f"{name}: give a list of values, or {{low: ..., high: ...}}")
        choices[name], defaults[name] = _with_default(list(some), params[name])
    for name in remove:
        if name not in nodes:
            raise errors.UnknownName("node", name, nodes)
    if not remove and all(len(some) < 2 for some in choices.values()):
        raise errors.InputError("there is nothing to search: name values, or nodes to remove")
    return Space(choices, defaults, tuple(dict.fromkeys(remove)))


def _range(name: str, given: Mapping[str, Any]) -> list[float]:
    """Evenly spaced values, on a logarithmic scale if asked; whole numbers if both ends are."""
    if unknown := set(given) - {"low", "high", "steps", "scale"}:
        key = sorted(unknown)[0]
        raise errors.InputError(f"{name}: no key {key!r}; known: low, high, steps, scale")
    low, high = _number(name, given.get("low")), _number(name, given.get("high"))
    steps = given.get("steps", _STEPS)
    if not (isinstance(steps, int) and steps >= 2 and low < high):
        raise errors.InputError(f"{name}: a range needs low < high and two or more steps")
    log = given.get("scale", "linear") == "log"
    if log and low <= 0:
        raise errors.InputError(f"{name}: a range on a log scale needs low > 0")
    shares = [n / (steps - 1) for n in range(steps)]
    values = [low * (high / low) ** x if log else low + (high - low) * x for x in shares]
    whole = isinstance(low, int) and isinstance(high, int)
    return list(dict.fromkeys(round(v) if whole else round(v, 10) for v in values))


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise errors.InputError(f"{name}: a range needs numbers low and high")
    return value


def _with_default(values: list[Any], default: Any) -> tuple[tuple[Any, ...], int]:
    """The values with the default among them, numbers in order, and where it stands."""
    if default not in values:
        values.insert(0, default)
    if all(isinstance(each, int | float) for each in values):
        values.sort()
    return tuple(values), values.index(default)


def start(among: Space) -> Candidate:
    """The default arm."""
    return Candidate(tuple(among.defaults.values()))


def overrides(among: Space, candidate: Candidate) -> tuple[str, ...]:
    """What the candidate changes, as after `--set`; the default arm changes nothing."""
    places = zip(among.choices.items(), candidate.places, among.defaults.values(), strict=True)
    changed = [
        arms.setting(name, values[at]) for (name, values), at, usual in places if at != usual
    ]
    return (*changed, *(arms.setting(node, None) for node in sorted(candidate.without)))


def neighbours(among: Space, candidate: Candidate) -> list[Candidate]:
    """All candidates one step away: a parameter's next value either way, or one node."""
    found = []
    for number, values in enumerate(among.choices.values()):
        for at in (candidate.places[number] - 1, candidate.places[number] + 1):
            if 0 <= at < len(values):
                places = (*candidate.places[:number], at, *candidate.places[number + 1 :])
                found.append(replace(candidate, places=places))
    return found + [replace(candidate, without=candidate.without ^ {n}) for n in among.remove]


def draw(among: Space, seed: int, version: int, ordinal: int) -> Candidate:
    """A candidate by chance: every value is as likely, and none to two nodes are taken away."""
    chance = clock.derive_random(seed, version, ordinal)
    places = tuple(chance.randrange(len(values)) for values in among.choices.values())
    count = chance.randint(0, min(_DROPS, len(among.remove)))
    return Candidate(places, frozenset(chance.sample(among.remove, count)))
