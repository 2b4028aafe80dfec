"""Digests over all that reports of a run are made from, one for each kind of thing.

`recordings` puts them into a run's manifest when a session ends, `verifying` computes them again.
One digest over those that no clock can change is the run's own: a resumed run and a replay have
the same, so it can be quoted where the run is told of. Whoever changes what is digested here
raises the schema of ledgers: an older run would seem forged.
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from archgraph.suites import results
from archgraph.suites.running import ledger_schema

NOTE = "sealed"
"""The ledger's note of its own digest; empty while a session works, or if it ended badly."""

TIMES = "times"
"""The section that no two runs share; a run's digest leaves it out.

Besides times it covers which outcomes were the first to pay for an answer that many have.
"""

ASIDE = ("begun_in", "digest")
"""What of a manifest no digest covers: where a run was begun, and the digest itself."""

_RAW = json.JSONEncoder(ensure_ascii=True, sort_keys=True, default=str).encode

_TAKEN = re.compile(rb'"times":\{[^{}]*\}|"paid":[-+.0-9eE]+')
"""The times in a kept outcome, and whether it was the first to pay for an answer.

Within a string of JSON a quote has a backslash before it. What was paid is in the rows: there the
first in the plan pays, whoever came first.
"""

Sections = dict[str, str]


def sections(found: results.Results, db: Any) -> Sections:
    """The digest of each kind of thing that a run's ledger holds of the present plan."""
    clocks: list[str] = []
    return {
        **planned(found, db),
        "rows": _sha([row[:11], row.scores, row.metrics, row.losses, row.by_thread, row.by_store]
                     for row in _plain_rows(found)),
        "ingests": _sha([*row[:7], dict(row.spent), row.store_bytes] for row in found.ingests),
        "histories as fed": _sha(db.execute(
            "SELECT id, body FROM history WHERE place IS NOT NULL AND state = 1 ORDER BY place"
        )),
        "notes of scores": _sha(_scores(db)),
        "outcomes": _sha(_outcomes(db, clocks)),
        TIMES: _sha([*_times(found), *clocks]),
    }  # fmt: skip


def planned(found: results.Results, db: Any) -> Sections:
    """The digests of what was planned: all that a session which did nothing may change."""
    used: set[str] = set()
    return {
        "suite": _sha([found.name, found.suite, found.planned, found.stopped]),
        "versions and data": _sha([stable(found.manifest)]),
        "arms": _sha([list(found.arms.items()), dict(found.drawings)]),
        "datasets": _sha([list(found.datasets.items())]),
        "scorers": _sha([list(found.scorers.items()), list(_scorer_plans(db))]),
        "trials and their parts": _sha(_trials(db, used)),
        "descriptions of parts": _sha(_described(db, used)),
    }


def digest(told: Mapping[str, str]) -> str:
    """The digest of a run, which nothing changes but what the run was and what came of it."""
    return _sha(sorted((name, each) for name, each in told.items() if name != TIMES))


def stable(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What of a plan's manifest a digest covers."""
    return {name: each for name, each in manifest.items() if name not in ASIDE}


def _plain_rows(found: results.Results) -> Iterator[results.Row]:
    for row in found.rows:
        yield row._replace(
            scores=dict(row.scores), metrics=dict(row.metrics), losses=dict(row.losses),
            by_thread={name: dict(each) for name, each in row.by_thread.items()},
            by_store=dict(row.by_store),
        )  # fmt: skip


def _scorer_plans(db: Any) -> Iterator[list[Any]]:
    """What scorers are made from, without the folder that own code was found in."""
    for name, text in db.execute(
        "SELECT name, plan FROM scorer WHERE place IS NOT NULL ORDER BY place"
    ):
        form = json.loads(text)
        yield [name, form.get("type"), form.get("options"), form.get("datasets")]


def parts(db: Any) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Each history and trial: which of both, its id, and the digests of its parts."""
    digests = dict(db.execute("SELECT n, digest FROM input"))
    for table in ("history", "trial"):
        for id, text in db.execute(f"SELECT id, parts FROM {table} ORDER BY place, n"):
            yield table, id, {name: digests.get(n, "") for name, n in json.loads(text).items()}


def _trials(db: Any, used: set[str]) -> Iterator[Any]:
    """The planned histories and trials; `used` collects the digests of their parts, and ids."""
    placed = {}
    for table, sql in (
        ("history", """SELECT h.id, arm.name, dataset.name, conversation, seed FROM history h
            JOIN arm ON arm.n = h.arm JOIN dataset ON dataset.n = h.dataset
            WHERE h.place IS NOT NULL ORDER BY h.place"""),
        ("trial", """SELECT t.id, history.id, arm.name, dataset.name, t."case", t.cluster,
            t.category, t.ingest_seed, t.answer_seed, t.judge_seed FROM trial t
            JOIN history ON history.n = t.history JOIN arm ON arm.n = t.arm
            JOIN dataset ON dataset.n = t.dataset WHERE t.place IS NOT NULL ORDER BY t.place"""),
    ):  # fmt: skip
        for row in db.execute(sql):
            placed[table, row[0]] = row
    for table, id, made in parts(db):
        if (table, id) in placed:
            used.update(made.values(), (id,))
            yield [table, placed[table, id], made]


def _described(db: Any, used: set[str]) -> list[tuple[str, str]]:
    return sorted(each for each in db.execute("SELECT digest, description FROM input")
                  if each[0] in used)  # fmt: skip


def _scores(db: Any) -> Iterable[Any]:
    found: Iterable[Any] = db.execute(
        """SELECT trial.id, scorer.name, value, note, details FROM trial
        JOIN score ON score.trial = trial.n JOIN scorer ON scorer.n = score.scorer
        WHERE trial.place IS NOT NULL AND state = ? AND scorer.place IS NOT NULL
        ORDER BY trial.place, scorer.place""",
        (ledger_schema.DONE,),
    )
    return found


def _outcomes(db: Any, clocks: list[str]) -> Iterator[Any]:
    """What each trial kept; long texts stand in it as hashes of their own.

    `clocks` collects a digest of what is left out of each, see `_TAKEN`.
    """
    for id, body in db.execute(
        """SELECT id, body FROM trial LEFT JOIN detail ON detail.trial = trial.n
        WHERE place IS NOT NULL AND state = ? ORDER BY place""",
        (ledger_schema.DONE,),
    ):
        try:
            text = zlib.decompress(body or b"")
        except zlib.error:  # damaged: `verifying` tells so
            text = bytes(body)
        clocks.append(hashlib.sha256(b"".join(_TAKEN.findall(text))).hexdigest())
        yield [id, hashlib.sha256(_TAKEN.sub(b"", text)).hexdigest()]


def _times(found: results.Results) -> Iterator[Any]:
    for row in found.rows:
        yield [row.trial, dict(row.times)]
    for each in found.ingests:
        yield [each.id, dict(each.times)]


def _sha(values: Iterable[Any]) -> str:
    made = hashlib.sha256()
    for each in values:
        made.update(_RAW(each).encode())
        made.update(b"\n")
    return made.hexdigest()
