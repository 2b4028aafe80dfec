"""`archgraph why`: what a result depends on, and what changed since it was last made.

`told` reads a ledger; `explain` is a pure function of parts and their descriptions. Called by the
doors. Knows no plan.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

HISTORY = "history"
"""The part of a trial that stands for all that its history depends on."""


ITEMS = "; their digests: "
"""Stands in the description of a history before the digests of its items; see `identity`."""

_SHOWN = 6
_NAMED = 5
_LONG = 60


class Ledger(Protocol):
    """What is asked of a run's ledger."""

    def trials(self) -> Sequence[Mapping[str, Any]]:
        """What every trial is: id, history, arm, dataset, case, seeds, planned, status."""

    def parts(self, id: str) -> Mapping[str, str]:
        """The digests of the inputs of a trial or history, by name."""

    def inputs(self, digests: Iterable[str]) -> Mapping[str, str]:
        """What digests stand for."""


# Public functions


def told(ledger: Ledger, trial: str) -> list[str]:
    """What a trial depends on, and what it differs in from the nearest other form of it.

    Another form is a trial of the same arm, dataset, case and seeds that this run has made, or
    planned, with other inputs.
    """
    known = {str(each["id"]): each for each in ledger.trials()}
    this = known[trial]
    parts = whole(ledger, this)
    others = {id: whole(ledger, each) for id, each in known.items()
              if id != trial and _place(each) == _place(this)}  # fmt: skip
    near = nearest(parts, others)
    digests = {*parts.values(), *(others[near].values() if near else ())}
    head = (f"{trial}: {this['arm']} on {this['case']} of {this['dataset']}, seeds "
            f"{this['ingest_seed']}/{this['answer_seed']}/{this['judge_seed']}, "
            f"{_state(this)}")  # fmt: skip
    return [head, *explain(parts, ledger.inputs(digests), others.get(near), near)]


def whole(ledger: Ledger, trial: Mapping[str, Any]) -> dict[str, str]:
    """All parts of a trial, those of its history among them."""
    own = dict(ledger.parts(str(trial["id"])))
    own.pop(HISTORY, None)
    return {**ledger.parts(str(trial["history"])), **own}


def explain(
    parts: Mapping[str, str],
    inputs: Mapping[str, str],
    other: Mapping[str, str] | None = None,
    name: str = "",
) -> list[str]:
    """What a result depends on; with another form of it, what of that differs.

    Args:
        parts: the digest of each input by name.
        inputs: what each digest stands for.
        other: the parts of another form of the same trial.
        name: the id of that other form.
    """
    if other is None:
        lines = [f"it depends on {len(parts)} inputs, and is not done again while all are equal:"]
        return lines + _listed(parts, inputs)
    changed = list(_changes(parts, inputs, other))
    if not changed:
        return [f"all {len(parts)} inputs are equal to those of {name or 'the other trial'}: the "
                "result is reused"]  # fmt: skip
    count = len({*parts, *other})
    head = (f"{len(changed)} of {count} inputs differ from those of {name or 'the other trial'}; "
            f"{count - len(changed)} are equal:")  # fmt: skip
    return [head, *(f"  {line}" for line in changed)]


def nearest(parts: Mapping[str, str], others: Mapping[str, Mapping[str, str]]) -> str:
    """The one of several forms that differs least; of equals the last. Empty if there is none."""
    found, least = "", -1
    for id, each in others.items():
        differing = sum(parts.get(name) != each.get(name) for name in {*parts, *each})
        if least < 0 or differing <= least:
            found, least = id, differing
    return found


# Private functions


def _place(trial: Mapping[str, Any]) -> tuple[Any, ...]:
    names = ("arm", "dataset", "case", "ingest_seed", "answer_seed", "judge_seed")
    return tuple(trial[name] for name in names)


def _state(trial: Mapping[str, Any]) -> str:
    status = str(trial.get("status") or "not done yet")
    return status if trial.get("planned", True) else f"{status}; no longer in the plan"


def _changes(
    parts: Mapping[str, str], inputs: Mapping[str, str], other: Mapping[str, str]
) -> Iterator[str]:
    for name in dict.fromkeys([*parts, *other]):
        new, old = parts.get(name), other.get(name)
        if new == old:
            continue
        if old is None:
            yield f"{name}: only here ({_text(inputs, new)})"
        elif new is None:
            yield f"{name}: no longer ({_text(inputs, old)})"
        else:
            yield f"{name} changed{_difference(inputs.get(old, ''), inputs.get(new, ''))}"


def _difference(old: str, new: str) -> str:
    """What is known of a change: values or items that differ, or the two descriptions."""
    if ITEMS in old and ITEMS in new:
        return _items(*(json.loads(text.partition(ITEMS)[2]) for text in (old, new)))
    before, after = _leaves(old), _leaves(new)
    if before is None or after is None or not (len(before) > 1 or len(after) > 1):
        return f": {_cut(old)} -> {_cut(new)}" if old != new and old and new else ""
    keys = [key for key in dict.fromkeys([*before, *after]) if before.get(key) != after.get(key)]
    told = [f"{key} {_cut(before.get(key, 'nothing'))} -> {_cut(after.get(key, 'nothing'))}"
            for key in keys[:_SHOWN]]  # fmt: skip
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return f": {', '.join(told)}{more}" if told else ""


def _items(old: Mapping[str, int], new: Mapping[str, int]) -> str:
    """Which items of a history differ, by their ids."""
    told = [f"{id} changed" for id in new if id in old and old[id] != new[id]]
    told += [f"{id} added" for id in new if id not in old]
    told += [f"{id} removed" for id in old if id not in new]
    if not told:
        return ": their order" if list(old) != list(new) else ""
    more = f" and {len(told) - _NAMED} more" if len(told) > _NAMED else ""
    return f": {', '.join(map(_cut, told[:_NAMED]))}{more}"


def _leaves(text: str) -> dict[str, str] | None:
    """The plain values in a description that is JSON, by path; None for any other text."""
    if text[:1] not in ("{", "["):
        return None
    try:
        data = json.loads(text)
    except ValueError:
        return None
    return dict(_walked(data, ""))


def _walked(data: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _walked(value, f"{path}.{key}" if path else str(key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _walked(value, f"{path}[{index}]")
    else:
        yield path, json.dumps(data, ensure_ascii=False)


def _listed(parts: Mapping[str, str], inputs: Mapping[str, str]) -> list[str]:
    return [f"  {name}: {_text(inputs, digest)} [{digest[:8]}]" for name, digest in parts.items()]


def _text(inputs: Mapping[str, str], digest: str | None) -> str:
    return _cut(inputs.get(digest or "", ""))


def _cut(text: str) -> str:
    flat = " ".join(text.partition(ITEMS)[0].split())
    return flat if len(flat) <= _LONG else f"{flat[:_LONG]}…"
