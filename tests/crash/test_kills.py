"""SIGKILL at any instant: nothing acknowledged is lost, nothing is done twice (DESIGN 5 and 13).

Each kill is followed by a look at the file, which must be, table by table, what the unkilled run's
file was after the same commit. `pytest -m slow -s tests/crash/test_kills.py` prints the table of
kills by phase.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from archgraph import clock
from archgraph.storage import database, rewind
from tests.conftest import ROOT
from tests.crash import reaper, scenes

SCENES = ("memgpt", "two_threads")
EACH = 22
"""Kills in each phase, in each scene; two scenes make more than the 30 that are promised."""
ANYTIME = 45
"""Kills from outside, at a moment that nobody chose, in each scene."""
AT_ANY_TIME = "at any time"
SPAN = {
    reaper.REPLY: 12, reaper.BETWEEN: 6, reaper.TOOLS: 8, reaper.COMMIT: 150, reaper.EVICTION: 9,
}  # fmt: skip
"""Among how many coming passages of a phase the fatal one is chosen."""
GROWN_TOGETHER = ("chunk", "prompt")
"""Tables of texts that are kept once: a rewound copy keeps those of later commits."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs fork and pidfd"),
]


@dataclass
class Reference:
    """A run without kills."""

    path: Path
    dump: dict[str, list[str]]
    asked: dict[str, int]  # digest of each request -> commits before it
    dumps: dict[int, dict[str, list[str]]] = field(default_factory=dict)

    def after(self, version: int) -> dict[str, list[str]]:
        """What the file was after a commit."""
        if version not in self.dumps:
            whole = database.open_file(str(self.path), readonly=True)
            copied = database.copy(whole, ":memory:")
            rewind.rewind(copied, version)
            self.dumps[version] = database.dump(copied)
            copied.close()
            whole.close()
        return self.dumps[version]


