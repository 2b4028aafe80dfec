"""What each thread and each store took in a trial: packed for the ledger, unpacked when asked for.

The names differ from arm to arm, so they lie in a table of layouts and the numbers beside the
trial. Called by `committing`, `ledger` and `reading`.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from archgraph.suites import record, results

_WIDE = len(results.SPENT)
_SPENT = struct.Struct(f"<{_WIDE}d")
_ONE = struct.Struct("<d")


class Shares(NamedTuple):
    """The names of threads and stores as JSON, and their numbers: first those of the threads."""

    layout: str = "[[],[]]"
    numbers: tuple[float, ...] = ()


NONE = Shares()


def shares(outcome: record.Outcome) -> Shares:
    """What an outcome tells of its threads and stores, by name."""
    threads, stores = sorted(outcome.by_thread), sorted(outcome.by_store)
    numbers = [float(getattr(outcome.by_thread[each], name))
               for each in threads for name in results.SPENT]  # fmt: skip
    numbers += [float(outcome.by_store[each]) for each in stores]
    return Shares(json.dumps([threads, stores], separators=(",", ":")), tuple(numbers))


def packed(found: Shares) -> bytes:
    """The numbers as one string."""
    return struct.pack(f"<{len(found.numbers)}d", *found.numbers)


class Layout:
    """Where the numbers of each thread and store lie in a packed string."""

    __slots__ = ("stores", "threads")

    def __init__(self, text: str = "[[],[]]") -> None:
        threads, stores = json.loads(text)
        first = 8 * _WIDE * len(threads)
        self.threads = {name: 8 * _WIDE * place for place, name in enumerate(threads)}
        self.stores = {name: first + 8 * place for place, name in enumerate(stores)}


def read(found: Shares) -> tuple[Threads, Stores]:
    """What `shares` told, by name."""
    layout, data = Layout(found.layout), packed(found)
    return Threads(layout.threads, data), Stores(layout.stores, data)


class Threads(Mapping[str, Mapping[str, float]]):
    """The numbers of `results.SPENT` by thread."""

    __slots__ = ("_data", "_places")

    def __init__(self, places: Mapping[str, int], data: bytes) -> None:
        self._places = places
        self._data = data

    def __getitem__(self, name: str) -> Mapping[str, float]:
        found = _SPENT.unpack_from(self._data, self._places[name])
        return dict(zip(results.SPENT, found, strict=True))

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __repr__(self) -> str:
        return repr(dict(self))


class Stores(Mapping[str, float]):
    """Tokens by store."""

    __slots__ = ("_data", "_places")

    def __init__(self, places: Mapping[str, int], data: bytes) -> None:
        self._places = places
        self._data = data

    def __getitem__(self, name: str) -> float:
        value: float = _ONE.unpack_from(self._data, self._places[name])[0]
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __repr__(self) -> str:
        return repr(dict(self))
