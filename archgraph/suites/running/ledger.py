"""The ledger of a run: what is planned, what is done, and what was bought; one SQLite file.

The coordinator alone opens it for writing and takes every commit; a trial is committed once, and a
second commit of it changes nothing. Trials of earlier plans stay, marked as not planned. Reports
read it through `reading`. Knows no worker and no agent.
"""

from __future__ import annotations

import hashlib
import json
import threading
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archgraph import errors
from archgraph.suites import plan as plans
from archgraph.suites import results
from archgraph.suites.datasets import case as cases
from archgraph.suites.running import ledger_plan, ledger_schema, packing, reading, rows, shares
from archgraph.suites.running import ledger_vectors as vectors

DONE = ledger_schema.DONE


@dataclass(frozen=True, slots=True)
class Scored:
    """A score as it is kept; `value` is None where the scorer does not apply."""

    scorer: str
    value: float | None
    note: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Commit:
    """What came of a trial, ready to be kept: see `rows`, `shares` and `packing.split`."""

    status: str
    reason: str
    numbers: Sequence[float]
    scores: Sequence[Scored]
    detail: bytes
    texts: Mapping[bytes, bytes]
    taken: shares.Shares = shares.NONE


@dataclass(frozen=True, slots=True)
class Purchase:
    """A completion that was bought, as plain data, and what it was bought with."""

    key: str
    model: str
    scope: str
    ordinal: int
    completion: Mapping[str, Any]
    cost: float | None
    prompt_tokens: int
    completion_tokens: int
    request: Mapping[str, Any]


