"""Architectures with random faults: values dropped, doubled, renamed, retyped and swapped.

Used by `test_mutants`, and by hand for a long run: `python -m tests.graph.mutants 200`.
"""

from __future__ import annotations

import copy
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from archgraph import api, clock, errors
from archgraph.graph import check
from archgraph.spec import load

ODD: list[Any] = [
    None, True, False, 0, 1, -1, 3, 10**12, -(10**12), 0.5, float("inf"), float("nan"), "", " ",
    "x", "main", "all", "${model}", "${", "{{ item", "{{ item.x.y }}", "{{ 1 / 0 }}", "a" * 3000,
    "2024-03-04", "5m", "1e400", [], [[]], ["main", "main"], [None], [1], {}, {"a": 1},
    {"type": "block"}, {1: 2}, "ünï ☃",
    "item", "recall", ["recall"], "last_run", "x.y.z", "../../etc/passwd", "a:b", "os:system",
]  # fmt: skip
"""Values that stand in the place of others."""


FIXED = ("archgraph", "extends", "about", "name")
"""Keys that stay as they are."""


def mutant(name: str, seed: int) -> tuple[Any, list[str]]:
    """A shipped architecture with one to three faults, and what they are."""
    chance = clock.derive_random(seed, sum(name.encode()), 0)
    made = yaml.safe_load(load.find(name).read_text(encoding="utf-8"))
    made = copy.deepcopy(_unshared(made))
    if seed % 2:
        return made, [_gently(made, chance) for _ in range(chance.choice([1, 1, 2]))]
    return made, [_change(made, chance) for _ in range(chance.choice([1, 1, 1, 2, 3]))]


def written(made: Any) -> str:
    """A mutant as YAML."""
    return str(yaml.dump(made, sort_keys=False, allow_unicode=True, Dumper=_Plain))


def wrong_with(path: Path) -> str:
    """Why the checks do badly at a file, empty if they do well."""
    for each in check.check(path):
        if not each.code or not each.remedy or not each.file:
            return f"a problem without code, place or remedy: {each!r}"
        if each.line <= 0 and each.code not in ("empty-file", "file-not-found"):
            return f"a problem without a line: {each!r}"
    return ""


def sound(path: Path) -> bool:
    """Whether an architecture has no errors."""
    return not any(each.severity == "error" for each in check.check(path))


def wrong_when_run(path: str | Path, overrides: Sequence[str] = ()) -> str:
    """Why an architecture that checks does badly with two messages, empty if it does well."""
    try:
        watch = clock.VirtualClock(1_709_542_800.0)
        agent = api.open_agent(path, seed=1, clock=watch, overrides=overrides)
    except errors.ArchgraphError as error:
        return f"it checks, and cannot be opened: {type(error).__name__}: {error}"
    with agent:
        said = ["I moved from Bergen to Trondheim with my cat Pepper.", "Where do I live now?"]
        api.feed(agent, [api.Row(t, at=1_709_542_800.0 + 90 * n) for n, t in enumerate(said, 1)])
        agent.advance_to(1_709_542_800.0 + 700)
        for status, reason in agent.db.all("SELECT status, reason FROM turn"):
            if status == "failed" and not reason:
                return "a turn failed without a reason"
        likes = ("%failed inside%", "%cannot be made:%")
        sql = "SELECT reason FROM step WHERE reason LIKE ? OR reason LIKE ?"
        inside = [row[0] for row in agent.db.all(sql, likes)]
        sql = "SELECT payload FROM event WHERE payload LIKE ? OR payload LIKE ?"
        inside += [row[0] for row in agent.db.all(sql, likes)]
    return inside[0] if inside else ""


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _unshared(made: Any) -> Any:
    """Without aliases: a change is made in one place."""
    if isinstance(made, dict):
        return {key: _unshared(part) for key, part in made.items()}
    return [_unshared(part) for part in made] if isinstance(made, list) else made


def _places(made: Any) -> Iterator[tuple[Any, Any]]:
    """Every value as the mapping or list that it is in, with its key."""
    keys = list(made) if isinstance(made, dict) else range(len(made))
    for key in keys:
        yield made, key
        if isinstance(made[key], dict | list):
            yield from _places(made[key])


def _change(made: Any, chance: Any) -> str:
    places = [each for each in _places(made) if each[1] not in FIXED] or list(_places(made))
    (where, key), (other, its) = chance.choice(places), chance.choice(places)
    kind = chance.choice(["drop", "odd", "odd", "odd", "rename", "twice", "swap", "copy", "nudge"])
    before = str(where[key])[:60]
    if kind == "drop":
        del where[key]
    elif kind == "rename" and isinstance(where, dict):
        renamed = chance.choice([f"{key}x", str(key)[:-1], its, "store", "of", "item"])
        where[renamed] = where.pop(key)
    elif kind == "twice" and isinstance(where, list):
        where.insert(key, copy.deepcopy(where[key]))
    elif kind == "swap":
        one, two = copy.deepcopy(where[key]), copy.deepcopy(other[its])
        where[key] = two
        if its in (other if isinstance(other, dict) else range(len(other))):
            other[its] = one
    elif kind == "copy":
        where[key] = copy.deepcopy(other[its])
    elif kind == "nudge" and isinstance(where[key], int | float):
        number = where[key]
        where[key] = chance.choice([0, 1, -1, number * 1000, number / 1000, str(number)])
    else:
        kind, where[key] = "odd", copy.deepcopy(chance.choice(ODD))
    return f"{kind} {key!r} {before}"


def _gently(made: Any, chance: Any) -> str:
    """A change after which much of an architecture still checks, so that it is tried out."""
    places = [each for each in _places(made) if each[1] not in FIXED]
    where, key = chance.choice(places or list(_places(made)))
    before = where[key]
    like = [w[k] for w, k in places if type(w[k]) is type(before) and w[k] != before]
    if isinstance(before, bool):
        where[key] = not before
    elif isinstance(before, int | float):
        where[key] = chance.choice([0, 1, -1, before + 1, before * 1000, before / 7, 10**30])
    elif isinstance(where, list) and chance.random() < 0.5:
        where.insert(chance.randrange(len(where)), where.pop(key))
    elif like and chance.random() < 0.5:
        where[key] = copy.deepcopy(chance.choice(like))
    elif isinstance(before, str) and chance.random() < 0.5:
        where[key] = chance.choice(["", "x", "item", "now", "recall", "{{ now }}", "[]", "0"])
    else:
        del where[key]
    return f"gently {key!r} {str(before)[:60]}"


def main() -> None:
    """Try `sys.argv[1]` mutants of each architecture, or of those that are named after it."""
    many, names = int(sys.argv[1]), sys.argv[2:] or load.names()
    first = 0
    for name in names:
        tally = [0, 0, 0]
        for seed in range(first, first + many):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "mutant.yaml"
                made, faults = mutant(name, seed)
                path.write_text(written(made), encoding="utf-8")
                try:
                    wrong = wrong_with(path)
                    runs = not wrong and sound(path)
                    wrong = wrong_when_run(path) if runs else wrong
                except Exception as error:
                    lines = traceback.extract_tb(error.__traceback__)[-3:]
                    wrong = f"{type(error).__name__}: {error} {[str(line) for line in lines]}"
                    runs = False
            tally = [tally[0] + 1, tally[1] + runs, tally[2] + bool(wrong)]
            if wrong:
                print(f"{name} {seed} {faults}: {wrong[:500]}", flush=True)
        print(f"{name}: {tally[0]} mutants, {tally[1]} ran, {tally[2]} badly", flush=True)


if __name__ == "__main__":
    main()
