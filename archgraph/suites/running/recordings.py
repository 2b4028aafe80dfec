"""Recordings of a run: all that was bought, so that anybody can repeat it without a key.

`write` puts `recording.jsonl` and `manifest.json` into a folder, and `embeddings.jsonl` where
embeddings were bought; two equal runs write equal files.
`Recorded` answers from such a folder. `verify` derives a run's table anew from what it kept.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from archgraph import errors
from archgraph.llm import base as llm
from archgraph.llm import recording
from archgraph.messages import Completion
from archgraph.suites import record, results
from archgraph.suites.running import ledger as ledgers
from archgraph.suites.running import recorded_vectors as vectors
from archgraph.suites.running import rows, shares
from archgraph.suites.scoring import run as scoring

RECORDING = "recording.jsonl"
MANIFEST = "manifest.json"

_FILES = {"recording": RECORDING, "embeddings": vectors.FILE}
"""The files of a recording, by what a manifest calls them."""

_SHOWN = 20
"""Mismatches of one kind that `verify` tells before it only counts them."""


class Recorded:
    """Answers from a folder that `write` made.

    Attributes:
        vectors: the embeddings in it.

    Raises:
        InputError: there is no recording in it, or it was changed since.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._path = self.folder / RECORDING
        self._rows = _read(self._path)
        wrong = list(_changed(self.folder))
        if wrong:
            raise errors.InputError("\n".join(wrong))
        self._found: dict[str, Completion] = {}
        self.vectors = vectors.Recorded(self.folder)
        self._failed = dict(self.vectors.failures)
        self.place: Callable[[str], str] = str
        for row in self._rows:
            key = _purchase(row)
            if "failure" in row:
                self._failed[key, row["user"]] = (row["failure"][0], row["failure"][1])
            else:
                self._found[key] = Completion.from_json(row["completion"])

    def failure(self, key: str, user: str) -> errors.GatewayError | None:
        """How a model or embedder failed for a trial or history; None if it did not."""
        found = self._failed.get((key, self.place(user))) if self._failed else None
        return recording.failed(*found) if found else None

    def answer(self, request: llm.Request, key: str) -> Completion:
        """The recorded answer.

        Raises:
            RecordingMissing: it was not recorded; the message names what is nearest.
        """
        if key not in self._found:
            digest = recording.digest(request)
            known = sum(row["key"] == digest for row in self._rows)
            why = recording.nearest(request, self._rows)
            if known:
                why = f"this request was recorded {known} times, but not with this run's seeds"
            raise errors.RecordingMissing(f"{self._path}: {why}")
        return self._found[key]

    def differs(self, found: results.Results) -> str:
        """Why a run's table is not the recorded one; empty if it is."""
        told = _manifest(self.folder).get("table", {})
        if not told or told.get("sha256") == table_digest(found.rows):
            return ""
        return (
            f"the table differs from the one that {self.folder / MANIFEST} was written with "
            f"({told.get('rows')} rows then, {len(found.rows)} now): the suite, the data or "
            "archgraph is not the same"
        )


def write(ledger: ledgers.Ledger, folder: str | Path) -> None:
    """Write a recording of all that a run has bought.

    Raises:
        InputError: the folder cannot be written.
    """
    place = Path(folder)
    found = ledger.results()
    bought = ledger.purchases()
    lines = [json.dumps(row, ensure_ascii=False, sort_keys=True)
             for row in bought if "embedder" not in row]  # fmt: skip
    embedded = vectors.lines(ledger, [row for row in bought if "embedder" in row])
    try:
        place.mkdir(parents=True, exist_ok=True)
        told = {"recording": _written(place / RECORDING, lines)}
        (place / vectors.FILE).unlink(missing_ok=True)
        if embedded:
            told["embeddings"] = _written(place / vectors.FILE, embedded)
        _put(place / MANIFEST, _plain({**manifest(found), **told}))
    except OSError as error:
        raise errors.InputError(f"cannot write to {place}: {error.strerror}") from error


def manifest(found: results.Results) -> dict[str, Any]:
    """What a run was made from, and the digest of its table."""
    return {
        "archgraph": metadata.version("archgraph"),
        "name": found.name,
        "suite": found.suite,
        "manifest": found.manifest,
        "planned": found.planned,
        "table": {"sha256": table_digest(found.rows), "rows": len(found.rows)},
    }


def write_manifest(found: results.Results, folder: Path) -> None:
    """Write a run's own manifest beside its ledger; a recording's part of it is kept."""
    kept = {name: each for name, each in _manifest(folder).items() if name in _FILES}
    _put(folder / MANIFEST, _plain({**manifest(found), **kept}))


def table_digest(found: Sequence[results.Row]) -> str:
    """SHA-256 of all that rows say, except ids and times: what a default table is made of."""
    lines = (
        json.dumps(
            [
                *row[1:11],
                dict(row.scores),
                dict(row.metrics),
                dict(row.losses),
                dict(row.by_thread),
                dict(row.by_store),
            ]
        )
        for row in found
    )
    return _sha("\n".join(lines).encode())


def verify(folder: str | Path) -> list[str]:
    """Derive a run's table anew from what it kept; every mismatch is told.

    All metrics, and the scores of every scorer that asks no judge, are computed again from the
    kept outcomes; the digests in the manifest are computed again from table and recording.

    Raises:
        InputError: there is no run in the folder.
    """
    place = Path(folder)
    wrong = list(_changed(place))
    with ledgers.Ledger.open(place, readonly=True) as ledger:
        found = ledger.results()
        told = _manifest(place).get("table", {})
        if told and told.get("sha256") != table_digest(found.rows):
            wrong.append(f"{place / MANIFEST}: the table's sha256 is not that of the rows")
        mismatches = list(_mismatches(ledger, found))
    wrong += mismatches[:_SHOWN]
    if len(mismatches) > _SHOWN:
        wrong.append(f"and {len(mismatches) - _SHOWN} more rows")
    return wrong


def _mismatches(ledger: ledgers.Ledger, found: results.Results) -> Iterator[str]:
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


def _purchase(row: Mapping[str, Any]) -> str:
    return _sha(f"{row['key']}/{row['scope']}/{row['ordinal']}".encode())


def _changed(folder: Path) -> Iterator[str]:
    for name, file in _FILES.items():
        path = folder / file
        told = _manifest(folder).get(name, {})
        if told and path.is_file() and told.get("sha256") != _sha(path.read_bytes()):
            yield f"{path}: its sha256 is not the one in {MANIFEST}; it was changed since"


def _read(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        raise errors.InputError(
            f"there is no recording in {path.parent}; name the folder that `--record` wrote"
        )
    found = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            row = json.loads(line)
            row["key"], row["scope"], row["ordinal"], row["request"]["messages"]
        except (ValueError, KeyError, TypeError) as error:
            raise errors.InputError(
                f"{path}:{number}: not a row of a recorded run: {error}"
            ) from error
        found.append(row)
    return found


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not path.is_file():
        return {}
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise errors.InputError(f"{path} is not JSON: {error}") from error
    return found


def _written(path: Path, lines: Sequence[str]) -> dict[str, Any]:
    """Write lines to a file; what a manifest says of it."""
    data = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass")
    _put(path, data)
    return {"sha256": _sha(data), "rows": len(lines)}


def _put(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    beside = path.with_name(f"{path.name}.part")
    beside.write_bytes(data)
    beside.replace(path)


def _plain(data: Mapping[str, Any]) -> bytes:
    return (json.dumps(data, ensure_ascii=False, indent=1, default=str) + "\n").encode()


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