class Ledger:
    """A run's ledger. Open it with `open`; close it, or use it as a context manager.

    Attributes:
        vectors: the embeddings that were bought.
    """

    def __init__(self, connection: Any, folder: Path, lock: Any = None) -> None:
        self.folder = folder
        self._db = connection
        self._file_lock = lock
        self._lock = threading.RLock()
        self.vectors = vectors.Vectors(connection, self._lock, self._writing)
        self._scorers: dict[str, int] = {}
        self._conversations: dict[str, cases.Conversation] = {}

    @classmethod
    def open(cls, folder: str | Path, *, readonly: bool = False) -> Ledger:
        """Open the ledger in a run's folder; a new one is made unless it is only read.

        Raises:
            InputError: another process runs in the folder, or there is no run to be read.
            MachineError: the disk is full.
        """
        place = Path(folder)
        if readonly:
            return cls(ledger_schema.read(place), place if place.is_dir() else place.parent)
        return cls(*_both(place))

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; whoever wrote it lets the next one in."""
        with self._lock:
            self._db.close()
            if self._file_lock is not None:
                self._file_lock.release()
                self._file_lock = None

    def begin(self, plan: plans.RunPlan) -> None:
        """Take a plan: what it holds and is done already stays done, what it lacks is unplanned."""
        with self._lock, self._writing():
            ledger_plan.take(self._db, plan)
        self._scorers = dict(self._db.execute("SELECT name, n FROM scorer"))

    def meta(self, key: str) -> str:
        """A note about the run; empty if there is none."""
        with self._lock:
            found = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return str(found[0]) if found else ""

    def note(self, **notes: str) -> None:
        """Keep notes about the run."""
        with self._lock, self._writing():
            self._db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", notes.items())

    def open_trials(self, *, bad: bool = False) -> list[str]:
        """The planned trials that are not done, in the order of the plan.

        Args:
            bad: whether those that failed or broke are to be done again; they are forgotten then.
        """
        with self._lock:
            if bad:
                self._forget_bad()
            sql = "SELECT id FROM trial WHERE place IS NOT NULL AND state != 2 ORDER BY place"
            return [id for (id,) in self._db.execute(sql)]

    def ingested(self) -> dict[str, tuple[str, str, bool]]:
        """The histories that were ingested: status, reason, and whether a snapshot is kept."""
        with self._lock:
            sql = """SELECT id, status, reason, snapshot IS NOT NULL FROM history
                WHERE state = 1 AND place IS NOT NULL"""
            return {id: (status, reason, bool(kept))
                    for id, status, reason, kept in self._db.execute(sql)}  # fmt: skip

    def counts(self) -> dict[str, int]:
        """How many planned trials are done, by status."""
        with self._lock:
            sql = """SELECT status, count(*) FROM trial WHERE place IS NOT NULL AND state = 2
                GROUP BY status"""
            return dict(self._db.execute(sql))

    def claim(self, trial: str, worker: str) -> bool:
        """Note that a worker is at a trial; false if it is done already."""
        with self._lock, self._writing():
            sql = """UPDATE trial SET state = 1, worker = ?, attempts = attempts + 1
                WHERE id = ? AND state != 2"""
            return bool(self._db.execute(sql, (worker, trial)).rowcount)

    def keep_ingest(self, found: results.Ingest, snapshot: bytes | None, text: str) -> bool:
        """Keep what an ingest took, and its snapshot while it is needed.

        Args:
            found: the facts.
            snapshot: the agent, where other workers will ask it.
            text: the conversation as JSON, for whoever looks at a case later.

        Returns:
            False if that history was ingested before; then only a missing snapshot is kept.
        """
        body = _hash(text)
        with self._lock, self._writing():
            self._db.execute(
                "INSERT OR IGNORE INTO conversation VALUES (?, ?)",
                (body, packing.squeezed(text)),
            )
            row = (found.status, found.reason, json.dumps(found.spent), json.dumps(found.times),
                   found.store_bytes, body, found.id)  # fmt: skip
            first = self._db.execute(
                """UPDATE history SET state = 1, status = ?, reason = ?, spent = ?, times = ?,
                store_bytes = ?, body = ? WHERE id = ? AND state = 0""",
                row,
            ).rowcount
            if snapshot is not None:
                self._db.execute(
                    "UPDATE history SET snapshot = ? WHERE id = ? AND snapshot IS NULL",
                    (snapshot, found.id),
                )
            return bool(first)

    def snapshot(self, history: str) -> bytes | None:
        """The ingested agent of a history, None if none is kept."""
        with self._lock:
            row = self._db.execute(
                "SELECT snapshot FROM history WHERE id = ?", (history,)
            ).fetchone()
        return bytes(row[0]) if row and row[0] is not None else None

    def commit(self, trial: str, found: Commit) -> bool:
        """Keep what came of a trial. Whoever comes second changes nothing, and gets false."""
        with self._lock, self._writing():
            scores = [rows.NOT_SCORED] * (max(self._scorers.values(), default=0) + 1)
            for each in found.scores:
                if each.value is not None:
                    scores[self._scorers[each.scorer]] = each.value
            numbers = rows.packed(list(found.numbers), scores)
            row = self._db.execute(
                """UPDATE trial SET state = 2, status = ?, reason = ?, numbers = ?, layout = ?,
                shares = ? WHERE id = ? AND state != 2 RETURNING n, history""",
                (found.status, found.reason, numbers, self._layout(found.taken.layout),
                 shares.packed(found.taken), trial),
            ).fetchone()  # fmt: skip
            if row is None:
                return False
            self._keep_scores(row[0], found.scores)
            self._db.execute("INSERT OR REPLACE INTO detail VALUES (?, ?)", (row[0], found.detail))
            self._db.executemany(
                "INSERT OR IGNORE INTO text(hash, body) VALUES (?, ?)", found.texts.items()
            )
            self._drop_snapshot(row[1])
            return True

    def bought(self, key: str, user: str = "") -> dict[str, Any] | None:
        """A completion that was bought before, as plain data; notes that `user` has it, too."""
        with self._lock:
            row = self._db.execute(
                "SELECT completion FROM purchase WHERE key = ?", (key,)
            ).fetchone()
            if row is None:
                return None
            if user:
                with self._writing():
                    self._use(key, user)
            found: dict[str, Any] = json.loads(row[0])
            return found

    def buy(self, found: Purchase, user: str = "") -> None:
        """Keep a completion that was just bought for a trial or history."""
        with self._lock, self._writing():
            self._db.execute(
                "INSERT OR IGNORE INTO purchase VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (found.key, found.model, found.scope, found.ordinal,
                 json.dumps(found.completion), found.cost, found.prompt_tokens,
                 found.completion_tokens, _compressed(found.request)),
            )  # fmt: skip
            if user:
                self._use(found.key, user)

    def fail(self, key: str, user: str, failure: tuple[str, str], request: Any) -> None:
        """Keep that a model failed for good; only a recording needs it."""
        with self._lock, self._writing():
            self._db.execute(
                "INSERT OR REPLACE INTO failure VALUES (?, ?, ?, ?, ?)",
                (key, user, *failure, _compressed(request)),
            )

    def forgive(self, key: str, user: str) -> None:
        """Forget a failure: what failed was had after all."""
        with self._lock:
            sql = "FROM failure WHERE key = ? AND user = ?"
            if self._db.execute(f"SELECT 1 {sql}", (key, user)).fetchone():
                with self._writing():
                    self._db.execute(f"DELETE {sql}", (key, user))

    def spent(self) -> tuple[int, float]:
        """How many calls were made, for embeddings, too, and what they cost in US dollars."""
        with self._lock:
            sql = "SELECT count(*), coalesce(sum(cost), 0.0) FROM purchase"
            calls, cost = self._db.execute(sql).fetchone()
            requests, more = self.vectors.spent()
        return int(calls) + requests, float(cost) + more

    def purchases(self) -> list[dict[str, Any]]:
        """Everything that was bought, and every failure, in an order that does not depend on time.

        Each holds `key`, `scope`, `ordinal`, the request's outline, and either a `completion` or
        a `failure` (kind and text) with its `user`. The failure of an embedding has `embedder` and
        `text` instead; embeddings themselves are in `vectors`.
        """
        with self._lock:
            return reading.purchases(self._db)

    def results(self) -> results.Results:
        """All rows of the present plan that are done, in the order of the plan."""
        with self._lock:
            return reading.results(self._db)

    def outcome(self, trial: str) -> dict[str, Any]:
        """What came of a trial in plain form: steps, exact windows, gold (`record.outcome`).

        Raises:
            InputError: there is no such trial, or it is not done.
        """
        with self._lock:
            return reading.outcome(self._db, trial)

    def case(self, trial: str) -> cases.Case:
        """The case of a trial that is done.

        Raises:
            InputError: there is no such trial, or it is not done.
        """
        with self._lock:
            return reading.case(self._db, trial, self._conversations)

    def scores(self, trial: str) -> dict[str, Scored]:
        """The scores of a trial by scorer's name, with notes and details."""
        with self._lock:
            found = reading.scores(self._db, trial)
        return {name: Scored(name, *each) for name, each in found.items()}

    def scorer_plans(self) -> list[plans.ScorerPlan]:
        """The scorers of the present plan, as planned."""
        with self._lock:
            return reading.scorer_plans(self._db)

    def place(self, user: str) -> str:
        """What a trial or history is: arm, dataset, case and seeds."""
        with self._lock:
            return reading.place(self._db, user)

    def parts(self, id: str) -> dict[str, str]:
        """The digests of the inputs of a trial or history, by the part's name."""
        with self._lock:
            return reading.parts(self._db, id)

    def inputs(self, digests: Iterable[str]) -> dict[str, str]:
        """The descriptions of inputs by their digests."""
        with self._lock:
            return reading.inputs(self._db, digests)

    def trials(self, *, planned: bool | None = None) -> list[dict[str, Any]]:
        """What every trial is (id, arm, dataset, case, seeds, planned, status), without numbers."""
        with self._lock:
            return reading.trials(self._db, planned)

    def find_trial(self, text: str) -> str:
        """The id of the trial that a user means: the beginning of an id, or `arm/case`.

        Raises:
            InputError: none fits, or several do; the message names them.
        """
        with self._lock:
            return reading.find_trial(self._db, text)

    def _keep_scores(self, trial: int, scores: Sequence[Scored]) -> None:
        self._db.executemany(
            "INSERT OR REPLACE INTO score VALUES (?, ?, ?, ?, ?)",
            ((trial, self._scorers[each.scorer], each.value, each.note,
              json.dumps(each.details) if each.details else "") for each in scores),
        )  # fmt: skip

    def _layout(self, text: str) -> int:
        self._db.execute("INSERT OR IGNORE INTO layout(names) VALUES (?)", (text,))
        sql = "SELECT n FROM layout WHERE names = ?"
        return int(self._db.execute(sql, (text,)).fetchone()[0])

    def _drop_snapshot(self, history: int) -> None:
        """Let go of a history's agent once none of its trials is open."""
        sql = """UPDATE history SET snapshot = NULL WHERE n = ? AND snapshot IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM trial WHERE history = ? AND state != 2
            AND place IS NOT NULL)"""
        self._db.execute(sql, (history, history))

    def _use(self, key: str, user: str) -> None:
        self._db.execute("INSERT OR IGNORE INTO used VALUES (?, ?)", (key, user))
        self._db.execute("DELETE FROM failure WHERE key = ? AND user = ?", (key, user))

    def _forget_bad(self) -> None:
        with self._writing():
            where = "status IN ('broken', 'failed') AND place IS NOT NULL"
            self._db.execute(f"UPDATE trial SET state = 0, status = '', reason = '' WHERE {where}")
            self._db.execute(
                f"UPDATE history SET state = 0, status = '', reason = '' WHERE {where}"
            )

    def _writing(self) -> Any:
        if self._file_lock is None:
            raise errors.InputError(f"{self.folder} was opened for reading only")
        return ledger_schema.writing(self._db, str(self.folder / ledger_schema.FILE))


def _both(place: Path) -> tuple[Any, Path, Any]:
    connection, lock = ledger_schema.create(place)
    return connection, place, lock


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _compressed(data: Any) -> bytes:
    return zlib.compress(json.dumps(data, ensure_ascii=False).encode("utf-8", "surrogatepass"), 1)
