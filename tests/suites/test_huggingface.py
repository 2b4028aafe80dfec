from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from archgraph import errors
from archgraph.suites.datasets import huggingface

ROW = {"history": ["Lima is nice."], "question": "Where?", "answer": "Lima", "source": "kept out"}


def made(path: Path | str = "", **options: Any) -> huggingface.HuggingFace:
    kind = huggingface.HuggingFace
    return kind(kind.Options(path=str(path), **options))


def test_rows_at_hand_become_a_dataset_and_unknown_columns_are_left() -> None:
    data = huggingface.HuggingFace.of(iter([ROW, ROW]), name="mine")
    assert [found.cases[0].answers for found in data.conversations()] == [("Lima",)] * 2
    assert data.provenance()["file"] == "rows given in Python"
    renamed = huggingface.HuggingFace.of(
        [{"q": "Where?", "a": "Lima", "h": ["x"]}],
        fields={"question": "q", "answer": "a", "history": "h"},
    )
    assert next(renamed.conversations()).cases[0].question == "Where?"
    with pytest.raises(errors.InputError, match=r"row 1: .*needs `answer`"):
        huggingface.HuggingFace.of([ROW, {"history": ["x"], "question": "?"}])


def test_jsonl_files_in_a_folder_need_no_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    for name in ("test-0.jsonl", "train-0.jsonl"):
        (tmp_path / name).write_text(json.dumps(ROW) + "\n")
    assert len(list(made(tmp_path).conversations())) == 2
    assert len(list(made(tmp_path, part="test").conversations())) == 1
    assert len(list(made(tmp_path / "test-0.jsonl").conversations())) == 1
    with pytest.raises(errors.InputError, match="holds none of"):
        made(tmp_path, part="other")
    (tmp_path / "x.parquet").write_bytes(b"")
    with pytest.raises(errors.InputError, match="both kinds"):
        made(tmp_path)
    with pytest.raises(errors.InputError, match="save_to_disk"):
        made(tmp_path / "none")


def test_without_the_library_the_message_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    (tmp_path / "x.parquet").write_bytes(b"")
    with pytest.raises(errors.MachineError, match=r"pip install '\.\[datasets\]'"):
        made(tmp_path)


class Library(types.ModuleType):
    """Stands for `datasets`: what it would load, and what it was asked."""

    def __init__(self, held: Any) -> None:
        super().__init__("datasets")
        self.held, self.asked = held, []

    @property
    def Dataset(self) -> Library:
        return self

    def load_from_disk(self, path: str) -> Any:
        self.asked.append(("disk", Path(path).name))
        return self.held

    def from_parquet(self, paths: list[str]) -> Any:
        self.asked.append(("parquet", [Path(path).name for path in paths]))
        return self.held


def test_what_was_saved_to_disk_is_loaded_by_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = {**ROW, "answer": "Quito"}
    library = Library({"train": [ROW], "test": [other]})
    monkeypatch.setitem(sys.modules, "datasets", library)
    (tmp_path / "dataset_dict.json").write_text("{}")
    with pytest.raises(errors.InputError, match="has the parts train, test"):
        made(tmp_path)
    [found] = made(tmp_path, part="test").conversations()
    assert found.cases[0].answers == ("Quito",)
    library.held = [ROW]
    [found] = made(tmp_path).conversations()
    assert found.cases[0].answers == ("Lima",)
    assert library.asked[-1] == ("disk", tmp_path.name)


def test_parquet_files_are_loaded_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library([ROW])
    monkeypatch.setitem(sys.modules, "datasets", library)
    for name in ("b.parquet", "a.parquet"):
        (tmp_path / name).write_bytes(b"")
    assert len(list(made(tmp_path).conversations())) == 1
    assert library.asked == [("parquet", ["a.parquet", "b.parquet"])]


def test_the_real_library_saves_what_is_read_back(tmp_path: Path) -> None:
    library = pytest.importorskip("datasets", reason="needs the extra `datasets`")
    made_of = library.Dataset.from_list([ROW, {**ROW, "answer": "Quito"}])
    made_of.save_to_disk(str(tmp_path / "one"))
    library.DatasetDict({"train": made_of, "test": made_of.select([1])}).save_to_disk(
        str(tmp_path / "two")
    )
    made_of.to_parquet(str(tmp_path / "three.parquet"))
    answers = [case.cases[0].answers for case in made(tmp_path / "one").conversations()]
    assert answers == [("Lima",), ("Quito",)]
    assert len(list(made(tmp_path / "two", part="test").conversations())) == 1
    assert len(list(made(tmp_path / "three.parquet").conversations())) == 2
    assert len(list(huggingface.HuggingFace.of(made_of).conversations())) == 2
    with pytest.raises(errors.InputError, match="train"):
        made(tmp_path / "two", part="dev")
