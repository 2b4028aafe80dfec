"""Nested key-value lookup, in the shape of MemGPT's task (Packer et al., 2023, section 3.2.2).

A memory holds pairs. A value may be the key of another pair, and the question asks for the last
value of such a chain. `NestedKV` draws pairs by seed; `from_files` reads the pairs and orderings
that MemGPT's authors published. Called by the suite runner and by benchmarks.

Words: an *ordering* is the list of pair indices of one chain. An ordering of N indices overwrites
N - 1 values, so the nesting depth is N - 1 (the paper counts depths, the files' names count N).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from archgraph import clock, errors
from archgraph.suites.datasets import case

KINDS = ("uuid", "words", "dates")
"""What keys and values may look like."""

RECORD = "Key-value pair: key = {key}, value = {value}"
QUESTION = (
    'What is the value stored under the key "{key}"? If that value is itself a key, look up its '
    "value in turn, and go on until a value is not a key. Answer with the last value only."
)

Pair = tuple[str, str]

_ONSETS = ("b", "br", "d", "f", "g", "gr", "k", "l", "m", "n", "p", "r", "s", "st", "t", "v", "z")
_RHYMES = ("al", "an", "ar", "el", "en", "er", "il", "in", "ol", "on", "or", "um", "ur")


@dataclass(frozen=True)
class NestedKV:
    """Cases drawn by seed: `orderings` chains for each depth in `depths`.

    Args:
        depths: nestings; 0 asks for a value that is no key.
        orderings: chains drawn per depth.
        seed: two equal seeds give equal cases.
        keys: one of `KINDS`.
        pairs: pairs in memory, 140 in the paper (some 8,000 tokens of UUIDs).
    """

    depths: Sequence[int] = (0, 1, 2, 3, 4)
    orderings: int = 30
    seed: int = 0
    keys: str = "uuid"
    pairs: int = 140

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn.

        Raises:
            UnknownName: `keys` is not one of `KINDS`.
            InputError: a chain of the greatest depth needs more pairs than there are.
        """
        if self.keys not in KINDS:
            raise errors.UnknownName("kind of key", self.keys, KINDS)
        if self.pairs < max(self.depths, default=0) + 1 or min(self.depths, default=0) < 0:
            raise errors.InputError(
                f"nested_kv: depths {list(self.depths)} need between 1 and {self.pairs} pairs in a "
                f"chain; give more pairs or smaller depths"
            )

    def cases(self) -> Iterator[case.Case]:
        """The cases, by depth and then by ordering."""
        terms = _Terms(self.seed, self.keys).draw(2 * self.pairs)
        dice = clock.derive_random(self.seed, 0, 1)
        pairs = list(zip(terms[::2], terms[1::2], strict=True))
        for depth in self.depths:
            for number in range(self.orderings):
                ordering = dice.sample(range(self.pairs), depth + 1)
                yield build(pairs, ordering, f"kv-{self.keys}-d{depth}-{number:03}")


def from_files(kv: str | Path, orderings: str | Path) -> Iterator[case.Case]:
    """Cases from the published files.

    Args:
        kv: JSON with `ordered_kv_records`, a list of [key, value].
        orderings: JSON lines, each a list of N pair indices (depth N - 1).

    Raises:
        InputError: a file is missing or has another shape.
    """
    path = Path(orderings)
    try:
        pairs = [
            (str(k), str(v)) for k, v in json.loads(Path(kv).read_text())["ordered_kv_records"]
        ]
        rows = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
        for number, row in enumerate(rows):
            yield build(pairs, row, f"{path.stem}-{number:03}")
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise errors.InputError(
            f"nested_kv: cannot read {kv} with {orderings}: {error}; expected a JSON file with "
            f"'ordered_kv_records' and a file of JSON lists of indices"
        ) from error


def build(pairs: Sequence[Pair], ordering: Sequence[int], id: str) -> case.Case:
    """One case: the pairs with the values of a chain overwritten by the next key in it."""
    chained = dict(pairs)
    names = [pairs[index][0] for index in ordering]
    for name, following in itertools.pairwise(names):
        chained[name] = following
    items = {
        name: case.Item(f"pair-{index}", RECORD.format(key=name, value=value))
        for index, (name, value) in enumerate(chained.items())
    }
    return case.Case(
        id=id,
        cluster=id,
        history=tuple(items.values()),
        question=QUESTION.format(key=names[0]),
        answers=(chained[names[-1]],),
        evidence=tuple(items[name].id for name in names),
        category=len(ordering) - 1,
    )


class _Terms:
    """Draws different terms of one kind."""

    def __init__(self, seed: int, kind: str) -> None:
        self._dice = clock.derive_random(seed, 0, 0)
        self._one = {"uuid": self._uuid, "words": self._words, "dates": self._date}[kind]

    def draw(self, count: int) -> list[str]:
        found: dict[str, None] = {}
        while len(found) < count:
            found[self._one()] = None
        return list(found)

    def _uuid(self) -> str:
        digits = f"{self._dice.getrandbits(128):032x}"
        return "-".join((digits[:8], digits[8:12], f"4{digits[13:16]}", digits[16:20], digits[20:]))

    def _words(self) -> str:
        return f"{self._word()} {self._word()}"

    def _word(self) -> str:
        pick = self._dice.choice
        return "".join(pick(_ONSETS) + pick(_RHYMES) for _ in range(2))

    def _date(self) -> str:
        day = date(1900, 1, 1) + timedelta(days=self._dice.randrange(73_000))
        return f"{day.day} {day:%B} {day.year}"
