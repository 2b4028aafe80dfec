"""Nested key-value lookup, in the shape of MemGPT's task (Packer et al., 2023, section 3.2.2).

A memory holds pairs. A value may be the key of another pair, and the question asks for the last
value of such a chain. `NestedKV` draws pairs by seed; `from_files` reads the pairs and orderings
that MemGPT's authors published; `NestedKVDataset` is what a suite file names. Called by the suite
runner and by benchmarks.

Words: an *ordering* is the list of pair indices of one chain. An ordering of N indices overwrites
N - 1 values, so the nesting depth is N - 1 (the paper counts depths, the files' names count N).
"""

from __future__ import annotations

import functools
import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal

import pydantic

from archgraph import clock, errors
from archgraph.suites.datasets import base, case, files

KINDS = ("uuid", "words", "dates")
"""What keys and values may look like."""

RECORD = "Key-value pair: key = {key}, value = {value}"
QUESTION = (
    'What is the value stored under the key "{key}"? If that value is itself a key, look up its '
    "value in turn, and go on until a value is not a key. Answer with the last value only."
)

_ORDERINGS = (
    "9c31c7e23d36d08fa6ccd86c6ed7bbddef1225c5a1557d2ac9d771798f6bbe6a",
    "02df25b87fb6716b7a62c4c771ff00b8885173e8558c1a3f2ccce1b2c76487ae",
    "9e30da5d0111ad91a5fee85277a1e675f5b7a6b3dd95ea197f6d425027a46841",
    "603eceae751b5d24a4a2eae29ca12eab1bdd6497be061f257242f5554d01f3e2",
    "912cba94dd832babe4715b93a5f1d04f4b5d87f1b763587b14919634ecaa4f86",
    "9da938e7643451fcd9b05435df682a569002e67a1e06a34c0e1ca3f9157de21b",
)
PUBLISHED = files.Published(
    dataset="nested_kv",
    files={
        "66d54aae7e38779da482895ccd538faaf5309f144e54f30dc530a95091581fa1": (
            "kv-retrieval-140_keys.jsonl.gz"
        ),
        "321810d5fc6afcd8794d919fa02b65f009420390eb18a7e150c7f13ea8eb5239": (
            "the first record of kv-retrieval-140_keys.jsonl.gz"
        ),
        **{digest: f"orderings of {n} indices" for n, digest in enumerate(_ORDERINGS, 1)},
    },
    where="https://github.com/cpacker/MemGPT, paper_experiments/nested_kv_task/data",
    licence="Apache-2.0",
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
        kv: JSON with `ordered_kv_records`, a list of [key, value]; of several records, and in a
            .gz, the first counts, as in the authors' code.
        orderings: JSON lines, each a list of N pair indices (depth N - 1).

    Raises:
        InputError: a file is missing or has another shape.
    """
    path = Path(orderings)
    try:
        pairs = [(str(k), str(v)) for k, v in _first_record(kv)["ordered_kv_records"]]
        rows = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
        for number, row in enumerate(rows):
            yield build(pairs, row, f"{path.stem}-{number:03}")
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise errors.InputError(
            f"nested_kv: cannot read {kv} with {orderings}: {error}; expected a JSON file with "
            f"'ordered_kv_records' and a file of JSON lists of indices"
        ) from error


def _first_record(kv: str | Path) -> Any:
    data = Path(kv).read_bytes()
    data = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
    return json.JSONDecoder().raw_decode(data.decode("utf-8").lstrip())[0]


def build(pairs: Sequence[Pair], ordering: Sequence[int], id: str) -> case.Case:
    """One case: the pairs with the values of a chain overwritten by the next key in it."""
    names = [pairs[index][0] for index in ordering]
    items = list(_plain_items(tuple(pairs)))
    for index, following in zip(ordering, names[1:], strict=False):
        items[index] = _item(index, names[ordering.index(index)], following)
    return case.Case(
        id=id,
        cluster=id,
        history=tuple(items),
        question=QUESTION.format(key=names[0]),
        answers=(pairs[ordering[-1]][1],),
        evidence=tuple(items[index].id for index in ordering),
        category=len(ordering) - 1,
    )


@functools.lru_cache(maxsize=2)
def _plain_items(pairs: tuple[Pair, ...]) -> tuple[case.Item, ...]:
    """The pairs as they are where no chain overwrites them; most of any case's history."""
    return tuple(_item(index, key, value) for index, (key, value) in enumerate(pairs))


def _item(index: int, key: str, value: str) -> case.Item:
    return case.Item(f"pair-{index}", RECORD.format(key=key, value=value))


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


class NestedKVDataset(base.Dataset):
    """Nested key-value lookup: a value may be the key of another pair (MemGPT, section 3.2.2)."""

    split = "generated"
    category_name = "depth"
    ordered_categories = True
    scorers = ("contains", "exact", "evidence_recall", "evidence_all", "window_recall")
    licence = "Apache-2.0"

    class Options(base.Options):
        """Keys of `nested_kv`."""

        depths: list[pydantic.NonNegativeInt] = pydantic.Field([0, 1, 2, 3, 4], min_length=1)
        """Nestings; 0 asks for a value that is no key. With published files: depths to keep."""
        orderings: int = pydantic.Field(30, ge=1)
        """Questions drawn for each depth. With published files: the first so many of each."""
        seed: int = 0
        """Equal seeds give equal cases."""
        keys: Literal["uuid", "words", "dates"] = "uuid"
        """What keys and values look like."""
        pairs: int = pydantic.Field(140, ge=1)
        """Pairs in memory; 140 UUID pairs are some 8,000 tokens."""
        pairs_file: str = ""
        """The authors' pairs in place of drawn ones; then `orderings_file` is needed."""
        orderings_file: str | list[str] = pydantic.Field(default=[])
        """The authors' orderings, one file for each depth."""
        unverified: bool = False
        """Take files whose sha256 is none of the published ones; tables then say so."""

    options: Options

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        named = options.orderings_file
        self._orderings = [named] if isinstance(named, str) else list(named)
        if bool(options.pairs_file) != bool(self._orderings):
            raise errors.InputError(
                "nested_kv: pairs_file and orderings_file belong together; give both or neither"
            )
        self._sources: list[files.Source] = []
        if options.pairs_file:
            self.split = "dev"  # archgraph's retrieval was looked at with these pairs
            for path in (options.pairs_file, *self._orderings):
                self._sources.append(files.read(PUBLISHED, path, options.unverified)[1])
        else:
            self._drawn = NestedKV(
                options.depths, options.orderings, options.seed, options.keys, options.pairs
            )

    def conversations(self) -> Iterator[case.Conversation]:
        """Each case is a history of its own: a chain overwrites values."""
        for one in self._cases():
            yield case.Conversation(one.id, one.history, (one,))

    def provenance(self) -> Mapping[str, Any]:
        """The files with their digests, where the data was not drawn."""
        if not self._sources:
            return {}
        told = [source.provenance() for source in self._sources]
        return {"verified": all(each["verified"] for each in told), "files": told}

    def _cases(self) -> Iterator[case.Case]:
        if not self._sources:
            yield from self._drawn.cases()
            return
        chosen = self.options
        for path in self._orderings:
            of_file = list(from_files(chosen.pairs_file, path))
            kept = [one for one in of_file if one.category in chosen.depths]
            yield from kept[: chosen.orderings]
