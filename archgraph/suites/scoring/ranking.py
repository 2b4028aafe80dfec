"""How much of the gold is among what was found, in order: recall, all, nDCG over ids.

Called by the scorers of evidence and by benchmarks. Pure functions of ids; knows no case.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

Discount = Callable[[int], float]
"""What a hit is worth at a rank, counted from 1."""


def distinct(lists: Iterable[Iterable[str]]) -> list[str]:
    """The ids of several lists one after another, each where it stood first."""
    return list(dict.fromkeys(id for each in lists for id in each))


def recall(gold: Sequence[str], found: Sequence[str], k: int) -> float:
    """Share of the gold ids among the first `k` found; there must be gold."""
    wanted = set(gold)
    return len(wanted & set(found[:k])) / len(wanted)


def every(gold: Sequence[str], found: Sequence[str], k: int) -> float:
    """1 where all gold ids are among the first `k` found (LongMemEval's `recall_all`)."""
    return float(set(gold) <= set(found[:k]))


def standard(rank: int) -> float:
    """1 / log2(rank + 1), for ranks from 1 (Jarvelin and Kekalainen, 2002)."""
    return 1.0 / math.log2(rank + 1)


def longmemeval(rank: int) -> float:
    """The discount of LongMemEval's code (src/retrieval/eval_utils.py).

    There DCG is rel_1 + sum over i >= 2 of rel_i / log2(i): the first two ranks both count in
    full, and every later one more than in the standard form.
    """
    return 1.0 / math.log2(rank) if rank > 1 else 1.0


def ndcg(gold: Sequence[str], found: Sequence[str], k: int, discount: Discount = standard) -> float:
    """Normalised discounted cumulative gain of the first `k` found; every gold id has gain 1.

    The ideal puts all gold first, as far as `k` reaches. There must be gold.
    """
    wanted = set(gold)
    got = sum(discount(rank) for rank, id in enumerate(found[:k], 1) if id in wanted)
    ideal = sum(discount(rank) for rank in range(1, min(k, len(wanted)) + 1))
    return float(got / ideal)
