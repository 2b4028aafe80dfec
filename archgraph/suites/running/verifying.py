"""Derives a run's table anew from what its ledger kept, and tells whatever does not agree.

What this proves, and what it cannot, says `docs/explanation/running-a-suite.md`. Writes nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from archgraph import errors
from archgraph.suites import record, results
from archgraph.suites.datasets import case as cases
from archgraph.suites.planning import identity
from archgraph.suites.running import ledger as ledgers
from archgraph.suites.running import ledger_schema, packing, recordings, rows, sealing, shares
from archgraph.suites.scoring import run as scoring

_SHOWN = 20
"""Mismatches of one kind that are told before they are only counted."""

_OWN = ("dataset", "dataset type", "mode", "items", "ingest seed")
"""The parts of a history that are not its arm's: see `planning.build`."""

_DIGEST = re.compile(r"[0-9a-f]{24}")
"""A digest of `planning.identity`. A plan made in Python may have ids and parts of another form."""


def verify(folder: str | Path) -> list[str]:
    """Derive a run's table anew from what it kept; every mismatch is told.

    All metrics, and the scores of every scorer that asks no judge, are computed again from the
    kept outcomes; ids from their parts, and parts from the kept histories; the digests in the
    manifest from all of the ledger, the table, the recording and the page.

    Raises:
        InputError: there is no run in the folder.
    """
    place = Path(folder)
    with (
        ledgers.Ledger.open(place, readonly=True) as ledger,
        contextlib.closing(ledger_schema.read(place)) as db,
    ):
        found, told = ledger.results(), recordings.told_in(place)
        checks = (
            recordings.changed(place, recordings.FILES), _copies(place, told, found),
            _sealed(place, told, found, db), _ids(db), _texts(db), _fed(db), _scores(found, db),
            _derived(ledger, found),
        )  # fmt: skip
        return [line for check in checks for line in _short(list(check))]


def digest(folder: str | Path) -> str:
    """The digest of a run as its manifest has it; empty if its last session ended badly."""
    return str(recordings.told_in(Path(folder)).get("digest", ""))


def _short(wrong: list[str]) -> list[str]:
    more = [f"and {len(wrong) - _SHOWN} more like these"] if len(wrong) > _SHOWN else []
    return wrong[:_SHOWN] + more


# The manifest


def _copies(place: Path, told: Mapping[str, Any], found: results.Results) -> Iterator[str]:
    """What the manifest says in plain words against the ledger."""
    path = place / recordings.MANIFEST
    if not told:
        yield f"{path}: there is none; `archgraph run --resume {place}` writes it"
        return
    for name, file in recordings.FILES.items():
        if name not in told and (place / file).is_file():
            yield f"{place / file}: {recordings.MANIFEST} has no sha256 of it"
    table = told.get("table", {})
    if table.get("sha256") != recordings.table_digest(found.rows):
        yield f"{path}: the table's sha256 is not that of the rows"
    for name, each in recordings.copies(found).items():
        yield from _differences(path, name, told.get(name), each)


def _differences(path: Path, name: str, told: Any, kept: Any) -> Iterator[str]:
    if isinstance(told, dict) and isinstance(kept, dict):
        for key in sorted({*told, *kept}):
            yield from _differences(path, f"{name}.{key}", told.get(key), kept.get(key))
    elif told != kept:
        yield f"{path}: {name} is {_brief(told)}, in the ledger it is {_brief(kept)}"


