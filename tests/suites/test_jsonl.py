from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from archgraph import clock, errors
from archgraph.suites.datasets import jsonl

ITEMS = {
    "conversation": "trip",
    "items": [
        {"id": "a", "text": "We land in Lima.", "name": "Ann", "time": "2024-03-01T09:00:00"},
        "And then?",
        {"text": "Noted.", "role": "assistant", "time": 1_709_370_000},
    ],
}
ASKED = {
    "conversation": "trip", "question": "Where?", "answers": ["Lima", "Peru"], "evidence": ["a", 3],
    "category": "place", "asked_at": "2024-03-09", "rejected": "Quito", "details": {"x": 1},
}  # fmt: skip


def write(path: Path, *rows: Any) -> Path:
    path.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in rows))
    return path


def made(path: Path, *rows: Any, **options: Any) -> jsonl.Jsonl:
    write(path, *rows)
    return jsonl.Jsonl(jsonl.Jsonl.Options(path=str(path), **options))


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    return tmp_path / "mine.jsonl"


def test_histories_and_questions_about_them(mine: Path) -> None:
    [found] = made(mine, ASKED, "", ITEMS).conversations()
    assert [(i.id, i.text, i.role, i.name) for i in found.items] == [
        ("a", "We land in Lima.", "user", "Ann"), ("2", "And then?", "user", ""),
        ("3", "Noted.", "assistant", ""),
    ]  # fmt: skip
    assert clock.stamp(found.items[0].at or 0) == "2024-03-01 09:00:00 Fri"
    assert found.items[2].at == 1_709_370_000
    [one] = found.cases
    assert (one.id, one.cluster, one.history) == ("trip-q1", "trip", found.items)
    assert (one.answers, one.evidence) == (("Lima", "Peru"), ("a", "3"))
    assert (one.category, one.rejected, one.details) == ("place", ("Quito",), {"x": 1})
    assert clock.stamp(one.asked_at or 0).startswith("2024-03-09")


def test_a_row_may_hold_history_and_question(mine: Path) -> None:
    rows = [
        {"history": ["One.", {"text": "Two.", "id": "t"}], "question": "?", "answer": 2},
        {"history": [], "question": "?", "answers": [], "conversation": "c", "id": "mine"},
        {"history": ["x"], "question": "??", "answer": "y", "conversation": "c"},
    ]
    found = list(made(mine, *rows).conversations())
    assert [item.id for item in found[0].items] == ["1", "t"]
    assert [one.cases[0].answers for one in found] == [("2",), (), ("y",)]
    assert [one.cases[0].cluster for one in found] == ["row-1", "c", "c"]
    assert found[1].cases[0].id == "mine"


def test_columns_may_have_other_names(mine: Path) -> None:
    row = {"context": [{"content": "Hi", "speaker": "Ann"}], "prompt": "?", "gold": "x"}
    names = {
        "history": "context", "question": "prompt", "answer": "gold", "item.text": "content",
        "item.name": "speaker",
    }  # fmt: skip
    [found] = made(mine, row, fields=names).conversations()
    assert (found.items[0].text, found.items[0].name) == ("Hi", "Ann")
    assert (found.cases[0].question, found.cases[0].answers) == ("?", ("x",))
    with pytest.raises(errors.InputError, match=r'fields.qestion: no such key; did you mean "ques'):
        made(mine, row, fields={"qestion": "prompt"})


def test_all_that_is_wrong_is_told_at_once_with_its_line(mine: Path) -> None:
    rows = [
        {"conversation": "a", "items": [{"text": "x", "time": "2024-01-02"},
                                        {"text": "y", "time": "2024-01-01"}, {"txt": "z"}]},
        {"conversation": "b", "items": ["x", {"id": "1", "text": " "}]},
        {"conversation": "b", "items": ["x"]},
        {"conversation": "b", "question": "?"},
        {"conversation": "b", "question": "?", "answer": "x", "evidence": ["9"]},
        {"conversation": "bb", "question": "?", "answer": "x"},
        {"conversation": "a", "question": "?", "answer": "x"},
        {"foo": 1},
    ]  # fmt: skip
    with pytest.raises(errors.InputError) as told:
        made(mine, *rows)
    lines = [line.removeprefix(f"jsonl: {mine}:") for line in str(told.value).split("\n")]
    assert lines == [
        "1: items[2].text: field required",
        '1: items[2].txt: unknown key; did you mean "text"?',
        "2: item 2 is empty; leave it out",
        "2: item 2 has the id '1', which an earlier one has",
        "3: conversation 'b' has its items already",
        "4: the row: it needs `answer` or `answers` (`[]` if abstaining is right)",
        "8: a row needs `items`, `history` or `question`; it has 'foo'",
        "5: evidence names no item: '9'",
        "6: no row holds the items of conversation 'bb'; did you mean \"b\"?",
    ]


