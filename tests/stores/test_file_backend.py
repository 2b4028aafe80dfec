"""Records in a text file: readable, edited by hand, and never lost by a broken line."""

from __future__ import annotations

import json
from pathlib import Path

import pydantic
import pytest

from archgraph import errors
from archgraph.storage import database
from archgraph.stores import collection
from tests.stores import shop


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "facts.jsonl"


def collect(tmp_path: Path):  # type: ignore[no-untyped-def]
    return shop.collect(shop.database_at(tmp_path / "agent.db"), backend="file", path="facts.jsonl")


def test_each_record_is_one_readable_line(tmp_path: Path, file: Path) -> None:
    store = collect(tmp_path)
    one, two = shop.fill(store, "Zoë\nlikes tea", "second", fields={"source": "chat"})
    with store.context.db.transaction():
        store.link(one.id, two.id, "precedes")
    lines = file.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 3
    assert json.loads(lines[0]) == {
        "id": one.id,
        "created": "2023-11-14T22:14:20+00:00",
        "content": "Zoë\nlikes tea",
        "fields": {"source": "chat"},
    }
    assert "Zoë" in lines[0]
    assert json.loads(lines[2])["kind"] == "precedes"
    assert list(tmp_path.glob(".*.new")) == []


def test_what_a_hand_writes_is_there_at_the_next_opening(tmp_path: Path, file: Path) -> None:
    file.write_text(
        '{"content": "Ann lives in Bern", "created": "2020-02-01"}\r\n'
        "\n"
        '{"id": "b", "content": "Bob lives in Rome", "fields": {"n": 1}, "importance": 2}\n'
        '{"id": "c", "content": "They are friends"}\n'
        '{"source": "b", "target": "c", "kind": "why", "weight": 0.5}\n',
        encoding="utf-8",
    )
    store = collect(tmp_path)
    assert store.measure("count") == 3
    assert store.measure("importance") == 2
    assert shop.contents(store.find("who lives in Bern"))[0] == "Ann lives in Bern"
    assert "2020-02-01 00:00:00 Sat" in store.search_dates("2020-01-01", "2020-03-01")
    assert shop.contents(store.find("lives", where={"n": 1})) == ["Bob lives in Rome"]
    assert [(link.target, link.weight) for link in store.links("b")] == [("c", 0.5)]


def test_a_broken_line_is_reported_by_number_and_kept(tmp_path: Path, file: Path) -> None:
    broken = [
        '{"content": "half',
        '["no", "object"]',
        '{"contents": "wrong key"}',
        '{"content": 5}',
        '{"content": "x", "created": "last week"}',
        '{"id": "a", "content": "the same id again"}',
        '{"source": "a", "kind": "no target"}',
    ]
    good = '{"id": "a", "content": "a good line"}'
    file.write_text("\n".join([good, *broken]) + "\n", encoding="utf-8")
    with pytest.warns(UserWarning, match=r"facts\.jsonl:\d: ") as told:
        store = collect(tmp_path)
    assert [str(one.message).split("facts.jsonl:")[1][0] for one in told] == list("2345678")
    assert "did you mean" in str(told[2].message)
    assert store.measure("count") == 1

    shop.fill(store, "another")
    kept = file.read_text(encoding="utf-8").splitlines()
    assert kept[2:] == broken
    assert len(store.backend.problems) == 7


def test_edits_made_while_it_is_open_are_not_overwritten(tmp_path: Path, file: Path) -> None:
    store = collect(tmp_path)
    shop.fill(store, "mine")
    edited = file.read_text(encoding="utf-8") + '{"content": "by hand"}\n'
    file.write_text(edited, encoding="utf-8")
    with pytest.raises(errors.AgentFileError, match="was edited while"):
        shop.fill(store, "mine again")
    assert file.read_text(encoding="utf-8") == edited
    store.context.db.close()
    reopened = shop.collect(
        database.open_file(str(tmp_path / "agent.db")), backend="file", path="facts.jsonl"
    )
    assert reopened.measure("count") == 2


def test_a_failed_write_leaves_file_and_memory_as_they_were(tmp_path: Path, file: Path) -> None:
    store = collect(tmp_path)
    shop.fill(store, "kept")
    before = file.read_text(encoding="utf-8")
    (tmp_path / ".facts.jsonl.new").mkdir()  # so that the new file cannot be written
    with pytest.raises(errors.MachineError, match="cannot write"):
        shop.fill(store, "lost")
    assert store.measure("count") == 1
    assert file.read_text(encoding="utf-8") == before


def test_updates_and_removals_reach_the_file(tmp_path: Path, file: Path) -> None:
    store = collect(tmp_path)
    one, two = shop.fill(store, "first", "second")
    with store.context.db.transaction():
        store.update(one.id, "changed")
        store.remove(two.id)
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [(row["id"], row["content"]) for row in rows] == [(one.id, "changed")]


def test_the_options_tell_what_an_outside_file_cannot_give() -> None:
    options = collection.Collection.Options(backend="file", path="notes.jsonl")
    assert any("versions" in doubt for doubt in options.doubts())
    assert collection.Collection.Options().doubts() == []


def test_a_path_is_needed_and_text_is_expected(tmp_path: Path, file: Path) -> None:
    with pytest.raises(pydantic.ValidationError, match="needs `path`"):
        shop.collect(shop.database_at(), backend="file")
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(errors.InputError, match="cannot be read as UTF-8"):
        collect(tmp_path)
