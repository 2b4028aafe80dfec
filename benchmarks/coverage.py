"""Do intervals cover, and do tests hold their level? By simulation of what suites measure.

Conversations are drawn; each has cases that share its difficulty, each case is repeated with three
seeds; scores are 0 or 1, or anything between. The truth is known exactly: a score is right when a
normal variable of variance 1 falls below the threshold of its share, and that variable is the sum
of a part of the conversation (`icc`), of the case (0.3) and of the repetition. Two arms share 0.7
of the parts of conversation and case. Everything is judged by the functions that reports use.

    python -m benchmarks.coverage [--quick] [--replications 2000]
"""

from __future__ import annotations

import argparse
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from archgraph.suites.stats import bootstrap, clusters, intervals, paired

COUNTS = (10, 20, 50, 100, 200, 500)
REPEATS, CASE, SHARED, STEEP = 3, 0.3, 0.7, 1.5
LOW, HIGH, LEVEL = 93.0, 97.0, 5.5
DRAWS = 499


@dataclass(frozen=True)
class Setting:
    """What is simulated: `cases` a conversation, where 0 means 1 to 19 of them at random."""

    graded: bool
    cases: int
    icc: float
    shares: tuple[float, ...]

    def __str__(self) -> str:
        shares = " against ".join(f"{each:.2f}" for each in self.shares)
        return (f"{'graded' if self.graded else 'binary'} | {self.cases or '1 to 19'} | "
                f"{self.icc} | {shares}")  # fmt: skip


@dataclass(frozen=True)
class Draw:
    """One simulated data set: case means of one arm, or differences of two."""

    values: np.ndarray
    talks: np.ndarray


def settings(shares: Sequence[tuple[float, ...]]) -> list[Setting]:
    """Every setting for these true shares."""
    shapes = ((1, 0.2), (5, 0.0), (5, 0.3), (0, 0.0), (0, 0.3))
    return [Setting(graded, cases, icc, each)
            for graded in (False, True) for cases, icc in shapes for each in shares]  # fmt: skip


def draws(setting: Setting, count: int, replications: int, seed: int) -> Iterator[Draw]:
    """Data sets of `count` conversations."""
    chance = np.random.default_rng([seed, count, zlib.crc32(str(setting).encode())])
    for _ in range(replications):
        sizes = np.full(count, setting.cases)
        if not setting.cases:
            sizes = chance.integers(1, 20, count)
        talks = np.repeat(np.arange(count), sizes)
        common = chance.standard_normal(count), chance.standard_normal(len(talks))
        arms = [_scores(setting, share, talks, common, chance) for share in setting.shares]
        yield Draw(arms[0] - arms[1] if len(arms) > 1 else arms[0], talks)


def _scores(
    setting: Setting,
    share: float,
    talks: np.ndarray,
    common: tuple[np.ndarray, np.ndarray],
    chance: np.random.Generator,
) -> np.ndarray:
    keep, own = SHARED**0.5, (1 - SHARED) ** 0.5
    talk, case = (keep * c + own * chance.standard_normal(len(c)) for c in common)
    here = setting.icc**0.5 * talk[talks] + CASE**0.5 * case
    noise = (1 - setting.icc - CASE) ** 0.5 * chance.standard_normal((REPEATS, len(talks)))
    level = float(special.ndtri(share))
    if not setting.graded:
        return (here + noise + level > 0).mean(axis=0)
    level *= (1 + STEEP**2) ** 0.5 / STEEP
    return special.ndtr(STEEP * (here + noise + level)).mean(axis=0)


def mean_coverage(setting: Setting, count: int, replications: int) -> float:
    """How often the interval of a mean holds the truth, in percent."""
    truth = setting.shares[0]
    hits = 0
    for draw in draws(setting, count, replications, seed=1):
        found = intervals.mean(draw.values, draw.talks)
        hits += found.low <= truth <= found.high
    return 100 * hits / replications


def difference_coverage(setting: Setting, count: int, replications: int) -> tuple[float, ...]:
    """Coverage of the difference; where arms are equal also flips' type I error, and claims'."""
    truth = setting.shares[0] - setting.shares[1]
    hits = flips = claims = mcnemar = 0
    for number, draw in enumerate(draws(setting, count, replications, seed=2)):
        found = intervals.difference(draw.values, draw.talks)
        hits += found.low <= truth <= found.high
        if truth == 0:
            p = paired.sign_flip(draw.values, draw.talks, draws=DRAWS, seed=number)
            flips += p <= 0.05
            claims += p <= 0.05 and not found.low <= 0 <= found.high
            won, lost = int((draw.values > 0).sum()), int((draw.values < 0).sum())
            mcnemar += paired.mcnemar(won, lost) <= 0.05
    rates = (hits, flips, claims, mcnemar) if truth == 0 else (hits,)
    return tuple(100 * each / replications for each in rates)


