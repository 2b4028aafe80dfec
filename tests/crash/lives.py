"""Lives of a feeding process, and the unkilled run that all of them are held against."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archgraph.storage import database, rewind
from tests.conftest import ROOT
from tests.crash import scenes


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
            self.dumps[version] = compared(copied)
            copied.close()
            whole.close()
        return self.dumps[version]


def compared(db: database.Database) -> dict[str, list[str]]:
    """A dump; of `meta` only the version, as the rest is compared when a run has ended."""
    return {**database.dump(db), "meta": [str(db.meta("version"))]}


class Feeder:
    """The process that forks the lives."""

    def __init__(self, scene: str, tape: Path) -> None:
        command = [sys.executable, "-m", "tests.crash.feeder", scene, str(tape)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def live(self, **order: Any) -> int:
        """One life; its exit code, -9 if it was killed."""
        self.begin(**order)
        return self.end()

    def begin(self, **order: Any) -> None:
        """Let a life begin."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order, default=str) + "\n")
        self._process.stdin.flush()

    def ended(self, seconds: float = 0.0) -> bool:
        """Whether the life has ended; wait so long for it."""
        return bool(select.select([self._process.stdout], [], [], seconds)[0])

    def end(self) -> int:
        """The exit code of the life that was begun."""
        assert self._process.stdout is not None
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
        """Whether the last process that wrote here had come to its end."""
        return self._meta("session") == "closed"

    def version(self) -> int:
        """The number of the file's last commit."""
        return int(self._meta("version") or 0)

    def _meta(self, key: str) -> str | None:
        if not self.path.exists() or database.unfinished(str(self.path)):
            return None
        db = database.open_file(str(self.path), readonly=True)
        found = db.meta(key)
        db.close()
        return found

    def check(self) -> None:
        """What was acknowledged is there, and the file is as it should be after its last commit."""
        if database.unfinished(str(self.path)) or not self.path.exists():
            assert not self.noted("done") and not self.noted("ask")
            return
        db = database.open_file(str(self.path), readonly=True)
        found, version = compared(db), db.version
        keys = [row[0] for row in db.all("SELECT key FROM tick WHERE key IS NOT NULL")]
        db.close()
        every = [int(line[1]) for kind in ("ask", "done", "open") for line in self.noted(kind)]
        assert version >= max(every, default=0), "a commit that had returned is lost"
        assert set(keys) >= {line[2] for line in self.noted("done")}, "a message is lost"
        assert not scenes.unlike(found, self.reference.after(version))

    def noted(self, kind: str) -> list[list[str]]:
        """The notes of one kind: when something was asked, opened or done."""
        text = self.notes.read_text(encoding="utf-8") if self.notes.exists() else ""
        lines = [line.split("\t") for line in text.splitlines()]
        return [line for line in lines if line[0] == kind]
