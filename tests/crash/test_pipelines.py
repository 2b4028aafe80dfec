"""SIGKILL in the middle of pipelines and questions between threads: the file is as if unkilled.

As in `test_kills`, but the moment is a statement of SQLite that is drawn, whatever it is for.
"""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from archgraph import clock
from tests.crash import lives, reaper, scenes

KILLS = 40
"""In each scene."""
AHEAD = 900
"""Among how many coming statements the last one is chosen."""
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs fork and pidfd"),
]


@pytest.mark.parametrize("scene", scenes.PIPELINES)
def test_kills(scene: str, tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    scenes.record(scene, tmp_path / "recorded.db", tape)
    feeder = lives.Feeder(scene, tape)
    path, notes = tmp_path / "whole.db", tmp_path / "whole.notes"
    assert feeder.live(path=path, notes=notes) == 0
    whole = lives.Reference(path, scenes.dumped(path), {})
    kills = 0
    for number in itertools.count():
        if kills >= KILLS:
            break
        run = lives.Run(tmp_path / f"run{number}", whole, feeder)
        mine = 0
        while run.live(phase=reaper.STATEMENT, nth=_nth(number, mine)):
            mine += 1
        assert not scenes.unlike(scenes.dumped(run.path), whole.dump)
        asked = [line[2] for line in run.noted("ask")]
        assert len(asked) <= len(scenes.digests(tape)) + mine, "a recorded answer is asked again"
        assert mine, "nobody was killed"
        kills += mine
    feeder.close()


def _nth(run: int, life: int) -> int:
    return clock.derive_random(run, life, 1).randint(1, AHEAD)
