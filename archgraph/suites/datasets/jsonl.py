"""One's own data from a JSONL file. Called by the planner. The rows are told in `rows`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from archgraph import errors
from archgraph.suites.datasets import base, case, files, rows


class Jsonl(base.Dataset):
    """Your own data: a JSONL file of histories and of questions about them."""

    split = "own"
    scorers: ClassVar[tuple[str, ...]] = (
        "contains", "exact", "f1", "rouge_l", "abstention", "evidence_recall", "evidence_all",
        "evidence_ndcg", "window_recall", "judge",
    )  # fmt: skip

    class Options(rows.Options):
        """Keys of `jsonl`."""

        path: str
        """The file, one JSON object a line."""

    options: Options

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        check_fields("jsonl", options.fields)
        place = Path(options.path).expanduser()
        if not place.is_file():
            raise errors.InputError(f"jsonl: there is no file {options.path}; give its place")
        data = files.content("jsonl", place)
        self._sha256 = hashlib.sha256(data).hexdigest()
        self._found = rows.conversations("jsonl", read_lines("jsonl", options.path, data),
                                         options.fields)  # fmt: skip

    def conversations(self) -> Iterator[case.Conversation]:
        """The conversations in the order of the file."""
        yield from self._found

    def provenance(self) -> Mapping[str, Any]:
        """The file and its digest."""
        return {"file": Path(self.options.path).name, "sha256": self._sha256}


def check_fields(dataset: str, fields: Mapping[str, str]) -> None:
    """Refuse a renaming of a key that does not exist.

    Raises:
        InputError: names it, and the nearest one that does.
    """
    known = rows.known_fields()
    wrong = [f"fields.{key}: no such key; {errors.suggest(key, known)}"
             for key in fields if key not in known]  # fmt: skip
    files.report(dataset, wrong)


def read_lines(dataset: str, path: str, data: bytes) -> list[tuple[str, Any]]:
    """The JSON value of each line with its place; `rows.Unread` where a line is not JSON.

    Raises:
        InputError: the file is not UTF-8.
    """
    found: list[tuple[str, Any]] = []
    try:
        lines = data.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise errors.InputError(f"{dataset}: {path} is not UTF-8: {error}") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                found.append((f"{path}:{number}", json.loads(line)))
            except (ValueError, RecursionError) as error:
                found.append((f"{path}:{number}", rows.Unread(f"not JSON: {error}")))
    return found
