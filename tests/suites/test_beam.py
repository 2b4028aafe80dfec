from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from archgraph import clock, errors
from archgraph.suites.datasets import beam

CHAT: list[Any] = [
    {
        "batch_number": 1,
        "time_anchor": None,
        "turns": [
            [
                {"role": "user", "id": 0, "time_anchor": "March-15-2024", "content": "Hi ->-> 1,1"},
                {"role": "assistant", "id": 1, "content": "Keep ->-> this"},
            ],
            [{"role": "user", "id": 2, "time_anchor": "March-01-2024", "content": "b ->-> 1,N/A"}],
        ],
    },
    {"batch_number": 2, "turns": [[{"role": "user", "id": 3, "content": "c"}]]},
]
ASKED: dict[str, Any] = {
    "abstention": [{"question": "A?", "ideal_response": "No information.", "rubric": ["none"]}],
    "knowledge_update": [
        {
            "question": "K?",
            "answer": 250,
            "rubric": ["LLM response should state: 250"],
            "difficulty": "easy",
            "source_chat_ids": {"original_info": [0], "updated_info": [2, 0]},
        }
    ],
    "event_ordering": [
        {"question": "E?", "answer": "x", "rubric": ["x"], "source_chat_ids": [2, 2, 3]}
    ],
}


def write(folder: Path, chat: Any = CHAT, asked: Any = ASKED) -> Path:
    (folder / "probing_questions").mkdir(parents=True)
    (folder / beam.CHAT).write_text(json.dumps(chat))
    (folder / beam.QUESTIONS).write_text(json.dumps(asked))
    return folder


def made(path: Path, **options: Any) -> beam.Beam:
    return beam.Beam(beam.Beam.Options(path=str(path), unverified=True, **options))


def test_turns_keep_order_roles_and_times_and_lose_the_generators_mark(tmp_path: Path) -> None:
    [found] = made(write(tmp_path / "7")).conversations()
    assert [(i.id, i.role, i.text) for i in found.items] == [
        ("0", "user", "Hi"), ("1", "assistant", "Keep ->-> this"), ("2", "user", "b"),
        ("3", "user", "c"),
    ]  # fmt: skip
    times = [item.at or 0 for item in found.items]
    assert clock.stamp(times[0]).startswith("2024-03-15")
    assert times == sorted(times), "an anchor in the past does not turn time back"
    assert found.id == "7"


def test_questions_keep_ability_rubric_and_all_source_ids(tmp_path: Path) -> None:
    [found] = made(write(tmp_path / "7")).conversations()
    by_ability = {one.category: one for one in found.cases}
    assert by_ability["abstention"].answers == ()
    assert by_ability["abstention"].details["ideal"] == "No information."
    update = by_ability["knowledge_update"]
    assert (update.answers, update.evidence) == (("250",), ("0", "2"))
    assert update.details["rubric"] == ["LLM response should state: 250"]
    assert by_ability["event_ordering"].evidence == ("2", "3")
    assert {one.cluster for one in found.cases} == {"7"}


def test_a_folder_of_chats_is_read_by_number(tmp_path: Path) -> None:
    for name in ("10", "2", "1"):
        write(tmp_path / name)
    data = made(tmp_path)
    assert [found.id for found in data.conversations()] == ["1", "2", "10"]
    assert data.provenance()["chats"] == 3
    before = data.provenance()["sha256"]
    (tmp_path / "2" / beam.CHAT).write_text("[]")
    assert made(tmp_path).provenance()["sha256"] != before


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    lost = {"x": [{"question": "?", "rubric": [], "answer": "y", "source_chat_ids": [9]}]}
    with pytest.raises(errors.InputError, match=r"x\[0\].source_chat_ids: no turn 9"):
        list(made(write(tmp_path / "1", asked=lost)).conversations())
    empty = {"x": [{"question": "?", "rubric": []}]}
    with pytest.raises(errors.InputError, match="has none of answer"):
        list(made(write(tmp_path / "2", asked=empty)).conversations())
    twice = [*CHAT, CHAT[1]]
    with pytest.raises(errors.InputError, match="same id: 3"):
        list(made(write(tmp_path / "3", twice)).conversations())
    with pytest.raises(errors.InputError, match="must map abilities"):
        list(made(write(tmp_path / "4", asked=[])).conversations())
    (tmp_path / "none").mkdir()
    with pytest.raises(errors.InputError, match="holds neither"):
        made(tmp_path / "none")
    with pytest.raises(errors.InputError, match="mohammadtavakoli78/BEAM"):
        beam.Beam(beam.Beam.Options(path=str(tmp_path / "1")))