def bootstrap_coverage(setting: Setting, count: int, replications: int) -> tuple[float, ...]:
    """The three bootstrap intervals on the same data."""
    truth = setting.shares[0] - (setting.shares[1] if len(setting.shares) > 1 else 0)
    kinds: tuple[bootstrap.Kind, ...] = ("percentile", "bca", "studentized")
    hits = dict.fromkeys(kinds, 0)
    drawn = bootstrap.weights(count, 999, 0)
    for draw in draws(setting, count, replications, seed=3):
        sums, sizes = clusters.totals(draw.values, draw.talks)
        for kind in kinds:
            low, high = bootstrap.limits(sums, sizes, drawn, 0.95, kind)
            hits[kind] += low <= truth <= high
    return tuple(100 * each / replications for each in hits.values())


def show(title: str, rows: list[tuple[str, list[float]]], counts: Sequence[int]) -> None:
    """A table, and how much of it lies where it should."""
    print(f"\n{title}\n")
    print("| scores | cases | icc | share | " + " | ".join(f"n={each}" for each in counts) + " |")
    print("|---" * (4 + len(counts)) + "|")
    for name, values in rows:
        print(f"| {name} | " + " | ".join(f"{each:.1f}" for each in values) + " |")


def inside(title: str, rows: list[tuple[str, list[float]]], counts: Sequence[int]) -> None:
    """For each n: the least and the greatest coverage, and how many settings lie in 93 to 97."""
    print(f"\n{title}: by n, least, median and greatest coverage; settings within 93 to 97\n")
    print("| n | least | median | greatest | within |\n|---|---|---|---|---|")
    for place, count in enumerate(counts):
        found = np.array([values[place] for _, values in rows])
        within = int(((found >= LOW) & (found <= HIGH)).sum())
        print(f"| {count} | {found.min():.1f} | {np.median(found):.1f} | {found.max():.1f} "
              f"| {within} of {len(found)} |")  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Print all tables."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.coverage",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--replications", type=int, default=2000, help="data sets for each number")
    parser.add_argument("--quick", action="store_true", help="few replications, n of 10 and 50")
    chosen = parser.parse_args(arguments)
    counts = (10, 50) if chosen.quick else COUNTS
    times = 100 if chosen.quick else chosen.replications
    begun = time.perf_counter()
    print(f"{times:,} data sets for each number; a coverage of 95 % is known to "
          f"{196 * (0.95 * 0.05 / times) ** 0.5:.1f} points.")  # fmt: skip
    _means(counts, times)
    _differences(counts, times)
    _edges(counts[:3], times)
    _bootstraps(counts[:3], times)
    print(f"\n{time.perf_counter() - begun:.0f} s", file=sys.stderr)
    return 0


def _means(counts: Sequence[int], times: int) -> None:
    rows = [(str(each), [mean_coverage(each, n, times) for n in counts])
            for each in settings([(0.5,), (0.8,), (0.9,)])]  # fmt: skip
    show("Coverage of the mean, nominal 95 %", rows, counts)
    inside("Mean", rows, counts)


def _differences(counts: Sequence[int], times: int) -> None:
    chosen = settings([(0.5, 0.5), (0.8, 0.8), (0.8, 0.7), (0.9, 0.5)])
    found = {each: [difference_coverage(each, n, times) for n in counts] for each in chosen}
    rows = [(str(each), [rates[0] for rates in by_n]) for each, by_n in found.items()]
    show("Coverage of the paired difference, nominal 95 %", rows, counts)
    inside("Difference", rows, counts)
    equal = {each: by_n for each, by_n in found.items() if each.shares[0] == each.shares[1]}
    titles = ("sign flips by conversation alone", "a claim (sign flips and interval)",
              "McNemar's test, which takes cases for independent")  # fmt: skip
    for place, title in enumerate(titles, start=1):
        rows = [(str(each), [rates[place] for rates in by_n]) for each, by_n in equal.items()]
        show(f"Type I error at 5 %: {title}", rows, counts)
        worst = max(max(values) for _, values in rows)
        over = sum(value > LEVEL for _, values in rows for value in values)
        print(f"\ngreatest {worst:.1f}; {over} of {len(rows) * len(counts)} over {LEVEL}; "
              f"mean {np.mean([values for _, values in rows]):.2f}")  # fmt: skip


def _edges(counts: Sequence[int], times: int) -> None:
    means = [(str(each), [mean_coverage(each, n, times) for n in counts])
             for each in settings([(0.95,), (0.98,)])]  # fmt: skip
    show("Near the end of the scale: coverage of the mean", means, counts)
    gaps = [(str(each), [difference_coverage(each, n, times)[0] for n in counts])
            for each in settings([(0.97, 0.93)])]  # fmt: skip
    show("Near the end of the scale: coverage of the difference", gaps, counts)


def _bootstraps(counts: Sequence[int], times: int) -> None:
    chosen = [each for each in settings([(0.8,), (0.8, 0.7)]) if each.cases != 1 and each.icc]
    found = {each: [bootstrap_coverage(each, n, times) for n in counts] for each in chosen}
    for place, kind in enumerate(("percentile", "BCa", "studentized")):
        rows = [(str(each), [rates[place] for rates in by_n]) for each, by_n in found.items()]
        show(f"Cluster bootstrap, {kind}: coverage", rows, counts)


if __name__ == "__main__":
    sys.exit(main())