class Feeder:
    """The process that forks the lives."""

    def __init__(self, scene: str, tape: Path) -> None:
        command = [sys.executable, "-m", "tests.crash.feeder", scene, str(tape)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def live(self, **order: Any) -> int:
        """One life; its exit code, -9 if it was killed."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps({name: str(v) if isinstance(v, Path) else v
                                              for name, v in order.items()}) + "\n")  # fmt: skip
        self._process.stdin.flush()
        return int(json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


class Run:
    """One agent's file, and what is known of it from its lives."""

    def __init__(self, folder: Path, reference: Reference, feeder: Feeder) -> None:
        folder.mkdir()
        self.path, self.notes = folder / "agent.db", folder / "notes"
        self.reference, self.feeder = reference, feeder

    def live(self, **order: Any) -> bool:
        """Whether it was killed before the feed was done and the file closed."""
        code = self.feeder.live(path=self.path, notes=self.notes, **order)
        assert code in (0, -9), "the process neither finished nor was killed"
        self.check()
        if code == -9 and not self.closed():  # a kill after the end would hit nothing
            return True
        assert code == 0 or self.closed()
        return False

    def closed(self) -> bool:
        if database.unfinished(str(self.path)) or not self.path.exists():
            return False
        db = database.open_file(str(self.path), readonly=True)
        found = db.meta("session") == "closed"
        db.close()
        return found

    def check(self) -> None:
        """What was acknowledged is there, and the file is as it should be after its last commit."""
        if database.unfinished(str(self.path)) or not self.path.exists():
            assert not self.noted("done") and not self.noted("ask")
            return
        db = database.open_file(str(self.path), readonly=True)
        found, version = database.dump(db), db.version
        keys = [row[0] for row in db.all("SELECT key FROM tick WHERE key IS NOT NULL")]
        db.close()
        every = [int(line[1]) for kind in ("ask", "done", "open") for line in self.noted(kind)]
        assert version >= max(every, default=0), "a commit that had returned is lost"
        assert set(keys) >= {line[2] for line in self.noted("done")}, "a message is lost"
        expected = dict(self.reference.after(version))
        for table in GROWN_TOGETHER:
            expected[table] = expected[table][: len(found[table])]
        found["meta"], expected["meta"] = [], []  # the version is compared, the rest at the end
        assert not scenes.unlike(found, expected)

    def noted(self, kind: str) -> list[list[str]]:
        """The notes of one kind: when something was asked, opened or done."""
        text = self.notes.read_text(encoding="utf-8") if self.notes.exists() else ""
        lines = [line.split("\t") for line in text.splitlines()]
        return [line for line in lines if line[0] == kind]


@pytest.fixture(scope="module", params=SCENES)
def reference(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Iterator[Any]:
    """A scene's recording, its unkilled run, and a feeder for it."""
    folder = tmp_path_factory.mktemp(request.param)
    tape = folder / "tape.jsonl"
    scenes.record(request.param, folder / "recorded.db", tape)
    digests = scenes.digests(tape)
    assert len(set(digests)) == len(digests), "the test could not tell equal requests apart"
    feeder = Feeder(request.param, tape)
    path, notes = folder / "whole.db", folder / "whole.notes"
    assert feeder.live(path=path, notes=notes) == 0
    lines = [line.split("\t") for line in notes.read_text(encoding="utf-8").splitlines()]
    asked = {line[2]: int(line[1]) for line in lines if line[0] == "ask"}
    yield folder, Reference(path, scenes.dumped(path), asked), feeder
    feeder.close()


def test_the_unkilled_run_has_all_that_may_be_interrupted(reference: Any) -> None:
    """Evictions, store writes by tools, and in one scene a background thread and failures."""
    folder, whole, _ = reference
    text = "\n".join(row for rows in whole.dump.values() for row in rows)
    assert text.count("window.evicted") >= 5
    assert "archival" in text
    if "two_threads" in str(folder):
        assert "subconscious" in text and "busy while summarising" in text


def test_kills(reference: Any, capsys: pytest.CaptureFixture[str]) -> None:
    folder, whole, feeder = reference
    kills: Counter[str] = Counter()
    asks = runs = lives = 0
    started = clock.elapsed()
    for number in itertools.count():
        wanted = _wanted(kills)
        if not wanted:
            break
        run = Run(folder / f"run{number}", whole, feeder)
        for life in itertools.count():
            phase = wanted[life % len(wanted)]
            draw = clock.derive_random(number, life, 0)
            order = _order(phase, draw)
            killed = run.live(**order)
            lives += 1
            if not killed:
                break
            kills[phase] += 1
        runs += 1
        asks += _check_run(run, whole)
        assert number < 200, f"kills do not come about: {kills}"
    assert sum(kills.values()) >= 150 and min(kills[phase] for phase in reaper.PHASES) >= EACH
    with capsys.disabled():
        _show(folder.name, kills, runs, lives, asks, clock.elapsed() - started)


def _wanted(kills: Counter[str]) -> list[str]:
    """The phases in which there are too few kills yet."""
    found = [phase for phase in reaper.PHASES if kills[phase] < EACH]
    return [*found, *([AT_ANY_TIME] if kills[AT_ANY_TIME] < ANYTIME else [])]


def _order(phase: str, draw: Any) -> dict[str, Any]:
    if phase == AT_ANY_TIME:
        return {"after": draw.uniform(0.001, 0.35)}
    return {"phase": phase, "nth": draw.randint(1, SPAN[phase])}


def _check_run(run: Run, whole: Reference) -> int:
    """The file is that of the unkilled run; returns how many model calls it took."""
    assert not scenes.unlike(scenes.dumped(run.path), whole.dump)
    asked = [(line[2], int(line[1])) for line in run.noted("ask")]
    for digest, version in asked:
        assert whole.asked[digest] == version, "a reply that was journalled was asked for again"
    assert {digest for digest, _ in asked} == set(whole.asked)
    return len(asked)


def _show(scene: str, kills: Counter[str], runs: int, lives: int, asks: int, took: float) -> None:
    print(f"\n{scene}: {sum(kills.values())} kills in {lives} lives of {runs} agents, {took:.0f} s")
    for phase in (*reaper.PHASES, AT_ANY_TIME):
        print(f"  {phase:<26}{kills[phase]:>4}")
    print(f"  model calls made: {asks}")