def wrong_of(mine: Path, *rows: Any) -> list[str]:
    with pytest.raises(errors.InputError) as told:
        made(mine, *rows)
    return [line.removeprefix(f"jsonl: {mine}:") for line in str(told.value).split("\n")]


def test_lines_that_are_no_json_are_told_with_the_bad_rows(mine: Path) -> None:
    asked = {"conversation": "b", "question": "?", "answer": "x"}
    told = wrong_of(mine, '{"conversation": "b", "items": [', {"foo": 1}, {**asked, "anwser": 2})
    assert [line.partition(": ")[0] for line in told] == ["1", "2", "3"]
    assert "not JSON" in told[0] and "anwser" in told[2]
    assert len(wrong_of(mine, '{"conversation": "b", "items": [', asked)) == 1


@pytest.mark.parametrize(
    "row",
    [
        {"conversation": "b", "itms": ["x"]},
        {"items": ["x"]},
        ["b", "x"],
        {"conversation": "b", "items": "x"},
        {"conversation": 5, "items": [{"txt": "x"}]},
    ],
)
def test_a_faulty_row_of_items_is_not_said_to_be_missing(mine: Path, row: Any) -> None:
    name = "5" if isinstance(row, dict) and row.get("conversation") == 5 else "b"
    told = wrong_of(mine, row, {"conversation": name, "question": "?", "answer": "x"})
    assert not any("no row holds" in line for line in told), told
    assert {line.partition(":")[0] for line in told} == {"1"}


def test_a_question_is_not_asked_before_its_history_ends(mine: Path) -> None:
    [told] = wrong_of(mine, ITEMS, {**ASKED, "asked_at": "2024-03-02T08:59:59"})
    assert told == (
        "2: asked_at is 2024-03-02 08:59:59 Sat, before the last item of the history "
        "(2024-03-02 09:00:00 Sat): a question is asked after it; give a later time, or leave "
        "asked_at out"
    )
    made(mine, ITEMS, {**ASKED, "asked_at": "2024-03-02T09:00:00"})
    made(mine, {**ITEMS, "items": ["x"]}, {**ASKED, "evidence": [], "asked_at": "1999-01-01"})


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("{", "1: not JSON"),
        ([], "each row must be an object"),
        ({"history": ["x"], "question": " ", "answer": "x"}, "question is empty"),
        ({"history": ["x"], "question": "?", "answer": "x", "answers": ["y"]}, "not both"),
        ({"history": ["x"], "question": "?", "answer": "x", "asked_at": "soon"}, "ISO 8601"),
        ({"history": [{"text": "x", "time": 1e15}], "question": "?", "answer": "x"}, "1 to 9999"),
        ({"history": [{"text": "x", "role": "tool"}], "question": "?", "answer": "x"}, "role"),
        ({"history": ["x"], "question": "?", "anwser": "x"}, 'did you mean "answer"'),
        ({"conversation": "a", "items": ["x"]}, "no question in it"),
    ],
)
def test_each_mistake_has_its_message(mine: Path, row: Any, told: str) -> None:
    with pytest.raises(errors.InputError, match=told):
        made(mine, row)


def test_time_must_not_run_backwards(mine: Path) -> None:
    items = [{"text": "x", "time": "2024-01-02"}, {"text": "y", "time": "2024-01-01"}]
    with pytest.raises(errors.InputError, match="item 2: time runs backwards, 2024-01-01"):
        made(mine, {"history": items, "question": "?", "answer": "x"})


def test_equal_ids_of_questions_are_refused(mine: Path) -> None:
    row = {"history": ["x"], "question": "?", "answer": "x", "id": "same"}
    with pytest.raises(errors.InputError, match="2: an earlier question has the id 'same', too"):
        made(mine, row, row)


def test_the_digest_is_that_of_the_file(mine: Path) -> None:
    before = made(mine, ITEMS, ASKED).provenance()
    assert before["file"] == "mine.jsonl" and len(before["sha256"]) == 64
    assert made(mine, ITEMS, {**ASKED, "question": "!"}).provenance() != before
    with pytest.raises(errors.InputError, match="there is no file"):
        jsonl.Jsonl(jsonl.Jsonl.Options(path=str(mine) + "x"))
