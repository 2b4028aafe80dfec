"""One's own data from a Hugging Face `datasets` object, on disk or in Python.

Called by the planner, and by whoever has rows in hand (`HuggingFace.of`). The rows are told in
`rows`. The only module that imports `datasets`, and only where a file needs it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from archgraph import errors
from archgraph.suites.datasets import base, case, files, jsonl, rows


class HuggingFace(base.Dataset):
    """Your own data: a Hugging Face dataset saved to disk, or a folder of Parquet or JSONL."""

    split = "own"
    scorers: ClassVar[tuple[str, ...]] = jsonl.Jsonl.scorers

    class Options(rows.Options):
        """Keys of `huggingface`."""

        path: str = ""
        """A folder that `save_to_disk` wrote, or that holds .parquet or .jsonl files; or one such
        file."""
        part: str = ""
        """Which part of several (`train`, `test`, ...); may be left out where there is one."""

    options: Options

    def __init__(
        self, options: Options, *, rows_given: Iterable[Mapping[str, Any]] | None = None
    ) -> None:
        super().__init__(options)
        jsonl.check_fields("huggingface", options.fields)
        if rows_given is None:
            placed = self._load()
        else:
            placed = [(f"row {number}", dict(row)) for number, row in enumerate(rows_given)]
        self._sha256 = _digest([row for _, row in placed])
        self._found = rows.conversations("huggingface", placed, options.fields, strict=False)

    @classmethod
    def of(cls, given: Iterable[Mapping[str, Any]], **options: Any) -> HuggingFace:
        """The dataset of rows that are at hand: a `datasets.Dataset`, or any mappings."""
        return cls(cls.Options(**options), rows_given=given)

    def conversations(self) -> Iterator[case.Conversation]:
        """The conversations in the order of the rows."""
        yield from self._found

    def provenance(self) -> Mapping[str, Any]:
        """Where the rows are from, and a digest of them as JSON."""
        name = Path(self.options.path).name or "rows given in Python"
        return {"file": name, "part": self.options.part, "sha256": self._sha256}

    def _load(self) -> list[tuple[str, Any]]:
        path = Path(self.options.path).expanduser()
        if not self.options.path or not path.exists():
            raise errors.InputError(
                f"huggingface: there is no {self.options.path or 'path'}; give a folder that "
                f"`save_to_disk` wrote, or .parquet or .jsonl files"
            )
        if path.is_dir() and any(
            (path / name).exists() for name in ("dataset_dict.json", "dataset_info.json")
        ):
            return self._of_part(_library().load_from_disk(str(path)))
        return self._of_files(path)

    def _of_files(self, path: Path) -> list[tuple[str, Any]]:
        found = [path] if path.is_file() else sorted(p for p in path.iterdir() if p.is_file())
        wanted = [p for p in found if self.options.part in p.stem]
        lines = [p for p in wanted if p.suffix in (".jsonl", ".ndjson")]
        tables = [p for p in wanted if p.suffix == ".parquet"]
        part = f" of part {self.options.part!r}" if self.options.part else ""
        if bool(lines) == bool(tables):
            raise errors.InputError(
                f"huggingface: {path} holds {'both kinds' if lines else 'none'} of .jsonl and "
                f".parquet files{part}; give files of one kind, or what `save_to_disk` wrote"
            )
        if lines:
            read = ((str(p), files.content("huggingface", p)) for p in lines)
            return [
                row for path, data in read for row in jsonl.read_lines("huggingface", path, data)
            ]
        return self._placed(_library().Dataset.from_parquet([str(p) for p in tables]))

    def _of_part(self, loaded: Any) -> list[tuple[str, Any]]:
        if not isinstance(loaded, Mapping):
            return self._placed(loaded)
        part = self.options.part or (next(iter(loaded)) if len(loaded) == 1 else "")
        if part not in loaded:
            raise errors.InputError(
                f"huggingface: {self.options.path} has the parts {', '.join(loaded)}; name one as "
                f"`part`"
            )
        return self._placed(loaded[part])

    def _placed(self, loaded: Iterable[Mapping[str, Any]]) -> list[tuple[str, Any]]:
        name = self.options.path
        return [(f"{name}, row {number}", dict(row)) for number, row in enumerate(loaded)]


def _library() -> Any:
    try:
        import datasets
    except ImportError as error:
        raise errors.MachineError(
            "huggingface: this needs the library `datasets`; "
            "install it with: pip install '.[datasets]' in archgraph's checkout"
        ) from error
    return datasets


def _digest(given: list[Any]) -> str:
    lines = (json.dumps(row, sort_keys=True, default=str, ensure_ascii=False) for row in given)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
