"""SIGKILL at any instant: nothing acknowledged is lost, nothing is done twice (DESIGN 5 and 13).

Each kill is followed by a look at the file, which must be, table by table, what the unkilled run's
file was after the same commit. `pytest -m slow -s tests/crash/test_kills.py` prints the table of
kills by phase.
"""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from archgraph import clock
from tests.crash import lives, reaper, scenes

SCENES = ("memgpt", "two_threads", *scenes.PAIRS)
EACH = 22
"""Kills in each phase, in each scene; any two scenes make more than the 30 that are promised."""
ANYTIME = 45
"""Kills from outside, at a moment that nobody chose, in each scene."""
AT_ANY_TIME = "at any time"
SPAN = {
    reaper.REPLY: 12, reaper.BETWEEN: 6, reaper.TOOLS: 8, reaper.COMMIT: 150, reaper.EVICTION: 9,
}  # fmt: skip
"""Among how many coming passages of a phase the fatal one is chosen."""
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs fork and pidfd"),
]


@pytest.fixture(scope="module", params=SCENES)
def reference(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Iterator[Any]:
    """A scene's recording, its unkilled run, and a feeder for it."""
    folder = tmp_path_factory.mktemp(request.param)
    tape = folder / "tape.jsonl"
    scenes.record(request.param, folder / "recorded.db", tape)
    digests = scenes.digests(tape)
    assert len(set(digests)) == len(digests), "the test could not tell equal requests apart"
    feeder = lives.Feeder(request.param, tape)
    path, notes = folder / "whole.db", folder / "whole.notes"
    assert feeder.live(path=path, notes=notes) == 0
    lines = [line.split("\t") for line in notes.read_text(encoding="utf-8").splitlines()]
    asked = {line[2]: int(line[1]) for line in lines if line[0] == "ask"}
    yield folder, lives.Reference(path, scenes.dumped(path), asked), feeder
    feeder.close()


def test_the_unkilled_run_has_all_that_may_be_interrupted(reference: Any) -> None:
    """Evictions, store writes by tools, and in one scene a background thread and failures."""
    folder, whole, _ = reference
    text = "\n".join(row for rows in whole.dump.values() for row in rows)
    assert text.count("window.evicted") >= 5
    assert "archival" in text
    if folder.name.startswith("conscious_subconscious"):
        assert "leave_guidance" in text and "rethink_block" in text
    if folder.name.startswith("two_threads"):
        assert "subconscious" in text and "busy while summarising" in text


@pytest.mark.parametrize("reference", ["memgpt"], indirect=True)
def test_kills_while_an_agent_is_made(reference: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Killed before each statement of its making, it is made by the next process."""
    folder, whole, feeder = reference
    version = nth = 0
    while version < 3:  # made, opened, and the first message taken in
        nth += 1
        run = lives.Run(folder / f"making{nth}", whole, feeder)
        assert run.live(phase=reaper.STATEMENT, nth=nth)
        version = run.version()
        assert run.live(phase=reaper.REPLY, nth=1) and run.version() >= 3
    assert nth > 30
    with capsys.disabled():
        print(f"\nmaking an agent: a kill before each of its {nth} statements")


def test_kills(reference: Any, capsys: pytest.CaptureFixture[str]) -> None:
    folder, whole, feeder = reference
    kills: Counter[str] = Counter()
    asks = runs = begun = 0
    started = clock.elapsed()
    for number in itertools.count():
        wanted = _wanted(kills)
        if not wanted:
            break
        run = lives.Run(folder / f"run{number}", whole, feeder)
        for life in itertools.count():
            phase = wanted[life % len(wanted)]
            draw = clock.derive_random(number, life, 0)
            order = _order(phase, draw)
            killed = run.live(**order)
            begun += 1
            if not killed:
                break
            kills[phase] += 1
        runs += 1
        asks += _check_run(run, whole)
        assert number < 200, f"kills do not come about: {kills}"
    assert sum(kills.values()) >= 150 and min(kills[phase] for phase in reaper.PHASES) >= EACH
    with capsys.disabled():
        _show(folder.name, kills, runs, begun, asks, clock.elapsed() - started)


def _wanted(kills: Counter[str]) -> list[str]:
    """The phases in which there are too few kills yet."""
    found = [phase for phase in reaper.PHASES if kills[phase] < EACH]
    return [*found, *([AT_ANY_TIME] if kills[AT_ANY_TIME] < ANYTIME else [])]


def _order(phase: str, draw: Any) -> dict[str, Any]:
    if phase == AT_ANY_TIME:
        return {"after": draw.uniform(0.001, 0.15)}
    return {"phase": phase, "nth": draw.randint(1, SPAN[phase])}


def _check_run(run: lives.Run, whole: lives.Reference) -> int:
    """The file is that of the unkilled run; returns how many model calls it took."""
    assert not scenes.unlike(scenes.dumped(run.path), whole.dump)
    asked = [(line[2], int(line[1])) for line in run.noted("ask")]
    for digest, version in asked:
        assert whole.asked[digest] == version, "a reply that was journalled was asked for again"
    assert {digest for digest, _ in asked} == set(whole.asked)
    return len(asked)


def _show(scene: str, kills: Counter[str], runs: int, begun: int, asks: int, took: float) -> None:
    print(f"\n{scene}: {sum(kills.values())} kills in {begun} lives of {runs} agents, {took:.0f} s")
    for phase in (*reaper.PHASES, AT_ANY_TIME):
        print(f"  {phase:<26}{kills[phase]:>4}")
    print(f"  model calls made: {asks}")
