"""Is the winner of a search scored honestly? By simulation of arms that are all alike.

Every score is drawn evenly between 0 and 1, whatever the arm: all that a search can find is luck.

    python -m benchmarks.search_luck [--searches 1000]
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Callable

from archgraph import clock
from archgraph.suites import findings, search, space

CONVERSATIONS, CANDIDATES = 20, 40


def lucky(world: int) -> Callable[[tuple[str, ...], space.Half], search.Scores]:
    """Scores that depend on arm, half and world, and on nothing else."""

    def evaluate(overrides: tuple[str, ...], half: space.Half) -> search.Scores:
        arm = zlib.crc32(" ".join((half, *overrides)).encode())
        dice = clock.derive_random(world, arm, 0)
        scores = {f"{half}{number}": dice.random() for number in range(CONVERSATIONS)}
        return search.Scores(scores, {case: case for case in scores})

    return evaluate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--searches", type=int, default=1000, help="of each method")
    count = parser.parse_args().searches
    among = space.made({"limit": list(range(1, 20))}, {"limit": 0}, ["a", "b"], ["a", "b"])
    print("| method | tune gain | held-out gain | optimism | differences claimed |")
    print("|---|---|---|---|---|")
    for method in ("climb", "random"):
        found = [search.search(among, lucky(world), search.How(method, world, CANDIDATES))
                 for world in range(count)]  # fmt: skip
        gain = sum(each.tuned - each.default_tuned for each in found) / count
        held = sum(each.held_out - each.default_held_out for each in found) / count
        optimism = sum(each.optimism for each in found) / count
        kinds = (findings.A_BETTER, findings.B_BETTER)
        claims = sum(bool(f.difference and f.difference.verdict in kinds) for f in found) / count
        print(f"| {method} | {gain:+.3f} | {held:+.3f} | {optimism:+.3f} | {claims:.1%} |")


if __name__ == "__main__":
    main()
