from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from archgraph import errors
from archgraph.suites.datasets import files

DATA = b'[{"a": 1}]'
DIGEST = hashlib.sha256(DATA).hexdigest()
PUBLISHED = files.Published("mine", {DIGEST: "mine.json"}, "https://example.org/mine", "CC0")


class Row(files.Shape):
    a: int
    b: list[files.Text] = []  # noqa: RUF012 - pydantic copies it


def test_a_published_file_is_known_and_another_is_not(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(DATA)
    data, source = files.read(PUBLISHED, str(path), False)
    assert data == DATA
    assert source.provenance(n=2) == {
        "file": "x.json", "sha256": DIGEST, "verified": True, "published as": "mine.json", "n": 2,
    }  # fmt: skip
    path.write_bytes(b"[]")
    with pytest.raises(errors.InputError) as told:
        files.read(PUBLISHED, str(path), False)
    for part in (DIGEST[:12], "mine.json", "https://example.org/mine", "CC0", "unverified: true"):
        assert part in str(told.value)
    _, source = files.read(PUBLISHED, str(path), True)
    assert source.provenance()["verified"] is False


def test_what_is_missing_is_told_with_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(errors.InputError, match=r"there is no .*none; get it from https://exam"):
        files.read(PUBLISHED, str(tmp_path / "none"), True)
    with pytest.raises(errors.InputError, match="cannot read"):
        files.read(PUBLISHED, str(tmp_path), True)


def test_rows_are_checked_all_at_once_up_to_ten() -> None:
    rows = [
        ("x:1", {"a": 1, "b": [1, "two"], "more": 3}),
        ("x:2", {"a": "y"}),
        ("x:3", {"b": [[]]}),
    ]
    with pytest.raises(errors.InputError) as told:
        files.checked("mine", Row, rows)
    lines = str(told.value).split("\n")
    assert lines[0].startswith("mine: x:2: a: input should be a valid integer")
    assert [line.split(": ")[1:3] for line in lines] == [
        ["x:2", "a"], ["x:3", "a"], ["x:3", "b[0]"],
    ]  # fmt: skip
    assert files.checked("mine", Row, rows[:1]) == [Row(a=1, b=["1", "two"])]
    with pytest.raises(errors.InputError, match="and 2 more"):
        files.checked("mine", Row, [(f"x:{n}", {}) for n in range(12)])


@pytest.mark.parametrize("text", ["[1, 2]", ' [\n {"a": [1]} , "]" ]\n', "[]", "[[], [[]]]"])
def test_items_of_a_list_are_those_that_json_reads(text: str) -> None:
    assert list(files.json_items("mine", "x", text.encode())) == json.loads(text)


@pytest.mark.parametrize("text", ["{}", "", "[1", "[1 2]", "[1,", "[1,]", "[x]"])
def test_what_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(errors.InputError, match="mine: x"):
        list(files.json_items("mine", "x", text.encode()))


def test_lines_are_numbered_and_named() -> None:
    assert list(files.json_lines("mine", "x", b"1\n\n[2]\n")) == [(1, 1), (3, [2])]
    with pytest.raises(errors.InputError, match="mine: x:2: not JSON"):
        list(files.json_lines("mine", "x", b"1\n{"))
    with pytest.raises(errors.InputError, match="UTF-8"):
        list(files.json_lines("mine", "x", b"\xff"))


def test_the_digest_of_several_files_depends_on_names_and_bytes() -> None:
    one = files.digest_of_files([("a", b"1"), ("b", b"2")])
    listing = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n"
                      for name, data in (("a", b"1"), ("b", b"2")))  # fmt: skip
    assert one == hashlib.sha256(listing.encode()).hexdigest()
    assert one != files.digest_of_files([("a", b"1"), ("c", b"2")])
