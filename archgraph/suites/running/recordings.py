"""Recordings of a run: all that was bought, so that anybody can repeat it without a key.

`write` puts `recording.jsonl` and `manifest.json` into a folder, and `embeddings.jsonl` where
embeddings were bought; two equal runs write equal files.
`Recorded` answers from such a folder. `seal` writes a run's own manifest, which `verifying` checks.
"""

from __future__ import annotations

import contextlib
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
from archgraph.suites import results
from archgraph.suites.running import ledger as ledgers
from archgraph.suites.running import ledger_schema, sealing
from archgraph.suites.running import recorded_vectors as vectors

RECORDING = "recording.jsonl"
MANIFEST = "manifest.json"
REPORT = "report.html"

_FILES = {"recording": RECORDING, "embeddings": vectors.FILE}
"""The files of a recording, by what a manifest calls them."""

FILES = {**_FILES, "report": REPORT}
"""All files that a run's manifest has the SHA-256 of."""


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
        wrong = list(changed(self.folder))
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
        told = told_in(self.folder).get("table", {})
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
        page = told_in(place).get("report")
        (place / vectors.FILE).unlink(missing_ok=True)
        if embedded:
            told["embeddings"] = _written(place / vectors.FILE, embedded)
        told |= {"report": page} if page else {}
        _put(place / MANIFEST, _plain({**manifest(found), **told}))
    except OSError as error:
        raise errors.InputError(f"cannot write to {place}: {error.strerror}") from error


def manifest(found: results.Results) -> dict[str, Any]:
    """What a run was made from, and the digest of its table."""
    table = {"sha256": table_digest(found.rows), "rows": len(found.rows)}
    return {**copies(found), "table": table}


def copies(found: results.Results) -> dict[str, Any]:
    """What a manifest repeats in plain words from the ledger, as it is read from JSON."""
    told = {
        "archgraph": metadata.version("archgraph"),
        "name": found.name,
        "suite": found.suite,
        "manifest": {name: each for name, each in found.manifest.items() if name != "digest"},
        "planned": found.planned,
    }
    plain: dict[str, Any] = json.loads(_plain(told))
    return plain


def seal(ledger: ledgers.Ledger) -> None:
    """Write a run's own manifest beside its ledger, with digests over all that the ledger holds.

    What the manifest says of a recording and of a page is kept.
    """
    found = ledger.results()
    with contextlib.closing(ledger_schema.read(ledger.folder)) as db:
        sections = sealing.sections(found, db)
    digest = sealing.digest(sections)
    kept = {name: each for name, each in told_in(ledger.folder).items()
            if name in FILES}  # fmt: skip
    told = {**manifest(found), "digest": digest, "sections": sections}
    _put(ledger.folder / MANIFEST, _plain({**told, **kept}))
    ledger.note(**{sealing.NOTE: digest})


def is_sealed(ledger: ledgers.Ledger) -> bool:
    """Whether a session that did nothing can leave the manifest as it is."""
    told = told_in(ledger.folder)
    if not told.get("digest") or told["digest"] != ledger.meta(sealing.NOTE):
        return False
    found = ledger.results()
    with contextlib.closing(ledger_schema.read(ledger.folder)) as db:
        sections = sealing.planned(found, db)
    return {**told["sections"], **sections} == told["sections"] and all(
        told.get(name) == each for name, each in copies(found).items()
    )


def note_report(folder: Path, text: str) -> None:
    """Let a run's manifest know the page that was just written beside it."""
    told = told_in(folder)
    if told:
        data = text.encode("utf-8", "surrogatepass")
        _put(folder / MANIFEST, _plain({**told, "report": {"sha256": _sha(data)}}))


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


def changed(folder: Path, files: Mapping[str, str] = _FILES) -> Iterator[str]:
    """The files beside a manifest that are not those it was written for."""
    for name, file in files.items():
        path = folder / file
        told = told_in(folder).get(name, {})
        if told and path.is_file() and told.get("sha256") != _sha(path.read_bytes()):
            yield f"{path}: its sha256 is not the one in {MANIFEST}; it was changed since"


def told_in(folder: Path) -> dict[str, Any]:
    """What the manifest in a folder says; empty if there is none.

    Raises:
        InputError: it is not a manifest.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise errors.InputError(f"{path} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise errors.InputError(f"{path} is not a manifest")
    return found


def _purchase(row: Mapping[str, Any]) -> str:
    return _sha(f"{row['key']}/{row['scope']}/{row['ordinal']}".encode())


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
