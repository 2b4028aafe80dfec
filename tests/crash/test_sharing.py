"""One writer, and readers in other processes that always see one whole commit (DESIGN 5)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from archgraph import api, errors
from archgraph.storage import database
from tests import helpers
from tests.crash import lives, scenes

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs fork and pidfd"),
]


def test_readers_see_whole_commits_while_another_process_writes(tmp_path: Path) -> None:
    tape, path, notes = tmp_path / "tape.jsonl", tmp_path / "agent.db", tmp_path / "notes"
    whole = scenes.record("two_threads", tmp_path / "whole.db", tape)
    reference = lives.Reference(tmp_path / "whole.db", whole, {})
    feeder = lives.Feeder("two_threads", tape)
    feeder.begin(path=path, notes=notes)
    seen: list[tuple[int, dict[str, list[str]]]] = []
    refused = 0
    while not feeder.ended(0.005):
        if not notes.exists() or not notes.stat().st_size:
            continue
        refused += second_writer_is_refused(path)
        seen.append(snapshot(path))
    assert feeder.end() == 0
    feeder.close()
    versions = [version for version, _ in seen]
    assert len(set(versions)) >= 5 and versions == sorted(versions)
    assert refused >= 1
    for version, found in seen:
        assert not scenes.unlike(found, reference.after(version))
    assert not scenes.unlike(scenes.dumped(path), whole), "readers have changed nothing"


def second_writer_is_refused(path: Path) -> int:
    """1 if it was refused, 0 if the writer had just ended."""
    try:
        database.open_file(str(path)).close()
    except errors.AgentBusy as busy:
        assert "process" in str(busy) and str(path) in str(busy)
        return 1
    return 0


def snapshot(path: Path) -> tuple[int, dict[str, list[str]]]:
    """A reader's version and dump, in one read transaction."""
    db: Any = database.open_file(str(path), readonly=True)
    db.execute("BEGIN")
    found = int(db.meta("version")), lives.compared(db)
    db.execute("COMMIT")
    db.close()
    return found


def test_a_reader_can_look_and_cannot_write(tmp_path: Path) -> None:
    gateway = helpers.Answers(lambda request: helpers.call("say", message="hi"))
    writer = helpers.opened(helpers.plan(tools=helpers.TALK), gateway, tmp_path / "a.db")
    writer.send("one")
    with api.open_agent(tmp_path / "a.db", readonly=True, gateway=gateway) as reader:
        assert reader.stores["recall"].measure("count") == 3
        writer.send("two")
        with pytest.raises(errors.AgentFileError, match="reading only"):
            reader.send("three")
    writer.send("four")
    writer.close()