def _brief(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else f"{text[:80]}…"


def _sealed(place: Path, told: Mapping[str, Any], found: results.Results, db: Any) -> Iterator[str]:
    """The digests of the manifest against the whole ledger."""
    path, sealed = place / recordings.MANIFEST, found.manifest.get("digest", "")
    if not sealed:
        yield (f"{place / ledger_schema.FILE}: its last session did not end in order, or goes on "
               f"still: no digest covers it; see archgraph run --resume {place}")  # fmt: skip
        return
    sections = told.get("sections")
    if not isinstance(sections, dict):
        yield f"{path}: it has no digests"
        return
    again = sealing.sections(found, db)
    for name, each in again.items():
        if sections.get(name) != each:
            yield f"{path}: the digest of the {name} is not that of the ledger; they were changed"
    ours = sealing.digest(again)
    if told.get("digest") != ours or sealed != ours:
        yield (f"{path}: the run's digest is {str(told.get('digest'))[:12]}, noted in the ledger "
               f"{str(sealed)[:12]}, derived {ours[:12]}")  # fmt: skip


# Ids, texts and histories


def _ids(db: Any) -> Iterator[str]:
    """Ids are digests of parts: whoever changes a part has another history or trial."""
    for table, id, parts in sealing.parts(db):
        if not parts or not _DIGEST.fullmatch(id):
            continue
        known = dict(parts)
        if table == "history":
            known = {name: parts[name] for name in _OWN if name in parts}
            rest = {name: each for name, each in parts.items() if name not in known}
            known["arm"] = identity.together(rest)
        if identity.Book().id(known) != id:
            yield f"{table} {id[:12]}: its id is not the digest of its parts"


def _texts(db: Any) -> Iterator[str]:
    """Texts and conversations lie beside their hashes."""
    for hash, body in db.execute("SELECT hash, body FROM text"):
        if packing.key(_text(body)) != bytes(hash):
            yield f"text {bytes(hash).hex()[:12]} of a window: it does not have its hash"
    for hash, body in db.execute("SELECT hash, body FROM conversation"):
        text = _text(body).encode("utf-8", "surrogatepass")
        if hashlib.sha256(text).hexdigest() != hash:
            yield f"kept history {hash[:12]}: it does not have its hash"


def _text(body: bytes) -> str:
    try:
        return packing.unsqueezed(body)
    except Exception:  # damaged bytes may break anywhere; they have no hash then
        return ""


def _fed(db: Any) -> Iterator[str]:
    """The kept histories and questions against the parts that trials were made from."""
    names = dict(db.execute("SELECT n, name FROM dataset"))
    bodies: dict[str, list[tuple[Any, ...]]] = {}
    for row in db.execute("SELECT body, n, id, dataset, seed FROM history WHERE body IS NOT NULL"):
        bodies.setdefault(row[0], []).append(row[1:])
    digests = dict(db.execute("SELECT n, digest FROM input"))
    for body, histories in bodies.items():
        kept = db.execute("SELECT body FROM conversation WHERE hash = ?", (body,)).fetchone()
        try:
            found = packing.read_conversation(_text(kept[0]))
            book = identity.Book()
            items, asked = identity.conversation(book, found), _asked(book, found)
        except Exception as error:  # damaged text may break anywhere; the others are still told
            yield f"kept history {body[:12]}: it cannot be read: {errors.inside(error)}"
            continue
        for n, id, dataset, seed in histories:
            ours = {"items": items, "dataset": book.part("dataset", names.get(dataset)),
                    "ingest seed": book.part("ingest seed", seed)}  # fmt: skip
            sql = "SELECT parts FROM history WHERE n = ?"
            text = db.execute(sql, (n,)).fetchone()[0]
            yield from _parts_differ(f"history {id[:12]}", text, digests, ours)
            yield from _asked_differ(db, n, asked, digests)


def _asked_differ(
    db: Any, history: int, asked: Mapping[tuple[str, str, str], Mapping[str, str]],
    digests: Mapping[int, str],
) -> Iterator[str]:  # fmt: skip
    """The kept questions of a history against the parts of its trials."""
    book = identity.Book()
    for trial, case, cluster, category, answer, judge, text in db.execute(
        """SELECT id, "case", cluster, category, answer_seed, judge_seed, parts FROM trial
        WHERE history = ? AND state = ?""",
        (history, ledger_schema.DONE),
    ):
        place = f"trial {trial[:12]}"
        if (case, cluster, category) not in asked:
            yield f"{place}: {case} of {cluster} ({category}) is not in the kept history"
            continue
        seeds = {"answer seed": book.part("answer seed", answer),
                 "judge seed": book.part("judge seed", judge)}  # fmt: skip
        ours = {**asked[case, cluster, category], **seeds}
        yield from _parts_differ(place, text, digests, ours)


def _asked(
    book: identity.Book, found: cases.Conversation
) -> dict[tuple[str, str, str], Mapping[str, str]]:
    return {
        (each.id, each.cluster, "" if each.category is None else str(each.category)):
        identity.case(book, each, found.items) for each in found.cases
    }  # fmt: skip


def _parts_differ(
    place: str, text: str, digests: Mapping[int, str], ours: Mapping[str, str]
) -> Iterator[str]:
    parts = {name: digests.get(n, "") for name, n in json.loads(text).items()}
    for name, each in ours.items():
        if _DIGEST.fullmatch(parts.get(name, "")) and parts[name] != each:
            yield f"{place}: the kept {name} is not the one that it was made from"


# Scores and numbers


def _scores(found: results.Results, db: Any) -> Iterator[str]:
    """The scores that stand beside their notes against those in the rows."""
    known = {row.trial: row.scores for row in found.rows}
    for trial, scorer, value in db.execute(
        """SELECT trial.id, scorer.name, value FROM score JOIN trial ON trial.n = score.trial
        JOIN scorer ON scorer.n = score.scorer"""
    ):
        had = known.get(trial, {})
        if scorer in had and had[scorer] != value:
            yield f"trial {trial[:12]}: the score {scorer} is {had[scorer]}, with its note {value}"


def _derived(ledger: ledgers.Ledger, found: results.Results) -> Iterator[str]:
    scorers = [(each, made) for each, made in scoring.made(ledger.scorer_plans())
               if not made.judged]  # fmt: skip
    for row in found.rows:
        place = f"{row.arm}/{row.dataset}/{row.case} ({row.trial[:12]})"
        primary = row.scores.get(found.primary.get(row.dataset, ""))
        try:
            outcome = record.outcome(ledger.outcome(row.trial), ledger.case(row.trial))
        except Exception as error:  # a damaged row may break anywhere; the others are still told
            yield f"{place}: what it kept cannot be read: {errors.inside(error)}"
            continue
        yield from _row_mismatches(place, row, outcome, scorers)
        again = rows.judged(rows.losses(rows.packed(rows.numbers(outcome), [])), primary)
        if dict(row.losses) != again:
            yield f"{place}: losses are {dict(row.losses)}, derived {again}"


def _row_mismatches(
    place: str, row: results.Row, outcome: record.Outcome, scorers: scoring.Scorers
) -> Iterator[str]:
    if (outcome.status, outcome.reason) != (row.status, row.reason):
        yield f"{place}: status is {row.status!r} ({row.reason}), kept {outcome.status!r}"
    again = rows.packed(rows.numbers(outcome), [])
    for name, value in rows.Metrics(again).items():
        if name != "paid" and value != row.metrics.get(name):
            kept = row.metrics.get(name, rows.NOTHING)
            yield f"{place}: {name} is {kept:g}, derived {value:g}"
    taken = shares.read(shares.shares(outcome))
    for what, had, found in zip(("threads", "stores"), (row.by_thread, row.by_store), taken,
                                strict=True):  # fmt: skip
        if dict(had) != dict(found):
            yield f"{place}: {what} took {dict(had)}, derived {dict(found)}"
    for name, score in scoring.score_all(outcome, row.dataset, scorers, _nobody).items():
        derived = None if score is None else score.counted
        if row.scores.get(name) != derived:
            yield f"{place}: {name} is {row.scores.get(name)}, derived {derived}"


def _nobody(system: str, question: str) -> str:
    raise errors.InputError("a scorer that is not judged asked a judge")
